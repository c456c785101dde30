"""The provider port: what the domain asks of a payment provider, and nothing more.

A provider keeps cards and moves money. Every request that moves money carries the id of its operation, which is also
the key towards the provider, so the same request sent twice acts once. Every answer and every failure becomes an
`Outcome`; no SDK exception crosses this line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from domain.declines import DeclineCode
from domain.money import Money


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


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRequest:
    customer_id: str
    """Ours; the key towards the provider, so that asking twice finds one account."""
    email: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    payment_method_id: str
    """Ours; the key towards the provider."""
    customer_ref: str
    token: str
    """What the provider's card form gave to the client. Never a card number."""
    return_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    operation_id: str
    charge_id: str
    amount: Money
    customer_ref: str
    payment_method_ref: str
    initiator: Initiator
    return_url: str | None
    capture: CaptureMode = CaptureMode.AUTOMATIC
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRequest:
    operation_id: str
    charge_ref: str
    token: str | None
    """What the provider's SDK gave to the client after the customer acted, where it gives something (Braintree)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    operation_id: str
    charge_ref: str
    amount: Money
    """Up to what is held. One capture a charge: the rest is released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRequest:
    operation_id: str
    charge_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    operation_id: str
    refund_id: str
    charge_ref: str
    amount: Money
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """How an operation is found again at a provider that may list slowly or by customer only."""

    operation_id: str
    customer_ref: str | None
    charge_ref: str | None
    not_before: datetime
    """No request of this operation left before this moment."""


# --- results --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerResult:
    outcome: Outcome
    """SUCCEEDED, FAILED, NOT_SENT or UNKNOWN."""
    customer_ref: str | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSession:
    """What the provider's own card form on web, iOS or Android is opened with."""

    secret: str
    publishable_key: str | None
    tokenizer_url: str | None
    """Where test cards become tokens; only the fake provider has one."""
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodResult:
    outcome: Outcome
    payment_method_ref: str | None = None
    card: Card | None = None
    card_fingerprint: str | None = None
    """What the provider tells one card number from another by, where it does: of one number it is the same whoever
    stores it at this account, and however often. Nobody can read the number from it. Shown to nobody.

    Stripe: `card.fingerprint`; Braintree: `unique_number_identifier`.
    """
    next_action: NextAction | None = None
    refusal: Refusal | None = None
    gone: bool = False
    """The provider says that it keeps this card no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeResult:
    """The charge as the provider has it now; amounts are cumulative, in the charge's currency."""

    outcome: Outcome
    charge_ref: str | None = None
    operation_id: str | None = None
    """The operation that made this charge, where the provider keeps it; a webhook may know nothing else of us."""
    authorized: Money | None = None
    captured: Money | None = None
    refunded: Money | None = None
    """What went back of it, where the provider tells that with the charge."""
    capture_before: datetime | None = None
    """Until when what is held can be captured, where the provider tells."""
    next_action: NextAction | None = None
    refusal: Refusal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The provider's answer, redacted: no card data, no secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    outcome: Outcome
    refund_ref: str | None = None
    """Named whenever there is a refund. FAILED with it says that a refund was made and its money is back; FAILED
    without it, that the request was refused and made none."""
    operation_id: str | None = None
    amount: Money | None = None
    executed_as: ExecutedAs = ExecutedAs.REFUND
    refusal: Refusal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCharge:
    """A charge as the provider lists it. Enough to compare; before anything is booked it is fetched."""

    charge_ref: str
    made_at: datetime
    livemode: bool
    order_id: str | None
    charge_id: str | None
    """What we wrote to it in `ChargeRequest.metadata`, where it is kept. Untrusted: anybody with the account's keys may
    have written it."""
    picture: ChargeResult
    """UNKNOWN where the provider's object cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRefund:
    """As `ListedCharge`."""

    refund_ref: str
    made_at: datetime
    livemode: bool
    refund_id: str | None
    charge_ref: str | None
    picture: RefundResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesPage:
    outcome: Outcome
    """SUCCEEDED, or UNKNOWN when the provider gave no usable list."""
    charges: tuple[ListedCharge, ...] = ()
    refunds: tuple[ListedRefund, ...] = ()
    cursor: str | None = None
    """Where the next page begins, in the provider's words; None behind the last one."""
    refusal: Refusal | None = None


class WebhookSubject(StrEnum):
    CHARGE = "CHARGE"
    REFUND = "REFUND"
    PAYMENT_METHOD = "PAYMENT_METHOD"
    OTHER = "OTHER"
    """Genuine, but about something that the gateway does not follow: stored, and then left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A verified delivery. It tells that something changed; what it changed to is fetched again."""

    key: str
    """The provider's event id, or a digest of the payload where it has none: one key is one event."""
    kind: str
    subject: WebhookSubject
    subject_ref: str | None
    operation_id: str | None
    livemode: bool
    occurred_at: datetime
    payload: Mapping[str, Any]
    """Redacted; kept for staff."""


class WebhookRejected(Exception):
    """The delivery is not from the provider, or cannot be read: 400, and nothing is stored."""


class PaymentProvider(Protocol):
    """One account at one provider.

    What a provider said may change days later, which a webhook or a look tells: what is PENDING comes to an end, and a
    refund that had SUCCEEDED fails when the customer's bank turns the money away. Money that was captured stays so, and
    a refund that was shown as failed never succeeds. A repeated request may be answered as it was at first: what became
    of it since, only looking tells.

    Methods never raise for what a provider or a network can do: that is an outcome. Each is bounded by the adapter's
    own timeout, after which the outcome is UNKNOWN. They may be cancelled at any await; what was asked may happen all
    the same.
    """

    @property
    def name(self) -> str:
        """`fake`, `stripe`, `braintree`: what clients pick their card form by."""
        ...

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        ...

    @property
    def capabilities(self) -> tuple[Capability, ...]: ...

    @property
    def key_lifetime(self) -> timedelta | None:
        """How long after it was first sent a request may be sent again under its key and surely act once.

        None where the account keeps no keys: nothing is ever sent twice there, and a lost answer is only looked for.
        """
        ...

    @property
    def look_up_lag_seconds(self) -> float | None:
        """How long after a request left an empty look-up still proves nothing; None where it never proves anything."""
        ...

    async def check(self) -> str | None:
        """What keeps the account from being used, in plain words; None when it answers to our credentials."""
        ...

    async def client_session(self, *, customer_ref: str) -> ClientSession | Refusal: ...

    async def ensure_customer(self, request: CustomerRequest) -> CustomerResult: ...

    async def forget_customer(self, *, customer_ref: str) -> CustomerResult:
        """Erase what the provider keeps of the person, their cards included; what they paid stays refundable.

        SUCCEEDED also when it no longer knows the customer, so it may be asked as often as needed.
        """
        ...

    async def attach_payment_method(self, request: AttachRequest) -> PaymentMethodResult: ...

    async def detach_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        """SUCCEEDED also when the provider no longer knows the method."""
        ...

    async def fetch_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult: ...

    async def charge(self, request: ChargeRequest) -> ChargeResult: ...

    async def continue_charge(self, request: ContinueRequest) -> ChargeResult:
        """After the customer acted: the charge as it now is."""
        ...

    async def capture(self, request: CaptureRequest) -> ChargeResult:
        """Take what is held, or a part of it, and release the rest: SUCCEEDED with what was taken.

        FAILED says that this request was refused, not what became of the charge; EXPIRED and VOIDED that nothing is
        held any longer.
        """
        ...

    async def void(self, request: VoidRequest) -> ChargeResult:
        """End a charge that has taken no money, and release what it holds.

        SUCCEEDED means that it was too late: the money is taken.
        """
        ...

    async def refund(self, request: RefundRequest) -> RefundResult: ...

    async def fetch_charge(self, *, charge_ref: str) -> ChargeResult: ...

    async def fetch_refund(self, *, refund_ref: str) -> RefundResult: ...

    async def find_charge(self, look_up: LookUp) -> ChargeResult | None:
        """The charge that this operation made; None only when the provider answered that there is none.

        A look-up that got no usable answer is a result with the outcome UNKNOWN, never None.
        """
        ...

    async def find_refund(self, look_up: LookUp) -> RefundResult | None:
        """As `find_charge`, for the refund that the operation made."""
        ...

    async def changes(self, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        """A page of the account's charges and refunds that were made or changed since a moment; None for all of them.

        Also those that are none of ours. A page holds a hundred or so, whatever the account holds; the cursor of one
        leads to the next and is good for days, since a process may die between two. In no promised order, and one
        object may come more than once. What changes while the list is read may be left to the next listing, which
        overlaps; what was there before and did not change may not. A list that got no usable answer is UNKNOWN.

        Stripe: /v1/payment_intents and /v1/refunds by `created` (with `starting_after` as the cursor), and /v1/events
        for what was made before and changed since; events go back 30 days. Braintree: transaction.search by
        `created_at`, `authorized_at`, `settled_at`, `voided_at` and the other times of a status, one after the other,
        for it has no `updated_at`; the cursor names the search and a span of time small enough for its limit of
        results, and a fresh transaction may be missing for a while.
        """
        ...

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Check the signature on the raw bytes and read the event; WebhookRejected for anything else."""
        ...

    async def close(self) -> None: ...
