"""A charge: one wish to take the money of an order or an invoice, and what became of it.

States only move forward. Evidence of the provider is applied by `after`, which is the same rule for the direct answer,
the webhook and the resolver, so these may come in any order, twice or never:

    waiting (PENDING, REQUIRES_ACTION, UNKNOWN) → AUTHORIZED → ended (DECLINED, FAILED, VOIDED, EXPIRED) → SUCCEEDED

A charge that is captured by hand holds the amount first (AUTHORIZED). It has one capture: what that does not take is
released with it.

SUCCEEDED stands last because money that arrives after all is always booked. An older picture never undoes a newer one,
and of two ends that contradict each other the better founded stays: the bank's own no before what we or the provider
cleaned up afterwards, and that before a failure which may only have been ours.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.declines import DECLINES, Decline, DeclineCode
from domain.errors import (
    AmountNotPositive,
    CaptureAmountTooHigh,
    ChargeDisputed,
    ChargeNotCapturable,
    ChargeNotRefundable,
    ChargeNotVoidable,
    NothingLeftToRefund,
    RefundAmountTooHigh,
    ReviewNotOpen,
)
from domain.money import Money
from domain.provider import CaptureMode, ChargeResult, Initiator, NextAction, Outcome, Refusal


class ChargeState(StrEnum):
    PENDING = "PENDING"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    AUTHORIZED = "AUTHORIZED"
    SUCCEEDED = "SUCCEEDED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


LIVE_STATES = frozenset({ChargeState.PENDING, ChargeState.REQUIRES_ACTION, ChargeState.AUTHORIZED, ChargeState.UNKNOWN})
"""A charge that may still take money: an order or an invoice has one at most, which the database holds by a partial
unique index of each."""

UNDECIDED_STATES = frozenset({ChargeState.PENDING, ChargeState.UNKNOWN})

_RANK: dict[ChargeState, int] = {
    ChargeState.PENDING: 0,
    ChargeState.REQUIRES_ACTION: 0,
    ChargeState.UNKNOWN: 0,
    ChargeState.AUTHORIZED: 1,
    ChargeState.FAILED: 2,
    ChargeState.VOIDED: 3,
    # Above VOIDED, since a provider goes on calling voided what we voided because its time was over.
    ChargeState.EXPIRED: 4,
    ChargeState.DECLINED: 5,
    ChargeState.SUCCEEDED: 6,
}
"""A total order of what is settled, so that evidence may come in any order; the waiting states go to and fro."""

_STATE_AFTER: dict[Outcome, ChargeState] = {
    Outcome.SUCCEEDED: ChargeState.SUCCEEDED,
    Outcome.AUTHORIZED: ChargeState.AUTHORIZED,
    Outcome.PENDING: ChargeState.PENDING,
    Outcome.REQUIRES_ACTION: ChargeState.REQUIRES_ACTION,
    Outcome.DECLINED: ChargeState.DECLINED,
    Outcome.FAILED: ChargeState.FAILED,
    Outcome.VOIDED: ChargeState.VOIDED,
    Outcome.EXPIRED: ChargeState.EXPIRED,
    Outcome.NOT_SENT: ChargeState.FAILED,
    Outcome.UNKNOWN: ChargeState.UNKNOWN,
}


class FailureCode(StrEnum):
    """Why a charge or refund FAILED: a reason that is ours or the provider's, not the bank's."""

    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_REFUSED = "PROVIDER_REFUSED"
    NOT_APPLIED = "NOT_APPLIED"
    """The answer was lost, and the provider has since shown that it never acted."""
    RETURNED = "RETURNED"
    """Of a refund: it was made, and the customer's bank did not take the money, which is back."""


class ReviewReason(StrEnum):
    """Why a person should look at this charge. Nothing is refunded or retried by itself."""

    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    """The provider took another amount than was asked for; the amount taken is booked."""
    UNREQUESTED_CAPTURE = "UNREQUESTED_CAPTURE"
    """The provider took held money that no capture under way had asked for; the amount taken is booked."""
    LATE_MONEY = "LATE_MONEY"
    """Money arrived for an order or invoice that is called off, expired or paid by another charge."""
    UNRESOLVED = "UNRESOLVED"
    """The outcome is still unknown after the whole schedule of look-ups."""
    REFUND_RETURNED = "REFUND_RETURNED"
    """A refund had succeeded, and its money came back: the customer believes that they have it."""
    REFUND_UNRESOLVED = "REFUND_UNRESOLVED"
    """As UNRESOLVED, of one of its refunds."""
    DISPUTE_UNRESOLVED = "DISPUTE_UNRESOLVED"
    """As UNRESOLVED, of evidence or an acceptance that was sent for one of its disputes."""


@dataclass(frozen=True, slots=True)
class Review:
    """A question to a person; open until somebody closes it, or the answer has come by itself."""

    since: datetime
    reason: ReviewReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    id: str
    order_id: str | None = None
    invoice_id: str | None = None
    """What it pays: an order or an invoice, never both, which the database holds."""
    customer_id: str
    payment_method_id: str
    account: str
    """The provider account that it was made at, for ever: refunds go back there."""
    charge_ref: str | None = None
    state: ChargeState = ChargeState.PENDING
    initiator: Initiator
    capture_mode: CaptureMode = CaptureMode.AUTOMATIC
    amount: Money
    authorized: Money
    """The most that it held or took at some time; after a partial capture more than was captured."""
    capture_requested: Money | None = None
    """What a capture by hand asked for; None before, and again when the capture came to nothing."""
    void_requested_at: datetime | None = None
    """While it is being called off."""
    captured: Money
    refunded: Money
    """What refunds have given back."""
    refund_reserved: Money
    """What refunds under way will give back, if they succeed."""
    disputed: Money
    """What disputes have taken: while they are open, and for good when they are lost. With what was refunded it may be
    more than was captured, for banks take money that went back already."""
    return_url: str | None = None
    next_action: NextAction | None = None
    action_expires_at: datetime | None = None
    """When an unfinished REQUIRES_ACTION is given up, by us or by the provider, whichever comes first."""
    capture_before: datetime | None = None
    """When an AUTHORIZED charge is given up, and what it holds is released."""
    decline_code: DeclineCode | None = None
    failure_code: FailureCode | None = None
    issuer_code: str | None = None
    provider_code: str | None = None
    provider_message: str | None = None
    next_check_at: datetime | None = None
    reviews: tuple[Review, ...] = ()
    """The open ones, oldest first, one of a reason."""
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def payable_id(self) -> str:
        """The order or the invoice that it pays."""
        payable_id = self.order_id or self.invoice_id
        if payable_id is None:
            raise LookupError(f"{self.id} pays nothing")
        return payable_id

    @property
    def review(self) -> Review | None:
        """The one that waits longest."""
        return self.reviews[0] if self.reviews else None

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def has_ended_unpaid(self) -> bool:
        """What the provider still holds for it is held in vain."""
        return not self.is_live and self.state is not ChargeState.SUCCEEDED

    @property
    def expires_at(self) -> datetime | None:
        """When it is given up if nothing happens before: by its customer, or by whoever captures it."""
        return self.action_expires_at or self.capture_before

    def is_overdue(self, *, now: datetime) -> bool:
        """Still waiting, for its customer or for its capture, and the time for that is over."""
        return self.is_live and self.expires_at is not None and self.expires_at <= now

    @property
    def is_undecided(self) -> bool:
        """Neither ended nor waiting for its customer: only the provider knows."""
        return self.state in UNDECIDED_STATES

    @property
    def is_being_decided(self) -> bool:
        """The provider is known to have it, and may take days: this is no unknown outcome."""
        return self.state is ChargeState.PENDING and self.charge_ref is not None

    @property
    def is_only_asked_for(self) -> bool:
        """It waits for its customer, and the provider has nothing of it: what they confirm will be charged then."""
        return self.state is ChargeState.REQUIRES_ACTION and self.charge_ref is None

    @property
    def unrefunded(self) -> Money:
        """What was taken, and neither went back nor is on its way; a dispute may have it all the same."""
        return self.captured - self.refunded - self.refund_reserved

    @property
    def refundable(self) -> Money:
        """What a refund may give back now: what a dispute has taken, the customer has, or may get yet."""
        return max(self.unrefunded - self.disputed, Money.zero(self.amount.currency))

    @property
    def capturable(self) -> Money:
        """What a capture may take now: what is held, and never more than was asked for."""
        nothing = Money.zero(self.amount.currency)
        if self.state is not ChargeState.AUTHORIZED or self.capture_requested or self.void_requested_at:
            return nothing
        return max(min(self.authorized, self.amount) - self.captured, nothing)

    @property
    def released(self) -> Money:
        """What it held and will not take."""
        return Money.zero(self.amount.currency) if self.is_live else self.authorized - self.captured

    @property
    def decline(self) -> Decline | None:
        return DECLINES[self.decline_code] if self.decline_code else None

    # --- what may happen --------------------------------------------------------------------------------------------

    def check_refundable(self, amount: Money) -> None:
        if not self.captured.is_positive:
            raise ChargeNotRefundable(self.state)
        if not self.unrefunded.is_positive:
            raise NothingLeftToRefund
        if not self.refundable.is_positive:
            raise ChargeDisputed
        if not amount.is_positive:
            raise AmountNotPositive(path=("amount",))
        if amount > self.refundable:
            raise RefundAmountTooHigh(str(self.refundable))

    def check_capturable(self, amount: Money, *, now: datetime) -> None:
        if self.state is not ChargeState.AUTHORIZED:
            raise ChargeNotCapturable(self.state)
        if self.is_overdue(now=now):
            raise ChargeNotCapturable(ChargeState.EXPIRED)  # whoever writes that down is only late
        if not amount.is_positive:
            raise AmountNotPositive(path=("amount",))
        if amount > self.capturable:
            raise CaptureAmountTooHigh(str(self.capturable))

    def check_voidable(self) -> None:
        if self.state not in (ChargeState.AUTHORIZED, ChargeState.REQUIRES_ACTION):
            raise ChargeNotVoidable(self.state)

    # --- what happens -----------------------------------------------------------------------------------------------

    def after(self, result: ChargeResult, *, now: datetime) -> "Charge":
        """The charge once this evidence is known; evidence that tells nothing new changes nothing.

        The money that a result names is booked whatever its outcome. A success that names none took what was asked for,
        unless a success has told of an amount before.
        """
        if result.outcome is Outcome.NOT_SENT and self.state in (ChargeState.REQUIRES_ACTION, ChargeState.AUTHORIZED):
            return self  # the provider has shown that it has the charge, whichever request did not reach it
        if result.outcome is Outcome.UNKNOWN and self.is_being_decided:
            return self  # an answer that was lost says nothing of it
        state = _STATE_AFTER[result.outcome]
        charge, captured = self, result.captured
        if self.state is not ChargeState.SUCCEEDED and _RANK[state] >= _RANK[self.state]:
            charge = self._moved_to(state, result)
            if state is ChargeState.SUCCEEDED and captured is None:
                captured = self._asked_for
        charge = charge._with_captured(captured)
        if charge == self:
            return self
        new_picture = charge.captured != self.captured or charge.state is not self.state
        took = charge.captured.is_positive or charge.state is ChargeState.SUCCEEDED
        if new_picture and took and (reason := charge._oddity):
            charge = charge.with_review(reason, now=now)
        if charge.state is not self.state and not charge.is_undecided:
            charge = charge.without_review(ReviewReason.UNRESOLVED, now=now)
        return replace(charge, updated_at=now)

    def is_in_another_currency(self, result: ChargeResult) -> bool:
        """Whether this tells of money that cannot be booked here, and of which nothing may be concluded."""
        told = (result.authorized, result.captured)
        return any(amount is not None and amount.currency != self.amount.currency for amount in told)

    def waiting_until(self, deadline: datetime) -> "Charge":
        """The customer has until the provider's deadline or ours, whichever is earlier."""
        if self.state is not ChargeState.REQUIRES_ACTION:
            return self
        return replace(self, action_expires_at=min(self.action_expires_at or deadline, deadline))

    def given_up(self, *, now: datetime) -> "Charge":
        """Nobody needs it any more: its time is over now."""
        if self.state is ChargeState.REQUIRES_ACTION:
            return replace(self, action_expires_at=now, updated_at=now)
        return replace(self, capture_before=now, updated_at=now) if self.state is ChargeState.AUTHORIZED else self

    def known_as(self, charge_ref: str | None) -> "Charge":
        return replace(self, charge_ref=self.charge_ref or charge_ref)

    def held_until(self, deadline: datetime) -> "Charge":
        """Where the provider has not told until when it holds the amount, this is until when we rely on it."""
        if self.state is not ChargeState.AUTHORIZED or self.capture_before is not None:
            return self
        return replace(self, capture_before=deadline)

    def expired(self, *, now: datetime) -> "Charge":
        return replace(
            self,
            state=ChargeState.EXPIRED,
            next_action=None,
            action_expires_at=None,
            capture_before=None,
            updated_at=now,
        )

    def capture_started(self, amount: Money, *, now: datetime) -> "Charge":
        self.check_capturable(amount, now=now)
        return replace(self, capture_requested=amount, updated_at=now)

    def capture_ended(self, *, now: datetime) -> "Charge":
        """The request is over. Where the charge still only holds, nothing was taken, and it can be captured again."""
        if self.state is not ChargeState.AUTHORIZED or self.capture_requested is None:
            return self
        resolved = self.without_review(ReviewReason.UNRESOLVED, now=now)
        return replace(resolved, capture_requested=None, updated_at=now)

    def not_applied(self, *, now: datetime) -> "Charge":
        """The provider has shown that it never acted on the request whose answer was lost."""
        return replace(
            self,
            state=ChargeState.FAILED,
            failure_code=FailureCode.NOT_APPLIED,
            next_check_at=None,
            updated_at=now,
        ).without_review(ReviewReason.UNRESOLVED, now=now)

    def checked_again_at(self, when: datetime | None) -> "Charge":
        return replace(self, next_check_at=when)

    def is_reviewed_for(self, reason: ReviewReason) -> bool:
        return any(review.reason is reason for review in self.reviews)

    def with_review(self, reason: ReviewReason, *, now: datetime) -> "Charge":
        if self.is_reviewed_for(reason):
            return self
        return replace(self, reviews=(*self.reviews, Review(now, reason)), updated_at=now)

    def without_review(self, reason: ReviewReason, *, now: datetime) -> "Charge":
        if not self.is_reviewed_for(reason):
            return self
        left = tuple(review for review in self.reviews if review.reason is not reason)
        return replace(self, reviews=left, updated_at=now)

    def review_closed(self, reason: ReviewReason, *, now: datetime) -> "Charge":
        if not self.is_reviewed_for(reason):
            raise ReviewNotOpen
        return self.without_review(reason, now=now)

    def refund_requested(self, amount: Money, *, now: datetime) -> "Charge":
        self.check_refundable(amount)
        return replace(self, refund_reserved=self.refund_reserved + amount, updated_at=now)

    def refund_ended(self, reserved: Money, *, given_back: Money, now: datetime) -> "Charge":
        """The reservation ends: the money went back, or it did not and can be asked for again."""
        charge = replace(
            self,
            refund_reserved=self.refund_reserved - reserved,
            refunded=self.refunded + given_back,
            updated_at=now,
        ).without_review(ReviewReason.REFUND_UNRESOLVED, now=now)
        as_asked = given_back.is_zero or given_back == reserved
        return charge if as_asked else charge.with_review(ReviewReason.AMOUNT_MISMATCH, now=now)

    def refunded_after_all(self, amount: Money, *, now: datetime) -> "Charge":
        """A refund that was given up, and its reservation with it, has happened all the same."""
        return replace(self, refunded=self.refunded + amount, updated_at=now)

    def refund_returned(self, amount: Money, *, now: datetime) -> "Charge":
        """What a refund had given back has come back, and can be refunded again."""
        charge = replace(self, refunded=self.refunded - amount, updated_at=now)
        return charge.with_review(ReviewReason.REFUND_RETURNED, now=now)

    def dispute_moved(self, by: Money, *, now: datetime) -> "Charge":
        """A dispute has taken this much more; below zero, it has given it back."""
        return self if by.is_zero else replace(self, disputed=self.disputed + by, updated_at=now)

    def void_started(self, *, now: datetime) -> "Charge":
        return replace(self, void_requested_at=now, updated_at=now)

    def void_ended(self, *, now: datetime) -> "Charge":
        return replace(self, void_requested_at=None, updated_at=now) if self.void_requested_at else self

    def _moved_to(self, state: ChargeState, result: ChargeResult) -> "Charge":
        action = result.next_action if state is ChargeState.REQUIRES_ACTION else None
        holds = state is ChargeState.AUTHORIZED
        authorized = self.amount if holds and result.authorized is None else result.authorized
        charge = replace(
            self,
            state=state,
            charge_ref=result.charge_ref or self.charge_ref,
            authorized=_larger(self.authorized, authorized),
            next_action=action,
            action_expires_at=action.expires_at if action else None,
            capture_before=(result.capture_before or self.capture_before) if holds else None,
            capture_requested=self.capture_requested if holds or state is ChargeState.SUCCEEDED else None,
            void_requested_at=self.void_requested_at if state in LIVE_STATES else None,
            # A picture that tells nothing new does not end the looking after a request under way.
            next_check_at=self.next_check_at if state in (ChargeState.UNKNOWN, self.state) else None,
        )
        return charge._with_refusal(result.outcome, result.refusal if state is not ChargeState.SUCCEEDED else None)

    @property
    def _asked_for(self) -> Money:
        return self.amount if self.capture_requested is None else self.capture_requested

    @property
    def _oddity(self) -> ReviewReason | None:
        """What a person should look at when money was taken."""
        if self.capture_mode is CaptureMode.MANUAL and self.capture_requested is None:
            return ReviewReason.UNREQUESTED_CAPTURE
        return ReviewReason.AMOUNT_MISMATCH if self.captured != self._asked_for else None

    def _with_captured(self, captured: Money | None) -> "Charge":
        if captured is None or captured <= self.captured:
            return self
        return replace(self, captured=captured, authorized=_larger(self.authorized, captured))

    def _with_refusal(self, outcome: Outcome, refusal: Refusal | None) -> "Charge":
        return replace(
            self,
            decline_code=(refusal and refusal.decline_code) or DeclineCode.GENERIC_DECLINE
            if outcome is Outcome.DECLINED
            else None,
            failure_code=_FAILURE_AFTER.get(outcome),
            issuer_code=refusal.issuer_code if refusal else None,
            provider_code=refusal.provider_code if refusal else None,
            provider_message=refusal.message if refusal else None,
        )


_FAILURE_AFTER: dict[Outcome, FailureCode] = {
    Outcome.FAILED: FailureCode.PROVIDER_REFUSED,
    Outcome.NOT_SENT: FailureCode.PROVIDER_UNAVAILABLE,
}


def _larger(known: Money, told: Money | None) -> Money:
    return told if told is not None and told > known else known
