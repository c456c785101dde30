"""A refund: money on its way back, always at the provider that took it.

Evidence of the provider is applied by `after`, which is the same rule for the direct answer, the webhook and the
resolver, so these may come in any order, twice or never:

    waiting (PENDING, REQUIRES_ACTION, UNKNOWN) → FAILED (it was never made) → SUCCEEDED → FAILED (RETURNED)

A request that failed may have made a refund all the same, and one that is made is booked. A refund that was made may
still fail days later, when the customer's bank does not take the money; that is the provider's last word on it. So an
older picture, in which it had succeeded, never undoes a newer one.
"""

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

_NEVER_MADE, _MADE, _RETURNED = 1, 2, 3
"""How far a refund that waits no longer has come."""

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
    order_id: str | None = None
    invoice_id: str | None = None
    """Of its charge: one of the two."""
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

    @property
    def is_being_decided(self) -> bool:
        """The provider is known to have it, and may take days: this is no unknown outcome."""
        return self.is_waiting and self.state is not RefundState.UNKNOWN and self.refund_ref is not None

    @property
    def is_returned(self) -> bool:
        """The provider had made it, and the money came back."""
        return self.state is RefundState.FAILED and self.failure_code is FailureCode.RETURNED

    def after(self, result: RefundResult, *, now: datetime) -> "Refund":
        """The refund once this evidence is known. Evidence that is no further than what is known changes nothing.

        The amount becomes what the provider says that it gave back.
        """
        state = _STATE_AFTER[result.outcome]
        failure_code = _failure_after(result)
        if not self._is_news(state, failure_code, result):
            return self
        return replace(
            self,
            state=state,
            amount=self._given_back(result) if state is RefundState.SUCCEEDED else self.amount,
            refund_ref=result.refund_ref or self.refund_ref,
            # A result that knows nothing carries the default, which must not displace a void that was seen.
            executed_as=self.executed_as if state is RefundState.UNKNOWN else result.executed_as,
            failure_code=failure_code,
            provider_code=result.refusal.provider_code if result.refusal else None,
            provider_message=result.refusal.message if result.refusal else None,
            next_check_at=self.next_check_at if state is RefundState.UNKNOWN else None,
            updated_at=now,
        )

    def is_in_another_currency(self, result: RefundResult) -> bool:
        """Whether this tells of money that cannot be booked here, and of which nothing may be concluded."""
        return result.amount is not None and result.amount.currency != self.amount.currency

    def weighed(self, result: RefundResult) -> RefundResult:
        """What an answer is worth by now: that a request failed says nothing of a refund that is known to be made."""
        failed = _STATE_AFTER[result.outcome] is RefundState.FAILED
        refused = failed and result.refund_ref is None and self.refund_ref is not None
        return replace(result, outcome=Outcome.UNKNOWN) if refused else result

    def _is_news(self, state: RefundState, failure_code: FailureCode | None, result: RefundResult) -> bool:
        if self.is_waiting:
            # An answer that was lost says nothing of a refund that the provider is known to have.
            return state is not RefundState.UNKNOWN or not self.is_being_decided
        if result.refund_ref and self.refund_ref and result.refund_ref != self.refund_ref:
            # Two refunds of one request, where a provider has no keys: the one that gave money back counts.
            return state is RefundState.SUCCEEDED and self.state is not RefundState.SUCCEEDED
        return _how_far(state, failure_code) > _how_far(self.state, self.failure_code)

    def _given_back(self, result: RefundResult) -> Money:
        """What the provider says that it gave back, where that can be; else what was asked for."""
        told = result.amount
        return told if told is not None and told.is_positive else self.amount

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


def _failure_after(result: RefundResult) -> FailureCode | None:
    """A refund that failed and has a name at the provider was made; without one, the request was refused."""
    failed = _STATE_AFTER[result.outcome] is RefundState.FAILED
    return FailureCode.RETURNED if failed and result.refund_ref else _FAILURE_AFTER.get(result.outcome)


def _how_far(state: RefundState, failure_code: FailureCode | None) -> int:
    if state in WAITING_STATES:
        return 0
    if state is RefundState.SUCCEEDED:
        return _MADE
    return _RETURNED if failure_code is FailureCode.RETURNED else _NEVER_MADE
