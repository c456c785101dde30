"""What is due to the customers of a test clock, and that a clock stands while somebody goes by it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from domain.charges import ChargeState
from domain.customers import Customer
from domain.orders import OrderState
from domain.store import Store
from domain.test_clocks import DueOnClock, TestClock
from tests.contracts.billing_records import a_subscription, a_test_clock
from tests.contracts.records import NOW, a_charge, a_customer, a_line, a_payment_method, an_order
from tests.contracts.test_billing_store import a_stored_price

A_DAY = timedelta(days=1)


async def a_stored_clock(store: Store) -> tuple[TestClock, Customer]:
    """And somebody who lives by it."""
    clock = a_test_clock()
    customer = replace(a_customer(), test_clock_id=clock.id)
    async with store.transaction() as tx:
        await tx.test_clocks.insert(clock)
        await tx.customers.insert(customer)
    return clock, customer


async def test_what_is_due_first_comes_first_whatever_it_is(store: Store) -> None:
    clock, customer = await a_stored_clock(store)
    price = await a_stored_price(store)
    _, on_another = await a_stored_clock(store)
    elsewhere = replace(a_customer(), id="cus_elsewhere", external_id=None)
    subscription = a_subscription(customer, price)
    assert subscription.due_at is not None
    same_time, sooner, over, endless = (
        replace(an_order(customer, a_line(), state=state), external_id=None, expires_at=expires_at)
        for state, expires_at in (
            (OrderState.OPEN, subscription.due_at),
            (OrderState.PLACED, subscription.due_at - A_DAY),
            (OrderState.COMPLETED, subscription.due_at - A_DAY),
            (OrderState.OPEN, None),
        )
    )
    async with store.transaction() as tx:
        await tx.customers.insert(elsewhere)
        await tx.subscriptions.insert(subscription)
        for other in (elsewhere, on_another):
            await tx.subscriptions.insert(a_subscription(other, price))
            theirs = replace(an_order(other, a_line()), external_id=None, expires_at=NOW - 300 * A_DAY)
            await tx.orders.insert(theirs)
        for order in (same_time, sooner, over, endless):
            await tx.orders.insert(order)

    found: list[DueOnClock] = []
    async with store.reading() as tx:
        assert await tx.test_clocks.next_due(clock.id, until=subscription.due_at - 2 * A_DAY) is None
        while due := await tx.test_clocks.next_due(
            clock.id, until=subscription.due_at, but=[each.id for each in found]
        ):
            found.append(due)
    at_last = sorted([subscription.id, same_time.id])
    assert found == [
        DueOnClock(subscription.due_at - A_DAY, sooner.id),
        *(DueOnClock(subscription.due_at, each) for each in at_last),
    ]


async def test_charges_that_are_undecided_are_found_for_those_on_the_clock_alone(store: Store) -> None:
    clock, customer = await a_stored_clock(store)
    elsewhere = replace(a_customer(), id="cus_elsewhere", external_id=None)
    waiting = []
    async with store.transaction() as tx:
        await tx.customers.insert(elsewhere)
        for each in (customer, elsewhere):
            method = a_payment_method(each)
            await tx.payment_methods.insert(method)
            for state in ChargeState:
                order = replace(an_order(each, a_line()), external_id=None)
                await tx.orders.insert(order)
                charge = replace(a_charge(order, method, state=state), charge_ref=None)
                await tx.charges.insert(charge)
                if each is customer and charge.is_undecided:
                    waiting.append(charge.id)

    async with store.reading() as tx:
        assert await tx.test_clocks.undecided_charges(clock.id) == sorted(waiting)
    assert len(waiting) == 2


async def test_a_clock_stands_while_somebody_goes_by_it(store: Store, rival: Store) -> None:
    clock, customer = await a_stored_clock(store)
    order: list[str] = []
    asked = asyncio.Event()

    async def go_by_it(of: Store, name: str) -> None:
        async with of.transaction() as tx:
            there = await tx.test_clocks.of_customer(customer.id)
            assert there == clock
            asked.set()
            await asyncio.sleep(0.2)
            assert await tx.test_clocks.of_customer(customer.id) == there
            order.append(name)

    async def move() -> None:
        await asked.wait()
        async with rival.transaction() as tx:
            locked = await tx.test_clocks.get_for_update(clock.id)
            assert locked is not None
            await tx.test_clocks.save(locked.at(locked.now + A_DAY, now=NOW))
        order.append("moved")

    await asyncio.gather(go_by_it(store, "went"), move())

    assert order == ["went", "moved"]
    async with store.reading() as tx:
        moved = await tx.test_clocks.of_customer(customer.id)
        assert moved is not None
        assert moved.now == clock.now + A_DAY
