"""A customer with a plan or two, to whom anything happens at any time, and a diary of what they used.

Rules choose; what they choose is asked of the real services, on a real database with a real bank, and written into the
diary. After each rule the invoices less the credits are what the diary says, item by item; the periods are those of the
calendar; and all that was billed was paid, is still asked for, or stands in the balance.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.fake import Bank
from domain.changes import ChangePolicy, ChangeTime, Proration, Undoable
from domain.errors import PaydeskError
from domain.events import EventKind
from domain.invoices import InvoiceState
from domain.pricing import PricingModel
from domain.products import Price
from domain.services.balances import BalanceService, GrantBalance
from domain.services.invoice_lines import NewInvoiceLine
from domain.services.invoices import CreateInvoiceItem
from domain.services.locking import there
from domain.subscriptions import PauseBehavior, Subscription, SubscriptionItem, SubscriptionState, WantedItem
from persistence.database import Database
from persistence.sql import Dialect
from tests.databases import temporary_database
from tests.model.calendar import Rhythm, when
from tests.model.diary import Diary, Held, Plan
from tests.model.strategies import ZONES, anchors, moments, quantities, rhythms, tariffs
from tests.model.tariffs import Tariff
from tests.model.terms import anchor_day_of, interval_of, pricing_of
from tests.model.verdict import check_billed, check_money, check_numbers, first_asked_at
from tests.model.wishes import item_changes
from tests.services.changes import cancel, change, pause, resume, undo
from tests.services.invoiced import pay
from tests.services.shop import SHOP, MovableClock, Shop, open_shop, usd
from tests.services.subscribed import invoices_of
from tests.services.subscribing import a_plan, subscribe, subscription_of, wanted

T = TypeVar("T")

MOST_SUBSCRIPTIONS = 2
"""Of one customer, who has one balance and one card for both."""
MOST_ROUNDS = 40
"""In which workers do what is due; three periods that were slept through need far less."""

LEAST = 20
"""What the bank charges at least, in cents: prices are below and above it."""
GOOD_CARD = "tok_visa"
CARDS = (GOOD_CARD, GOOD_CARD, "tok_chargeDeclinedInsufficientFunds", "tok_chargeDeclinedLostCard")

A_SECOND = timedelta(seconds=1)

_amounts = st.sampled_from((-20_00, -7, 7, 15, 5_00, 20_00))


_OWING = (SubscriptionState.INCOMPLETE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID)


@dataclass(frozen=True, slots=True, repr=False)
class Waiting:
    """A change that is made when its invoice is paid."""

    at: datetime
    held: Held
    invoice_id: str


@dataclass(slots=True, repr=False)
class Subscribed:
    now: Subscription
    """As it was seen last."""
    diary: Diary
    waits: Waiting | None = None


class Story(RuleBasedStateMachine):
    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.rented = ExitStack()
        folder = Path(self.rented.enter_context(TemporaryDirectory(prefix="paydesk-model-")))
        url = self.rented.enter_context(temporary_database(dialect, folder))
        self.runner = self.rented.enter_context(asyncio.Runner())
        self.clock = MovableClock()
        self.bank = Bank(
            folder / "bank.sqlite3", clock=self.clock, public_url="http://bank.test", least_amounts={"USD": LEAST}
        )
        self.plans: dict[str, Plan] = {}
        self.prices: dict[str, Price] = {}
        self.customer = ""
        self.subscribed: list[Subscribed] = []
        self.goes_well = True
        self.database, self.shop = self.run(self.open(url))

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        goes_well, self.goes_well = self.goes_well, False
        told = self.runner.run(story)
        self.goes_well = goes_well
        return told

    async def open(self, url: str) -> tuple[Database, Shop]:
        database = await Database.open(url)
        return database, open_shop(database, self.bank, self.clock)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    # --- who is there, and what they can have -----------------------------------------------------------------------

    @initialize(start=moments, own=rhythms, other=rhythms, some=st.lists(tariffs, min_size=4, max_size=4))
    def shop_has_plans(self, start: datetime, own: Rhythm, other: Rhythm, some: list[Tariff]) -> None:
        """Three of one rhythm, which can be had together, and one of another."""
        self.clock.moment = start

        async def prepare() -> None:
            for tariff, rhythm in zip(some, (own, own, own, other), strict=True):
                price = await a_plan(self.shop, interval=interval_of(rhythm), **priced(tariff))
                self.prices[price.id], self.plans[price.id] = price, Plan(tariff, rhythm)
            self.customer = await self.shop.customer()
            await self.shop.card(self.customer, GOOD_CARD, make_default=True)

        self.run(prepare())

    @precondition(lambda self: len(self.subscribed) < MOST_SUBSCRIPTIONS)
    @rule(
        number=st.integers(1, 2),
        zone=st.sampled_from(ZONES),
        starts=st.sampled_from(("now", "now", "now", "later", "earlier")),
        trial=st.one_of(st.none(), st.none(), st.integers(1, 45)),
        data=st.data(),
    )
    def somebody_subscribes(self, number: int, zone: str, starts: str, trial: int | None, data: st.DataObject) -> None:
        prices = list(self.prices.values())[:number]
        rhythm = self.plans[prices[0].id].rhythm
        anchor = data.draw(anchors(rhythm))
        away = data.draw(short_times(rhythm))
        starts_at = self.now + {"now": timedelta(0), "later": away, "earlier": -away}[starts]
        what = wanted(
            self.customer,
            *((price, data.draw(quantities)) for price in prices),
            starts_at=None if starts == "now" else starts_at,
            anchor_day=anchor_day_of(anchor),
            time_zone=zone,
            trial_days=trial,
        )
        made = self.asks(f"subscribe {starts}", subscribe(self.shop, what))
        if made is not None:
            begins = starts_at if trial is None else days_later(starts_at, trial, zone)
            self.subscribed.append(Subscribed(made, Diary(begins, zone, anchor, self.held(made.present_items))))

    # --- what is asked of a subscription ----------------------------------------------------------------------------

    @precondition(lambda self: self.subscribed)
    @rule(
        when=st.sampled_from((ChangeTime.NOW, ChangeTime.NOW, ChangeTime.PERIOD_END)),
        proration=st.sampled_from((Proration.CREATE, Proration.CREATE, Proration.INVOICE_NOW, Proration.NONE)),
        policy=st.sampled_from((ChangePolicy.APPLY_NOW, ChangePolicy.APPLY_NOW, ChangePolicy.APPLY_ON_PAYMENT)),
        data=st.data(),
    )
    def somebody_changes_it(
        self, when: ChangeTime, proration: Proration, policy: ChangePolicy, data: st.DataObject
    ) -> None:
        one = self.one_of_them(data)
        items = data.draw(item_changes(one.now.present_items, self.plans))
        answer = change(self.shop, one.now, *items, when=when, proration=proration, policy=policy)
        if not self.asks_of(one, f"change {when} {policy}", answer):
            return
        if one.now.pending_change is not None:
            one.diary.change_at = (one.diary.period_end(self.now), self.held(one.now.pending_change.items))
        elif one.now.pending_update is not None:
            held = self.held(one.now.pending_update.items)
            one.waits = Waiting(one.diary.moment(self.now, held), held, one.now.pending_update.invoice_id)
        else:
            held = self.held(one.now.present_items)
            one.diary.changed(held, one.diary.moment(self.now, held), prorated=proration is not Proration.NONE)

    @precondition(lambda self: self.subscribed)
    @rule(when=st.sampled_from(ChangeTime), credit=st.booleans(), data=st.data())
    def somebody_cancels_it(self, when: ChangeTime, credit: bool, data: st.DataObject) -> None:
        one, credit = self.one_of_them(data), credit and when is ChangeTime.NOW
        was = one.now.state
        if not self.asks_of(one, f"cancel {when}", cancel(self.shop, one.now, when, credit=credit)):
            return
        if when is ChangeTime.PERIOD_END:
            one.diary.cancel_at = one.diary.period_end(self.now)
        elif was is SubscriptionState.INCOMPLETE:
            one.diary.never_began(first_asked_at(one.now, one.diary))
        else:
            one.diary.over(one.diary.moment(self.now), with_credit=credit)

    @precondition(lambda self: self.subscribed)
    @rule(
        behavior=st.sampled_from(PauseBehavior),
        seconds=st.one_of(st.none(), st.integers(1, 90 * 86_400)),
        data=st.data(),
    )
    def somebody_pauses_it(self, behavior: PauseBehavior, seconds: int | None, data: st.DataObject) -> None:
        one = self.one_of_them(data)
        until = None if seconds is None else self.now + timedelta(seconds=seconds)
        if not self.asks_of(one, f"pause {behavior}", pause(self.shop, one.now, behavior, until=until)):
            return
        if behavior is PauseBehavior.CREDIT:
            one.diary.paused(one.diary.moment(self.now), until)
        else:
            one.diary.pause_at = (one.diary.period_end(self.now), until)

    @precondition(lambda self: self.resting())
    @rule(data=st.data())
    def somebody_resumes_it(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.resting()))
        if self.asks_of(one, "resume", resume(self.shop, one.now)):
            one.diary.resumed(one.diary.moment(self.now))

    @precondition(lambda self: self.scheduled())
    @rule(data=st.data())
    def somebody_undoes_it(self, data: st.DataObject) -> None:
        one, what = data.draw(st.sampled_from(self.scheduled()))
        if not self.asks_of(one, f"undo {what}", undo(self.shop, one.now, what)):
            return
        match what:
            case Undoable.CHANGE:
                one.diary.change_at = None
            case Undoable.CANCELLATION:
                one.diary.cancel_at = None
            case Undoable.PAUSE:
                one.diary.pause_at = None

    # --- customers and their cards ----------------------------------------------------------------------------------

    @rule(token=st.sampled_from(CARDS))
    def customer_has_another_card(self, token: str) -> None:
        self.run(self.shop.card(self.customer, token, make_default=True))

    @precondition(lambda self: self.owing())
    @rule(data=st.data())
    def customer_pays_what_is_open(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.owing()))

        async def pay_all() -> Subscription:
            for invoice in await invoices_of(self.shop, one.now):
                if invoice.state is InvoiceState.OPEN:
                    await pay(self.shop, invoice)
            return await subscription_of(self.shop, one.now.id)

        self.asks_of(one, "pay", pay_all())

    # --- what the shop does by hand ---------------------------------------------------------------------------------

    @rule(amount=_amounts)
    def shop_grants_something(self, amount: int) -> None:
        """Or takes it back, where it is there."""
        request = self.shop.request("customerBalanceGrant", None, {})
        command = GrantBalance(customer_id=self.customer, amount=usd(amount), note=None, request=request)
        balances = BalanceService(store=self.shop.store, clock=self.clock)
        self.asks("grant", balances.grant(SHOP, command))

    @rule(amount=_amounts, data=st.data())
    def shop_adds_a_line(self, amount: int, data: st.DataObject) -> None:
        """To the next invoice of a subscription, or of the customer."""
        going_on = [one.now.id for one in self.subscribed if not one.now.is_ended]
        subscription_id = data.draw(st.sampled_from([None, *going_on]))
        command = CreateInvoiceItem(
            customer_id=None if subscription_id else self.customer,
            subscription_id=subscription_id,
            line=NewInvoiceLine(name="Tea", unit_amount=usd(amount)),
        )
        self.asks("line", self.shop.invoices.create_item(SHOP, command))

    # --- time -------------------------------------------------------------------------------------------------------

    @rule(wakes=st.booleans(), data=st.data())
    def time_passes(self, wakes: bool, data: st.DataObject) -> None:
        """Seconds, a part of a period, some periods, or just until one ends. Workers may sleep meanwhile."""
        ends = [end for one in self.subscribed if (end := one.diary.period_end(self.now)) > self.now]
        rhythm = self.plans[next(iter(self.prices))].rhythm
        later = data.draw(
            st.one_of(
                *(st.sampled_from((end - A_SECOND, end, end + A_SECOND)) for end in ends),
                short_times(rhythm).map(lambda time: self.now + time),
            )
        )
        self.clock.moment = max(self.now, later)
        if wakes:
            self.run(self.do_what_is_due())

    async def do_what_is_due(self) -> None:
        for _ in range(MOST_ROUNDS):
            await self.shop.run_jobs()
            for one in self.subscribed:
                await self.see(one)
            if not any(self.is_due(one) for one in self.subscribed):
                return
        raise AssertionError(f"after {MOST_ROUNDS} rounds something is still due")

    # --- what has to hold -------------------------------------------------------------------------------------------

    @invariant()
    def books_are_right(self) -> None:
        if self.subscribed:
            self.run(self.look())

    async def look(self) -> None:
        await self.shop.check()
        await check_money(self.shop, self.bank)
        await check_numbers(self.shop)
        for one in self.subscribed:
            await self.see(one)
            if not self.is_due(one):
                one.diary.until(self.now)
                without = one.waits.invoice_id if one.waits else None
                await check_billed(self.shop, one.now.id, one.diary, self.now, without=without)

    def is_due(self, one: Subscribed) -> bool:
        return one.now.due_at is not None and one.now.due_at <= self.now

    async def see(self, one: Subscribed) -> None:
        """How it is now. A diary does not know who has paid: it is told of a change that waited for its payment, and
        that there was no pause, because something was owed."""
        one.now = await subscription_of(self.shop, one.now.id)
        if one.waits and one.now.pending_update is None:
            async with self.shop.store.reading() as tx:
                invoice = there(await tx.invoices.get(one.waits.invoice_id), one.waits.invoice_id)
            if invoice.state is InvoiceState.PAID:
                one.diary.changed(one.waits.held, one.waits.at)
            else:
                assert invoice.state is InvoiceState.VOID
            one.waits = None
        pause_at = one.diary.pause_at
        if pause_at and pause_at[0] <= self.now and not self.is_due(one):
            told = await self.shop.events(one.now.id)
            if told.count(EventKind.SUBSCRIPTION_PAUSED) == len(one.diary.usage.pauses):
                one.diary.pause_at = None

    # --- the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.goes_well and self.subscribed:
                self.run(self.come_to_an_end())
        finally:
            self.runner.run(self.close())
            self.bank.close()
            self.rented.close()

    async def come_to_an_end(self) -> None:
        """Everybody pays what they owe, and takes back what is left."""
        await self.shop.card(self.customer, GOOD_CARD, make_default=True)
        await self.do_what_is_due()
        await self.look()
        for one in self.subscribed:
            if not one.now.is_ended:
                was = one.now.state
                one.now = await cancel(self.shop, one.now, credit=True)
                if was is SubscriptionState.INCOMPLETE:
                    one.diary.never_began(first_asked_at(one.now, one.diary))
                else:
                    one.diary.over(one.diary.moment(self.now), with_credit=True)
        await self.shop.run_jobs(rounds=3)
        await self.look()
        await self.shop.check(settled=True)

    async def close(self) -> None:
        await self.shop.close()
        await self.database.close()

    # --- helpers ----------------------------------------------------------------------------------------------------

    def one_of_them(self, data: st.DataObject) -> Subscribed:
        """Of those that go on, where some do."""
        living = [one for one in self.subscribed if not one.now.is_ended] or self.subscribed
        return living[data.draw(st.integers(0, len(living) - 1))]

    def resting(self) -> list[Subscribed]:
        return [one for one in self.subscribed if one.diary.usage.is_paused_at(self.now)]

    def owing(self) -> list[Subscribed]:
        return [one for one in self.subscribed if one.waits or one.now.state in _OWING]

    def scheduled(self) -> list[tuple[Subscribed, Undoable]]:
        return [
            (one, what)
            for one in self.subscribed
            for what, at in (
                (Undoable.CHANGE, one.diary.change_at or one.waits),
                (Undoable.CANCELLATION, one.diary.cancel_at),
                (Undoable.PAUSE, one.diary.pause_at),
            )
            if at
        ]

    def asks(self, what: str, answer: Coroutine[Any, Any, T]) -> T | None:
        """What it gives; None where it is refused, and then nothing has changed."""

        async def ask() -> T | PaydeskError:
            try:
                return await answer
            except PaydeskError as refused:
                return refused

        told = self.run(ask())
        refused = isinstance(told, PaydeskError)
        event(f"{what} {type(told).__name__ if refused else ''}")
        return None if isinstance(told, PaydeskError) else told

    def asks_of(self, one: Subscribed, what: str, answer: Coroutine[Any, Any, Subscription]) -> bool:
        """Whether it is done. What was due was done before."""
        if self.asks(what, answer) is None:
            return False
        self.run(self.see(one))
        one.diary.until(self.now)
        return True

    def held(self, items: Iterable[SubscriptionItem | WantedItem]) -> Held:
        return {
            item.id if isinstance(item, SubscriptionItem) else item.item_id: (self.plans[item.price_id], item.quantity)
            for item in items
        }


def priced(tariff: Tariff) -> dict[str, Any]:
    """As a price has it."""
    pricing = pricing_of(tariff)
    (first, *_) = pricing.tiers
    if pricing.model in (PricingModel.VOLUME, PricingModel.GRADUATED):
        return {"pricing_model": pricing.model, "tiers": pricing.tiers}
    amount = first.flat_amount if pricing.model is PricingModel.FLAT else first.unit_amount
    return {"pricing_model": pricing.model, "amount": amount}


def days_later(moment: datetime, days: int, zone: str) -> datetime:
    """At the same time of the day there."""
    there = moment.astimezone(ZoneInfo(zone))
    return when(there.date() + timedelta(days=days), there.time(), zone)


def short_times(rhythm: Rhythm) -> st.SearchStrategy[timedelta]:
    """Nothing, seconds, and up to three periods."""
    days = min(3 * (rhythm.months * 30 if rhythm.counts_months else rhythm.days), 900)
    return st.one_of(st.integers(0, 3), st.integers(1, 86_400 * days)).map(lambda seconds: timedelta(seconds=seconds))
