"""What a provider has answered, or is taken to have: an outcome, and what is known with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.money import Money
from domain.provider.words import Card, ExecutedAs, NextAction, Outcome, Refusal


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
    """How the provider knows it. While the customer has to confirm it this may be the name of that confirmation, and
    another one afterwards."""
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
    is_held_back: bool = False
    """With PENDING, and without a reference: nothing was sent that could act, and the request may be sent later."""
    is_open: bool = False
    """It has come to nothing, and yet the provider would let the customer pay it: somebody has to call it off."""
    payment_method: PaymentMethodResult | None = None
    """The card that is charged, where the provider tells; of one that the request brought, under the reference that it
    is stored by, once the money is taken or held."""
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
    is_held_back: bool = False
    """As of a charge. Braintree gives no part of a sale back before it has settled."""
    refusal: Refusal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
