"""Customers on a test clock live by it, in order and once; everybody else lives in real time."""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.charges import ChargeState
from domain.customers import CustomerChanges
from domain.decline_limits import DeclineLimit, DeclineLimits
from domain.errors import ClockAdvancing, InvalidInput, NotFound, OrderNotPayable, PermissionDenied, TooManyDeclines
from domain.ids import IdPrefix, new_id
from domain.invoices import InvoiceState
from domain.jobs import JobKind
from domain.orders import OrderState
from domain.principals import Permission, server
from domain.services.business_time import asking, now_of
from domain.services.test_clocks import AdvanceTestClock, CreateTestClock
from domain.store import Store, Transaction
from domain.subscriptions import Subscription, SubscriptionState
from domain.test_clocks import LONGEST_ADVANCE, ClockState
from persistence.database import Database
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.dying import Dropped
from tests.services.invoiced import an_invoice, charges_of, pay
from tests.services.shop import DECIDED_SECONDS, SHOP, MovableClock, Shop, open_shop
from tests.services.subscribed import as_it_is, at, invoices_of, subscribed

START = datetime(2027, 1, 31, 10, tzinfo=UTC)
A_DAY = timedelta(days=1)
THREE_D_SECURE, PENDING = "tok_threeDSecureRequired", "tok_chargePending"


async def on_a_clock(shop: Shop, token: str | None = None, *, start: datetime = START) -> tuple[str, str]:
    """A clock, and a customer who lives by it, with this card."""
    clock_id = await shop.test_clock(start)
    customer_id = await shop.customer(test_clock_id=clock_id)
    if token:
        await shop.card(customer_id, token)
    return clock_id, customer_id


# --- clocks -----------------------------------------------------------------------------------------------------------


async def test_a_clock_stands_until_it_is_advanced(shop: Shop) -> None:
    clock_id = await shop.test_clock(START + timedelta(milliseconds=300))

    assert (await shop.clock_row(clock_id)).now == START
    there = await shop.advance(clock_id, START + 365 * A_DAY)

    assert (there.now, there.state, there.target, there.failure) == (START + 365 * A_DAY, ClockState.READY, None, None)
    assert not await shop.jobs(JobKind.ADVANCE_CLOCK)


@pytest.mark.parametrize("to", [START - A_DAY, START, START + LONGEST_ADVANCE + A_DAY, START.replace(year=2200)])
async def test_a_clock_goes_forward_and_not_too_far(shop: Shop, to: datetime) -> None:
    clock_id = await shop.test_clock(START)

    with pytest.raises(InvalidInput):
        await shop.advance(clock_id, to)

    assert (await shop.clock_row(clock_id)).now == START


async def test_nobody_moves_time_where_money_is_real(new_shop: OpenShop) -> None:
    clock_id = await new_shop().test_clock(START)
    shop = new_shop(livemode=True)

    with pytest.raises(PermissionDenied):
        await shop.test_clock(START)
    with pytest.raises(PermissionDenied):
        await shop.advance(clock_id, START + A_DAY)


async def test_a_key_belongs_to_one_clock_and_to_one_advance(shop: Shop) -> None:
    made = shop.request("testClockCreate", "make", {})
    create = CreateTestClock(now=START, name="a year", request=made)
    clock_id = await shop.test_clocks.create(SHOP, create)
    assert await shop.test_clocks.create(SHOP, create) == clock_id

    advance = AdvanceTestClock(clock_id=clock_id, to=START + A_DAY, request=shop.request("advance", "once", {}))
    assert await shop.test_clocks.advance(SHOP, advance) == clock_id
    assert await shop.test_clocks.advance(SHOP, advance) == clock_id, "it is there already, and is not moved again"
    assert (await shop.clock_row(clock_id)).now == START + A_DAY


async def test_a_customer_is_attached_by_who_may_move_their_time_and_for_ever(shop: Shop) -> None:
    clock_id, customer_id = await on_a_clock(shop)
    assert (await shop.customer_row(customer_id)).test_clock_id == clock_id
    await shop.customers.update(SHOP, customer_id, CustomerChanges(name="Ada"))
    assert (await shop.customer_row(customer_id)).test_clock_id == clock_id

    with pytest.raises(NotFound):
        await shop.customer(test_clock_id=new_id(IdPrefix.TEST_CLOCK))
    clerk = server("key_clerk", frozenset({Permission.CUSTOMERS_WRITE}))
    with pytest.raises(PermissionDenied):
        shop.customers.new(clerk, CustomerChanges(), test_clock_id=clock_id, now=shop.clock.now())


# --- who lives by it, and who does not --------------------------------------------------------------------------------


async def test_two_customers_one_on_a_clock_live_apart(shop: Shop, clock: MovableClock) -> None:
    clock_id, on_clock = await on_a_clock(shop)
    elsewhere = await shop.customer()
    deadline = START + 30 * A_DAY
    theirs = await shop.order_of(on_clock, expires_at=deadline)
    real = await shop.order_of(elsewhere, expires_at=clock.now() + A_DAY)
    assert [job["subject_id"] for job in await shop.jobs(JobKind.EXPIRE_ORDER)] == [real]

    clock.advance(days=2_000)
    await shop.make_jobs_due()
    await shop.run_jobs()
    assert (await shop.order_row(theirs)).state is OrderState.OPEN, "in real time nothing happens to them"
    assert (await shop.order_row(real)).state is OrderState.EXPIRED

    waiting = await shop.order_of(elsewhere, expires_at=clock.now() + A_DAY)
    await shop.advance(clock_id, deadline - timedelta(seconds=1))
    assert (await shop.order_row(theirs)).state is OrderState.OPEN
    await shop.advance(clock_id, deadline + 365 * A_DAY)
    assert (await shop.order_row(theirs)).state is OrderState.EXPIRED
    assert (await shop.order_row(waiting)).state is OrderState.OPEN, "and to nobody else by the clock"
    async with shop.store.reading() as tx:
        told = {each: await now_of(tx, each, now=clock.now()) for each in (on_clock, elsewhere)}
    assert told == {on_clock: deadline + 365 * A_DAY, elsewhere: clock.now()}
    await shop.check(settled=True)


async def test_what_is_over_by_the_clock_cannot_be_paid(shop: Shop) -> None:
    clock_id, customer_id = await on_a_clock(shop, "tok_visa", start=datetime(2040, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="passed"):
        await shop.order_of(customer_id, expires_at=shop.clock.now() + A_DAY)

    order_id = await shop.order_of(customer_id, expires_at=datetime(2040, 1, 2, tzinfo=UTC))
    assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    late = await shop.order_of(customer_id, expires_at=datetime(2040, 1, 2, tzinfo=UTC))
    await shop.advance(clock_id, datetime(2040, 1, 3, tzinfo=UTC))
    with pytest.raises(OrderNotPayable):
        await shop.pay(late)


async def test_an_order_that_cannot_end_now_keeps_no_clock(shop: Shop) -> None:
    """Its payment waits for its customer, and the bank does not call it off just now: that goes by real time."""
    clock_id, customer_id = await on_a_clock(shop, THREE_D_SECURE)
    held = await shop.order_of(customer_id, expires_at=START + A_DAY)
    other = await shop.order_of(customer_id, expires_at=START + 2 * A_DAY)
    assert (await shop.paid(held)).state is ChargeState.REQUIRES_ACTION
    shop.misbehave("void#*=refuse")

    arrived = await shop.advance(clock_id, START + 3 * A_DAY)

    assert arrived.state is ClockState.READY
    assert (await shop.order_row(held)).state is OrderState.PLACED
    assert (await shop.order_row(other)).state is OrderState.EXPIRED
    shop.misbehave("")
    await shop.make_jobs_due()
    await shop.run_jobs()
    assert (await shop.order_row(held)).state is OrderState.EXPIRED


# --- decline limits ---------------------------------------------------------------------------------------------------


async def test_declines_are_counted_by_the_clock_of_whom_they_are(new_shop: OpenShop) -> None:
    """One card, of somebody on a clock and of somebody who is not."""
    three = DeclineLimit(3, A_DAY)
    shop = new_shop(declines=DeclineLimits(of_customer=three, of_payment_method=three))
    clock_id, on_clock = await on_a_clock(shop, "tok_chargeCustomerFail")
    elsewhere = await shop.customer()
    await shop.card(elsewhere, "tok_chargeCustomerFail")

    async def decline(customer_id: str) -> ChargeState:
        return (await shop.paid(await shop.order_of(customer_id))).state

    for day in range(3):
        await shop.advance(clock_id, START + (day + 1) * A_DAY)
        for _ in range(3):
            assert await decline(on_clock) is ChargeState.DECLINED
        with pytest.raises(TooManyDeclines):
            await decline(on_clock)
    assert await decline(elsewhere) is ChargeState.DECLINED, "nothing of it counts against anybody else"

    [last] = await shop.rows("SELECT MAX(kept_until) AS kept_until FROM declines")
    assert str(last["kept_until"]) < "2027", "they are forgotten in real time"


# --- while it is advanced ---------------------------------------------------------------------------------------------


async def test_while_it_advances_nobody_changes_what_its_customers_have(shop: Shop) -> None:
    clock_id, customer_id = await on_a_clock(shop, "tok_visa")
    order_id = await shop.order_of(customer_id)
    invoice = await an_invoice(shop, customer_id=customer_id)
    card_id = await shop.card(customer_id, "tok_mastercard")
    async with shop.store.transaction() as tx:
        clock = await tx.test_clocks.get_for_update(clock_id)
        assert clock
        await tx.test_clocks.save(clock.advancing(START + A_DAY, now=shop.clock.now()))

    with asking():
        for change in (
            lambda: shop.customers.update(SHOP, customer_id, CustomerChanges(name="Ada")),
            lambda: shop.customer(test_clock_id=clock_id),
            lambda: shop.card(customer_id),
            lambda: shop.payment_methods.set_default(SHOP, card_id),
            lambda: shop.payment_methods.detach(SHOP, card_id),
            lambda: shop.order_of(customer_id),
            lambda: shop.orders.place(SHOP, order_id, version=None),
            lambda: shop.orders.cancel(SHOP, order_id, version=None),
            lambda: shop.pay(order_id),
            lambda: pay(shop, invoice),
            lambda: shop.test_clocks.advance(
                SHOP, AdvanceTestClock(clock_id=clock_id, to=START + 2 * A_DAY, request=None)
            ),
        ):
            with pytest.raises(ClockAdvancing):
                await change()
        assert await shop.order(), "others go on"
    assert await shop.test_clocks.go_on(clock_id) is None
    with asking():
        assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED


async def test_an_advance_is_gone_on_with_after_a_kill(shop: Shop, other_database: Database) -> None:
    clock_id, customer_id = await on_a_clock(shop)
    orders = [await shop.order_of(customer_id, expires_at=START + day * A_DAY) for day in (1, 2, 3)]
    async with shop.store.transaction() as tx:
        clock = await tx.test_clocks.get_for_update(clock_id)
        assert clock
        await tx.test_clocks.save(clock.advancing(START + 2 * A_DAY, now=shop.clock.now()))
        await tx.jobs.schedule(JobKind.ADVANCE_CLOCK, clock_id, after_seconds=30)
    # Whoever began it is gone; two others find the rest, and do it once.
    other = open_shop(other_database, shop.bank, shop.clock)
    await shop.make_jobs_due()
    await asyncio.gather(shop.run_jobs(), other.test_clocks.go_on(clock_id))

    assert [(await shop.order_row(each)).state for each in orders] == ["EXPIRED", "EXPIRED", "OPEN"]
    there = await shop.clock_row(clock_id)
    assert (there.state, there.now) == (ClockState.READY, START + 2 * A_DAY)
    assert [(await shop.events(each)).count("ORDER_EXPIRED") for each in orders] == [1, 1, 0]
    assert not await shop.jobs(JobKind.ADVANCE_CLOCK)


async def test_a_charge_that_does_not_settle_stops_it_and_is_named(shop: Shop, new_shop: OpenShop) -> None:
    clock_id, customer_id = await on_a_clock(shop, "tok_visa")
    due = await shop.order_of(customer_id, expires_at=START + A_DAY)
    shop.provider.between["charge"] = Dropped()
    charge = await shop.paid(await shop.order_of(customer_id))
    del shop.provider.between["charge"]
    assert charge.is_undecided

    stuck = await new_shop(answer_within_seconds=0.1).advance(clock_id, START + 2 * A_DAY)

    assert (stuck.state, stuck.now, stuck.target) == (ClockState.FAILED, START, START + 2 * A_DAY)
    assert stuck.failure is not None
    assert charge.id in stuck.failure
    assert (await shop.order_row(due)).state is OrderState.OPEN
    await shop.make_jobs_due()
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert (await shop.advance(clock_id, START + 2 * A_DAY)).state is ClockState.READY
    assert (await shop.order_row(due)).state is OrderState.EXPIRED
    await shop.check(settled=True)


# --- subscriptions ----------------------------------------------------------------------------------------------------


async def a_subscriber(shop: Shop, clock_id: str, token: str = "tok_visa", *, start: datetime = START) -> Subscription:
    customer_id = await shop.customer(test_clock_id=clock_id)
    await shop.card(customer_id, token)
    return await subscribed(shop, customer_id=customer_id, starts_at=start)


async def test_a_year_is_billed_month_by_month_and_nobody_else_is(shop: Shop, clock: MovableClock) -> None:
    clock_id = await shop.test_clock(START)
    subscription = await a_subscriber(shop, clock_id)
    elsewhere = await subscribed(shop)
    assert [job["subject_id"] for job in await shop.jobs(JobKind.BILL_SUBSCRIPTION)] == [elsewhere.id]

    arrived = await shop.advance(clock_id, START + 365 * A_DAY)

    assert (arrived.state, arrived.now) == (ClockState.READY, START + 365 * A_DAY)
    invoices = await invoices_of(shop, subscription)
    assert [invoice.opened_at for invoice in invoices] == [subscription.schedule.boundary(n) for n in range(1, 13)]
    assert {invoice.state for invoice in invoices} == {InvoiceState.PAID}
    charges = [charge for invoice in invoices for charge in await charges_of(shop, invoice)]
    assert len(charges) == 12
    assert {charge.created_at.date() for charge in charges} == {clock.now().date()}, "the bank lives in real time"
    assert await invoices_of(shop, elsewhere) == []
    assert [job["subject_id"] for job in await shop.jobs()] == [elsewhere.id], "nothing is left to be done"
    await shop.check(settled=True)


async def test_what_is_due_to_several_happens_in_the_order_of_its_moments(shop: Shop) -> None:
    clock_id = await shop.test_clock(START)
    later, sooner, same = [
        await a_subscriber(shop, clock_id, start=START - timedelta(hours=hours)) for hours in (1, 2, 2)
    ]

    await shop.advance(clock_id, START + 60 * A_DAY)

    numbers = {
        name: [invoice.number.sequence for invoice in await invoices_of(shop, each) if invoice.number]
        for name, each in {"later": later, "sooner": sooner, "same": same}.items()
    }
    assert numbers == {"sooner": [1, 4], "same": [2, 5], "later": [3, 6]}


async def test_dunning_goes_by_the_clock(shop: Shop) -> None:
    clock_id = await shop.test_clock(START)
    subscription = await a_subscriber(shop, clock_id, "tok_chargeCustomerFail")
    due = at(subscription)

    await shop.advance(clock_id, due + 20 * A_DAY)
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.PAST_DUE
    assert len(await shop.rows("SELECT id FROM charges")) == 5
    [invoice] = await invoices_of(shop, subscription)
    assert (invoice.state, invoice.next_try_at) == (InvoiceState.OPEN, None)

    await shop.advance(clock_id, due + 21 * A_DAY)
    ended = await as_it_is(shop, subscription)
    assert (ended.state, ended.ended_at) == (SubscriptionState.CANCELED, due + 21 * A_DAY)


async def test_a_new_card_pays_before_time_goes_on(shop: Shop) -> None:
    """It is tried as soon as a worker has a place; here there is none."""
    clock_id = await shop.test_clock(START)
    subscription = await a_subscriber(shop, clock_id, "tok_chargeCustomerFail")
    due = at(subscription)
    await shop.advance(clock_id, due + 2 * A_DAY)
    await shop.card(subscription.customer_id, make_default=True)

    await shop.advance(clock_id, due + 3 * A_DAY - timedelta(seconds=1))

    [invoice] = await invoices_of(shop, subscription)
    assert (invoice.state, invoice.paid_at) == (InvoiceState.PAID, due + 2 * A_DAY)
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE


async def test_a_charge_that_is_not_decided_is_waited_for(shop: Shop, new_shop: OpenShop, clock: MovableClock) -> None:
    clock_id = await shop.test_clock(START)
    subscription = await a_subscriber(shop, clock_id, PENDING)
    due = at(subscription)

    stuck = await new_shop(answer_within_seconds=0.2).advance(clock_id, due + 365 * A_DAY)

    [invoice] = await invoices_of(shop, subscription)
    [charge] = await charges_of(shop, invoice)
    assert (stuck.state, stuck.now, charge.state) == (ClockState.FAILED, due, ChargeState.PENDING)
    assert charge.id in (stuck.failure or "")
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.make_jobs_due()
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    gone_on = await shop.advance(clock_id, due + A_DAY)
    assert (gone_on.state, gone_on.failure) == (ClockState.READY, None)


class Mortal:
    """A store whose process dies when it has asked it so often."""

    def __init__(self, store: Store, *, asks: int) -> None:
        self._store = store
        self.left = asks

    def _ask(self) -> Store:
        self.left -= 1
        if self.left < 0:
            raise asyncio.CancelledError("the process died")
        return self._store

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._ask().transaction()

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._ask().reading()

    async def run(self, work: Any, **how: Any) -> Any:
        return await self._ask().run(work, **how)


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_a_killed_process_is_no_end_of_it(shop: Shop, database: Database) -> None:
    """Killed between any two of its commits, and gone on with by another: each month is billed and charged once."""
    lives, numbers = 0, 0
    while True:
        clock_id = await shop.test_clock(START)
        subscription = await a_subscriber(shop, clock_id)
        store = Mortal(shop.store, asks=lives)
        mortal = open_shop(database, shop.bank, shop.clock, store=store, answer_within_seconds=0.1)
        with suppress(asyncio.CancelledError):
            await mortal.advance(clock_id, START + 60 * A_DAY)
        await mortal.close()
        await shop.make_jobs_due()
        await shop.run_jobs()
        await shop.advance(clock_id, START + 61 * A_DAY)

        invoices = await invoices_of(shop, subscription)
        assert [invoice.number.sequence for invoice in invoices if invoice.number] == [numbers + 1, numbers + 2]
        assert {invoice.state for invoice in invoices} == {InvoiceState.PAID}
        assert [len(await charges_of(shop, invoice)) for invoice in invoices] == [1, 1]
        lives, numbers = lives + 1, numbers + 2
        if store.left >= 0:
            break
    assert lives > 8, "it died at each place"
    await shop.check(settled=True)
