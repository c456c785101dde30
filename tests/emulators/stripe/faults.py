"""What goes wrong at Stripe, and with what it tells: beside what goes wrong anywhere (common/faults.py)."""

from enum import StrEnum
from typing import ClassVar

from pydantic import model_validator

from tests.emulators.common.faults import MailFault, WireFault
from tests.emulators.common.faults import Rule as CommonRule
from tests.emulators.stripe.declines import DECLINES
from tests.emulators.stripe.routes import NAMES

_DECLINABLE = frozenset(
    {"payment_intents.create", "payment_intents.confirm", "setup_intents.create", "setup_intents.confirm"}
)


class Fault(StrEnum):
    """Of a request."""

    DECLINE = "decline"
    """The issuer declines with `code`, whatever card it is. For calls that confirm an intent."""
    CONFLICT = "conflict"
    """409: another request with the key is said to be under way; nothing is done."""
    RATE_LIMIT = "rate_limit"
    """429, nothing is done; with `seconds` there is a Retry-After."""
    UNAVAILABLE = "unavailable"
    """503, nothing is done; with `seconds` there is a Retry-After."""
    FORBIDDEN = "forbidden"
    """403, nothing is done: the key is a restricted one, without the permission for this call."""
    LOCK_TIMEOUT = "lock_timeout"
    """429, nothing is done: somebody else works on the object."""
    ERROR = "error"
    """500, nothing is done, and the 500 is the key's answer."""
    ERROR_AFTER = "error_after"
    """500, though the work is done, and the 500 is the key's answer."""
    HTML = "html"
    """The work is done; a proxy's page comes instead of the answer."""
    EMPTY = "empty"
    """The work is done; the answer is `200 {}`."""


class DeliveryFault(StrEnum):
    """Of a webhook."""

    STALE = "stale"
    """The first try bears a signature of an hour ago."""
    FUTURE = "future"
    """The first try bears a signature of the next hour."""
    FORGED = "forged"
    """The first try is signed with a secret that is nobody's."""
    RESERIALISED = "reserialised"
    """The first try has the same event in other bytes than those that were signed."""
    UNREADABLE = "unreadable"
    """The first try has a body that is signed and no event."""
    OTHER_MODE = "other_mode"
    """Before it comes one of live mode, properly signed."""
    STRANGER = "stranger"
    """Before it comes one of a type and about an object that nobody knows, properly signed."""


class Rule(CommonRule):
    """Events are counted by their types: `webhook:charge.refunded`."""

    calls: ClassVar = NAMES
    mail_faults: ClassVar = (MailFault, DeliveryFault)

    fault: WireFault | Fault | MailFault | DeliveryFault
    code: str = "generic_decline"

    @model_validator(mode="after")
    def _declines(self) -> "Rule":
        if self.fault is Fault.DECLINE and self.on not in _DECLINABLE:
            raise ValueError(f"{self.on} asks no issuer, so none can decline")
        if self.code not in DECLINES:
            raise ValueError(f"{self.code} is no decline code")
        return self
