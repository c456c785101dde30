"""What goes wrong at Braintree, and with what it tells: beside what goes wrong anywhere (common/faults.py)."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from tests.emulators.braintree.routes import NAMES, ROUTES
from tests.emulators.common.faults import MailFault, WireFault
from tests.emulators.common.faults import Rule as CommonRule

_DECLINABLE = frozenset(route.name for route in ROUTES if route.asks_processor)


class Fault(StrEnum):
    """Of a request."""

    DECLINE = "decline"
    """The processor declines with `code`, whatever amount it is."""
    IN_FLIGHT = "in_flight"
    """915233: another request with the key is said to be under way; nothing is done."""
    KEY_ERROR = "key_error"
    """915235: the server failed over the request's key; nothing is done."""
    RATE_LIMIT = "rate_limit"
    """429, nothing is done."""
    UNAVAILABLE = "unavailable"
    """503, nothing is done."""
    FORBIDDEN = "forbidden"
    """403, nothing is done: the key's user lacks the permission."""
    ERROR = "error"
    """500, nothing is done."""
    ERROR_AFTER = "error_after"
    """500, though the work is done."""
    TIMEOUT_AFTER = "timeout_after"
    """504, though the work is done."""
    HTML = "html"
    """The work is done; a proxy's page comes with 200 instead of the answer."""
    BAD_GATEWAY = "bad_gateway"
    """The work is done; a proxy's 502 comes instead of the answer."""
    EMPTY = "empty"
    """The work is done; the answer is a 200 without a body."""


class DeliveryFault(StrEnum):
    """Of a notification."""

    FORGED = "forged"
    """The first try is signed with a key that is nobody's."""
    ALTERED = "altered"
    """The first try has another payload than the one that was signed."""
    MALFORMED = "malformed"
    """The first try has a signature with a bar too many."""
    UNREADABLE = "unreadable"
    """The first try has a payload that is signed and no notification."""
    STRANGER = "stranger"
    """Before it comes one of a kind that nobody knows, properly signed."""


class Rule(CommonRule):
    """Notifications are counted by their kinds: `webhook:dispute_opened`."""

    calls: ClassVar = NAMES
    mail_faults: ClassVar = (MailFault, DeliveryFault)

    fault: WireFault | Fault | MailFault | DeliveryFault
    code: Annotated[str, Field(pattern="^(2[0-9]{3}|3000)$")] = "2000"

    @model_validator(mode="after")
    def _declines(self) -> "Rule":
        if self.fault is Fault.DECLINE and self.on not in _DECLINABLE:
            raise ValueError(f"{self.on} asks no processor, so none can decline")
        return self
