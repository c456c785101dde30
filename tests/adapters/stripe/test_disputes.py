"""Disputes: seen, answered and given up."""

import pytest

from domain.money import Money
from domain.provider import (
    AcceptRequest,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    Outcome,
)
from tests.adapters.stripe.desk import Desk


async def _disputed(desk: Desk, token: str = "pm_card_createDispute") -> tuple[str, str]:
    """A charge, and the dispute of it."""
    paid = await desk.paid(token=token)
    (dispute,) = (await desk.api(f"disputes?payment_intent={paid}"))["data"]
    return paid, dispute["id"]


async def _submit(desk: Desk, ref: str, said: str, *, operation_id: str = "op_evidence") -> DisputeResult:
    evidence = {EvidenceKind.OTHER: said, EvidenceKind.CUSTOMER_NAME: "Ann"}
    return await desk.provider.submit_evidence(
        EvidenceRequest(operation_id=operation_id, dispute_ref=ref, evidence=evidence)
    )


async def test_a_dispute_says_what_is_wanted_and_until_when(desk: Desk) -> None:
    paid, ref = await _disputed(desk)
    dispute = await desk.provider.fetch_dispute(dispute_ref=ref)
    assert (dispute.outcome, dispute.dispute_ref, dispute.charge_ref) == (Outcome.SUCCEEDED, ref, paid)
    assert (dispute.state, dispute.amount) == (DisputeState.NEEDS_RESPONSE, Money(10_00, "USD"))
    assert (dispute.reason, dispute.scheme_code) == (DisputeReason.FRAUDULENT, "10.4")
    assert dispute.respond_by is not None
    assert dispute.opened_at is not None
    assert dispute.respond_by > dispute.opened_at
    assert (dispute.is_inquiry, dispute.livemode) == (False, False)


async def test_an_inquiry_takes_no_money_and_is_won_when_it_is_closed(desk: Desk) -> None:
    _, ref = await _disputed(desk, "pm_card_createDisputeInquiry")
    inquiry = await desk.provider.fetch_dispute(dispute_ref=ref)
    assert (inquiry.state, inquiry.is_inquiry) == (DisputeState.NEEDS_RESPONSE, True)
    await desk.control("disputes", {"dispute": ref, "won": True})
    closed = await desk.provider.fetch_dispute(dispute_ref=ref)
    assert (closed.state, closed.is_inquiry) == (DisputeState.WON, True)


@pytest.mark.parametrize(
    ("said", "state"), [("winning_evidence", DisputeState.WON), ("losing_evidence", DisputeState.LOST)]
)
async def test_evidence_is_sent_once_and_the_bank_decides(desk: Desk, said: str, state: DisputeState) -> None:
    _, ref = await _disputed(desk)
    sent = await _submit(desk, ref, said)
    assert (sent.outcome, sent.state) == (Outcome.SUCCEEDED, DisputeState.UNDER_REVIEW)
    kept = (await desk.api(f"disputes/{ref}"))["evidence"]
    assert (kept["uncategorized_text"], kept["customer_name"]) == (said, "Ann")

    assert (await _submit(desk, ref, said)).state is DisputeState.UNDER_REVIEW
    late = await _submit(desk, ref, said, operation_id="op_other")
    await desk.advance(days=120)

    assert late.outcome is Outcome.FAILED
    assert (await desk.provider.fetch_dispute(dispute_ref=ref)).state is state


async def test_every_kind_of_evidence_has_a_place(desk: Desk) -> None:
    _, ref = await _disputed(desk)
    evidence = {kind: f"about {kind}" for kind in EvidenceKind}
    sent = await desk.provider.submit_evidence(
        EvidenceRequest(operation_id="op_all", dispute_ref=ref, evidence=evidence)
    )
    assert sent.outcome is Outcome.SUCCEEDED
    kept = {said for said in (await desk.api(f"disputes/{ref}"))["evidence"].values() if isinstance(said, str)}
    assert kept == set(evidence.values())


async def test_more_than_stripe_takes_is_refused_before_it_is_sent(desk: Desk) -> None:
    _, ref = await _disputed(desk)
    refused = await _submit(desk, ref, "x" * 150_000)
    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "evidence_too_long"
    assert await desk.requests("disputes.update") == []


async def test_a_dispute_that_is_given_up_is_lost_and_may_be_given_up_again(desk: Desk) -> None:
    _, ref = await _disputed(desk)
    for operation_id in ("op_accept", "op_accept", "op_again"):
        given_up = await desk.provider.accept_dispute(AcceptRequest(operation_id=operation_id, dispute_ref=ref))
        assert (given_up.outcome, given_up.state) == (Outcome.SUCCEEDED, DisputeState.LOST)


async def test_a_dispute_that_is_won_cannot_be_given_up(desk: Desk) -> None:
    _, ref = await _disputed(desk)
    await desk.control("disputes", {"dispute": ref, "won": True})
    refused = await desk.provider.accept_dispute(AcceptRequest(operation_id="op_accept", dispute_ref=ref))
    assert refused.outcome is Outcome.FAILED
    assert (await desk.provider.fetch_dispute(dispute_ref=ref)).state is DisputeState.WON


async def test_without_an_answer_nothing_is_known_of_a_dispute(desk: Desk) -> None:
    _, ref = await _disputed(desk)
    await desk.misbehave({"on": "*", "fault": "html"})
    accepted = await desk.provider.accept_dispute(AcceptRequest(operation_id="op_accept", dispute_ref=ref))
    seen = await desk.provider.fetch_dispute(dispute_ref=ref)
    missing = await desk.provider.fetch_dispute(dispute_ref="dp_never")
    assert [each.outcome for each in (accepted, seen, missing)] == [Outcome.UNKNOWN] * 3
