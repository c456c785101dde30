"""Cards, as far as they may be known: the provider keeps the card, we keep its reference and what may be shown."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.declines import DeclineCode
from domain.errors import PaymentMethodNotUsable
from domain.provider import Card, NextAction, Outcome, PaymentMethodResult


class PaymentMethodState(StrEnum):
    PENDING = "PENDING"
    """Asked for; the provider's answer is not known yet."""
    REQUIRES_ACTION = "REQUIRES_ACTION"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    DETACHED = "DETACHED"


NOT_IN_USE = frozenset({PaymentMethodState.DETACHED, PaymentMethodState.FAILED})
"""What the provider knows by the reference of such a one may be another one's by now, as the database holds it."""


class Storing(StrEnum):
    """How a card comes to be stored at the provider."""

    BY_ITSELF = "BY_ITSELF"
    WITH_CHARGE = "WITH_CHARGE"
    """By the charge that brought it, when that takes or holds the money."""
    NEVER = "NEVER"
    """It is charged once, with what the card form gave, and then DETACHED."""


_STATE_AFTER: dict[Outcome, PaymentMethodState] = {
    Outcome.SUCCEEDED: PaymentMethodState.ACTIVE,
    Outcome.PENDING: PaymentMethodState.PENDING,
    Outcome.REQUIRES_ACTION: PaymentMethodState.REQUIRES_ACTION,
    Outcome.DECLINED: PaymentMethodState.FAILED,
    Outcome.FAILED: PaymentMethodState.FAILED,
    Outcome.EXPIRED: PaymentMethodState.FAILED,
    Outcome.NOT_SENT: PaymentMethodState.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod:
    """The row comes first: attaching may need 3D Secure, or lose its answer."""

    id: str
    customer_id: str
    account: str
    state: PaymentMethodState = PaymentMethodState.PENDING
    token: str | None
    """What the client sent, kept until the answer is known, so that the same request can be repeated."""
    payment_method_ref: str | None = None
    card: Card | None = None
    card_fingerprint: str | None = None
    """As in `PaymentMethodResult`."""
    next_action: NextAction | None = None
    decline_code: DeclineCode | None = None
    failure_message: str | None = None
    return_url: str | None = None
    """Kept with the token, for the same reason."""
    make_default: bool = False
    storing: Storing = Storing.BY_ITSELF
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def is_unanswered(self) -> bool:
        """Whether the provider may have stored it without our knowing: also of one that was detached meanwhile.

        Of a card that a charge brought the charge will tell.
        """
        if self.storing is not Storing.BY_ITSELF:
            return False
        if self.state is PaymentMethodState.PENDING:
            return True
        return self.state is PaymentMethodState.DETACHED and self.token is not None

    @property
    def is_detachable(self) -> bool:
        """Whether the provider keeps it for us."""
        return self.state in (PaymentMethodState.ACTIVE, PaymentMethodState.REQUIRES_ACTION)

    def check_usable(self) -> None:
        if self.state is not PaymentMethodState.ACTIVE:
            raise PaymentMethodNotUsable(self.state)

    def attached(self, result: PaymentMethodResult, *, now: datetime) -> "PaymentMethod":
        """The method after the provider's answer; a final state is never left again by a repeated answer.

        A lost answer tells nothing, and a repeat that never left tells nothing against an answer that came before it.
        Nor does a provider that still thinks about what the owner has confirmed.
        """
        if self.state not in (PaymentMethodState.PENDING, PaymentMethodState.REQUIRES_ACTION):
            return self
        if result.outcome is Outcome.UNKNOWN:
            return self
        is_waiting = self.state is PaymentMethodState.REQUIRES_ACTION
        if is_waiting and result.outcome in (Outcome.NOT_SENT, Outcome.PENDING):
            return self
        state = _STATE_AFTER[result.outcome]
        return replace(
            self,
            state=state,
            token=self.token if state is PaymentMethodState.PENDING else None,
            payment_method_ref=result.payment_method_ref or self.payment_method_ref,
            card=result.card or self.card,
            card_fingerprint=result.card_fingerprint or self.card_fingerprint,
            next_action=result.next_action if state is PaymentMethodState.REQUIRES_ACTION else None,
            decline_code=result.refusal.decline_code if result.refusal else None,
            failure_message=result.refusal.message if result.refusal else None,
            updated_at=now,
        )

    def charged(self, told: PaymentMethodResult | None, *, now: datetime) -> "PaymentMethod":
        """The charge that brought it has taken, or holds, the money; `told` is what is known of the card by then.

        A card that was to be stored and has no name at the provider can never be charged again: it is FAILED.
        """
        if self.state not in (PaymentMethodState.PENDING, PaymentMethodState.FAILED):
            return self
        stored = self.storing is Storing.WITH_CHARGE
        known_as = told.payment_method_ref if told is not None and stored else None
        if stored and known_as is None:
            return self.not_charged(None, "the provider has not told which card it stored", told=told, now=now)
        return replace(
            self._with_card(told),
            state=PaymentMethodState.ACTIVE if stored else PaymentMethodState.DETACHED,
            payment_method_ref=known_as,
            decline_code=None,
            failure_message=None,
            updated_at=now,
        )

    def charged_too_late(self, told: PaymentMethodResult | None, *, now: datetime) -> "PaymentMethod":
        """It was removed, or its owner erased, before the charge that brought it took the money after all.

        What the provider has stored with that has to be forgotten; of the card nothing is kept.
        """
        known_as = told.payment_method_ref if told is not None and self.storing is Storing.WITH_CHARGE else None
        if known_as is None or self.payment_method_ref is not None:
            return self
        return replace(self, state=PaymentMethodState.DETACHED, payment_method_ref=known_as, updated_at=now)

    def not_charged(
        self,
        decline_code: DeclineCode | None,
        message: str | None,
        *,
        told: PaymentMethodResult | None = None,
        now: datetime,
    ) -> "PaymentMethod":
        """The charge that brought it has come to nothing, so nothing is stored."""
        if self.state is not PaymentMethodState.PENDING:
            return self
        return replace(
            self._with_card(told),
            state=PaymentMethodState.FAILED,
            decline_code=decline_code,
            failure_message=message,
            updated_at=now,
        )

    def _with_card(self, told: PaymentMethodResult | None) -> "PaymentMethod":
        if told is None:
            return self
        return replace(
            self, card=told.card or self.card, card_fingerprint=told.card_fingerprint or self.card_fingerprint
        )

    def detached(self, *, now: datetime) -> "PaymentMethod":
        """It can never be charged. While the provider has not answered, the token stays: what it may have stored has to
        be learnt, so that it can be forgotten."""
        token = self.token if self.state is PaymentMethodState.PENDING else None
        return replace(self, state=PaymentMethodState.DETACHED, token=token, next_action=None, updated_at=now)
