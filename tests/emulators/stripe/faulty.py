"""What a fault of faults.py does to a request, and to its answer."""

from dataclasses import replace

from tests.emulators.common.faults import Misdeed, WireFault
from tests.emulators.common.wire import Lost, Reply, Silence, arriving
from tests.emulators.stripe.faults import Fault
from tests.emulators.stripe.idempotency import in_use
from tests.emulators.stripe.refusals import Refused

_HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def turn_away(misdeed: Misdeed | None, *, key: str | None) -> None:
    """Refused, or Lost, where the fault is one of requests that are not worked on."""
    if misdeed is None:
        return
    retry_after = {"Retry-After": f"{misdeed.seconds:.0f}"} if misdeed.seconds else {}
    match misdeed.fault:
        case WireFault.LOSE_REQUEST:
            raise Lost
        case Fault.CONFLICT:
            raise in_use(key or "")
        case Fault.RATE_LIMIT:
            raise Refused(429, "Too many requests.", code="rate_limit", headers=retry_after)
        case Fault.UNAVAILABLE:
            raise Refused(503, "Stripe is not available.", type="api_error", headers=retry_after)
        case Fault.FORBIDDEN:
            # https://docs.stripe.com/keys#limit-access
            raise Refused(403, "The provided key does not have the required permissions for this endpoint.")
        case Fault.LOCK_TIMEOUT:
            raise locked()


def spoiled(reply: Reply, misdeed: Misdeed | None) -> Reply | Silence:
    """The answer as it arrives, if it does."""
    fault = misdeed.fault if misdeed else None
    match fault:
        case Fault.HTML:
            return Reply(502, _HTML, "text/html")
        case Fault.EMPTY:
            return replace(reply, status=200, body=b"{}")
    return arriving(reply, fault)


def server_error() -> Refused:
    return Refused(500, "Something went wrong on Stripe's side.", type="api_error")


def locked() -> Refused:
    """https://docs.stripe.com/rate-limits#object-lock-timeouts."""
    retry = {"Stripe-Should-Retry": "true"}
    return Refused(429, "Another request works on this object.", code="lock_timeout", headers=retry)
