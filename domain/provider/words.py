"""The words in which the domain and its providers speak: what may be asked for, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.declines import DeclineCode


class Outcome(StrEnum):
    """What is known after a request. Only positive evidence makes SUCCEEDED or DECLINED."""

    SUCCEEDED = "SUCCEEDED"
    AUTHORIZED = "AUTHORIZED"
    PENDING = "PENDING"
    """The provider has it and will decide later; a webhook or a look-up tells."""
    REQUIRES_ACTION = "REQUIRES_ACTION"
    """The customer has to do something (3D Secure); `next_action` says what."""
    DECLINED = "DECLINED"
    """The bank, or the provider's risk check, said no."""
    FAILED = "FAILED"
    """Refused for a reason that is ours or final: the same request will never succeed."""
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    """Ended by the provider because the customer's time, or the hold on the card, ran out."""
    NOT_SENT = "NOT_SENT"
    """Certain that nothing happened: the connection was refused, the request never left."""
    UNKNOWN = "UNKNOWN"
    """It may have happened. Never sent again under another key, never guessed."""


class Support(StrEnum):
    NATIVE = "NATIVE"
    EMULATED = "EMULATED"
    UNSUPPORTED = "UNSUPPORTED"


class ProviderAction(StrEnum):
    """The names under which a provider declares what it can do; one for each thing a client may ask for."""

    CLIENT_SESSION = "CLIENT_SESSION"
    ATTACH_PAYMENT_METHOD = "ATTACH_PAYMENT_METHOD"
    DETACH_PAYMENT_METHOD = "DETACH_PAYMENT_METHOD"
    FORGET_CUSTOMER = "FORGET_CUSTOMER"
    CHARGE = "CHARGE"
    CUSTOMER_ACTION = "CUSTOMER_ACTION"
    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    PARTIAL_CAPTURE = "PARTIAL_CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"
    PARTIAL_REFUND = "PARTIAL_REFUND"
    LOOK_UP = "LOOK_UP"
    LIST_CHANGES = "LIST_CHANGES"
    WEBHOOKS = "WEBHOOKS"
    CHARGE_NEW_CARD = "CHARGE_NEW_CARD"
    """A charge with a card that the provider's form has just read, which is stored with it or not."""
    DISPUTES = "DISPUTES"
    """That a bank takes money back is told, and can be looked at."""
    SUBMIT_EVIDENCE = "SUBMIT_EVIDENCE"
    ACCEPT_DISPUTE = "ACCEPT_DISPUTE"


@dataclass(frozen=True, slots=True)
class Capability:
    action: ProviderAction
    support: Support
    note: str = ""
    """How it is emulated, or why it is missing; for people."""


class Initiator(StrEnum):
    """Who started the charge: the customer, sitting there, or the merchant with a stored card and a reason."""

    CUSTOMER = "CUSTOMER"
    RECURRING = "RECURRING"
    UNSCHEDULED = "UNSCHEDULED"
    INSTALMENT = "INSTALMENT"

    @property
    def on_session(self) -> bool:
        return self is Initiator.CUSTOMER


class CaptureMode(StrEnum):
    """When the money of a charge is taken: as soon as the bank agrees, or held first and taken by a capture."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


class ExecutedAs(StrEnum):
    REFUND = "REFUND"
    VOID = "VOID"


class CardBrand(StrEnum):
    VISA = "VISA"
    MASTERCARD = "MASTERCARD"
    AMERICAN_EXPRESS = "AMERICAN_EXPRESS"
    DISCOVER = "DISCOVER"
    DINERS_CLUB = "DINERS_CLUB"
    JCB = "JCB"
    UNIONPAY = "UNIONPAY"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Card:
    """What may be shown of a card."""

    brand: CardBrand
    last4: str
    expiry_month: int
    expiry_year: int


@dataclass(frozen=True, slots=True)
class RedirectAction:
    """Send the customer's browser to `url`; the provider sends it back to the return url of the request."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SdkAction:
    """Hand `client_secret` to the provider's own SDK, which takes the customer through the confirmation."""

    client_secret: str
    expires_at: datetime
    token: str | None = None
    """What that SDK knows the stored card by, for this confirmation, where it has to be told (Braintree: a nonce)."""
    card_bin: str | None = None
    """The first digits of that card's number, which tell its bank; where the SDK has to be told."""


NextAction = RedirectAction | SdkAction


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it was declined or failed, in three layers: ours, the issuer's, the provider's raw one."""

    message: str
    """For the log and for staff; the customer's sentence comes from the table of declines."""
    decline_code: DeclineCode | None = None
    issuer_code: str | None = None
    provider_code: str | None = None
    is_outage: bool = False
    """The provider, or the way to it, is at fault: it cannot be reached, or its answer is late, a 5xx, or unreadable.
    A decline, a refusal and a rate limit are none: whoever gives them is alive."""
    retry_after_seconds: float | None = None
    """How long the provider asked to be left alone with this request (`Retry-After`), where it did."""
    is_key_spent: bool = False
    """The provider answers an error of its own for this key as long as it keeps it: whatever the first request came to,
    no other with the key is worked on, and only looking tells (Stripe: a 500 that is replayed, or a key whose first
    request was written otherwise)."""
