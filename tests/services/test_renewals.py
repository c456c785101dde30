"""A period begins by itself: made, billed and charged once, whoever is late and however many come."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from domain.charges import ChargeState
from domain.clock import whole_seconds
from domain.invoices import InvoiceReason, InvoiceState
from domain.jobs import JobKind
from domain.provider import Initiator
from domain.services.invoice_lines import NewInvoiceLine
from domain.services.invoices import CreateInvoiceItem
from domain.subscriptions import CancelReason, Pause, PauseBehavior, SubscriptionState
from tests.services.conftest import OpenShop
from tests.services.invoiced import charges_of
from tests.services.shop import SHOP, MovableClock, Shop, usd
from tests.services.subscribed import DAILY, as_it_is, at, behind, invoices_of, periods_of, subscribed


async def test_a_period_that_begins_is_billed_and_charged_while_its_customer_is_away(
    shop: Shop, clock: MovableClock
) -> None:
    subscription = await subscribed(shop)
    clock.moment = at(subscription)

    await shop.run_jobs()

    renewed = await as_it_is(shop, subscription)
    first, second = await periods_of(shop, subscription)
    assert renewed.state is SubscriptionState.ACTIVE
    assert renewed.period == second.period
    assert (second.period.start, second.period.number) == (first.period.end, 2)
    (invoice,) = await invoices_of(shop, subscription)
    assert second.invoice_id == invoice.id
    assert (invoice.reason, invoice.state, invoice.total) == (InvoiceReason.PERIOD, InvoiceState.PAID, usd(20_00))
    assert (invoice.period_start, invoice.opened_at, invoice.next_try_at) == (second.period.start, clock.now(), None)
    (charge,) = await charges_of(shop, invoice)
    assert (charge.state, charge.initiator, charge.captured) == (
        ChargeState.SUCCEEDED,
        Initiator.RECURRING,
        usd(20_00),
    )
    assert await shop.events(subscription.id) == [
        "INVOICE_CREATED",
        "INVOICE_OPENED",
        "SUBSCRIPTION_RENEWED",
        "INVOICE_PAID",
    ]
    await shop.check(settled=True)


async def test_what_is_not_due_yet_is_left_alone_and_comes_again(shop: Shop, clock: MovableClock) -> None:
    subscription = await subscribed(shop)
    clock.advance(days=5)

    await shop.run_jobs()

    assert await invoices_of(shop, subscription) == []
    (job,) = await shop.jobs(JobKind.BILL_SUBSCRIPTION)
    assert job["subject_id"] == subscription.id
    assert await as_it_is(shop, subscription) == subscription


@pytest.mark.fault("F55")
async def test_after_a_time_without_workers_each_period_is_billed_by_itself_and_in_order(
    shop: Shop, clock: MovableClock
) -> None:
    subscription = await subscribed(shop)
    clock.moment = at(subscription) + timedelta(days=100)

    await shop.run_jobs()

    periods = await periods_of(shop, subscription)
    assert len(periods) == 5
    assert all(one.period.end == following.period.start for one, following in pairwise(periods))
    invoices = await invoices_of(shop, subscription)
    assert [invoice.period_start for invoice in invoices] == [billed.period.start for billed in periods[1:]]
    assert {invoice.state for invoice in invoices} == {InvoiceState.PAID}
    assert [invoice.number.sequence for invoice in invoices if invoice.number] == [1, 2, 3, 4]
    assert shop.provider.names().count("charge") == 4
    await shop.check(settled=True)


@pytest.mark.fault("F55")
async def test_periods_that_are_behind_are_charged_one_at_a_time(shop: Shop, clock: MovableClock) -> None:
    subscription = await subscribed(shop, token="tok_chargePending")
    clock.moment = at(subscription) + timedelta(days=70)

    await shop.run_jobs()

    first, second, third = await invoices_of(shop, subscription)
    assert [len(await charges_of(shop, invoice)) for invoice in (first, second, third)] == [1, 0, 0]
    assert {invoice.state for invoice in (first, second, third)} == {InvoiceState.OPEN}
    for _ in range(3):
        clock.advance(minutes=10)
        await shop.hear()
        await shop.run_jobs()
    assert {invoice.state for invoice in await invoices_of(shop, subscription)} == {InvoiceState.PAID}
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    await shop.check(settled=True)


async def test_a_charge_that_was_put_off_is_made_though_a_period_began_meanwhile(
    shop: Shop, clock: MovableClock
) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    subscription = await behind(shop, customer_id, days=3.5, interval=DAILY)
    shop.misbehave("charge#1=refuse")
    await shop.billing.step(subscription.id)
    (first,) = await invoices_of(shop, subscription)
    assert first.state is InvoiceState.OPEN
    assert first.next_try_at is not None
    clock.moment = first.next_try_at

    await shop.billing.collect(subscription.id)

    assert [invoice.state for invoice in await invoices_of(shop, subscription)] == [InvoiceState.PAID] * 3
    await shop.check(settled=True)


async def test_of_workers_that_come_at_once_one_renews(new_shop: OpenShop, clock: MovableClock) -> None:
    one, other = new_shop(), new_shop()
    subscription = await subscribed(one)
    clock.moment = at(subscription)

    await asyncio.gather(*(shop.billing.bill(subscription.id) for shop in (one, other, one, other)))

    assert len(await periods_of(one, subscription)) == 2
    (invoice,) = await invoices_of(one, subscription)
    assert invoice.state is InvoiceState.PAID
    assert len(await charges_of(one, invoice)) == 1
    await one.check(settled=True)


async def test_a_paused_subscription_has_periods_that_nobody_pays(shop: Shop, clock: MovableClock) -> None:
    pause = Pause(behavior=PauseBehavior.CREDIT, since=clock.now())
    subscription = await subscribed(shop, SubscriptionState.PAUSED, pause=pause)
    clock.moment = at(subscription)

    await shop.run_jobs()

    _, second = await periods_of(shop, subscription)
    assert (second.rates, second.invoice_id) == ({}, None)
    assert await invoices_of(shop, subscription) == []


async def test_a_renewal_that_the_balance_pays_is_charged_to_nobody(shop: Shop, clock: MovableClock) -> None:
    subscription = await subscribed(shop, amount=0)
    clock.moment = at(subscription)

    await shop.run_jobs()

    (invoice,) = await invoices_of(shop, subscription)
    assert (invoice.state, await charges_of(shop, invoice)) == (InvoiceState.PAID, [])


# --- starts and trials ------------------------------------------------------------------------------------------------


async def test_a_subscription_starts_by_itself(shop: Shop, clock: MovableClock) -> None:
    starts = clock.now().replace(microsecond=0) + timedelta(days=10)
    subscription = await subscribed(shop, SubscriptionState.SCHEDULED, starts_at=starts)
    clock.moment = starts

    await shop.run_jobs()

    started = await as_it_is(shop, subscription)
    assert (started.state, started.incomplete_expires_at) == (SubscriptionState.ACTIVE, None)
    (invoice,) = await invoices_of(shop, subscription)
    assert (invoice.reason, invoice.state) == (InvoiceReason.CREATE, InvoiceState.PAID)
    assert (await shop.events(subscription.id))[-1] == "SUBSCRIPTION_ACTIVATED"
    await shop.check(settled=True)


@pytest.mark.parametrize("token", ["tok_chargeDeclined", None])
async def test_lines_of_one_that_never_begins_wait_for_the_next_invoice_of_its_customer(
    shop: Shop, clock: MovableClock, token: str | None
) -> None:
    state = SubscriptionState.TRIALING if token is None else SubscriptionState.SCHEDULED
    begins = whole_seconds(clock.now()) + timedelta(days=10)
    when = "trial_ends_at" if token is None else "starts_at"
    fields: dict[str, Any] = {when: begins}
    subscription = await subscribed(shop, state, token=token, **fields)
    line = NewInvoiceLine(name="Tea", unit_amount=usd(5_00))
    await shop.invoices.create_item(SHOP, CreateInvoiceItem(subscription_id=subscription.id, line=line))
    clock.moment = begins
    await shop.run_jobs()
    clock.advance(days=1)
    await shop.run_jobs()

    assert (await as_it_is(shop, subscription)).is_ended
    async with shop.store.reading() as tx:
        of_it = await tx.invoices.waiting_lines(subscription.customer_id, "USD", subscription_id=subscription.id)
        of_customer = await tx.invoices.waiting_lines(subscription.customer_id, "USD", subscription_id=None)
    assert (list(of_it), [each.line.amount for each in of_customer]) == ([], [usd(5_00)])
    await shop.check()


async def test_a_start_that_nobody_pays_is_incomplete_and_expires(shop: Shop, clock: MovableClock) -> None:
    starts = clock.now().replace(microsecond=0) + timedelta(days=10)
    subscription = await subscribed(
        shop, SubscriptionState.SCHEDULED, starts_at=starts, token="tok_chargeDeclinedInsufficientFunds"
    )
    clock.moment = starts

    await shop.run_jobs()
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.INCOMPLETE
    clock.advance(hours=23)
    await shop.run_jobs()

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.EXPIRED
    (invoice,) = await invoices_of(shop, subscription)
    assert (invoice.state, len(await charges_of(shop, invoice))) == (InvoiceState.VOID, 1)
    assert (await shop.events(subscription.id))[-2:] == ["INVOICE_VOIDED", "SUBSCRIPTION_EXPIRED"]
    await shop.check(settled=True)


async def test_a_start_with_a_trial_asks_for_nothing_yet(shop: Shop, clock: MovableClock) -> None:
    starts = clock.now().replace(microsecond=0) + timedelta(days=10)
    ends = starts + timedelta(days=7)
    subscription = await subscribed(shop, SubscriptionState.SCHEDULED, starts_at=starts, trial_ends_at=ends)
    clock.moment = starts
    await shop.run_jobs()
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.TRIALING
    assert await invoices_of(shop, subscription) == []

    clock.moment = ends
    await shop.run_jobs()

    begun = await as_it_is(shop, subscription)
    assert begun.state is SubscriptionState.ACTIVE
    assert begun.period is not None
    assert begun.period.start == ends
    assert [invoice.state for invoice in await invoices_of(shop, subscription)] == [InvoiceState.PAID]
    assert "SUBSCRIPTION_TRIAL_STARTED" in await shop.events(subscription.id)


async def test_a_trial_that_ends_without_a_card_ends_the_subscription(shop: Shop, clock: MovableClock) -> None:
    ends = clock.now().replace(microsecond=0) + timedelta(days=7)
    subscription = await subscribed(shop, SubscriptionState.TRIALING, trial_ends_at=ends, token=None)
    clock.moment = ends

    await shop.run_jobs()

    ended = await as_it_is(shop, subscription)
    assert (ended.state, ended.cancel_reason) == (SubscriptionState.CANCELED, CancelReason.NO_CARD)
    assert await invoices_of(shop, subscription) == []
    assert await shop.jobs(JobKind.BILL_SUBSCRIPTION) == []


async def test_a_free_plan_needs_no_card_when_its_trial_ends(shop: Shop, clock: MovableClock) -> None:
    ends = clock.now().replace(microsecond=0) + timedelta(days=7)
    subscription = await subscribed(shop, SubscriptionState.TRIALING, trial_ends_at=ends, token=None, amount=0)
    clock.moment = ends

    await shop.run_jobs()

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE


# --- before somebody changes it ---------------------------------------------------------------------------------------


async def test_whoever_changes_a_subscription_finds_all_that_was_due_done(shop: Shop, clock: MovableClock) -> None:
    subscription = await subscribed(shop)
    clock.moment = at(subscription) + timedelta(days=40)
    now = clock.now()
    async with shop.store.transaction() as tx:
        locked = await tx.subscriptions.get_for_update(subscription.id)
        assert locked is not None
        caught_up, operations = await shop.billing.caught_up(tx, locked, now=now, told=now, actor="staff:ada")

    assert len(operations) == 1, "one charge at a time"
    assert await as_it_is(shop, subscription) == caught_up
    assert len(await periods_of(shop, subscription)) == 3
    assert shop.provider.names().count("charge") == 0, "sent by whoever asked, after the commit"
    await shop.run_jobs(rounds=3)
    assert {invoice.state for invoice in await invoices_of(shop, subscription)} == {InvoiceState.PAID}
    await shop.check(settled=True)


async def test_a_job_that_only_charges_something_comes_again_for_the_next_period(
    shop: Shop, clock: MovableClock
) -> None:
    subscription = await subscribed(shop)
    clock.moment = at(subscription)
    shop.misbehave("charge#1=refuse")
    await shop.billing.bill(subscription.id)
    (invoice,) = await invoices_of(shop, subscription)
    assert invoice.state is InvoiceState.OPEN
    clock.advance(hours=2)

    again = await shop.billing.bill(subscription.id)

    (invoice,) = await invoices_of(shop, subscription)
    assert invoice.state is InvoiceState.PAID
    renewed = await as_it_is(shop, subscription)
    assert again == (at(renewed) - whole_seconds(clock.now())).total_seconds()


async def test_nothing_is_done_in_recovery(new_shop: OpenShop, clock: MovableClock) -> None:
    shop = new_shop(recovery=True)
    normal = new_shop()
    subscription = await subscribed(normal)
    clock.moment = at(subscription)
    await shop.run_jobs()
    async with shop.store.transaction() as tx:
        locked = await tx.subscriptions.get_for_update(subscription.id)
        assert locked is not None
        same = await shop.billing.caught_up(tx, locked, now=clock.now(), told=clock.now(), actor="staff:ada")
    assert same == (locked, ())
    assert await invoices_of(shop, subscription) == []

    await normal.run_jobs()

    assert len(await invoices_of(shop, subscription)) == 1


async def test_one_that_cannot_be_billed_stops_no_other(shop: Shop, clock: MovableClock) -> None:
    broken, healthy = await subscribed(shop, amount=10**12), await subscribed(shop)
    async with shop.database.transaction() as connection:
        await connection.execute(
            "UPDATE subscription_items SET quantity = 100000 WHERE subscription_id = $1", broken.id
        )
    clock.moment = at(healthy)

    await shop.run_jobs()

    assert [invoice.state for invoice in await invoices_of(shop, healthy)] == [InvoiceState.PAID]
    assert await invoices_of(shop, broken) == []
    failing = next(job for job in await shop.jobs(JobKind.BILL_SUBSCRIPTION) if job["subject_id"] == broken.id)
    assert "AmountNotRepresentable" in failing["last_error"]
