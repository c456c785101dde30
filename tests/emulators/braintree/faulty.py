"""What a fault of faults.py does to a request, and to its answer."""

from dataclasses import replace

from tests.emulators.braintree.faults import Fault, Misdeed
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.request_keys import in_flight
from tests.emulators.braintree.wire import Reply, Silence

_HTML = b"<html><body><h1>We will be back soon</h1><br></body></html>"
_STATUSES = {
    Fault.RATE_LIMIT: 429,
    Fault.UNAVAILABLE: 503,
    Fault.FORBIDDEN: 403,
    Fault.ERROR: 500,
}


class Lost(Exception):
    """The request did not arrive: nothing is done, nothing answered."""


def turn_away(misdeed: Misdeed | None) -> None:
    """Refused, or Lost, where the fault is one of requests that are not worked on."""
    fault = misdeed.fault if misdeed else None
    if fault is Fault.LOSE_REQUEST:
        raise Lost
    if fault is Fault.IN_FLIGHT:
        raise in_flight()
    if isinstance(fault, Fault) and fault in _STATUSES:
        raise Refused(_STATUSES[fault])


def spoiled(reply: Reply, misdeed: Misdeed | None) -> Reply | Silence:
    """The answer as it arrives, if it does."""
    match misdeed.fault if misdeed else None:
        case Fault.LOSE_ANSWER:
            return Silence.CLOSE
        case Fault.RESET:
            return Silence.RESET
        case Fault.HANG:
            return Silence.HANG
        case Fault.ERROR_AFTER:
            return Reply(500, b"")
        case Fault.TIMEOUT_AFTER:
            return Reply(504, b"")
        case Fault.HTML:
            return Reply(200, _HTML, "text/html")
        case Fault.BAD_GATEWAY:
            return Reply(502, _HTML, "text/html")
        case Fault.TRUNCATE:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case Fault.EMPTY:
            return Reply(200, b"")
    return reply
