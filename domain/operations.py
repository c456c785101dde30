"""An operation: one provider request that moves money, written down before the provider hears of it.

Its id is the key towards the provider. Whatever dies on the way, the row tells that a request may be under way, with
which exact content, and who is looking after it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.money import Money
from domain.provider import (
    AcceptRequest,
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ContinueRequest,
    EvidenceKind,
    EvidenceRequest,
    Initiator,
    Outcome,
    RefundRequest,
    VoidRequest,
)

ChargeRequests = ChargeRequest | ContinueRequest | CaptureRequest | VoidRequest
DisputeRequests = EvidenceRequest | AcceptRequest
MoneyRequest = ChargeRequests | RefundRequest | DisputeRequests


class OperationKind(StrEnum):
    CHARGE = "CHARGE"
    CONTINUE = "CONTINUE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"
    SUBMIT_EVIDENCE = "SUBMIT_EVIDENCE"
    ACCEPT_DISPUTE = "ACCEPT_DISPUTE"


_ENDS_OF_A_HOLD = frozenset(
    {Outcome.VOIDED, Outcome.EXPIRED, Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.FAILED, Outcome.NOT_SENT}
)

_NO_ANSWERS = frozenset({Outcome.AUTHORIZED, Outcome.PENDING, Outcome.REQUIRES_ACTION, Outcome.UNKNOWN})

_ANSWERS: dict[OperationKind, frozenset[Outcome]] = {
    OperationKind.CHARGE: frozenset(Outcome) - {Outcome.PENDING, Outcome.UNKNOWN},
    OperationKind.CONTINUE: frozenset(Outcome) - {Outcome.PENDING, Outcome.UNKNOWN},
    # A charge that is still open shows that the request has not acted yet, not that it never will.
    OperationKind.CAPTURE: _ENDS_OF_A_HOLD,
    OperationKind.VOID: _ENDS_OF_A_HOLD,
    OperationKind.REFUND: frozenset(Outcome) - _NO_ANSWERS,
    OperationKind.SUBMIT_EVIDENCE: frozenset(Outcome) - _NO_ANSWERS,
    OperationKind.ACCEPT_DISPUTE: frozenset(Outcome) - _NO_ANSWERS,
}
"""The outcomes after which a request of this kind is over and need not be looked after."""

_ABOUT_THE_REQUEST_ONLY: dict[OperationKind, frozenset[Outcome]] = {
    OperationKind.CHARGE: frozenset(),
    # A continuation that is refused (a token that the provider does not take) has not ended the charge.
    OperationKind.CONTINUE: frozenset({Outcome.NOT_SENT, Outcome.FAILED}),
    # Nor has a capture or a void: whether anything is still held is learnt by looking.
    OperationKind.CAPTURE: frozenset(
        {Outcome.NOT_SENT, Outcome.FAILED, Outcome.DECLINED, Outcome.UNKNOWN, Outcome.PENDING}
    ),
    OperationKind.VOID: frozenset(
        {Outcome.NOT_SENT, Outcome.FAILED, Outcome.DECLINED, Outcome.UNKNOWN, Outcome.PENDING}
    ),
    OperationKind.REFUND: frozenset(),
    OperationKind.SUBMIT_EVIDENCE: frozenset(Outcome),
    OperationKind.ACCEPT_DISPUTE: frozenset(Outcome),
}
"""Outcomes that tell how the request fared and nothing of the charge: it stays as it was."""


class SolvedBy(StrEnum):
    """How a lost answer is found out. Settled before the request leaves, for afterwards it may be too late."""

    KEY = "KEY"
    """By looking, and by sending the same request again: the provider keeps its key, and acts once."""
    SEARCH = "SEARCH"
    """By looking alone, and never by sending it again: the account keeps no keys, so a repetition could act twice; or
    the key is spent, so it would not act at all."""


class VoidPurpose(StrEnum):
    """What a voided charge is called afterwards depends on why it was voided."""

    CANCEL = "CANCEL"
    EXPIRE = "EXPIRE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    kind: OperationKind
    charge_id: str
    refund_id: str | None = None
    dispute_id: str | None = None
    account: str
    request: Mapping[str, Any]
    """The exact request, as `stored` made it: a replay has to be identical."""
    on_session: bool
    solved_by: SolvedBy = SolvedBy.KEY
    void_purpose: VoidPurpose | None = None
    first_sent_at: datetime
    """From here on the request may have left; written before it does, since afterwards may be too late."""
    tries: int = 0
    """How often the resolver has looked after it."""
    sends: int = 1
    """How often it may have been sent: once by its maker, then each time that the resolver took it over. One that was
    held back begins anew."""
    is_held_back: bool = False
    """Nothing of it was sent that could act: it may be sent whenever the provider takes it, with a key or without."""
    empty_looks: int = 0
    recovered_at: datetime | None = None
    """When the database was put back from a backup in which it was under way. In the life that was lost it may have
    been sent, given up and followed by another: from then on it is only looked for."""
    outcome: Outcome | None = None
    """The last one that was learnt."""
    raw: Mapping[str, Any] | None = None
    """The provider's last answer, redacted."""
    finished_at: datetime | None = None
    created_at: datetime

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None

    @property
    def is_of_the_charge(self) -> bool:
        """And of none of its refunds and disputes, which have requests of their own."""
        return self.refund_id is None and self.dispute_id is None

    @property
    def asked_for(self) -> Money | None:
        """The amount that the request named."""
        amount = self.request.get("amount") or (self.request.get("charge") or {}).get("amount")
        return Money(**amount) if amount else None

    @property
    def makes_a_charge(self) -> bool:
        """What came of it is found by its own id: nothing at the provider is known by another name yet."""
        is_continued_anew = self.kind is OperationKind.CONTINUE and self.request.get("charge_ref") is None
        return self.kind is OperationKind.CHARGE or is_continued_anew

    @property
    def asked_for_the_customer(self) -> bool:
        """It is over, and left nothing that could be paid, where its charge has no reference."""
        return self.is_finished and self.outcome is Outcome.REQUIRES_ACTION

    @property
    def waits_to_be_sent(self) -> bool:
        """Held back, and in no life that was lost has it been sent since."""
        return self.is_held_back and self.recovered_at is None and not self.is_finished

    @property
    def may_be_repeated(self) -> bool:
        return (self.solved_by is SolvedBy.KEY or self.is_held_back) and self.recovered_at is None

    def is_answered_by(self, outcome: Outcome) -> bool:
        return outcome in _ANSWERS[self.kind]

    def tells_of_the_charge(self, outcome: Outcome) -> bool:
        # Once it is finished, a lost answer is of no interest: what it would have told is known already.
        if self.is_finished and outcome is Outcome.UNKNOWN:
            return False
        return outcome not in _ABOUT_THE_REQUEST_ONLY[self.kind]

    def is_refused_by(self, outcome: Outcome) -> bool:
        """A continuation, capture, void or response that is refused says that things are not as we think."""
        if self.kind in (OperationKind.CHARGE, OperationKind.REFUND):
            return False
        return outcome is Outcome.FAILED or (outcome is Outcome.DECLINED and not self.tells_of_the_charge(outcome))

    def looked_after(self, *, empty: bool) -> "Operation":
        return replace(self, tries=self.tries + 1, empty_looks=self.empty_looks + 1 if empty else self.empty_looks)

    def taken_over(self, *, now: datetime) -> "Operation":
        if self.is_held_back:
            return replace(self, is_held_back=False, sends=1, first_sent_at=now)
        return replace(self, sends=self.sends + 1)

    def held_back(self) -> "Operation":
        return replace(self, is_held_back=True)

    def learnt(self, outcome: Outcome, raw: Mapping[str, Any] | None) -> "Operation":
        return replace(self, outcome=outcome, raw=raw or self.raw)

    def without_key(self) -> "Operation":
        """Its key is spent: from now on it is only looked for, and that begins anew, soon: it has not been done yet."""
        return self if self.solved_by is SolvedBy.SEARCH else replace(self, solved_by=SolvedBy.SEARCH, tries=0)

    def finished(self, *, now: datetime) -> "Operation":
        """Over; what the client's card form gave for this one request is of no more use, nor is evidence, and goes."""
        if self.finished_at:
            return self
        request = {**self.request, "token": None} if self.request.get("token") else self.request
        request = {**request, "evidence": {}} if request.get("evidence") else request
        return replace(self, request=request, finished_at=now)


def stored(request: MoneyRequest) -> dict[str, Any]:
    """The request as JSON; `restored` makes the very same request of it."""
    fields = _without_key(asdict(request))
    if isinstance(request, ContinueRequest) and request.charge is not None:
        fields["charge"] = _without_key(fields["charge"])
    if isinstance(request, EvidenceRequest):
        fields["evidence"] = {kind.value: text for kind, text in request.evidence.items()}
    return fields


def _without_key(fields: dict[str, Any]) -> dict[str, Any]:
    """Whether it has a key is up to the operation, and may change."""
    return {name: value for name, value in fields.items() if name != "is_keyed"}


def restored(operation: Operation) -> MoneyRequest:
    fields = _typed(operation.request)
    if operation.kind not in _WITHOUT_KEYS:
        fields["is_keyed"] = operation.solved_by is SolvedBy.KEY
    if fields.get("charge") is not None:
        fields["charge"] = ChargeRequest(**_typed(fields["charge"]), is_keyed=fields["is_keyed"])
    return _REQUESTS[operation.kind](**fields)


def _typed(request: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(request)
    if "amount" in fields:
        fields["amount"] = Money(**fields["amount"])
    if "initiator" in fields:
        fields["initiator"] = Initiator(fields["initiator"])
    if "evidence" in fields:
        fields["evidence"] = {EvidenceKind(kind): text for kind, text in fields["evidence"].items()}
    if "capture" in fields:
        fields["capture"] = CaptureMode(fields["capture"])
    return fields


_WITHOUT_KEYS = (OperationKind.SUBMIT_EVIDENCE, OperationKind.ACCEPT_DISPUTE)
"""What the provider's own state keeps from acting twice."""

_REQUESTS: dict[OperationKind, type[MoneyRequest]] = {
    OperationKind.CHARGE: ChargeRequest,
    OperationKind.CONTINUE: ContinueRequest,
    OperationKind.CAPTURE: CaptureRequest,
    OperationKind.VOID: VoidRequest,
    OperationKind.REFUND: RefundRequest,
    OperationKind.SUBMIT_EVIDENCE: EvidenceRequest,
    OperationKind.ACCEPT_DISPUTE: AcceptRequest,
}
