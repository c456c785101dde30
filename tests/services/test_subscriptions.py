"""Subscribing: what is made of a wish, what its first payment decides, and who may wish for what."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from domain.billing import MOST_PERIODS_AT_ONCE, next_period
from domain.charges import ChargeState
from domain.errors import (
    CurrencyMismatch,
    CustomerRedacted,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    PaydeskError,
    PaymentMethodMissing,
    PaymentMethodNotUsable,
    PermissionDenied,
    PriceArchived,
    PriceIntervalMismatch,
    PriceNotRecurring,
    ProductArchived,
    RecoveryInProgress,
)
from domain.events import EventKind
from domain.invoices import Invoice, InvoiceReason, InvoiceState, LineKind
from domain.jobs import JobKind
from domain.money import Money
from domain.periods import AnchorDay
from domain.pricing import PricingModel, Tier
from domain.principals import ALL_PERMISSIONS, Permission, server
from domain.principals import customer as as_customer
from domain.products import Interval, IntervalUnit, Price
from domain.provider import Initiator
from domain.services.business_time import now_of
from domain.services.charges import NewCard
from domain.services.subscriptions import WantedSubscription
from domain.subscriptions import LONGEST_FIRST_PAYMENT, Access, Subscription, SubscriptionState
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.invoiced import charges_of, pay
from tests.services.shop import SHOP, MovableClock, Shop, at_once, usd
from tests.services.subscribed import invoices_of, periods_of
from tests.services.subscribing import (
    MONTHLY,
    YEARLY,
    a_plan,
    on_a_clock,
    preview,
    subscribe,
    subscription_of,
    wanted,
)
from tests.services.test_invoicing import granted, wait_for

ON_ONE = pytest.mark.parametrize("dialect", [Dialect.SQLITE], ids=str)
"""What both databases do alike: what is particular to one is tested where it is."""
DAY = timedelta(days=1)
JANUARY = datetime(2027, 1, 31, 10, tzinfo=UTC)


async def a_customer(shop: Shop, token: str = "tok_visa") -> str:
    customer_id = await shop.customer()
    await shop.card(customer_id, token)
    return customer_id


# --- what is made ---------------------------------------------------------------------------------------------------


async def test_who_subscribes_pays_their_first_period_and_has_it(shop: Shop) -> None:
    plan = await a_plan(shop, 20_00, name="Box of tea")
    subscription = await subscribe(shop, wanted(await a_customer(shop), (plan, 3)))

    assert (subscription.state, subscription.access) == (SubscriptionState.ACTIVE, Access.GRANTED)
    (invoice,) = await invoices_of(shop, subscription)
    assert (invoice.state, invoice.reason, invoice.total) == (InvoiceState.PAID, InvoiceReason.CREATE, usd(60_00))
    (line,) = invoice.lines
    assert (line.kind, line.name, line.quantity, line.unit_amount) == (LineKind.PERIOD, "Box of tea", 3, usd(20_00))
    (billed,) = await periods_of(shop, subscription)
    assert (billed.period, billed.invoice_id) == (subscription.period, invoice.id)
    assert subscription.due_at == billed.period.end
    assert [job["subject_id"] for job in await shop.jobs(JobKind.BILL_SUBSCRIPTION)] == [subscription.id]
    assert await shop.events(subscription.id) == [
        EventKind.SUBSCRIPTION_CREATED,
        EventKind.INVOICE_CREATED,
        EventKind.INVOICE_OPENED,
        EventKind.INVOICE_PAID,
        EventKind.SUBSCRIPTION_ACTIVATED,
    ]
    await shop.check(settled=True)


@ON_ONE
async def test_a_declined_card_leaves_it_incomplete_until_another_one_pays(shop: Shop) -> None:
    customer_id = await a_customer(shop, "tok_chargeDeclined")
    subscription = await subscribe(shop, wanted(customer_id, await a_plan(shop)))

    assert (subscription.state, subscription.access) == (SubscriptionState.INCOMPLETE, Access.REVOKED)
    assert subscription.incomplete_expires_at == subscription.starts_at + LONGEST_FIRST_PAYMENT
    assert subscription.due_at == subscription.incomplete_expires_at
    (invoice,) = await invoices_of(shop, subscription)
    assert [charge.state for charge in await charges_of(shop, invoice)] == [ChargeState.DECLINED]

    other = await shop.card(customer_id, "tok_visa")
    await pay(shop, invoice, payment_method_id=other)

    subscription = await subscription_of(shop, subscription.id)
    assert (subscription.state, subscription.incomplete_expires_at) == (SubscriptionState.ACTIVE, None)
    assert subscription.payment_method_id == other
    assert (await shop.events(subscription.id))[-1] == EventKind.SUBSCRIPTION_ACTIVATED
    await shop.check(settled=True)


@ON_ONE
async def test_a_bank_that_asks_keeps_it_incomplete_until_the_customer_has_confirmed(shop: Shop) -> None:
    subscription = await subscribe(shop, wanted(await a_customer(shop, "tok_threeDSecureRequired"), await a_plan(shop)))

    assert subscription.state is SubscriptionState.INCOMPLETE
    (invoice,) = await invoices_of(shop, subscription)
    (charge,) = await charges_of(shop, invoice)
    assert charge.state is ChargeState.REQUIRES_ACTION
    assert charge.next_action is not None

    await shop.answer_challenge(charge)
    await shop.proceed(charge.id)

    assert (await subscription_of(shop, subscription.id)).state is SubscriptionState.ACTIVE
    await shop.check(settled=True)


@ON_ONE
async def test_a_new_card_is_stored_with_the_first_payment_and_pays_the_others(shop: Shop) -> None:
    customer_id = await shop.customer()
    card = NewCard(token="tok_visa", store=True)
    subscription = await subscribe(shop, wanted(customer_id, await a_plan(shop)), new_card=card)

    assert subscription.state is SubscriptionState.ACTIVE
    (charge,) = await charges_of(shop, (await invoices_of(shop, subscription))[0])
    assert subscription.payment_method_id == charge.payment_method_id
    assert (await shop.method(charge.payment_method_id)).payment_method_ref is not None
    await shop.check(settled=True)


@ON_ONE
async def test_the_customers_default_is_not_named_so_that_renewals_follow_it(shop: Shop) -> None:
    subscription = await subscribe(shop, wanted(await a_customer(shop), await a_plan(shop)))
    assert subscription.payment_method_id is None


@ON_ONE
async def test_what_the_balance_pays_or_costs_nothing_is_active_at_once(shop: Shop) -> None:
    plan, free = await a_plan(shop), await a_plan(shop, 0)
    customer_id = await shop.customer()
    await granted(shop, customer_id, 25_00)

    for price, left in ((plan, 5_00), (free, 0)):
        subscription = await subscribe(shop, wanted(customer_id, price))
        assert subscription.state is SubscriptionState.ACTIVE
        assert subscription.incomplete_expires_at is None
        (invoice,) = await invoices_of(shop, subscription)
        assert (invoice.state, invoice.due) == (InvoiceState.PAID, usd(0))
        assert await charges_of(shop, invoice) == []
        async with shop.store.reading() as tx:
            assert await tx.balances.get(customer_id, "USD") == usd(left)
        if price is plan:
            await wait_for(shop, customer_id, 5_00)
    await shop.check(settled=True)


@ON_ONE
async def test_a_server_charges_a_stored_card_while_its_owner_is_away(shop: Shop) -> None:
    customer_id = await a_customer(shop)
    plan = await a_plan(shop)
    subscription = await subscribe(shop, wanted(customer_id, plan), initiator=Initiator.RECURRING)
    (charge,) = await charges_of(shop, (await invoices_of(shop, subscription))[0])
    assert (charge.initiator, charge.state) == (Initiator.RECURRING, ChargeState.SUCCEEDED)


@ON_ONE
async def test_one_subscription_has_several_prices_of_one_interval_and_currency(shop: Shop) -> None:
    tiers = (
        Tier(up_to=5, unit_amount=usd(10_00), flat_amount=usd(0)),
        Tier(up_to=None, unit_amount=usd(8_00), flat_amount=usd(5_00)),
    )
    seats = await a_plan(shop, 0, YEARLY, pricing_model=PricingModel.GRADUATED, tiers=tiers)
    support = await a_plan(shop, 49_00, Interval(IntervalUnit.MONTH, 12), pricing_model=PricingModel.FLAT)

    subscription = await subscribe(shop, wanted(await a_customer(shop), (seats, 7), (support, 2)))

    assert subscription.interval == YEARLY
    (invoice,) = await invoices_of(shop, subscription)
    assert [line.amount for line in invoice.lines] == [usd(50_00), usd(21_00), usd(49_00)]
    assert seats.unit_amount == usd(10_00)


# --- when it begins -------------------------------------------------------------------------------------------------


@ON_ONE
async def test_one_that_starts_later_waits(shop: Shop) -> None:
    starts_at = shop.clock.now() + 30 * DAY
    subscription = await subscribe(shop, wanted(await shop.customer(), await a_plan(shop), starts_at=starts_at))

    assert (subscription.state, subscription.access) == (SubscriptionState.SCHEDULED, Access.REVOKED)
    assert subscription.due_at == subscription.starts_at == starts_at.replace(microsecond=0)
    assert (subscription.period, await invoices_of(shop, subscription)) == (None, [])
    assert await shop.events(subscription.id) == [EventKind.SUBSCRIPTION_CREATED]
    await shop.check(settled=True)


@ON_ONE
async def test_one_that_has_started_is_caught_up_with_by_one_invoice(shop: Shop) -> None:
    customer_id = await on_a_clock(shop, JANUARY)
    start = datetime(2026, 10, 31, 9, tzinfo=UTC)
    subscription = await subscribe(shop, wanted(customer_id, await a_plan(shop), starts_at=start))

    (invoice,) = await invoices_of(shop, subscription)
    assert (invoice.reason, invoice.total, invoice.period_start) == (InvoiceReason.CATCH_UP, usd(80_00), start)
    starts = [(line.period_start.month, line.period_start.day) for line in invoice.lines if line.period_start]
    assert starts == [(10, 31), (11, 30), (12, 31), (1, 31)]
    billed = await periods_of(shop, subscription)
    assert [each.period.start for each in billed] == [line.period_start for line in invoice.lines]
    assert {each.invoice_id for each in billed} == {invoice.id}
    assert subscription.due_at == datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert await shop.jobs(JobKind.BILL_SUBSCRIPTION) == []  # whoever moves the clock does what is due
    await shop.check(settled=True)


@ON_ONE
async def test_nothing_starts_so_early_that_no_invoice_could_ask_for_it(shop: Shop) -> None:
    customer_id = await on_a_clock(shop, JANUARY)
    daily = await a_plan(shop, 1_00, Interval(IntervalUnit.DAY, 1))
    for days, refused in ((MOST_PERIODS_AT_ONCE - 1, False), (MOST_PERIODS_AT_ONCE, True)):
        what = wanted(customer_id, daily, starts_at=JANUARY - days * DAY)
        if refused:
            assert await refusal_of(shop, what) == (InvalidInput, ("startsAt",))
        else:
            assert len(await periods_of(shop, await subscribe(shop, what))) == MOST_PERIODS_AT_ONCE


@ON_ONE
async def test_with_an_anchor_day_the_first_part_costs_its_share(shop: Shop) -> None:
    customer_id = await on_a_clock(shop, datetime(2027, 4, 21, tzinfo=UTC))
    what = wanted(customer_id, await a_plan(shop, 30_00), anchor_day=AnchorDay(1))
    subscription = await subscribe(shop, what)
    (invoice,) = await invoices_of(shop, subscription)
    assert invoice.total == usd(10_00)  # ten of April's thirty days
    assert subscription.due_at == datetime(2027, 5, 1, tzinfo=UTC)


@ON_ONE
async def test_its_periods_begin_at_the_wall_time_of_its_zone(shop: Shop) -> None:
    customer_id = await on_a_clock(shop, datetime(2027, 3, 15, 11, tzinfo=UTC))
    subscription = await subscribe(shop, wanted(customer_id, await a_plan(shop), time_zone="Europe/Berlin"))
    assert subscription.due_at == datetime(2027, 4, 15, 10, tzinfo=UTC)


# --- trials ---------------------------------------------------------------------------------------------------------


@ON_ONE
async def test_a_trial_costs_nothing_needs_no_card_and_is_given_once(shop: Shop) -> None:
    plan = await a_plan(shop, trial_days=14)
    customer_id = await shop.customer()
    subscription = await subscribe(shop, wanted(customer_id, plan))

    assert (subscription.state, subscription.access) == (SubscriptionState.TRIALING, Access.GRANTED)
    assert subscription.trial_ends_at == subscription.due_at == subscription.starts_at + 14 * DAY
    assert (await invoices_of(shop, subscription), subscription.period) == ([], None)
    assert await shop.events(subscription.id) == [
        EventKind.SUBSCRIPTION_CREATED,
        EventKind.SUBSCRIPTION_TRIAL_STARTED,
    ]

    await shop.card(customer_id)
    again = await subscribe(shop, wanted(customer_id, await a_plan(shop, product_id=plan.product_id, trial_days=30)))
    assert (again.state, again.trial_ends_at) == (SubscriptionState.ACTIVE, None)
    other = await subscribe(shop, wanted(customer_id, await a_plan(shop, trial_days=7)))
    assert other.state is SubscriptionState.TRIALING
    await shop.check(settled=True)


@ON_ONE
async def test_of_several_prices_the_shortest_trial_counts(shop: Shop) -> None:
    long, short, none = [await a_plan(shop, trial_days=days) for days in (30, 7, None)]
    subscription = await subscribe(shop, wanted(await shop.customer(), long, short))
    assert subscription.trial_ends_at == subscription.starts_at + 7 * DAY
    assert (await subscribe(shop, wanted(await a_customer(shop), long, none))).trial_ends_at is None


@ON_ONE
async def test_a_trial_by_hand_is_as_long_as_it_says(shop: Shop) -> None:
    plan = await a_plan(shop, trial_days=14)
    customer_id = await a_customer(shop)
    until = shop.clock.now() + 3 * DAY
    for fields, days in (({"trial_days": 30}, 30), ({"trial_ends_at": until}, 3)):
        subscription = await subscribe(shop, wanted(customer_id, plan, **fields))
        assert subscription.trial_ends_at == subscription.starts_at + days * DAY
    none = await subscribe(shop, wanted(await a_customer(shop), plan, trial_days=0))
    assert (none.state, none.trial_ends_at) == (SubscriptionState.ACTIVE, None)


@ON_ONE
async def test_a_trial_of_one_that_began_before_may_be_over_already(shop: Shop) -> None:
    customer_id = await on_a_clock(shop, JANUARY)
    what = wanted(customer_id, await a_plan(shop, trial_days=14), starts_at=JANUARY - 20 * DAY)
    subscription = await subscribe(shop, what)
    (billed,) = await periods_of(shop, subscription)
    assert (subscription.state, billed.period.start) == (SubscriptionState.ACTIVE, JANUARY - 6 * DAY)
    (invoice,) = await invoices_of(shop, subscription)
    assert invoice.reason is InvoiceReason.CREATE  # its only period runs


# --- what a preview shows ---------------------------------------------------------------------------------------------


@ON_ONE
async def test_a_preview_shows_what_is_made_whatever_is_wished_for(shop: Shop) -> None:
    chance = Random(2027)
    prices = {interval: await some_prices(shop, interval, chance) for interval in SOME_INTERVALS}
    seen: Counter[SubscriptionState] = Counter()
    for _ in range(40):
        customer_id = await on_a_clock(shop, JANUARY + timedelta(hours=chance.randrange(20_000)), token=None)
        card = await shop.card(customer_id, chance.choice(("tok_visa", "tok_visa", "tok_chargeDeclined")))
        if chance.random() < 0.4:
            await granted(shop, customer_id, chance.choice((5, 10_00, 500_00)))
        if chance.random() < 0.4:
            await wait_for(shop, customer_id, 7_00, -chance.choice((3_00, 300_00)))
        what = await some_wish(shop, customer_id, prices[chance.choice(SOME_INTERVALS)], card, chance)

        shown = await preview(shop, what)
        assert await shop.rows("SELECT id FROM subscriptions WHERE customer_id = $1", customer_id) == []
        made = await subscribe(shop, what)

        seen[shown.subscription.state] += 1
        paid = shown.subscription.state is SubscriptionState.INCOMPLETE and made.state is SubscriptionState.ACTIVE
        expected = shown.subscription.paid(now=made.updated_at) if paid else shown.subscription
        assert as_agreed(made) == as_agreed(expected)
        invoices = await invoices_of(shop, made)
        assert len(invoices) == (shown.drafted is not None)
        for invoice in invoices:
            assert shown.drafted is not None
            assert as_printed(invoice) == as_printed(shown.drafted.invoice)
            assert invoice.due == shown.drafted.opening.due
            assert invoice.balance_applied == shown.drafted.opening.balance_applied
        assert shown.next_bill is not None
        assert shown.next_bill.period == next_period(made)
    assert min(seen[state] for state in ON_THEIR_WAY) >= 2, seen
    await shop.check(settled=True)


SOME_INTERVALS = (MONTHLY, YEARLY, Interval(IntervalUnit.WEEK, 2), Interval(IntervalUnit.DAY, 10))
ON_THEIR_WAY = (
    SubscriptionState.SCHEDULED,
    SubscriptionState.TRIALING,
    SubscriptionState.INCOMPLETE,
    SubscriptionState.ACTIVE,
)


async def some_prices(shop: Shop, interval: Interval, chance: Random) -> list[Price]:
    tiers = (
        Tier(up_to=3, unit_amount=usd(chance.randrange(20_00)), flat_amount=usd(0)),
        Tier(up_to=None, unit_amount=usd(chance.randrange(20_00)), flat_amount=usd(5_00)),
    )
    return [
        await a_plan(shop, chance.randrange(100_00), interval, pricing_model=model, tiers=tiers if tiered else ())
        for model, tiered in (
            (PricingModel.PER_UNIT, False),
            (PricingModel.FLAT, False),
            (PricingModel.VOLUME, True),
            (PricingModel.GRADUATED, True),
        )
    ]


async def some_wish(shop: Shop, customer_id: str, prices: list[Price], card: str, chance: Random) -> WantedSubscription:
    async with shop.store.reading() as tx:
        now = await now_of(tx, customer_id, now=shop.clock.now())
    interval = prices[0].interval
    fields: dict[str, Any] = {}
    match chance.randrange(6):
        case 0:
            fields["starts_at"] = now + timedelta(hours=chance.randrange(1, 2_000))
        case 1:
            fields["starts_at"] = now - timedelta(hours=chance.randrange(1, 20_000))
        case 2:
            fields["trial_days"] = chance.randrange(1, 40)
        case 3:
            fields["trial_ends_at"] = now + timedelta(hours=chance.randrange(1, 500))
    if interval == MONTHLY and chance.random() < 0.5:
        fields["anchor_day"] = AnchorDay(chance.randrange(1, 32))
    fields["time_zone"] = chance.choice((None, "Europe/Berlin", "Pacific/Apia", "America/New_York"))
    fields["payment_method_id"] = chance.choice((None, card))
    items = [(price, chance.randrange(1, 9)) for price in chance.sample(prices, chance.randrange(1, 4))]
    return wanted(customer_id, *items, **fields)


def as_agreed(subscription: Subscription) -> Subscription:
    """Without what is of one of the two alone."""
    items = tuple(replace(item, id=str(place)) for place, item in enumerate(subscription.items))
    return replace(subscription, id="sub", items=items, version=1)


def as_printed(invoice: Invoice) -> tuple[object, ...]:
    lines = [replace(line, id="", item_id=line.item_id and "item") for line in invoice.lines]
    return invoice.reason, invoice.period_start, invoice.currency, invoice.total, lines


@ON_ONE
async def test_a_preview_of_one_that_ends_by_itself_shows_no_further_bill(shop: Shop) -> None:
    what = wanted(await shop.customer(), await a_plan(shop), cancel_at=shop.clock.now() + 20 * DAY)
    shown = await preview(shop, what)
    assert shown.next_bill is None
    shown = await preview(shop, replace(what, cancel_at=shop.clock.now() + 40 * DAY))
    assert shown.next_bill is not None
    assert shown.next_bill.total == usd(20_00)


# --- how it goes on ---------------------------------------------------------------------------------------------------


@ON_ONE
async def test_what_was_to_start_later_starts_then_and_is_charged(shop: Shop, clock: MovableClock) -> None:
    customer_id, plan = await a_customer(shop), await a_plan(shop)
    later = await subscribe(shop, wanted(customer_id, plan, starts_at=clock.now() + 3 * DAY))
    tried = await subscribe(shop, wanted(customer_id, await a_plan(shop, trial_days=3)))

    clock.advance(days=3)
    await shop.run_jobs()

    for subscription in (later, tried):
        begun = await subscription_of(shop, subscription.id)
        assert begun.state is SubscriptionState.ACTIVE
        assert begun.period is not None
        assert begun.period.start == begun.periods_from
        (invoice,) = await invoices_of(shop, begun)
        (charge,) = await charges_of(shop, invoice)
        assert (invoice.state, charge.initiator) == (InvoiceState.PAID, Initiator.RECURRING)
    await shop.check(settled=True)


@ON_ONE
async def test_a_first_payment_that_never_comes_costs_nobody_anything(shop: Shop, clock: MovableClock) -> None:
    customer_id = await a_customer(shop, "tok_chargeDeclined")
    await granted(shop, customer_id, 5_00)
    subscription = await subscribe(shop, wanted(customer_id, await a_plan(shop)))

    clock.advance(seconds=LONGEST_FIRST_PAYMENT.total_seconds())
    await shop.run_jobs()

    expired = await subscription_of(shop, subscription.id)
    assert (expired.state, expired.access) == (SubscriptionState.EXPIRED, Access.REVOKED)
    (invoice,) = await invoices_of(shop, expired)
    assert invoice.state is InvoiceState.VOID
    async with shop.store.reading() as tx:
        assert await tx.balances.get(customer_id, "USD") == usd(5_00)
    await shop.check(settled=True)


@ON_ONE
async def test_a_price_that_is_archived_goes_on_for_those_who_have_it(shop: Shop, clock: MovableClock) -> None:
    plan = await a_plan(shop)
    subscription = await subscribe(shop, wanted(await a_customer(shop), plan))
    await shop.products.archive_price(SHOP, plan.id)
    await shop.products.archive(SHOP, plan.product_id)

    clock.advance(days=31)
    await shop.run_jobs()

    assert [invoice.state for invoice in await invoices_of(shop, subscription)] == [InvoiceState.PAID] * 2
    await shop.check(settled=True)


# --- one wish, one subscription ---------------------------------------------------------------------------------------


async def test_one_key_at_once_subscribes_once(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]
    customer_id, plan = await a_customer(shops[0]), await a_plan(shops[0])

    made = await at_once(*(subscribe(shop, wanted(customer_id, plan), key="k") for _ in range(3) for shop in shops))

    assert len({subscription.id for subscription in made}) == 1
    assert len(shops[0].bank.truth().charges) == 1
    with pytest.raises(IdempotencyConflict):
        await subscribe(shops[0], wanted(customer_id, plan, await a_plan(shops[0])), key="k")
    await shops[0].check(settled=True)


async def test_a_trial_is_given_once_to_who_asks_for_it_twice_at_once(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]
    customer_id, plan = await a_customer(shops[0]), await a_plan(shops[0], trial_days=7)

    one, other = shops
    what = wanted(customer_id, plan)
    made = await at_once(subscribe(one, what, key="one"), subscribe(other, what, key="other"))

    assert sorted(subscription.state for subscription in made) == [SubscriptionState.ACTIVE, SubscriptionState.TRIALING]


# --- what is refused --------------------------------------------------------------------------------------------------


async def refusal_of(shop: Shop, what: Any, **how: Any) -> tuple[type[PaydeskError], tuple[str, ...]]:
    """Of the mutation; a refused one leaves nothing behind."""
    before = [await shop.rows(f"SELECT id FROM {table}") for table in ("subscriptions", "invoices", "events")]
    with pytest.raises(PaydeskError) as refused:
        await subscribe(shop, what, **how)
    assert before == [await shop.rows(f"SELECT id FROM {table}") for table in ("subscriptions", "invoices", "events")]
    return type(refused.value), refused.value.path


@ON_ONE
async def test_what_nobody_can_subscribe_to_is_refused_and_the_preview_says_the_same(shop: Shop) -> None:
    customer_id, now = await a_customer(shop), shop.clock.now()
    plan, once = await a_plan(shop), await a_plan(shop, interval=None)
    archived = await a_plan(shop, archived_at=now)
    gone = await a_plan(shop)
    await shop.products.archive(SHOP, gone.product_id)
    euro, yearly = await a_plan(shop, Money(1, "EUR")), await a_plan(shop, interval=YEARLY)
    elsewhere = await shop.card(await shop.customer())
    detached = await shop.card(customer_id)
    await shop.payment_methods.detach(SHOP, detached)
    missing = replace(plan, id="price_00000000000000000000000000")
    cases: list[tuple[Any, type[PaydeskError], tuple[str, ...]]] = [
        (wanted(customer_id), InvalidInput, ("items",)),
        (wanted(customer_id, *[plan] * 21), InvalidInput, ("items",)),
        (wanted(customer_id, plan, plan), InvalidInput, ("items", "1", "priceId")),
        (wanted(customer_id, plan, missing), NotFound, ("items", "1", "priceId")),
        (wanted(customer_id, once), PriceNotRecurring, ("items", "0", "priceId")),
        (wanted(customer_id, archived), PriceArchived, ("items", "0", "priceId")),
        (wanted(customer_id, gone), ProductArchived, ("items", "0", "priceId")),
        (wanted(customer_id, plan, euro), CurrencyMismatch, ("items", "1", "priceId")),
        (wanted(customer_id, plan, yearly), PriceIntervalMismatch, ("items", "1", "priceId")),
        (wanted(customer_id, (plan, 0)), InvalidInput, ("items", "0", "quantity")),
        (wanted(None, plan), InvalidInput, ("customerId",)),
        (wanted("cus_00000000000000000000000000", plan), NotFound, ("customerId",)),
        (wanted(customer_id, plan, trial_days=-1), InvalidInput, ("trialDays",)),
        (wanted(customer_id, plan, trial_days=731), InvalidInput, ("trialDays",)),
        (wanted(customer_id, plan, trial_days=1, trial_ends_at=now + DAY), InvalidInput, ("trialEndsAt",)),
        (wanted(customer_id, plan, trial_ends_at=now - DAY), InvalidInput, ("trialEndsAt",)),
        (wanted(customer_id, plan, trial_ends_at=now + 6 * 365 * DAY), InvalidInput, ("trialEndsAt",)),
        (wanted(customer_id, plan, starts_at=now + 6 * 365 * DAY), InvalidInput, ("startsAt",)),
        (wanted(customer_id, plan, starts_at=now - 6 * 365 * DAY), InvalidInput, ("startsAt",)),
        (wanted(customer_id, plan, cancel_at=now - DAY), InvalidInput, ("cancelAt",)),
        (wanted(customer_id, plan, starts_at=now + DAY, cancel_at=now + DAY), InvalidInput, ("cancelAt",)),
        (wanted(customer_id, plan, time_zone="EST"), InvalidInput, ("timeZone",)),
        (wanted(customer_id, plan, anchor_day=AnchorDay(32)), InvalidInput, ("anchorDay", "day")),
        (wanted(customer_id, plan, payment_method_id=elsewhere), NotFound, ("paymentMethodId",)),
        (wanted(customer_id, plan, payment_method_id=detached), PaymentMethodNotUsable, ("paymentMethodId",)),
        (wanted(customer_id, plan, metadata={"": "x"}), InvalidInput, ("metadata",)),
    ]
    for what, refusal, path in cases:
        assert await refusal_of(shop, what) == (refusal, path), what
        with pytest.raises(refusal) as refused:
            await preview(shop, what)
        assert refused.value.path == path


@ON_ONE
async def test_without_a_card_there_is_no_first_payment(shop: Shop) -> None:
    customer_id, plan = await shop.customer(), await a_plan(shop)
    assert (await refusal_of(shop, wanted(customer_id, plan)))[0] is PaymentMethodMissing
    # Who looks may have no card yet.
    shown = await preview(shop, wanted(customer_id, plan))
    assert shown.drafted is not None
    assert shown.drafted.opening.due == usd(20_00)


@ON_ONE
async def test_a_new_card_comes_with_a_payment_and_is_stored(shop: Shop) -> None:
    customer_id, plan = await shop.customer(), await a_plan(shop)
    card = NewCard(token="tok_visa", store=True)
    cases: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
        ({}, {"new_card": replace(card, store=False)}, ("newCard", "store")),
        ({"payment_method_id": "pm_1"}, {"new_card": card}, ("newCard",)),
        ({}, {"new_card": card, "initiator": Initiator.RECURRING}, ("newCard",)),
        ({"trial_days": 7}, {"new_card": card}, ("newCard",)),
    ]
    for fields, how, path in cases:
        assert await refusal_of(shop, wanted(customer_id, plan, **fields), **how) == (InvalidInput, path)
    await granted(shop, customer_id, 20_00)
    assert await refusal_of(shop, wanted(customer_id, plan), new_card=card) == (InvalidInput, ("newCard",))


@ON_ONE
async def test_what_only_the_shop_decides_customers_do_not(shop: Shop) -> None:
    customer_id, now = await a_customer(shop), shop.clock.now()
    principal, plan = as_customer("ada", customer_id), await a_plan(shop, trial_days=7)
    cases: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"trial_days": 0}, ("trialDays",)),
        ({"trial_ends_at": now + DAY}, ("trialEndsAt",)),
        ({"starts_at": now - DAY}, ("startsAt",)),
        ({"metadata": {"team": "blue"}}, ("metadata",)),
    ]
    for fields, path in cases:
        what = wanted(None, plan, **fields)
        assert await refusal_of(shop, what, principal=principal) == (PermissionDenied, path)
        with pytest.raises(PermissionDenied):
            await preview(shop, what, principal=principal)
    assert (await refusal_of(shop, wanted(None, plan), principal=principal, initiator=Initiator.RECURRING))[0] is (
        PermissionDenied
    )
    other = wanted(await shop.customer(), plan)
    assert await refusal_of(shop, other, principal=principal) == (NotFound, ("customerId",))
    with pytest.raises(NotFound):
        await preview(shop, other, principal=principal)

    mine = await subscribe(shop, wanted(None, plan), principal=principal)
    assert (mine.customer_id, mine.state) == (customer_id, SubscriptionState.TRIALING)


@ON_ONE
async def test_who_may_not_charge_subscribes_nobody(shop: Shop) -> None:
    customer_id, plan = await a_customer(shop), await a_plan(shop)
    for missing, how in (
        (Permission.SUBSCRIPTIONS_WRITE, {}),
        (Permission.CHARGES_WRITE, {}),
        (Permission.CHARGES_OFF_SESSION, {"initiator": Initiator.RECURRING}),
        (Permission.SUBSCRIPTIONS_BY_HAND, {"initiator": Initiator.RECURRING}),
    ):
        principal = server("key_less", ALL_PERMISSIONS - {missing})
        assert (await refusal_of(shop, wanted(customer_id, plan), principal=principal, **how))[0] is PermissionDenied


@ON_ONE
async def test_after_a_restored_backup_nobody_is_subscribed(new_shop: OpenShop) -> None:
    customer_id, plan = await a_customer(new_shop()), await a_plan(new_shop())
    shop = new_shop(recovery=True)
    assert (await refusal_of(shop, wanted(customer_id, plan)))[0] is RecoveryInProgress


@ON_ONE
async def test_who_was_erased_is_subscribed_to_nothing(shop: Shop) -> None:
    customer_id, plan = await shop.customer(), await a_plan(shop)
    async with shop.store.transaction() as tx:
        customer = await tx.customers.get_for_update(customer_id)
        assert customer is not None
        await tx.customers.save(customer.redacted(now=shop.clock.now()))
    assert (await refusal_of(shop, wanted(customer_id, plan)))[0] is CustomerRedacted


@ON_ONE
async def test_two_customers_one_of_them_on_a_clock_live_apart(shop: Shop) -> None:
    plan = await a_plan(shop)
    there, here = await on_a_clock(shop, JANUARY), await a_customer(shop)
    on_clock, real = [await subscribe(shop, wanted(customer_id, plan)) for customer_id in (there, here)]

    assert (on_clock.starts_at, on_clock.due_at) == (JANUARY, datetime(2027, 2, 28, 10, tzinfo=UTC))
    assert real.starts_at == shop.clock.now().replace(microsecond=0)
    (invoice,) = await invoices_of(shop, on_clock)
    (charge,) = await charges_of(shop, invoice)
    assert (invoice.opened_at, charge.created_at) == (JANUARY, real.starts_at)
    assert [job["subject_id"] for job in await shop.jobs(JobKind.BILL_SUBSCRIPTION)] == [real.id]
