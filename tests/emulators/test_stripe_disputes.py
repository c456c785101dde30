"""Disputes: opened by a card or by hand, answered with evidence, won, lost, accepted."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe_shop import Shop

_MONTH_SECONDS = 30 * 24 * 3600


async def _disputed(shop: Shop, card: str = "pm_card_createDispute") -> stripe.Dispute:
    paid = await shop.pay(card)
    return (await shop.sdk.v1.disputes.list_async({"payment_intent": paid.id})).data[0]


async def test_a_disputed_charge_loses_its_money(shop: Shop) -> None:
    dispute = await _disputed(shop)

    charge = await shop.sdk.v1.charges.retrieve_async(str(dispute.charge))
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 10_00)
    assert [taken.amount for taken in dispute.balance_transactions] == [-10_00]
    assert charge.disputed
    assert (await shop.event_types())[-4:] == [
        "charge.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.sdk.v1.refunds.create_async({"charge": charge.id})
    assert refused.value.code == "charge_disputed"


@pytest.mark.parametrize(("evidence", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
async def test_evidence_wins_or_loses(shop: Shop, evidence: str, status: str) -> None:
    dispute = await _disputed(shop)

    sent = await shop.sdk.v1.disputes.update_async(
        dispute.id, {"evidence": {"uncategorized_text": evidence, "customer_name": "Ada"}}
    )
    await shop.advance(60)
    decided = await shop.sdk.v1.disputes.retrieve_async(dispute.id)

    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert sent.evidence.customer_name == "Ada"
    assert decided.status == status
    assert sum(moved.amount for moved in decided.balance_transactions) == (0 if status == "won" else -10_00)
    reinstated = "charge.dispute.funds_reinstated" in await shop.event_types()
    assert reinstated is (status == "won")


async def test_who_wins_may_refund_after_all(shop: Shop) -> None:
    dispute = await _disputed(shop)
    won = await shop.control("disputes", {"dispute": dispute.id, "won": True})

    refund = await shop.sdk.v1.refunds.create_async({"charge": str(dispute.charge)})

    assert won["is_charge_refundable"]
    assert refund.status == "succeeded"
    assert sum(moved["net"] for moved in won["balance_transactions"]) == 0


async def test_evidence_can_be_kept_before_it_is_sent(shop: Shop) -> None:
    dispute = await _disputed(shop)
    disputes = shop.sdk.v1.disputes

    kept = await disputes.update_async(dispute.id, {"evidence": {"customer_name": "Ada"}, "submit": False})
    sent = await disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": "text"}})
    with pytest.raises(stripe.InvalidRequestError):
        await disputes.update_async(dispute.id, {"evidence": {"customer_name": "Eve"}})

    assert (kept.status, kept.evidence_details.has_evidence) == ("needs_response", True)
    assert (sent.status, sent.evidence.customer_name) == ("under_review", "Ada")


async def test_a_dispute_that_is_closed_is_lost(shop: Shop) -> None:
    dispute = await _disputed(shop)

    closed = await shop.sdk.v1.disputes.close_async(dispute.id)

    assert closed.status == "lost"
    assert (await shop.event_types())[-1] == "charge.dispute.closed"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.sdk.v1.disputes.close_async(dispute.id)


async def test_a_dispute_that_nobody_answers_is_lost(shop: Shop) -> None:
    dispute = await _disputed(shop)
    await shop.advance(_MONTH_SECONDS)

    overdue = await shop.sdk.v1.disputes.retrieve_async(dispute.id)

    assert (overdue.status, overdue.evidence_details.past_due) == ("lost", True)


async def test_an_inquiry_takes_no_money_and_leaves_room_for_a_refund(shop: Shop) -> None:
    inquiry = await _disputed(shop, "pm_card_createDisputeInquiry")

    refund = await shop.sdk.v1.refunds.create_async({"charge": str(inquiry.charge)})

    assert (inquiry.status, inquiry.balance_transactions) == ("warning_needs_response", [])
    assert refund.status == "succeeded"


@pytest.mark.parametrize("evidence", ["winning_evidence", "losing_evidence"])
async def test_nothing_comes_of_an_inquiry_that_is_answered(shop: Shop, evidence: str) -> None:
    inquiry = await _disputed(shop, "pm_card_createDisputeInquiry")

    await shop.sdk.v1.disputes.update_async(inquiry.id, {"evidence": {"uncategorized_text": evidence}})
    await shop.advance(60)
    closed = await shop.sdk.v1.disputes.retrieve_async(inquiry.id)

    assert (closed.status, closed.balance_transactions) == ("warning_closed", [])


async def test_an_inquiry_may_become_a_dispute_that_wants_evidence_of_its_own(shop: Shop) -> None:
    inquiry = await _disputed(shop, "pm_card_createDisputeInquiry")
    disputes = shop.sdk.v1.disputes

    await disputes.update_async(inquiry.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    await shop.advance(8 * 24 * 3600)
    escalated = await disputes.retrieve_async(inquiry.id)
    await disputes.update_async(inquiry.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    await shop.advance(60)
    won = await disputes.retrieve_async(inquiry.id)

    assert (escalated.status, escalated.is_charge_refundable) == ("needs_response", False)
    assert [taken.amount for taken in escalated.balance_transactions] == [-10_00]
    assert won.status == "won"


async def test_the_truth_tells_of_disputes_with_what_was_said(shop: Shop) -> None:
    dispute = await _disputed(shop)
    await shop.sdk.v1.disputes.update_async(dispute.id, {"evidence": {"customer_name": "Ada"}})

    (told,) = (await shop.control("truth"))["disputes"]

    assert (told["id"], told["status"], told["withdrawn"]) == (dispute.id, "under_review", 10_00)
    assert told["evidence"] == {"customer_name": "Ada"}


async def test_any_charge_can_be_disputed_and_decided_by_hand(shop: Shop) -> None:
    paid = await shop.pay()
    asked = {"charge": paid.latest_charge, "reason": "duplicate", "amount": 4_00}
    opened = await shop.control("disputes", asked)
    won = await shop.control("disputes", {"dispute": opened["id"], "won": True})

    assert (opened["reason"], opened["amount"], won["status"]) == ("duplicate", 4_00, "won")


async def test_what_is_booked_adds_up_to_what_was_taken(shop: Shop) -> None:
    """After captures in part, refunds that failed, and disputes won and lost."""
    v1 = shop.sdk.v1
    held = await shop.authorize()
    await v1.payment_intents.capture_async(held.id, {"amount_to_capture": 4_00})
    await v1.payment_intents.cancel_async((await shop.authorize()).id)
    for card in ("pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail"):
        paid = await shop.pay(card)
        await v1.refunds.create_async({"payment_intent": paid.id, "amount": 3_00})
    for evidence in ("winning_evidence", "losing_evidence"):
        dispute = await _disputed(shop)
        await v1.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": evidence}})
    await shop.advance(60)

    totals = (await shop.control("truth"))["totals"]["usd"]
    booked = sum(each.amount for each in (await v1.balance_transactions.list_async({"limit": 100})).data)

    lost = 10_00
    assert totals == {"captured": 54_00, "refunded": 6_00}
    assert booked == totals["captured"] - totals["refunded"] - lost


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"evidence[mood]": "bad"}, "evidence[mood]"),
        ({"evidence": "it was me"}, "evidence"),
        ({"submit": "now"}, "submit"),
        ({"evidence[receipt]": "file_1"}, "evidence[receipt]"),
    ],
)
async def test_evidence_that_a_dispute_does_not_take_is_refused(shop: Shop, form: Any, param: str) -> None:
    dispute = await _disputed(shop)

    refused = await shop.post(f"disputes/{dispute.id}", form)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
