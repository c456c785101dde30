"""Refunds, as Stripe makes them of a PaymentIntent."""

import pytest

from domain.money import Money
from domain.provider import Outcome
from tests.adapters.stripe.desk import Desk

TEN, FOUR = Money(10_00, "USD"), Money(4_00, "USD")


async def test_a_refund_names_its_operation_and_its_record(desk: Desk) -> None:
    made = await desk.refund(await desk.paid(), FOUR, operation_id="op_back", reason="requested_by_customer")
    assert (made.outcome, made.operation_id, made.amount) == (Outcome.SUCCEEDED, "op_back", FOUR)
    kept = await desk.api(f"refunds/{made.refund_ref}")
    assert kept["metadata"]["paydesk_refund"].startswith("rf_")
    assert kept["reason"] == "requested_by_customer"


async def test_a_reason_that_is_none_of_stripes_stays_with_us(desk: Desk) -> None:
    made = await desk.refund(await desk.paid(), FOUR, reason="the vase was broken")
    assert made.outcome is Outcome.SUCCEEDED
    assert (await desk.api(f"refunds/{made.refund_ref}"))["reason"] is None


async def test_a_refund_beyond_what_is_left_is_refused_and_makes_none(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.refund(paid, Money(7_00, "USD"))
    beyond = await desk.refund(paid, FOUR)
    assert (beyond.outcome, beyond.refund_ref) == (Outcome.FAILED, None)
    assert (await desk.provider.fetch_charge(charge_ref=paid)).refunded == Money(7_00, "USD")

    await desk.refund(paid, Money(3_00, "USD"))
    nothing_left = await desk.refund(paid, FOUR)

    assert nothing_left.refusal is not None
    assert nothing_left.refusal.provider_code == "charge_already_refunded"


@pytest.mark.parametrize("succeeded", [True, False])
async def test_a_pending_refund_comes_to_an_end(desk: Desk, succeeded: bool) -> None:
    made = await desk.refund(await desk.paid(token="pm_card_pendingRefund"), FOUR)
    assert (made.outcome, made.amount) == (Outcome.PENDING, FOUR)
    assert made.refund_ref is not None

    await desk.control("refunds", {"refund": made.refund_ref, "succeeded": succeeded})

    ended = await desk.provider.fetch_refund(refund_ref=made.refund_ref)
    assert ended.outcome is (Outcome.SUCCEEDED if succeeded else Outcome.FAILED)
    assert ended.refund_ref == made.refund_ref


async def test_a_refund_that_had_succeeded_fails_by_its_name_and_says_why(desk: Desk) -> None:
    made = await desk.refund(await desk.paid(token="pm_card_refundFail"), FOUR)
    assert made.outcome is Outcome.SUCCEEDED
    assert made.refund_ref is not None
    await desk.advance(days=30)

    failed = await desk.provider.fetch_refund(refund_ref=made.refund_ref)

    assert (failed.outcome, failed.refund_ref) == (Outcome.FAILED, made.refund_ref)
    assert failed.refusal is not None
    assert failed.refusal.provider_code == "expired_or_canceled_card"


async def test_what_a_dispute_took_back_cannot_be_refunded_too(desk: Desk) -> None:
    refused = await desk.refund(await desk.paid(token="pm_card_createDispute"), FOUR)
    assert (refused.outcome, refused.refund_ref) == (Outcome.FAILED, None)
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "charge_disputed"


async def test_an_amount_that_stripe_has_no_unit_for_is_not_given_back(desk: Desk) -> None:
    paid = await desk.paid(Money(5_130, "KWD"))
    refused = await desk.refund(paid, Money(1_001, "KWD"))
    assert refused.outcome is Outcome.FAILED
    assert await desk.requests("refunds.create") == []
