"""Kill -9 at every step: the process dies at its n-th await, n growing until it lives, and another goes on.

After each death: the promises hold at once; the client repeats its request with the same key, the jobs run, and then
everything is at its end, here and at the bank. SQLite dies at every call of the store, PostgreSQL at the beginnings and
ends of transactions and around the bank.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

import pytest

from domain.charges import ChargeState
from domain.errors import ChargeInProgress, OrderNotCancelable
from domain.orders import OrderState
from domain.refunds import RefundState
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.mortality import Life, MortalStore
from tests.services.shop import SHOP, Shop, usd

THREE_D_SECURE = "tok_threeDSecureRequired"

Act = Callable[[Shop], Awaitable[object]]


async def die_at_every_step(
    new_shop: OpenShop, dialect: Dialect, *, prepare: Callable[[Shop], Awaitable[str]], act: Callable[[str], Act]
) -> tuple[Shop, list[str], int]:
    """The survivor, the object of each life, and how many steps a whole life has."""
    survivor = new_shop()
    subjects: list[str] = []
    for last in range(1, 500):
        subject = await prepare(survivor)
        subjects.append(subject)
        life = Life(last)
        mortal = _mortal(new_shop, dialect, life)
        try:
            await act(subject)(mortal)
        except asyncio.CancelledError:
            assert life.is_over
        await mortal.idle()
        await survivor.check()
        if not life.is_over:
            return survivor, subjects, len(life.steps)
        await act(subject)(survivor)
        await survivor.run_jobs(rounds=2)
        if last % 5 == 0:
            await survivor.check(settled=True)
    raise AssertionError("a life without an end")


def _mortal(new_shop: OpenShop, dialect: Dialect, life: Life) -> Shop:
    shop = new_shop(
        wrap_store=lambda store: MortalStore(store, life, coarse=dialect is Dialect.POSTGRES),
    )
    shop.provider.between["*"] = life.between
    return shop


async def test_a_charge_survives_a_death_at_every_step(new_shop: OpenShop, dialect: Dialect) -> None:
    """F1 to F5."""
    customers: list[str] = []

    async def prepare(shop: Shop) -> str:
        if not customers:
            customers.append(await shop.customer())
            await shop.card(customers[0])
        return await shop.order_of(customers[0])

    survivor, orders, steps = await die_at_every_step(
        new_shop, dialect, prepare=prepare, act=lambda order_id: lambda shop: shop.pay(order_id, key=order_id)
    )

    assert steps >= (8 if dialect is Dialect.POSTGRES else 30)
    for order_id in orders:
        assert (await survivor.order_row(order_id)).state is OrderState.COMPLETED
        (charge,) = await survivor.charges_of(order_id)
        assert charge.state is ChargeState.SUCCEEDED
    assert len(survivor.bank.truth().charges) == len(orders)
    await survivor.check(settled=True)


async def test_a_refund_survives_a_death_at_every_step(new_shop: OpenShop, dialect: Dialect) -> None:
    charges: list[str] = []
    numbers = count()

    async def prepare(shop: Shop) -> str:
        if not charges:
            charges.append((await shop.paid(await shop.order(1_000_00))).id)
        return f"refund {next(numbers)}"

    survivor, keys, _ = await die_at_every_step(
        new_shop, dialect, prepare=prepare, act=lambda key: lambda shop: shop.refund(charges[0], 1_00, key=key)
    )

    charge = await survivor.charge(charges[0])
    assert (charge.refunded, charge.refund_reserved) == (usd(len(keys) * 1_00), usd(0))
    assert len(survivor.bank.truth().refunds) == len(keys)
    assert {row["state"] for row in await survivor.rows("SELECT state FROM refunds")} == {RefundState.SUCCEEDED}
    await survivor.check(settled=True)


async def test_a_confirmed_payment_survives_a_death_at_every_step(new_shop: OpenShop, dialect: Dialect) -> None:
    customers: list[str] = []

    async def prepare(shop: Shop) -> str:
        if not customers:
            customers.append(await shop.customer())
            await shop.card(customers[0], THREE_D_SECURE)
        charge = await shop.paid(await shop.order_of(customers[0]))
        await shop.answer_challenge(charge)
        return charge.id

    survivor, charges, _ = await die_at_every_step(
        new_shop, dialect, prepare=prepare, act=lambda charge_id: lambda shop: shop.proceed(charge_id, key=charge_id)
    )

    for charge_id in charges:
        assert (await survivor.charge(charge_id)).state is ChargeState.SUCCEEDED
    await survivor.check(settled=True)


async def test_a_cancellation_survives_a_death_at_every_step(new_shop: OpenShop, dialect: Dialect) -> None:
    customers: list[str] = []

    async def prepare(shop: Shop) -> str:
        if not customers:
            customers.append(await shop.customer())
            await shop.card(customers[0], THREE_D_SECURE)
        return (await shop.paid(await shop.order_of(customers[0]))).order_id

    async def cancel(shop: Shop, order_id: str) -> None:
        with suppress(ChargeInProgress, OrderNotCancelable):
            await shop.orders.cancel(SHOP, order_id, version=None)

    survivor, orders, _ = await die_at_every_step(
        new_shop, dialect, prepare=prepare, act=lambda order_id: lambda shop: cancel(shop, order_id)
    )

    for order_id in orders:
        await cancel(survivor, order_id)
        assert (await survivor.order_row(order_id)).state is OrderState.CANCELED
        (charge,) = await survivor.charges_of(order_id)
        assert charge.state is ChargeState.VOIDED
    await survivor.check(settled=True)


@pytest.mark.parametrize("fault", ["charge#1=lose_answer", "charge#1=error"])
async def test_a_resolver_survives_a_death_at_every_step(new_shop: OpenShop, dialect: Dialect, fault: str) -> None:
    customers: list[str] = []

    async def prepare(shop: Shop) -> str:
        if not customers:
            customers.append(await shop.customer())
            await shop.card(customers[0])
        shop.misbehave("")
        shop.misbehave(fault)
        charge = await shop.paid(await shop.order_of(customers[0]))
        assert charge.state is ChargeState.UNKNOWN
        return (await shop.operation(charge.id)).id

    survivor, operations, _ = await die_at_every_step(
        new_shop, dialect, prepare=prepare, act=lambda operation_id: lambda shop: shop.resolver.resolve(operation_id)
    )

    assert len(survivor.bank.truth().charges) == len(operations)
    assert {charge.captured for charge in survivor.bank.truth().charges} == {20_00}
    await survivor.check(settled=True)
