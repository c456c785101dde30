"""The resolver: whatever a process leaves behind when it dies is finished, and no money moves twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.charges import ChargeState, FailureCode, ReviewReason
from domain.jobs import JobKind
from domain.operations import OperationKind
from domain.orders import OrderState
from domain.provider import ChargeResult, Initiator, Outcome, RefundResult
from domain.refunds import RefundState
from domain.services.answers import LOOK_AFTER_SECONDS, REVIEW_AFTER_TRIES
from persistence.database import Database
from persistence.store import TortoiseStore
from tests.services.conftest import OpenShop
from tests.services.dying import die_after, die_before
from tests.services.shop import PROVIDER_SECONDS, SHOP, MovableClock, Shop, usd
from tests.services.watching import Ask, WatchedProvider

THREE_D_SECURE = "tok_threeDSecureRequired"


async def find_nothing(_asked: Any, _ask: Ask) -> None:
    return None


async def know_nothing(_asked: Any, _ask: Ask) -> ChargeResult:
    return ChargeResult(outcome=Outcome.UNKNOWN)


# --- a process dies -------------------------------------------------------------------------------------------------


@pytest.mark.fault("F2")
async def test_a_request_that_never_left_is_sent_once(shop: Shop) -> None:
    """F2: looked up first; then the very same request goes out under the same key."""
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id)
    (charge,) = await shop.charges_of(order_id)
    assert (charge.state, shop.bank.truth().charges) == (ChargeState.PENDING, ())
    del shop.provider.between["charge"]
    shop.provider.calls.clear()

    await shop.run_jobs()

    assert shop.provider.names() == ["find_charge", "charge"]
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


@pytest.mark.fault("F3", "F4")
async def test_a_request_that_was_worked_on_is_found_and_not_sent_again(shop: Shop) -> None:
    """F3, F4."""
    order_id = await shop.order()
    shop.provider.between["charge"] = die_after
    await shop.pay(order_id)
    shop.provider.calls.clear()

    await shop.run_jobs()

    assert shop.provider.names() == ["find_charge"]
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


@pytest.mark.fault("F6")
async def test_a_process_leaves_its_story_to_another(new_shop: OpenShop, other_database: Database) -> None:
    """F6: nothing that is needed died with the first one."""
    dead, survivor = new_shop(), new_shop()
    order_id = await dead.order()
    dead.provider.between["charge"] = die_before
    await dead.pay(order_id)

    await survivor.run_jobs()

    assert (await survivor.order_row(order_id)).state is OrderState.COMPLETED
    (sent,) = survivor.provider.asked("charge")
    (written,) = dead.provider.asked("charge")
    assert sent == written
    await survivor.check(settled=True)


async def test_nobody_touches_an_operation_while_its_maker_has_the_lease(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id)
    (job,) = await shop.jobs(JobKind.RESOLVE_OPERATION)
    (charge,) = await shop.charges_of(order_id)

    assert await shop.worker.run_due() == 0
    assert job["subject_id"] == (await shop.operation(charge.id)).id
    assert shop.deployment.lease_seconds > 2 * shop.deployment.provider_timeout_seconds


@pytest.mark.fault("F6")
async def test_two_resolvers_at_once_send_one_charge(new_shop: OpenShop) -> None:
    """Even when a lease ends too early the key makes it one."""
    one, other = new_shop(), new_shop()
    order_id = await one.order()
    one.provider.between["charge"] = die_before
    await one.pay(order_id)
    del one.provider.between["charge"]
    (charge,) = await one.charges_of(order_id)
    operation_id = (await one.operation(charge.id)).id

    await asyncio.gather(*(shop.resolver.resolve(operation_id) for shop in (one, other, one, other)))

    assert len(one.bank.truth().charges) == 1
    assert (await one.charge(charge.id)).state is ChargeState.SUCCEEDED
    await one.check(settled=True)


@pytest.mark.fault("F12")
async def test_a_repeat_is_the_same_request_byte_by_byte(shop: Shop) -> None:
    """A bank refuses a key that comes with another request, so the stored one is sent as it was."""
    wires: list[bytes] = []
    provider = shop.provider
    inner: Any = provider._inner
    ask = inner._wire.ask

    async def listen(call: str, raw: bytes) -> Any:
        if call in ("charge", "refund", "void"):
            wires.append(raw)
        return await ask(call, raw)

    inner._wire.ask = listen
    shop.misbehave("charge#1=error; refund#1=error; void#1=error")
    charge = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.run_jobs()
    waiting = await shop.charge(charge.id)
    with pytest.raises(Exception, match="still under way"):
        await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
    await shop.run_jobs()
    paid = await shop.paid(await shop.order())
    await shop.refund(paid.id, 7_00)
    await shop.run_jobs()

    assert len(wires) == 7
    assert wires[0] == wires[1]
    assert wires[2] == wires[3]
    assert wires[5] == wires[6]
    await shop.check(settled=True)


@pytest.mark.fault("F2", "F4")
@pytest.mark.parametrize("kill", [die_before, die_after])
async def test_a_refund_is_finished_once(shop: Shop, kill: Any) -> None:
    charge = await shop.paid(await shop.order())
    shop.provider.between["refund"] = kill
    refund = await shop.refunded(charge.id, 5_00)
    assert (await shop.charge(charge.id)).refund_reserved == usd(5_00)
    del shop.provider.between["refund"]

    await shop.run_jobs()

    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    assert [refund.amount for refund in shop.bank.truth().refunds] == [5_00]
    after = await shop.charge(charge.id)
    assert (after.refunded, after.refund_reserved) == (usd(5_00), usd(0))
    await shop.check(settled=True)


@pytest.mark.fault("F2", "F4")
@pytest.mark.parametrize("kill", [die_before, die_after])
async def test_a_void_is_finished_once(shop: Shop, kill: Any) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    shop.provider.between["void"] = kill
    with pytest.raises(Exception, match="still under way"):
        await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
    await shop.check()
    del shop.provider.between["void"]

    await shop.run_jobs()

    assert (await shop.charge(waiting.id)).state is ChargeState.VOIDED
    await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
    assert (await shop.order_row(waiting.payable_id)).state is OrderState.CANCELED
    await shop.check(settled=True)


@pytest.mark.fault("F2", "F4")
@pytest.mark.parametrize("kill", [die_before, die_after])
async def test_a_continuation_is_finished_once(shop: Shop, kill: Any) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(waiting)
    shop.provider.between["continue_charge"] = kill
    await shop.proceed(waiting.id)
    await shop.check()

    await shop.run_jobs()

    assert (await shop.charge(waiting.id)).state is ChargeState.SUCCEEDED
    assert shop.provider.names().count("continue_charge") == 1
    await shop.check(settled=True)


@pytest.mark.fault("F10", "F16")
async def test_a_slow_bank_is_waited_for(shop: Shop) -> None:
    """F10, F16: the key is in use at the bank, which answers 409; a look at that time is no proof either."""
    order_id = await shop.order()
    shop.misbehave(f"charge#1=slow:{PROVIDER_SECONDS + 1}")
    lost = await shop.paid(order_id)
    assert lost.state is ChargeState.UNKNOWN

    await shop.run_jobs()
    assert (await shop.charge(lost.id)).state is ChargeState.UNKNOWN
    assert (await shop.operation(lost.id)).empty_looks == 0

    await asyncio.sleep(1)
    await shop.run_jobs()
    assert (await shop.charge(lost.id)).state is ChargeState.SUCCEEDED
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


# --- when something may be sent -------------------------------------------------------------------------------------


async def test_a_charge_that_its_customer_waits_for_is_not_sent_after_ten_minutes(
    shop: Shop, clock: MovableClock
) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id, key="k")
    (charge,) = await shop.charges_of(order_id)
    del shop.provider.between["charge"]
    shop.provider.calls.clear()
    clock.advance(minutes=10, seconds=2 * PROVIDER_SECONDS + 1)

    await shop.run_jobs(rounds=2)
    unknown = await shop.charge(charge.id)
    assert (unknown.state, unknown.next_check_at is not None) == (ChargeState.UNKNOWN, True)
    await shop.run_jobs()

    assert shop.provider.names() == ["find_charge"] * 3
    failed = await shop.charge(charge.id)
    assert (failed.state, failed.failure_code) == (ChargeState.FAILED, FailureCode.NOT_APPLIED)
    # Its key tells of it ever after; another one pays the order.
    assert (await shop.pay(order_id, key="k")).charge_id == charge.id
    assert (await shop.paid(order_id, key="another")).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_charge_is_still_sent_within_ten_minutes(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id)
    del shop.provider.between["charge"]
    clock.advance(minutes=9, seconds=59)

    await shop.run_jobs()

    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


@pytest.mark.fault("F18")
async def test_a_charge_without_its_customer_is_sent_for_as_long_as_its_key_is_safe(
    shop: Shop, clock: MovableClock
) -> None:
    """F18: after that it is looked up only."""
    first, second = await shop.order(), await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(first, initiator=Initiator.RECURRING)
    clock.advance(hours=2)
    await shop.pay(second, initiator=Initiator.RECURRING)
    del shop.provider.between["charge"]
    shop.provider.calls.clear()
    clock.advance(hours=22)

    await shop.run_jobs()

    (old,), (young,) = await shop.charges_of(first), await shop.charges_of(second)
    assert (old.state, young.state) == (ChargeState.UNKNOWN, ChargeState.SUCCEEDED)
    assert [request.charge_id for request in shop.provider.asked("charge")] == [young.id]
    await shop.run_jobs(rounds=2)
    assert (await shop.charge(old.id)).failure_code is FailureCode.NOT_APPLIED
    await shop.check(settled=True)


@pytest.mark.fault("F7", "F15")
async def test_a_repeat_that_never_left_proves_nothing(shop: Shop) -> None:
    """F15 after F7: the bank took the money, then it cannot be reached, and its index is behind."""
    order_id = await shop.order()
    shop.misbehave("charge#1=lose_answer")
    lost = await shop.paid(order_id)
    shop.misbehave("charge#1=refuse")
    shop.provider.between["find_charge"] = find_nothing

    await shop.run_jobs()
    assert (await shop.charge(lost.id)).state is ChargeState.UNKNOWN

    del shop.provider.between["find_charge"]
    await shop.run_jobs()
    assert (await shop.charge(lost.id)).captured == usd(20_00)
    await shop.check(settled=True)


@pytest.mark.fault("F10")
async def test_an_empty_look_is_no_proof_while_a_request_may_travel(shop: Shop, clock: MovableClock) -> None:
    """The last repeat may have left at the tenth minute; it gets the time that it may need, and the index its lag."""
    shop.provider.look_up_lag_shown = 30.0
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id)
    (charge,) = await shop.charges_of(order_id)
    clock.advance(minutes=10, seconds=2 * PROVIDER_SECONDS + 1)
    shop.provider.between["find_charge"] = find_nothing

    await shop.run_jobs(rounds=5)
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN

    clock.advance(seconds=30)
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).failure_code is FailureCode.NOT_APPLIED
    await shop.check(settled=True)


async def test_where_a_look_never_proves_anything_nothing_fails_by_it(shop: Shop, clock: MovableClock) -> None:
    shop.provider.look_up_lag_shown = None
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id)
    (charge,) = await shop.charges_of(order_id)
    clock.advance(days=3)

    await shop.run_jobs(rounds=6)

    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    await shop.check()


async def test_a_failed_look_is_no_empty_look(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order()
    shop.misbehave("charge#1=lose_answer; find_charge#1-6=error")
    lost = await shop.paid(order_id)
    clock.advance(minutes=20)

    await shop.run_jobs(rounds=6)
    assert (await shop.charge(lost.id)).state is ChargeState.UNKNOWN
    assert (await shop.operation(lost.id)).empty_looks == 0

    await shop.run_jobs()
    assert (await shop.charge(lost.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F34")
async def test_a_charge_that_was_given_up_and_turns_up_is_booked(shop: Shop, clock: MovableClock) -> None:
    """F34: a discrepancy of the bank's index; the webhook comes three days late."""
    order_id = await shop.order()
    shop.provider.between["charge"] = die_after
    await shop.pay(order_id)
    (charge,) = await shop.charges_of(order_id)
    shop.provider.between = {"find_charge": find_nothing}
    clock.advance(minutes=20)
    await shop.run_jobs(rounds=3)
    assert (await shop.charge(charge.id)).failure_code is FailureCode.NOT_APPLIED

    await shop.deliver_webhooks()
    await shop.run_jobs()

    late = await shop.charge(charge.id)
    assert (late.state, late.captured, late.failure_code) == (ChargeState.SUCCEEDED, usd(20_00), None)
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


async def test_a_void_that_never_arrives_leaves_the_charge_to_its_customer(
    new_shop: OpenShop, clock: MovableClock
) -> None:
    """That the void did nothing says nothing of the charge, which is alive and may still take money."""
    shop = new_shop(action_lifetime=timedelta(days=30))
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    still = await shop.provider.fetch_charge(charge_ref=waiting.charge_ref or "")

    async def wait_for_ever(_asked: Any, _ask: Ask) -> ChargeResult:
        return still

    shop.provider.between = {"void": die_before, "fetch_charge": wait_for_ever}
    with pytest.raises(Exception, match="still under way"):
        await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
    clock.advance(hours=24)
    for _ in range(3):
        await shop.resolver.resolve((await shop.operation(waiting.id)).id)

    after = await shop.charge(waiting.id)
    assert (after.state, after.failure_code, after.next_check_at) == (ChargeState.REQUIRES_ACTION, None, None)
    assert (await shop.operation(waiting.id)).is_finished
    await shop.check()
    # The order is not stuck: it is cancelled by another void.
    shop.provider.between.clear()
    await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
    assert (await shop.order_row(waiting.payable_id)).state is OrderState.CANCELED
    await shop.check(settled=True)


# --- what stays unknown ---------------------------------------------------------------------------------------------


async def test_an_unknown_charge_is_looked_into_ever_less_often_and_shown_to_staff_after_a_day(
    shop: Shop, clock: MovableClock
) -> None:
    """Never failed by age."""
    order_id = await shop.order()
    shop.misbehave("charge#1=lose_answer")
    shop.provider.between["find_charge"] = know_nothing
    lost = await shop.paid(order_id)
    waits = []
    for tried in range(REVIEW_AFTER_TRIES + 1):
        charge = await shop.charge(lost.id)
        assert charge.next_check_at is not None
        waits.append((charge.next_check_at - clock.now()).total_seconds())
        assert (charge.review is not None) == (tried >= REVIEW_AFTER_TRIES)
        clock.advance(seconds=waits[-1])
        await shop.run_jobs()

    assert waits[:8] == [5, 15, 60, 300, 900, 3600, 3600, 3600]
    assert tuple(waits[:6]) == LOOK_AFTER_SECONDS
    assert sum(waits) > 24 * 3600
    clock.advance(days=365)
    await shop.run_jobs(rounds=5)
    unknown = await shop.charge(lost.id)
    assert unknown.state is ChargeState.UNKNOWN
    assert unknown.review is not None
    assert unknown.review.reason is ReviewReason.UNRESOLVED
    assert (await shop.events(lost.id)).count("CHARGE_REVIEW_OPENED") == 1
    assert (await shop.events(lost.id)).count("CHARGE_UNKNOWN") == 1
    await shop.check()

    del shop.provider.between["find_charge"]
    await shop.run_jobs()
    assert (await shop.charge(lost.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F34")
async def test_a_charge_that_the_bank_is_still_deciding_on_is_watched(shop: Shop, clock: MovableClock) -> None:
    """The webhook that will tell may get lost: the customer confirmed, and the bank thinks it over."""
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(waiting)

    async def think(_asked: Any, ask: Ask) -> ChargeResult:
        seen: ChargeResult = await ask()
        return replace(seen, outcome=Outcome.PENDING, captured=None, authorized=None)

    shop.provider.between = {"continue_charge": think, "fetch_charge": think}
    await shop.proceed(waiting.id)
    for _ in range(3):
        assert (await shop.charge(waiting.id)).state is ChargeState.PENDING
        await shop.check()
        clock.advance(minutes=30)
        await shop.run_jobs()

    shop.provider.between.clear()
    await shop.run_jobs()
    assert (await shop.charge(waiting.id)).state is ChargeState.SUCCEEDED
    await shop.run_jobs()
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_an_unknown_refund_keeps_its_reservation_until_it_is_known(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    shop.misbehave("refund#1=lose_answer")

    async def know_no_refund(_asked: Any, _ask: Ask) -> RefundResult:
        return RefundResult(outcome=Outcome.UNKNOWN)

    shop.provider.between["find_refund"] = know_no_refund
    refund = await shop.refunded(charge.id, 15_00)
    clock.advance(days=40)
    await shop.run_jobs(rounds=40)

    unknown = await shop.refund_row(refund.id)
    assert (unknown.state, unknown.next_check_at is not None) == (RefundState.UNKNOWN, True)
    assert (await shop.charge(charge.id)).refund_reserved == usd(15_00)
    await shop.check()

    del shop.provider.between["find_refund"]
    await shop.run_jobs()
    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_finished_operation_is_left_alone(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    operation = await shop.operation(charge.id)
    assert (operation.kind, operation.is_finished) == (OperationKind.CHARGE, True)
    shop.provider.calls.clear()

    await shop.resolver.resolve(operation.id)
    await shop.resolver.resolve("op_00000000000000000000000000")

    assert shop.provider.calls == []


async def test_a_request_is_restored_from_the_database_as_it_was_sent(shop: Shop) -> None:
    order_id = await shop.order(currency="JPY", amount=2_000)
    charge = await shop.paid(order_id)
    operation = await shop.operation(charge.id)
    (sent,) = shop.provider.asked("charge")
    fresh = WatchedProvider(shop.provider)

    async with TortoiseStore(shop.database).transaction() as tx:
        await tx.operations.save(replace(operation, finished_at=None))
    await shop.resolver.resolve(operation.id)
    await fresh.charge(sent)

    assert len(shop.bank.truth().charges) == 1
    assert operation.request["amount"] == {"minor_units": 2_000, "currency": "JPY"}
