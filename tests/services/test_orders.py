"""Orders against time and rivals: cancelled, expired, changed by two at once."""

from datetime import timedelta
from typing import Any

import pytest

from domain.charges import ChargeState
from domain.errors import (
    ChargeInProgress,
    ExternalIdTaken,
    InvalidInput,
    OrderAlreadyPaid,
    OrderNotCancelable,
    OrderNotOpen,
    OrderNotPayable,
    PaydeskError,
    StaleVersion,
)
from domain.jobs import JobKind
from domain.orders import OrderState
from domain.services.orders import NewLine
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, MovableClock, Shop, at_once, usd
from tests.services.watching import Ask

THREE_D_SECURE = "tok_threeDSecureRequired"


def line(amount: int = 1_00, quantity: int = 1) -> NewLine:
    return NewLine(name="Cup", unit_amount=usd(amount), quantity=quantity)


async def add(shop: Shop, order_id: str, *, version: int | None = None, key: str | None = None) -> str:
    request = shop.request("orderAddLine", key, {"order": order_id}) if key else None
    return await shop.orders.add_line(SHOP, order_id, line(), version=version, request=request)


# --- cancel ---------------------------------------------------------------------------------------------------------


async def test_an_unpaid_order_is_cancelled(shop: Shop) -> None:
    order_id = await shop.order()
    await shop.orders.place(SHOP, order_id, version=None)

    await shop.orders.cancel(SHOP, order_id, version=2)

    order = await shop.order_row(order_id)
    assert (order.state, order.canceled_at is not None) == (OrderState.CANCELED, True)
    assert await shop.events(order_id) == ["ORDER_CREATED", "ORDER_PLACED", "ORDER_CANCELED"]
    with pytest.raises(OrderNotCancelable):
        await shop.orders.cancel(SHOP, order_id, version=None)
    with pytest.raises(OrderNotPayable):
        await shop.pay(order_id)
    await shop.check(settled=True)


async def test_a_charge_that_waits_is_ended_before_its_order(shop: Shop) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))

    await shop.orders.cancel(SHOP, waiting.payable_id, version=None)

    assert (await shop.charge(waiting.id)).state is ChargeState.VOIDED
    assert [charge.state for charge in shop.bank.truth().charges] == ["voided"]
    assert await shop.jobs() == []
    await shop.check(settled=True)


@pytest.mark.fault("F28")
async def test_a_customer_who_pays_while_the_order_is_cancelled_has_an_order(shop: Shop) -> None:
    """F28."""
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))

    async def confirm_first(_asked: Any, ask: Ask) -> Any:
        await shop.answer_challenge(waiting)
        return await ask()

    shop.provider.between["void"] = confirm_first
    with pytest.raises(OrderNotCancelable):
        await shop.orders.cancel(SHOP, waiting.payable_id, version=None)

    assert (await shop.charge(waiting.id)).state is ChargeState.SUCCEEDED
    assert (await shop.order_row(waiting.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


@pytest.mark.parametrize("fault", ["lose_answer", "error"])
async def test_an_order_is_not_cancelled_over_a_payment_that_nobody_knows_of(shop: Shop, fault: str) -> None:
    order_id = await shop.order()
    shop.misbehave(f"charge#1={fault}")
    await shop.pay(order_id)

    with pytest.raises(ChargeInProgress):
        await shop.orders.cancel(SHOP, order_id, version=None)

    await shop.run_jobs()
    with pytest.raises(OrderNotCancelable):
        await shop.orders.cancel(SHOP, order_id, version=None)
    await shop.check(settled=True)


async def test_an_order_is_cancelled_once_the_lost_void_is_known(shop: Shop) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    shop.misbehave("void#1=lose_answer")
    for _ in range(2):
        with pytest.raises(ChargeInProgress):
            await shop.orders.cancel(SHOP, waiting.payable_id, version=None)

    await shop.run_jobs()
    await shop.orders.cancel(SHOP, waiting.payable_id, version=None)

    assert shop.provider.names().count("void") == 1
    assert (await shop.order_row(waiting.payable_id)).state is OrderState.CANCELED
    await shop.check(settled=True)


async def test_paying_and_cancelling_at_once_ends_in_one_of_them(new_shop: OpenShop) -> None:
    """Two processes; the loser is told."""
    one, other = new_shop(), new_shop()
    customer_id = await one.customer()
    await one.card(customer_id)
    for _ in range(5):
        order_id = await one.order_of(customer_id)
        answers = await at_once(one.pay(order_id), other.orders.cancel(SHOP, order_id, version=None))
        refused = [answer for answer in answers if isinstance(answer, Exception)]
        assert all(isinstance(error, PaydeskError) for error in refused), refused
        state = (await one.order_row(order_id)).state
        taken = sum(charge.captured.minor_units for charge in await one.charges_of(order_id))
        assert (state, taken) in ((OrderState.COMPLETED, 20_00), (OrderState.CANCELED, 0))
    await one.check(settled=True)


# --- expire ---------------------------------------------------------------------------------------------------------


async def test_an_order_ends_at_its_deadline_and_not_before(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(expires_at=clock.now() + timedelta(hours=1))

    await shop.run_jobs(rounds=2)
    assert (await shop.order_row(order_id)).state is OrderState.OPEN, "the database's clock is ahead of ours"
    await shop.check()

    clock.advance(minutes=61)
    await shop.run_jobs()
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED
    assert await shop.events(order_id) == ["ORDER_CREATED", "ORDER_EXPIRED"]
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_a_paid_order_does_not_expire(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(expires_at=clock.now() + timedelta(hours=1))
    await shop.pay(order_id)
    clock.advance(hours=2)

    await shop.run_jobs()

    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_an_order_expires_only_when_its_payment_is_known(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(expires_at=clock.now() + timedelta(minutes=5), token="tok_chargeDeclined")
    shop.misbehave("charge#1=lose_answer; find_charge#1-3=error")
    await shop.pay(order_id)
    clock.advance(minutes=6)

    for _ in range(3):
        await shop.run_jobs()
        assert (await shop.order_row(order_id)).state is OrderState.PLACED
    await shop.run_jobs(rounds=2)

    assert (await shop.charges_of(order_id))[0].state is ChargeState.DECLINED
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED
    await shop.check(settled=True)


async def test_an_expiring_order_ends_the_charge_that_waits(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(expires_at=clock.now() + timedelta(minutes=5), token=THREE_D_SECURE)
    waiting = await shop.paid(order_id)
    clock.advance(minutes=6)

    await shop.run_jobs()

    assert (await shop.charge(waiting.id)).state is ChargeState.EXPIRED
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED
    assert await shop.jobs(JobKind.EXPIRE_CHARGE) == []
    await shop.check(settled=True)


async def test_a_deadline_lies_ahead(shop: Shop, clock: MovableClock) -> None:
    with pytest.raises(InvalidInput):
        await shop.order(expires_at=clock.now())


# --- two writers ----------------------------------------------------------------------------------------------------


async def test_a_version_is_good_for_one_change(shop: Shop) -> None:
    order_id = await shop.order()

    answers = await at_once(*(add(shop, order_id, version=1) for _ in range(5)))

    stale = [answer for answer in answers if isinstance(answer, StaleVersion)]
    assert (len(stale), answers.count(order_id)) == (4, 1)
    order = await shop.order_row(order_id)
    assert (order.version, len(order.lines)) == (2, 2)


async def test_lines_added_at_once_are_all_there(new_shop: OpenShop) -> None:
    """No update is lost, without versions and from two processes."""
    shops = [new_shop(), new_shop()]
    order_id = await shops[0].order(10_00)

    await at_once(*(add(shop, order_id) for _ in range(5) for shop in shops))

    order = await shops[0].order_row(order_id)
    assert (len(order.lines), order.total, order.version) == (11, usd(20_00), 11)


async def test_one_key_at_once_adds_one_line(shop: Shop) -> None:
    order_id = await shop.order()

    assert await at_once(*(add(shop, order_id, key="k") for _ in range(5))) == [order_id] * 5

    assert len((await shop.order_row(order_id)).lines) == 2


async def test_what_is_charged_is_what_was_placed(new_shop: OpenShop) -> None:
    """Paying and adding a line at once: either the line is paid for, or it is refused."""
    one, other = new_shop(), new_shop()
    customer_id = await one.customer()
    await one.card(customer_id)
    for _ in range(5):
        order_id = await one.order_of(customer_id)
        _, added = await at_once(one.pay(order_id), add(other, order_id))
        order = await one.order_row(order_id)
        (charge,) = await one.charges_of(order_id)
        assert charge.captured == order.total == usd(20_00 if isinstance(added, OrderNotOpen) else 21_00)
    await one.check(settled=True)


async def test_one_key_at_once_makes_one_order(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]
    customer_id = await shops[0].customer()

    made = await at_once(
        *(
            shop.order_of(customer_id, request=shop.request("orderCreate", "k", {"a": 1}))
            for _ in range(4)
            for shop in shops
        )
    )

    assert len(set(made)) == 1
    assert len(await shops[0].rows("SELECT id FROM orders")) == 1


async def test_an_external_id_at_once_makes_one_order(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]
    customer_id = await shops[0].customer()

    made = await at_once(*(shop.order_of(customer_id, external_id="cart 7") for _ in range(4) for shop in shops))

    assert len([one for one in made if isinstance(one, str)]) == 1
    assert all(isinstance(one, str | ExternalIdTaken) for one in made), made
    assert len(await shops[0].rows("SELECT id FROM orders")) == 1


async def test_a_completed_order_is_paid_and_done(shop: Shop) -> None:
    order_id = await shop.order()
    await shop.pay(order_id)

    with pytest.raises(OrderAlreadyPaid):
        await shop.pay(order_id)
    with pytest.raises(OrderNotCancelable):
        await shop.orders.cancel(SHOP, order_id, version=None)
    with pytest.raises(OrderNotOpen):
        await add(shop, order_id)
    await shop.check(settled=True)
