"""Disputes: https://docs.stripe.com/api/disputes and https://docs.stripe.com/disputes/how-disputes-work."""

from collections.abc import Mapping
from typing import Any

import stripe

from adapters.stripe.amounts import money_of
from adapters.stripe.errands import Answer, Errand, read
from adapters.stripe.reading import Unreadable, flag, moment, object_of, optional_moment, optional_text, ref_of, text
from adapters.stripe.verdicts import UNREADABLE, Verdict, failed
from adapters.verdicts import as_looked
from domain.provider import (
    AcceptRequest,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    Outcome,
)

_MOST_CHARACTERS = 150_000
"""Of all evidence together (the parameter `evidence` of https://docs.stripe.com/api/disputes/update)."""

_FIELDS: dict[EvidenceKind, str] = {
    EvidenceKind.PRODUCT_DESCRIPTION: "product_description",
    EvidenceKind.CUSTOMER_NAME: "customer_name",
    EvidenceKind.CUSTOMER_EMAIL: "customer_email_address",
    EvidenceKind.CUSTOMER_IP: "customer_purchase_ip",
    EvidenceKind.BILLING_ADDRESS: "billing_address",
    EvidenceKind.SHIPPING_ADDRESS: "shipping_address",
    EvidenceKind.SHIPPING_CARRIER: "shipping_carrier",
    EvidenceKind.SHIPPING_DATE: "shipping_date",
    EvidenceKind.SHIPPING_TRACKING_NUMBER: "shipping_tracking_number",
    EvidenceKind.SERVICE_DATE: "service_date",
    EvidenceKind.ACCESS_LOG: "access_activity_log",
    EvidenceKind.CANCELLATION_POLICY: "cancellation_policy_disclosure",
    EvidenceKind.CANCELLATION_REBUTTAL: "cancellation_rebuttal",
    EvidenceKind.REFUND_POLICY: "refund_policy_disclosure",
    EvidenceKind.REFUND_REFUSAL: "refund_refusal_explanation",
    EvidenceKind.DUPLICATE_EXPLANATION: "duplicate_charge_explanation",
    EvidenceKind.OTHER: "uncategorized_text",
}


class Disputes:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._disputes = client.v1.disputes

    async def fetch(self, errand: Errand, dispute_ref: str) -> DisputeResult | Verdict:
        told = await errand.look(
            f"dispute {dispute_ref}", lambda options: self._disputes.retrieve_async(dispute_ref, {}, options)
        )
        return as_looked(told) if isinstance(told, Verdict) else _read(told, dispute_ref)

    async def submit(self, errand: Errand, request: EvidenceRequest) -> DisputeResult | Verdict:
        length = sum(len(said) for said in request.evidence.values())
        if length > _MOST_CHARACTERS:
            return failed("evidence_too_long", f"Stripe takes {_MOST_CHARACTERS} characters of evidence, not {length}.")
        evidence: Any = {_FIELDS[kind]: said for kind, said in request.evidence.items()}
        params: stripe.params.DisputeUpdateParams = {"evidence": evidence, "submit": True}
        told = await errand.do(
            "evidence",
            lambda options: self._disputes.update_async(request.dispute_ref, params, options),
            key=request.operation_id,
        )
        return await self._as_it_is(errand, told, request.dispute_ref)

    async def accept(self, errand: Errand, request: AcceptRequest) -> DisputeResult | Verdict:
        """Stripe has no state of its own for it: it is lost, and who gave in is known here alone."""
        told = await errand.do(
            "acceptance",
            lambda options: self._disputes.close_async(request.dispute_ref, {}, options),
            key=request.operation_id,
        )
        if not isinstance(told, Verdict) or told.outcome is not Outcome.FAILED:
            return await self._as_it_is(errand, told, request.dispute_ref)
        seen = await self.fetch(errand, request.dispute_ref)
        is_lost = isinstance(seen, DisputeResult) and seen.state is DisputeState.LOST
        return seen if is_lost else told

    async def _as_it_is(self, errand: Errand, told: Answer | Verdict, dispute_ref: str) -> DisputeResult | Verdict:
        if isinstance(told, Answer) and told.replayed:
            return await self.fetch(errand, dispute_ref)
        return told if isinstance(told, Verdict) else _read(told, dispute_ref)


def _read(told: Answer, dispute_ref: str) -> DisputeResult | Verdict:
    seen = read(picture, told)
    if isinstance(seen, DisputeResult) and seen.dispute_ref != dispute_ref:
        return UNREADABLE
    return seen


_STATES: dict[str, DisputeState] = {
    "needs_response": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "warning_needs_response": DisputeState.NEEDS_RESPONSE,
    "warning_under_review": DisputeState.UNDER_REVIEW,
    "warning_closed": DisputeState.WON,
    # The answer of an appeal is other than evidence, and is given in the Dashboard.
    "appeal_needs_response": DisputeState.UNDER_REVIEW,
    "appeal_under_review": DisputeState.UNDER_REVIEW,
    "prevented": DisputeState.WON,
}
_TAKES_NO_MONEY = ("warning_", "prevented")
"""An inquiry, or what a card scheme's service ended before it was a dispute; if it refunded, that is a refund."""

_REASONS: dict[str, DisputeReason] = {
    "credit_not_processed": DisputeReason.CREDIT_NOT_PROCESSED,
    "duplicate": DisputeReason.DUPLICATE,
    "fraudulent": DisputeReason.FRAUDULENT,
    "product_not_received": DisputeReason.PRODUCT_NOT_RECEIVED,
    "product_unacceptable": DisputeReason.PRODUCT_UNACCEPTABLE,
    "subscription_canceled": DisputeReason.SUBSCRIPTION_CANCELED,
    "unrecognized": DisputeReason.NOT_RECOGNIZED,
}


def picture(found: Mapping[str, Any]) -> DisputeResult:
    dispute = object_of(found, "dispute")
    status = text(dispute["status"])
    if status not in _STATES:
        raise Unreadable(status)
    details = dispute.get("evidence_details") or {}
    card = (dispute.get("payment_method_details") or {}).get("card") or {}
    return DisputeResult(
        outcome=Outcome.SUCCEEDED,
        dispute_ref=text(dispute["id"]),
        charge_ref=ref_of(dispute.get("payment_intent")),
        state=_STATES[status],
        amount=money_of(dispute["amount"], dispute["currency"]),
        is_inquiry=status.startswith(_TAKES_NO_MONEY),
        reason=_REASONS.get(text(dispute["reason"]), DisputeReason.GENERAL),
        scheme_code=optional_text(card.get("network_reason_code") or dispute.get("network_reason_code")),
        respond_by=optional_moment(details.get("due_by")),
        opened_at=moment(dispute["created"]),
        livemode=flag(dispute["livemode"]),
        raw={name: dispute.get(name) for name in _TOLD},
    )


_TOLD = (
    *("object", "id", "status", "amount", "currency", "reason", "network_reason_code", "is_charge_refundable"),
    *("charge", "payment_intent", "created", "livemode"),
)
