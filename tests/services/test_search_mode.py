"""An account that keeps no keys: nothing is sent twice, and a lost answer is looked for until that proves something."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState, FailureCode
from domain.operations import SolvedBy
from domain.provider import Initiator
from domain.refunds import RefundState
from tests.services.dying import die_before, dropped_charge, dropped_refund
from tests.services.shop import PROVIDER_SECONDS, MovableClock, Shop, usd
from tests.services.watching import Ask


async def find_nothing(_asked: object, _ask: Ask) -> None:
    return None


TRAVEL_SECONDS = 2 * PROVIDER_SECONDS + 1


@pytest.fixture
def bank(tmp_path: Path, clock: MovableClock) -> Iterator[Bank]:
    opened = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test", keeps_keys=False)
    yield opened
    opened.close()


async def test_the_bank_takes_twice_what_is_sent_twice(shop: Shop) -> None:
    """What the gateway has to be careful about: if this bank were kind, the tests below would show nothing."""
    charge = await shop.paid(await shop.order())
    (request,) = shop.provider.asked("charge")

    again = await shop.provider.charge(request)

    assert again.charge_ref != charge.charge_ref
    assert again.operation_id == request.operation_id
    assert shop.bank.truth().captured(charge.id) == 2 * 20_00


async def test_how_a_request_will_be_solved_is_written_down_before_it_leaves(shop: Shop, clock: MovableClock) -> None:
    """An account may get keys while requests are under way; those that were sent without one stay without."""
    charge, _ = await dropped_charge(shop, await shop.order(), initiator=Initiator.RECURRING)
    assert (await shop.operation(charge.id)).solved_by is SolvedBy.SEARCH
    shop.provider.key_lifetime_shown = timedelta(hours=23)
    shop.provider.between["find_charge"] = find_nothing
    shop.provider.calls.clear()

    await shop.run_jobs()

    assert shop.provider.names() == ["find_charge"]
    del shop.provider.between["find_charge"]
    await shop.run_jobs()
    await shop.check(settled=True)


@pytest.mark.fault("F3", "F7")
async def test_a_charge_whose_answer_was_lost_is_found(shop: Shop) -> None:
    charge, _ = await dropped_charge(shop, await shop.order())
    shop.provider.calls.clear()

    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    assert shop.provider.names() == ["find_charge"]
    await shop.check(settled=True)


@pytest.mark.fault("F2")
@pytest.mark.parametrize("initiator", [Initiator.CUSTOMER, Initiator.RECURRING])
async def test_a_charge_that_three_searches_do_not_find_has_not_happened(
    shop: Shop, clock: MovableClock, initiator: Initiator
) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id, initiator=initiator)
    (charge,) = await shop.charges_of(order_id)
    del shop.provider.between["charge"]
    shop.provider.calls.clear()

    await shop.run_jobs(rounds=4)
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN, "it may still be on its way"
    clock.advance(seconds=TRAVEL_SECONDS)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).failure_code is FailureCode.NOT_APPLIED
    assert set(shop.provider.names()) == {"find_charge"}
    assert shop.bank.truth().charges == ()
    assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F10")
async def test_a_request_that_arrives_after_the_gateway_gave_up_is_found(shop: Shop, clock: MovableClock) -> None:
    """The search waits out the time that a request may travel, and the lag of the provider's index."""
    shop.provider.look_up_lag_shown = 30.0
    shop.misbehave(f"charge#1=slow:{PROVIDER_SECONDS + 1}")
    charge = await shop.paid(await shop.order())
    assert charge.state is ChargeState.UNKNOWN
    await shop.run_jobs(rounds=3)
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN

    async with asyncio.timeout(30):
        while not shop.bank.truth().charges:
            await asyncio.sleep(0.05)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    await shop.check(settled=True)


async def test_a_capture_whose_answer_was_lost_takes_the_money_once(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized()
    shop.misbehave("capture#1=lose_answer")
    assert (await shop.capture(charge.id, 15_00)).state is ChargeState.AUTHORIZED

    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(15_00)
    assert len(shop.provider.asked("capture")) == 1
    await shop.check(settled=True)


async def test_a_capture_that_never_left_can_be_asked_for_again(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized()
    shop.provider.between["capture"] = die_before
    await shop.capture(charge.id, 15_00)
    del shop.provider.between["capture"]
    shop.provider.calls.clear()
    clock.advance(seconds=TRAVEL_SECONDS)

    await shop.run_jobs(rounds=3)

    assert "capture" not in shop.provider.names()
    assert (await shop.charge(charge.id)).capture_requested is None
    assert (await shop.capture(charge.id)).captured == usd(20_00)
    await shop.check(settled=True)


async def test_a_refund_is_found_or_proven_not_to_be(shop: Shop, clock: MovableClock) -> None:
    paid = await shop.paid(await shop.order())
    found, _ = await dropped_refund(shop, paid.id, 5_00)
    await shop.run_jobs()
    assert (await shop.refund_row(found.id)).state is RefundState.SUCCEEDED

    shop.provider.between["refund"] = die_before
    lost = await shop.refunded(paid.id, 5_00)
    del shop.provider.between["refund"]
    clock.advance(seconds=TRAVEL_SECONDS)
    await shop.run_jobs(rounds=3)

    assert (await shop.refund_row(lost.id)).failure_code is FailureCode.NOT_APPLIED
    assert len(shop.bank.truth().refunds) == 1
    assert (await shop.charge(paid.id)).refundable == usd(15_00)
    await shop.check(settled=True)
