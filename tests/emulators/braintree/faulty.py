"""What a fault of faults.py does to a request, and to its answer."""

from dataclasses import replace

from tests.emulators.braintree.faults import Fault
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.request_keys import in_flight, server_error
from tests.emulators.common.faults import Misdeed, WireFault
from tests.emulators.common.wire import Lost, Reply, Silence, arriving

_HTML = b"<html><body><h1>We will be back soon</h1><br></body></html>"
_STATUSES = {
    Fault.RATE_LIMIT: 429,
    Fault.UNAVAILABLE: 503,
    Fault.FORBIDDEN: 403,
    Fault.ERROR: 500,
}


def turn_away(misdeed: Misdeed | None) -> None:
    """Refused, or Lost, where the fault is one of requests that are not worked on."""
    fault = misdeed.fault if misdeed else None
    if fault is WireFault.LOSE_REQUEST:
        raise Lost
    if fault is Fault.IN_FLIGHT:
        raise in_flight()
    if fault is Fault.KEY_ERROR:
        raise server_error()
    if isinstance(fault, Fault) and fault in _STATUSES:
        raise Refused(_STATUSES[fault])


def spoiled(reply: Reply, misdeed: Misdeed | None) -> Reply | Silence:
    """The answer as it arrives, if it does."""
    fault = misdeed.fault if misdeed else None
    match fault:
        case Fault.ERROR_AFTER:
            return replace(reply, status=500, body=b"")
        case Fault.TIMEOUT_AFTER:
            return replace(reply, status=504, body=b"")
        case Fault.HTML:
            return Reply(200, _HTML, "text/html")
        case Fault.BAD_GATEWAY:
            return Reply(502, _HTML, "text/html")
        case Fault.EMPTY:
            return replace(reply, status=200, body=b"")
    return arriving(reply, fault)
