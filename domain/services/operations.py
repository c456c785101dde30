"""Phase 1: the request is written down before the provider hears of it, and somebody will look after it."""

from datetime import datetime

from domain.charges import Charge
from domain.jobs import JobKind
from domain.operations import MoneyRequest, Operation, OperationKind, SolvedBy, VoidPurpose, stored
from domain.provider import (
    AcceptRequest,
    CaptureRequest,
    ChargeRequest,
    ContinueRequest,
    EvidenceRequest,
    RefundRequest,
    VoidRequest,
)
from domain.store import Transaction

_KINDS: dict[type[MoneyRequest], OperationKind] = {
    ChargeRequest: OperationKind.CHARGE,
    ContinueRequest: OperationKind.CONTINUE,
    CaptureRequest: OperationKind.CAPTURE,
    VoidRequest: OperationKind.VOID,
    RefundRequest: OperationKind.REFUND,
    EvidenceRequest: OperationKind.SUBMIT_EVIDENCE,
    AcceptRequest: OperationKind.ACCEPT_DISPUTE,
}


_BY_CUSTOMERS = (OperationKind.CHARGE, OperationKind.CONTINUE)


async def write_down(
    tx: Transaction,
    charge: Charge,
    request: MoneyRequest,
    *,
    solved_by: SolvedBy,
    lease_seconds: float,
    now: datetime,
    void_purpose: VoidPurpose | None = None,
    dispute_id: str | None = None,
) -> Operation:
    kind = _KINDS[type(request)]
    operation = Operation(
        id=request.operation_id,
        kind=kind,
        charge_id=charge.id,
        refund_id=request.refund_id if isinstance(request, RefundRequest) else None,
        dispute_id=dispute_id,
        account=charge.account,
        request=stored(request),
        on_session=kind in _BY_CUSTOMERS and charge.initiator.on_session,
        solved_by=solved_by,
        void_purpose=void_purpose,
        first_sent_at=now,
        created_at=now,
    )
    await tx.operations.insert(operation)
    # The lease: until this job is due the operation is its maker's, and nobody else touches it.
    await tx.jobs.schedule(JobKind.RESOLVE_OPERATION, operation.id, after_seconds=lease_seconds)
    return operation


async def is_written_down(tx: Transaction, begun: object) -> bool:
    """Whether phase 1 is there, after a commit that nobody confirmed; what it returned names the operation."""
    operation = begun[-1] if isinstance(begun, tuple) else begun
    return isinstance(operation, Operation) and await tx.operations.get(operation.id) is not None
