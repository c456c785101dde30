"""What the account holds. How each is shown stands beside the calls that answer with it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from tests.emulators.braintree.checks import Checks
from tests.emulators.braintree.instruments import Instrument, ThreeDSecure
from tests.emulators.braintree.xmltext import Tree

DETAILS = ("first_name", "last_name", "company", "email", "fax", "phone", "international_phone", "website")
"""What is known of a customer."""


class Asks(StrEnum):
    """When an issuer wants its customer to authenticate."""

    NEVER = "never"
    ON_SESSION = "on_session"
    """Unless the merchant says that its customer is not there."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Issuer:
    """What a test has the issuer of a card do."""

    asks: Asks = Asks.NEVER
    declines: str | None = None
    """The code with which every sale is declined that is not declined for want of authentication."""
    disputes: tuple[str, str] | None = None
    """The reason and the kind of the dispute that every sale comes to at once."""
    turns_refunds_away: bool = False
    """The settlement of refunds is declined when it is due."""


@dataclass(slots=True, eq=False)
class Address:
    """In a customer's vault."""

    id: str
    customer_id: str
    created_at: datetime
    updated_at: datetime
    details: Tree
    """What was told of it (addresses.py), and nothing else."""


@dataclass(slots=True)
class Customer:
    id: str
    created_at: datetime
    updated_at: datetime
    details: Tree = field(default_factory=dict)
    """Those of DETAILS."""
    custom_fields: Tree = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)


@dataclass(slots=True)
class PaymentMethod:
    """A card in the vault."""

    token: str
    customer_id: str
    instrument: Instrument
    created_at: datetime
    updated_at: datetime
    is_default: bool
    billing_address: Address | None = None
    verifications: "list[Verification]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ClientToken:
    """What a page may do with it."""

    created_at: datetime
    merchant_account_id: str
    customer_id: str | None
    options: Tree
    """For the cards that it adds."""


@dataclass(slots=True)
class Nonce:
    """What a page got for a card. It can be used once, or any number of times when it is one of the test values."""

    nonce: str
    instrument: Instrument
    three_d_secure: ThreeDSecure | None = None
    amount: Decimal | None = None
    """What the customer authenticated, where that is known."""
    consumed: bool = False
    is_test_value: bool = False
    token: str | None = None
    """The payment method that it was made of; using it stores nothing anew."""
    cvv: str | None = None
    billing_address: Tree | None = None


@dataclass(slots=True)
class Verification:
    id: str
    status: str
    instrument: Instrument
    merchant_account_id: str
    currency: str
    created_at: datetime
    response_code: str | None
    response_text: str | None
    response_type: str | None = None
    amount: Decimal = Decimal(0)
    rejection_reason: str | None = None
    checks: Checks = field(default_factory=Checks)
    postal_code: str | None = None
    token: str | None = None
    """Of the payment method that it is of, or that would have come of it."""
    customer_id: str | None = None
    three_d_secure: ThreeDSecure | None = None
    network_id: str | None = None


@dataclass(frozen=True, slots=True)
class StatusEvent:
    status: str
    timestamp: datetime
    amount: Decimal


@dataclass(slots=True)
class Recurring:
    """The subscription that a transaction was made for, and its period; nothing where there is none."""

    subscription_id: str | None = None
    plan_id: str | None = None
    period_start: date | None = None
    period_end: date | None = None
    add_ons: list[Tree] = field(default_factory=list)
    discounts: list[Tree] = field(default_factory=list)
    """What changed the price, as it is shown."""


@dataclass(slots=True)
class Transaction:
    id: str
    type: str
    """sale or credit."""
    amount: Decimal
    currency: str
    merchant_account_id: str
    instrument: Instrument
    created_at: datetime
    updated_at: datetime
    status: str = ""
    history: list[StatusEvent] = field(default_factory=list)
    authorized: Decimal = Decimal(0)
    """What the issuer has agreed to; `amount` is what is submitted, once it is."""
    order_id: str | None = None
    token: str | None = None
    customer_id: str | None = None
    customer: Tree = field(default_factory=dict)
    billing: Tree = field(default_factory=dict)
    shipping: Tree = field(default_factory=dict)
    custom_fields: Tree = field(default_factory=dict)
    goods: Tree = field(default_factory=dict)
    """What is bought, as far as it was told (particulars.py)."""
    descriptor: Tree = field(default_factory=dict)
    source: str | None = None
    three_d_secure: ThreeDSecure | None = None
    authenticated_elsewhere: bool = False
    """By somebody else's 3D Secure server."""
    checks: Checks = field(default_factory=Checks)
    api_request_key: str | None = None
    """Under which it was asked for."""
    response_code: str | None = None
    response_text: str | None = None
    response_type: str | None = None
    additional_response: str | None = None
    settlement_code: str | None = None
    settlement_text: str | None = None
    rejection_reason: str | None = None
    expires_at: datetime | None = None
    network_id: str | None = None
    refunded_id: str | None = None
    authorized_id: str | None = None
    """Of a partial settlement: the transaction that it settles a part of."""
    partial_ids: list[str] = field(default_factory=list)
    refund_ids: list[str] = field(default_factory=list)
    dispute_ids: list[str] = field(default_factory=list)
    created_using: str = "full_information"
    recurring: Recurring = field(default_factory=Recurring)

    def reach(self, status: str, now: datetime) -> None:
        self.status = status
        self.updated_at = now
        self.history.append(StatusEvent(status, now, self.amount))


@dataclass(slots=True)
class Evidence:
    id: str
    created_at: datetime
    comment: str | None = None
    url: str | None = None
    category: str | None = None
    sequence_number: int | None = None
    sent_at: datetime | None = None


@dataclass(slots=True)
class Dispute:
    id: str
    transaction_id: str
    amount: Decimal
    currency: str
    merchant_account_id: str
    reason: str
    reason_code: str
    kind: str
    created_at: datetime
    updated_at: datetime
    reply_by: datetime
    case_number: str
    reference_number: str
    status: str = ""
    history: list[tuple[str, datetime]] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    won: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    name: str
    content_type: str
    size: int
    expires_at: datetime
