"""A refund: money on its way back, always at the provider that took it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.charges import FailureCode
from domain.money import Money
from domain.provider import ExecutedAs, Outcome, RefundResult


class RefundState(StrEnum):
    PENDING = "PENDING"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


class RefundReason(StrEnum):
    REQUESTED_BY_CUSTOMER = "REQUESTED_BY_CUSTOMER"
    DUPLICATE = "DUPLICATE"
    FRAUDULENT = "FRAUDULENT"
    OTHER = "OTHER"


WAITING_STATES = frozenset({RefundState.PENDING, RefundState.REQUIRES_ACTION, RefundState.UNKNOWN})

_STATE_AFTER: dict[Outcome, RefundState] = {
    Outcome.SUCCEEDED: RefundState.SUCCEEDED,
    Outcome.VOIDED: RefundState.SUCCEEDED,
    Outcome.EXPIRED: RefundState.FAILED,
    Outcome.PENDING: RefundState.PENDING,
    Outcome.REQUIRES_ACTION: RefundState.REQUIRES_ACTION,
    Outcome.DECLINED: RefundState.FAILED,
    Outcome.FAILED: RefundState.FAILED,
    Outcome.NOT_SENT: RefundState.FAILED,
    Outcome.UNKNOWN: RefundState.UNKNOWN,
}

_FAILURE_AFTER: dict[Outcome, FailureCode] = {
    Outcome.DECLINED: FailureCode.PROVIDER_REFUSED,
    Outcome.FAILED: FailureCode.PROVIDER_REFUSED,
    Outcome.EXPIRED: FailureCode.PROVIDER_REFUSED,
    Outcome.NOT_SENT: FailureCode.PROVIDER_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    id: str
    charge_id: str
    order_id: str
    customer_id: str
    account: str
    refund_ref: str | None = None
    state: RefundState = RefundState.PENDING
    executed_as: ExecutedAs = ExecutedAs.REFUND
    amount: Money
    reason: RefundReason | None = None
    note: str | None = None
    failure_code: FailureCode | None = None
    provider_code: str | None = None
    provider_message: str | None = None
    next_check_at: datetime | None = None
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def is_waiting(self) -> bool:
        return self.state in WAITING_STATES

    def after(self, result: RefundResult, *, now: datetime) -> "Refund":
        """The refund once this evidence is known. Its end stays, unless the money went back after all.

        The amount becomes what the provider says that it gave back.
        """
        state = _STATE_AFTER[result.outcome]
        if self.state is RefundState.SUCCEEDED or not (self.is_waiting or state is RefundState.SUCCEEDED):
            return self
        return replace(
            self,
            state=state,
            amount=self._given_back(result) if state is RefundState.SUCCEEDED else self.amount,
            refund_ref=result.refund_ref or self.refund_ref,
            # A result that knows nothing carries the default, which must not displace a void that was seen.
            executed_as=self.executed_as if state is RefundState.UNKNOWN else result.executed_as,
            failure_code=_FAILURE_AFTER.get(result.outcome),
            provider_code=result.refusal.provider_code if result.refusal else None,
            provider_message=result.refusal.message if result.refusal else None,
            next_check_at=self.next_check_at if state is RefundState.UNKNOWN else None,
            updated_at=now,
        )

    def _given_back(self, result: RefundResult) -> Money:
        """What the provider says that it gave back, where that can be; else what was asked for."""
        told = result.amount
        can_be = told is not None and told.currency == self.amount.currency and told.is_positive
        return told if told is not None and can_be else self.amount

    def not_applied(self, *, now: datetime) -> "Refund":
        return replace(
            self,
            state=RefundState.FAILED,
            failure_code=FailureCode.NOT_APPLIED,
            next_check_at=None,
            updated_at=now,
        )

    def checked_again_at(self, when: datetime | None) -> "Refund":
        return replace(self, next_check_at=when)
