"""Refunds: https://docs.stripe.com/api/refunds.

A card's refund is made at once, and may fail days later. What is released of a hold is listed as a refund too, without
a transaction of the balance: it gives nothing back, and is none here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import stripe

from adapters.stripe.amounts import money_of
from adapters.stripe.charges import amount_or_refusal
from adapters.stripe.errands import Answer, Errand, read, read_object
from adapters.stripe.payments import is_ours
from adapters.stripe.reading import OPERATION, Unreadable, object_of, operation_of, text
from adapters.stripe.searching import search, seconds_before
from adapters.stripe.verdicts import UNREADABLE, Verdict
from adapters.verdicts import as_looked
from domain.provider import LookUp, Outcome, RefundRequest, RefundResult, Refusal

REFUND = "paydesk_refund"
_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
"""Stripe's own; another text of ours is kept here only."""

_OUTCOMES = {
    "pending": Outcome.PENDING,
    "requires_action": Outcome.PENDING,
    "succeeded": Outcome.SUCCEEDED,
    "failed": Outcome.FAILED,
    "canceled": Outcome.FAILED,
}


class Refunds:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._refunds = client.v1.refunds

    async def refund(self, errand: Errand, request: RefundRequest) -> RefundResult | Verdict:
        amount = amount_or_refusal(request.amount)
        if isinstance(amount, Verdict):
            return amount
        params: stripe.params.RefundCreateParams = {
            "payment_intent": request.charge_ref,
            "amount": amount,
            "metadata": {OPERATION: request.operation_id, REFUND: request.refund_id},
        }
        if request.reason in _REASONS:
            params["reason"] = request.reason
        told = await errand.do(
            "refund", lambda options: self._refunds.create_async(params, options), key=request.operation_id
        )
        made = read(picture, told)
        if isinstance(made, Verdict):
            # A refund has no declines: whatever Stripe refuses it with, none was made.
            return replace(made, outcome=Outcome.FAILED) if made.outcome is Outcome.DECLINED else made
        if made.operation_id != request.operation_id or made.refund_ref is None:
            return UNREADABLE
        if isinstance(told, Answer) and told.replayed:
            return await self.fetch(errand, made.refund_ref)
        return made

    async def fetch(self, errand: Errand, refund_ref: str) -> RefundResult | Verdict:
        told = await errand.look(
            f"refund {refund_ref}", lambda options: self._refunds.retrieve_async(refund_ref, {}, options)
        )
        seen = read(picture, told)
        if isinstance(seen, Verdict):
            return as_looked(seen)
        return seen if seen.refund_ref == refund_ref else UNREADABLE

    async def find(self, errand: Errand, look_up: LookUp) -> RefundResult | Verdict | None:
        """Among the refunds of the charge; None when all were seen."""
        params: stripe.params.RefundListParams = {"created": {"gte": seconds_before(look_up.not_before)}}
        if look_up.charge_ref is not None:
            params["payment_intent"] = look_up.charge_ref
        found = await search(
            errand,
            "refunds",
            lambda page, options: self._refunds.list_async({**params, **page}, options),
            lambda refund: is_ours(refund, look_up.operation_id),
        )
        return found if found is None or isinstance(found, Verdict) else read_object(picture, found)


def picture(found: Mapping[str, Any]) -> RefundResult:
    refund = object_of(found, "refund")
    status = text(refund["status"])
    if status not in _OUTCOMES:
        raise Unreadable(status)
    outcome = _OUTCOMES[status]
    return RefundResult(
        outcome=outcome,
        refund_ref=text(refund["id"]),
        operation_id=operation_of(refund),
        amount=money_of(refund["amount"], refund["currency"]),
        refusal=_refusal(refund, status) if outcome is Outcome.FAILED else None,
        raw={name: refund.get(name) for name in _TOLD},
    )


def _refusal(refund: Mapping[str, Any], status: str) -> Refusal:
    reason = refund.get("failure_reason")
    return Refusal("The money could not be given back.", provider_code=reason if isinstance(reason, str) else status)


def is_release(refund: Mapping[str, Any]) -> bool:
    """Of a hold: money that was never taken."""
    return refund.get("balance_transaction") is None and refund.get("status") == "succeeded"


_TOLD = (
    *("object", "id", "status", "amount", "currency", "reason", "failure_reason", "pending_reason"),
    *("payment_intent", "charge", "created"),
)
