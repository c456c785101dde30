"""Money back: reserved under the lock, sent once, and free again when nothing happened."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.charges import ChargeState, FailureCode, ReviewReason
from domain.errors import (
    AmountNotPositive,
    ChargeNotRefundable,
    CurrencyMismatch,
    IdempotencyConflict,
    NotFound,
    PermissionDenied,
    RefundAmountTooHigh,
)
from domain.jobs import JobKind
from domain.money import Money
from domain.orders import OrderState
from domain.principals import customer
from domain.refunds import RefundReason, RefundState
from domain.services.refunds import RefundCharge
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, Shop, at_once, usd
from tests.services.watching import Ask


async def test_a_refund_in_part_and_the_rest(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))

    part = await shop.refunded(charge.id, 5_00)
    rest = await shop.refunded(charge.id)

    assert (part.state, part.amount) == (RefundState.SUCCEEDED, usd(5_00))
    assert (rest.state, rest.amount) == (RefundState.SUCCEEDED, usd(15_00))
    after = await shop.charge(charge.id)
    assert (after.state, after.refunded, after.refundable) == (ChargeState.SUCCEEDED, usd(20_00), usd(0))
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 0, "PAYMENTS": -20_00, "REFUNDS": 20_00}
    assert (await shop.events(part.id)) == ["REFUND_REQUESTED", "REFUND_SUCCEEDED"]
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    for amount in (None, 1):
        with pytest.raises(ChargeNotRefundable):
            await shop.refund(charge.id, amount)
    await shop.check(settled=True)


@pytest.mark.fault("F26")
async def test_refunds_at_once_never_go_beyond_what_was_taken(new_shop: OpenShop) -> None:
    """F26: in two processes, each with keys of its own."""
    shops = [new_shop(), new_shop()]
    charge = await shops[0].paid(await shops[0].order(20_00))

    answers = await at_once(
        *(
            shop.refund(charge.id, 3_00, key=f"{number} {place}")
            for number in range(6)
            for place, shop in enumerate(shops)
        )
    )

    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(error, RefundAmountTooHigh) for error in refused), refused
    assert len(answers) - len(refused) == 6
    after = await shops[0].charge(charge.id)
    assert (after.refunded, after.refund_reserved) == (usd(18_00), usd(0))
    assert sum(refund.amount for refund in shops[0].bank.truth().refunds) == 18_00
    # A refused request burnt no key.
    keys = await shops[0].rows("SELECT key FROM idempotency_keys WHERE mutation = 'chargeRefund'")
    assert len(keys) == 6
    await shops[0].check(settled=True)


@pytest.mark.fault("F26")
async def test_what_is_on_its_way_cannot_be_promised_again(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        asked.set()
        await may_answer.wait()
        return await ask()

    shop.provider.between["refund"] = wait
    first = asyncio.create_task(shop.refund(charge.id, 15_00))
    await asked.wait()
    assert (await shop.charge(charge.id)).refundable == usd(5_00)
    with pytest.raises(RefundAmountTooHigh):
        await shop.refund(charge.id, 5_01)
    may_answer.set()
    await first
    await shop.check(settled=True)


@pytest.mark.fault("F23")
async def test_one_key_ten_times_at_once_is_one_refund(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))

    refunded = await at_once(*(shop.refund(charge.id, 1_00, key="k") for _ in range(10)))

    assert len({one.refund_id for one in refunded}) == 1
    assert len(shop.bank.truth().refunds) == 1
    assert (await shop.charge(charge.id)).refunded == usd(1_00)
    with pytest.raises(IdempotencyConflict):
        await shop.refund(charge.id, 2_00, key="k")
    await shop.check(settled=True)


async def test_a_refund_that_was_not_sent_frees_its_money_and_its_key(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))
    shop.misbehave("refund#1=refuse")

    failed = await shop.refunded(charge.id, 20_00, key="k")

    assert (failed.state, failed.failure_code) == (RefundState.FAILED, FailureCode.PROVIDER_UNAVAILABLE)
    assert (await shop.charge(charge.id)).refundable == usd(20_00)
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []
    again = await shop.refunded(charge.id, 20_00, key="k")
    assert (again.state, again.id != failed.id) == (RefundState.SUCCEEDED, True)
    assert len(shop.bank.truth().refunds) == 1
    await shop.check(settled=True)


async def test_a_failed_refund_frees_its_money_and_keeps_its_key(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(token="tok_refundFailAtOnce"))

    failed = await shop.refunded(charge.id, 20_00, key="k")

    assert (failed.state, failed.failure_code) == (RefundState.FAILED, FailureCode.RETURNED)
    assert failed.provider_code == "refund_failed"
    after = await shop.charge(charge.id)
    assert (after.refundable, after.refunded) == (usd(20_00), usd(0))
    assert (await shop.refund(charge.id, 20_00, key="k")).refund_id == failed.id
    assert await shop.events(failed.id) == ["REFUND_REQUESTED", "REFUND_FAILED"]
    await shop.check(settled=True)


@pytest.mark.fault("F7")
@pytest.mark.parametrize("fault", ["lose_answer", "error", "error_after", "hang"])
async def test_an_unknown_refund_is_executed_once(shop: Shop, fault: str) -> None:
    charge = await shop.paid(await shop.order(20_00))
    shop.misbehave(f"refund#1={fault}")

    lost = await shop.refunded(charge.id, 15_00, key="k")
    assert (lost.state, lost.next_check_at is not None) == (RefundState.UNKNOWN, True)
    assert (await shop.charge(charge.id)).refund_reserved == usd(15_00)
    with pytest.raises(RefundAmountTooHigh):
        await shop.refund(charge.id, 6_00)

    await shop.run_jobs()

    assert (await shop.refund_row(lost.id)).state is RefundState.SUCCEEDED
    assert [refund.amount for refund in shop.bank.truth().refunds] == [15_00]
    assert (await shop.refund(charge.id, 15_00, key="k")).refund_id == lost.id
    await shop.check(settled=True)


@pytest.mark.fault("F45")
async def test_a_refund_settles_when_the_client_hangs_up(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        asked.set()
        await may_answer.wait()
        return await ask()

    shop.provider.between["refund"] = wait
    client = asyncio.create_task(shop.refund(charge.id, 5_00))
    await asked.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    may_answer.set()
    await shop.idle()

    assert (await shop.charge(charge.id)).refunded == usd(5_00)
    await shop.check(settled=True)


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("token", "script"),
    [
        ("tok_chargeDeclined", ""),
        ("tok_threeDSecureRequired", ""),
        ("tok_visa", "charge#1=lose_answer"),
        ("tok_visa", "charge#1=refuse"),
    ],
)
async def test_what_took_no_money_gives_none_back(shop: Shop, token: str, script: str) -> None:
    """F27: also not while nobody knows whether money was taken."""
    order_id = await shop.order(token=token)
    shop.misbehave(script)
    charge = await shop.paid(order_id)

    with pytest.raises(ChargeNotRefundable):
        await shop.refund(charge.id, 1_00)

    assert shop.bank.truth().refunds == ()
    await shop.check()


async def test_a_refund_has_the_currency_of_its_charge(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))
    command = RefundCharge(
        charge_id=charge.id,
        amount=Money(5_00, "EUR"),
        reason=RefundReason.OTHER,
        note=None,
        request=shop.request("chargeRefund", "k", {}),
    )

    with pytest.raises(CurrencyMismatch):
        await shop.refunds.refund_charge(SHOP, command)
    for amount in (0, -5_00):
        with pytest.raises(AmountNotPositive):
            await shop.refund(charge.id, amount)
    await shop.check(settled=True)


async def test_who_may_not_refund_changes_nothing(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))
    command = RefundCharge(
        charge_id=charge.id, amount=None, reason=None, note=None, request=shop.request("chargeRefund", "k", {})
    )

    with pytest.raises(PermissionDenied):
        await shop.refunds.refund_charge(customer("42", charge.customer_id), command)
    with pytest.raises(NotFound):
        await shop.refund("chg_00000000000000000000000000", 1_00)
    assert await shop.rows("SELECT id FROM refunds") == []


@pytest.mark.fault("F21")
@pytest.mark.parametrize(
    ("told", "booked"),
    [(usd(4_00), usd(4_00)), (usd(25_00), usd(20_00)), (usd(0), usd(5_00))],
)
async def test_another_amount_than_was_asked_for_is_booked_as_far_as_it_can_be_and_reviewed(
    shop: Shop, told: Money, booked: Money
) -> None:
    """F21, for money on its way back: what the provider says is booked, and a person looks at it."""

    async def say_otherwise(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), amount=told)

    charge = await shop.paid(await shop.order(20_00))
    shop.provider.between["refund"] = say_otherwise

    refund = await shop.refunded(charge.id, 5_00)

    after = await shop.charge(charge.id)
    assert (refund.state, refund.amount) == (RefundState.SUCCEEDED, booked)
    assert (after.refunded, after.refund_reserved) == (booked, usd(0))
    assert after.review is not None
    assert after.review.reason is ReviewReason.AMOUNT_MISMATCH
    assert "CHARGE_REVIEW_OPENED" in await shop.events(charge.id)
    assert (await shop.ledger(charge.id))["REFUNDS"] == booked.minor_units
