"""Refunds: within their bounds, pending, and failing after they succeeded."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe_shop import Shop


async def _refund(shop: Shop, intent: str, amount: int | None = None, **metadata: str) -> stripe.Refund:
    asked: Any = {"payment_intent": intent, "metadata": metadata}
    return await shop.sdk.v1.refunds.create_async(asked if amount is None else asked | {"amount": amount})


async def _charge(shop: Shop, intent: str) -> Any:
    return (await shop.intent(intent)).latest_charge


async def test_a_refund_gives_everything_back(shop: Shop) -> None:
    paid = await shop.pay()

    refund = await _refund(shop, paid.id, operation="o2")

    charge = await _charge(shop, paid.id)
    assert (refund.status, refund.amount, refund.currency) == ("succeeded", 10_00, "usd")
    assert refund.metadata is not None
    assert refund.metadata.to_dict() == {"operation": "o2"}
    assert (charge.amount_refunded, charge.refunded, charge.amount_captured) == (10_00, True, 10_00)
    assert (await shop.event_types())[-2:] == ["refund.created", "charge.refunded"]


async def test_refunds_end_where_the_payment_does(shop: Shop) -> None:
    paid = await shop.pay()
    await _refund(shop, paid.id, 6_00)

    with pytest.raises(stripe.InvalidRequestError) as beyond:
        await _refund(shop, paid.id, 4_01)
    await _refund(shop, paid.id, 4_00)
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        await _refund(shop, paid.id, 1)

    assert (beyond.value.param, beyond.value.code) == ("amount", None)
    assert nothing_left.value.code == "charge_already_refunded"
    assert (await shop.control("truth"))["totals"] == {"usd": {"captured": 10_00, "refunded": 10_00}}


async def test_what_was_given_back_at_the_capture_is_not_given_back_again(shop: Shop) -> None:
    held = await shop.authorize()
    await shop.sdk.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 4_00})

    refund = await _refund(shop, held.id)

    charge = await _charge(shop, held.id)
    assert refund.amount == 4_00
    assert (charge.amount_refunded, charge.refunded) == (10_00, True)


async def test_where_nothing_was_taken_nothing_is_given_back(shop: Shop) -> None:
    held = await shop.authorize(expand=["latest_charge"])
    charge: Any = held.latest_charge

    with pytest.raises(stripe.InvalidRequestError) as by_intent:
        await _refund(shop, held.id)
    with pytest.raises(stripe.InvalidRequestError) as by_charge:
        await shop.sdk.v1.refunds.create_async({"charge": charge.id})

    assert (by_intent.value.param, by_charge.value.param) == ("payment_intent", "charge")
    assert (by_intent.value.code, by_charge.value.code) == (None, None)


async def test_a_refund_may_be_pending_first(shop: Shop) -> None:
    paid = await shop.pay("pm_card_pendingRefund")

    pending = await _refund(shop, paid.id)
    await shop.advance(60)
    settled = await shop.sdk.v1.refunds.retrieve_async(pending.id)

    assert (pending.status, settled.status) == ("pending", "succeeded")
    assert (await shop.event_types())[-2:] == ["refund.updated", "charge.refund.updated"]


async def test_a_refund_may_fail_after_it_succeeded(shop: Shop) -> None:
    paid = await shop.pay("pm_card_refundFail")

    refund = await _refund(shop, paid.id, 4_00)
    during = await _charge(shop, paid.id)
    await shop.advance(60)
    failed = await shop.sdk.v1.refunds.retrieve_async(refund.id, {"expand": ["failure_balance_transaction"]})
    after = await _charge(shop, paid.id)

    back: Any = failed.failure_balance_transaction
    assert (refund.status, failed.status, failed.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    assert (during.amount_refunded, after.amount_refunded, after.refunded) == (4_00, 0, False)
    assert back.amount == 4_00
    assert "refund.failed" in await shop.event_types()
    assert (await shop.control("truth"))["totals"] == {"usd": {"captured": 10_00, "refunded": 0}}


async def test_what_failed_can_be_refunded_again(shop: Shop) -> None:
    paid = await shop.pay()
    refund = await _refund(shop, paid.id)
    await shop.control("refunds", {"refund": refund.id, "succeeded": False, "reason": "declined"})

    again = await _refund(shop, paid.id)

    assert again.status == "succeeded"


async def test_refunds_are_listed_by_what_they_refund(shop: Shop) -> None:
    paid, other = await shop.pay(), await shop.pay()
    refunds = [await _refund(shop, paid.id, 1_00) for _ in range(2)]
    await _refund(shop, other.id)

    listed = await shop.sdk.v1.refunds.list_async({"payment_intent": paid.id})

    assert [refund.id for refund in listed.data] == [refund.id for refund in reversed(refunds)]


async def test_amounts_of_refunds_keep_to_the_currency(shop: Shop) -> None:
    paid = await shop.pay(amount=10_000, currency="kwd")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _refund(shop, paid.id, 1_001)

    assert refused.value.param == "amount"


async def test_a_charge_that_nobody_knows_is_not_found(shop: Shop) -> None:
    refused = await shop.post("refunds", {"charge": "ch_0"})

    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "id")
