"""Charges that the provider is still deciding on: payable once, watched for days, and ended by what it decides."""

import asyncio
from typing import Any

import pytest

from domain.charges import ChargeState, FailureCode
from domain.declines import DeclineCode
from domain.errors import ChargeInProgress, ChargeNotCapturable, ChargeNotRefundable, ChargeNotVoidable
from domain.jobs import JobKind
from domain.orders import OrderState
from domain.provider import CaptureMode, ChargeResult, Outcome
from tests.services.dying import dropped_charge
from tests.services.shop import DECIDED_SECONDS, SHOP, MovableClock, Shop, usd
from tests.services.watching import Ask

ENDS = [
    ("tok_chargePending", ChargeState.SUCCEEDED, OrderState.COMPLETED),
    ("tok_chargePendingThenDeclined", ChargeState.DECLINED, OrderState.PLACED),
    ("tok_chargePendingThenFailed", ChargeState.FAILED, OrderState.PLACED),
]


@pytest.mark.parametrize(("token", "state", "order_state"), ENDS)
async def test_a_pending_charge_ends_as_a_webhook_tells(
    shop: Shop, clock: MovableClock, token: str, state: ChargeState, order_state: OrderState
) -> None:
    order_id = await shop.order(token=token)
    charge = await shop.paid(order_id)
    assert (charge.state, charge.charge_ref is not None, charge.captured) == (ChargeState.PENDING, True, usd(0))
    await shop.hear()
    assert (await shop.charge(charge.id)).state is ChargeState.PENDING
    await shop.check()

    clock.advance(seconds=DECIDED_SECONDS)
    await shop.check()
    await shop.hear()

    ended = await shop.charge(charge.id)
    assert (ended.state, ended.next_check_at) == (state, None)
    assert (await shop.order_row(order_id)).state is order_state
    assert ended.decline_code is (DeclineCode.INSUFFICIENT_FUNDS if state is ChargeState.DECLINED else None)
    assert ended.failure_code is (FailureCode.PROVIDER_REFUSED if state is ChargeState.FAILED else None)
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []
    assert "CHARGE_UNKNOWN" not in await shop.events(charge.id)
    await shop.check(settled=True)


@pytest.mark.fault("F34")
@pytest.mark.parametrize(("token", "state", "order_state"), ENDS)
async def test_a_pending_charge_is_looked_at_for_days_when_no_webhook_comes(
    shop: Shop, clock: MovableClock, token: str, state: ChargeState, order_state: OrderState
) -> None:
    """A look that fails in between makes it neither UNKNOWN nor a case for a person."""
    shop.misbehave("webhook#*=never; fetch_charge#2=error; fetch_charge#33=lose_answer")
    order_id = await shop.order(token=token)
    charge = await shop.paid(order_id)
    await shop.decide_after(days=30)
    for _ in range(40):
        await shop.run_jobs()
    waiting = await shop.charge(charge.id)
    assert (waiting.state, waiting.review) == (ChargeState.PENDING, None)
    assert waiting.next_check_at is not None
    assert (waiting.next_check_at - clock.now()).total_seconds() == 3_600
    await shop.check()

    clock.advance(days=31)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is state
    assert (await shop.order_row(order_id)).state is order_state
    assert len(shop.provider.asked("charge")) == 1
    assert shop.provider.asked("fetch_charge") == [charge.charge_ref] * 41
    assert not {"CHARGE_UNKNOWN", "CHARGE_REVIEW_OPENED"} & set(await shop.events(charge.id))
    await shop.check(settled=True)


@pytest.mark.fault("F18")
async def test_a_pending_charge_that_drops_out_of_the_lists_has_happened_all_the_same(
    shop: Shop, clock: MovableClock
) -> None:
    """It is known by its name, so a list in which it is not proves nothing, and nothing is sent again."""
    charge = await shop.paid(await shop.order(token="tok_chargePending"))
    await shop.decide_after(days=30)

    async def list_nothing(_asked: Any, _ask: Ask) -> None:
        return None

    shop.provider.between["find_charge"] = list_nothing
    for _ in range(5):
        clock.advance(hours=12)
        await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.PENDING
    assert len(shop.provider.asked("charge")) == 1
    await shop.check()


async def test_an_order_with_a_pending_charge_is_not_paid_twice_nor_cancelled(shop: Shop, clock: MovableClock) -> None:
    """F24: what the provider decides is waited for; nobody can call it off."""
    order_id = await shop.order(token="tok_chargePending")
    charge = await shop.paid(order_id)

    with pytest.raises(ChargeInProgress):
        await shop.pay(order_id)
    with pytest.raises(ChargeInProgress):
        await shop.orders.cancel(SHOP, order_id, version=None)
    with pytest.raises(ChargeNotVoidable, match="pending"):
        await shop.void(charge.id)
    with pytest.raises(ChargeNotCapturable):
        await shop.capture(charge.id)
    with pytest.raises(ChargeNotRefundable):
        await shop.refund(charge.id)
    await shop.proceed(charge.id)

    assert shop.provider.names().count("charge") == 1
    assert not {"void", "capture", "refund", "continue_charge"} & set(shop.provider.names())
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


async def test_an_order_whose_pending_charge_was_declined_can_be_paid_otherwise(
    shop: Shop, clock: MovableClock
) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id, "tok_chargePendingThenDeclined")
    order_id = await shop.order_of(customer_id)
    await shop.pay(order_id, key="first")
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()

    card = await shop.card(customer_id, "tok_visa")
    paid = await shop.paid(order_id, payment_method_id=card)

    assert paid.state is ChargeState.SUCCEEDED
    assert shop.bank.truth().captured(paid.id) == 20_00
    await shop.check(settled=True)


async def test_an_order_does_not_expire_while_its_charge_is_pending(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(token="tok_chargePending", expires_at=clock.now().replace(year=clock.now().year + 1))
    await shop.paid(order_id)
    await shop.decide_after(days=400)

    clock.advance(days=366)
    await shop.hear()
    assert (await shop.order_row(order_id)).state is OrderState.PLACED
    await shop.check()

    clock.advance(days=35)
    await shop.hear()
    order = await shop.order_row(order_id)
    assert order.state is OrderState.COMPLETED
    assert "CHARGE_REVIEW_OPENED" not in await shop.events(order_id)
    await shop.check(settled=True)


async def test_an_order_expires_once_its_pending_charge_has_come_to_nothing(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(
        token="tok_chargePendingThenDeclined", expires_at=clock.now().replace(year=clock.now().year + 1)
    )
    await shop.paid(order_id)
    await shop.decide_after(days=400)
    clock.advance(days=366)
    await shop.hear()
    clock.advance(days=35)

    await shop.hear()
    await shop.run_jobs()

    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED
    await shop.check(settled=True)


async def test_a_pending_charge_to_be_captured_by_hand_holds_its_amount_once_it_settles(
    shop: Shop, clock: MovableClock
) -> None:
    charge = await shop.paid(await shop.order(token="tok_chargePending"), capture=CaptureMode.MANUAL)
    assert (charge.state, charge.authorized) == (ChargeState.PENDING, usd(0))
    await shop.check()

    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()

    held = await shop.charge(charge.id)
    assert (held.state, held.authorized, held.captured) == (ChargeState.AUTHORIZED, usd(20_00), usd(0))
    assert held.capture_before is not None
    await shop.check()
    assert (await shop.capture(charge.id, 5_00)).captured == usd(5_00)
    await shop.check(settled=True)


@pytest.mark.fault("F3", "F4", "F7")
async def test_a_pending_charge_whose_answer_was_lost_is_found_and_not_sent_again(
    shop: Shop, clock: MovableClock
) -> None:
    order_id = await shop.order(token="tok_chargePending")
    charge, _ = await dropped_charge(shop, order_id)
    assert (charge.state, charge.charge_ref) == (ChargeState.PENDING, None)

    await shop.run_jobs()
    found = await shop.charge(charge.id)
    assert (found.state, found.charge_ref is not None) == (ChargeState.PENDING, True)
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


@pytest.mark.fault("F31", "F32")
async def test_an_old_picture_of_a_pending_charge_undoes_nothing(shop: Shop, clock: MovableClock) -> None:
    """The direct answer of days ago comes after the webhook that told how it ended; and a look that failed, too."""
    charge, pending = await dropped_charge(shop, await shop.order(token="tok_chargePending"))
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()
    operation_id = (await shop.operation(charge.id)).id

    for late in (pending, ChargeResult(outcome=Outcome.UNKNOWN), pending):
        async with shop.store.transaction() as tx:
            await shop.settlement.settle_charge(tx, charge.id, late, operation_id=operation_id, actor="provider:fake")

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert await shop.jobs(JobKind.WATCH_CHARGE) == []
    await shop.check(settled=True)


async def test_a_webhook_and_a_look_at_the_same_moment_settle_it_once(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token="tok_chargePending"))
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.deliver_webhooks()
    await shop.make_jobs_due()

    await asyncio.gather(shop.worker.run_due(), shop.worker.run_due())

    assert (await shop.events(charge.id)).count("CHARGE_SUCCEEDED") == 1
    await shop.check(settled=True)
