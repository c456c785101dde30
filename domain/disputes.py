"""A dispute: a customer has asked their bank for the money of a charge, and the bank decides who gets it.

It is opened and decided elsewhere; here it is followed, and answered. What a provider shows of it is a picture, and
`after` takes pictures in any order, twice or never: each comes with the moment at which it was asked for, and one that
was asked for earlier than another never undoes it. Nothing else tells them apart, for a dispute does not only go
forward: an inquiry becomes a dispute, and one that was lost is open again when it is appealed (Stripe: the SDK's
`Dispute.status` has `appeal_needs_response`).

    inquiry, which takes no money → NEEDS_RESPONSE → UNDER_REVIEW → WON, LOST or ACCEPTED (→ NEEDS_RESPONSE …)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.charges import Charge
from domain.errors import DisputeInProgress, DisputeNotOpen, InquiryNotAcceptable
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.operations import OperationKind
from domain.provider import DisputeReason, DisputeResult, DisputeState, EvidenceKind, Outcome

OPEN_STATES = frozenset({DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    id: str
    charge_id: str
    order_id: str | None = None
    invoice_id: str | None = None
    """Of its charge: one of the two."""
    customer_id: str
    account: str
    dispute_ref: str
    state: DisputeState
    is_inquiry: bool
    """The bank only asks: no money is taken unless a dispute comes of it."""
    reason: DisputeReason
    scheme_code: str | None = None
    amount: Money
    """What the customer wants back, in the charge's currency."""
    respond_by: datetime | None = None
    evidence: Mapping[EvidenceKind, str] = field(default_factory=dict)
    """What was sent last."""
    evidence_requested_at: datetime | None = None
    """While it is being sent, as is `acceptance_requested_at`."""
    evidence_sent_at: datetime | None = None
    acceptance_requested_at: datetime | None = None
    accepted_at: datetime | None = None
    """When the provider took it that we give in."""
    movements: int = 0
    """How often it took or gave back money."""
    next_check_at: datetime | None = None
    opened_at: datetime
    seen_at: datetime
    """When the provider was asked for what is known of it."""
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def payable_id(self) -> str:
        """The order or the invoice that its charge paid."""
        payable_id = self.order_id or self.invoice_id
        if payable_id is None:
            raise LookupError(f"{self.id} is of nothing that was paid")
        return payable_id

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_being_answered(self) -> bool:
        return self.evidence_requested_at is not None or self.acceptance_requested_at is not None

    @property
    def withdrawn(self) -> Money:
        """What the bank has taken: at once, and for good unless the dispute is won."""
        is_taken = not self.is_inquiry and self.state is not DisputeState.WON
        return self.amount if is_taken else Money.zero(self.amount.currency)

    # --- what may happen --------------------------------------------------------------------------------------------

    def check_answerable(self) -> None:
        """Whether its time is over is for the provider to say, whose clock decides."""
        if self.is_being_answered:
            raise DisputeInProgress
        if self.state is not DisputeState.NEEDS_RESPONSE:
            raise DisputeNotOpen(self.state)

    def check_acceptable(self) -> None:
        self.check_answerable()
        if self.is_inquiry:
            raise InquiryNotAcceptable

    # --- what happens -----------------------------------------------------------------------------------------------

    @staticmethod
    def opened(charge: Charge, picture: DisputeResult, *, asked_at: datetime, now: datetime) -> "Dispute":
        """As the provider shows it for the first time; ValueError where that is no picture of a dispute."""
        if not is_picture(picture) or picture.dispute_ref is None or picture.state is None or picture.amount is None:
            raise ValueError(f"no picture of a dispute about {charge.id}")
        return Dispute(
            id=new_id(IdPrefix.DISPUTE),
            charge_id=charge.id,
            order_id=charge.order_id,
            invoice_id=charge.invoice_id,
            customer_id=charge.customer_id,
            account=charge.account,
            dispute_ref=picture.dispute_ref,
            state=picture.state,
            is_inquiry=picture.is_inquiry,
            reason=picture.reason or DisputeReason.GENERAL,
            scheme_code=picture.scheme_code,
            amount=picture.amount,
            respond_by=picture.respond_by,
            opened_at=picture.opened_at or now,
            seen_at=asked_at,
            livemode=charge.livemode,
            created_at=now,
            updated_at=now,
        )

    def after(self, picture: DisputeResult, *, asked_at: datetime, now: datetime) -> "Dispute":
        """The dispute once this is known; what was asked for earlier than what is known changes nothing."""
        if not is_picture(picture) or asked_at < self.seen_at:
            return self
        shown = replace(
            self,
            state=self._called(picture.state or self.state),
            is_inquiry=picture.is_inquiry,
            reason=picture.reason or DisputeReason.GENERAL,
            scheme_code=picture.scheme_code,
            amount=picture.amount or self.amount,
            respond_by=picture.respond_by,
        )
        return replace(shown, seen_at=asked_at, updated_at=self.updated_at if shown == self else now)

    def shows(self, picture: DisputeResult) -> bool:
        """Whether nothing would be booked if this were known; of which moment it is, is not asked."""
        after = self.after(picture, asked_at=self.seen_at, now=self.updated_at)
        return (after.state, after.is_inquiry, after.amount) == (self.state, self.is_inquiry, self.amount)

    def _called(self, state: DisputeState) -> DisputeState:
        """A dispute that we gave up was accepted, which not every provider tells from one that was lost."""
        gave_in = self.accepted_at is not None or self.acceptance_requested_at is not None
        return DisputeState.ACCEPTED if gave_in and state is DisputeState.LOST else state

    def evidence_requested(self, *, now: datetime) -> "Dispute":
        self.check_answerable()
        return replace(self, evidence_requested_at=now, updated_at=now)

    def acceptance_requested(self, *, now: datetime) -> "Dispute":
        self.check_acceptable()
        return replace(self, acceptance_requested_at=now, updated_at=now)

    def evidence_sent(self, evidence: Mapping[EvidenceKind, str], *, now: datetime) -> "Dispute":
        return replace(self.response_ended(now=now), evidence=dict(evidence), evidence_sent_at=now)

    def accepted(self, *, now: datetime) -> "Dispute":
        accepted = replace(self.response_ended(now=now), accepted_at=now)
        return replace(accepted, state=accepted._called(accepted.state))

    def response_ended(self, *, now: datetime) -> "Dispute":
        """The request is over, whatever came of it."""
        return replace(
            self, evidence_requested_at=None, acceptance_requested_at=None, next_check_at=None, updated_at=now
        )

    def checked_again_at(self, when: datetime | None) -> "Dispute":
        return replace(self, next_check_at=when)

    def moved(self) -> "Dispute":
        return replace(self, movements=self.movements + 1)


def is_picture(result: DisputeResult) -> bool:
    """Whether it shows the dispute. What else a provider may say tells how a request fared, and nothing of it."""
    return result.outcome is Outcome.SUCCEEDED and result.state is not None


_UNTOUCHED: dict[OperationKind, frozenset[DisputeState]] = {
    OperationKind.SUBMIT_EVIDENCE: frozenset({DisputeState.NEEDS_RESPONSE}),
    OperationKind.ACCEPT_DISPUTE: frozenset({DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW}),
}
"""What a dispute looks like that the request has not reached."""

_TOO_LATE: dict[OperationKind, frozenset[DisputeState]] = {
    OperationKind.SUBMIT_EVIDENCE: frozenset({DisputeState.ACCEPTED}),
    OperationKind.ACCEPT_DISPUTE: frozenset({DisputeState.WON}),
}


def answer_in(picture: DisputeResult, kind: OperationKind) -> Outcome:
    """What a picture tells of a request whose answer was lost; UNKNOWN where the request has not acted yet.

    A dispute that waits no longer has had its response: that somebody else gave it, on the provider's own pages, cannot
    be told apart.
    """
    if not is_picture(picture) or picture.state in _UNTOUCHED[kind]:
        return Outcome.UNKNOWN
    return Outcome.FAILED if picture.state in _TOO_LATE[kind] else Outcome.SUCCEEDED
