"""Changing what a subscription is for: at once, when it is paid, or when its period ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.changes import ChangeTime, ItemChange, Undoable
from domain.charges import ChargeState
from domain.errors import (
    ChangePending,
    ChargeInProgress,
    InvalidInput,
    NotFound,
    PermissionDenied,
    PriceArchived,
    SomethingOwed,
    StaleVersion,
)
from domain.invoices import InvoiceReason, InvoiceState
from domain.principals import Principal
from domain.principals import customer as as_customer
from domain.provider import Initiator
from domain.subscriptions import Subscription, SubscriptionState
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.services.changes import (
    APPLY_NOW,
    CREATE,
    NONE,
    NOW,
    PERIOD_END,
    amounts,
    balance_of,
    cancel,
    change,
    invoices_of,
    latest_invoice,
    periods_of,
    preview,
    subscribed_to,
    to,
    undo,
    waiting_for,
)
from tests.services.invoiced import charges_of, pay
from tests.services.shop import MovableClock, Shop, usd
from tests.services.subscribing import MONTHLY, YEARLY, a_plan, subscribe, subscription_of, wanted

START = datetime(2027, 4, 1, 10, tzinfo=UTC)
"""Of a month of thirty days."""


@pytest.fixture
def database_url(new_database_url: NewDatabaseUrl) -> str:
    return new_database_url(Dialect.SQLITE)


@pytest.fixture
def clock() -> MovableClock:
    made = MovableClock()
    made.moment = START
    return made


def of(subscription: Subscription) -> Principal:
    return as_customer("auth0|ada", subscription.customer_id)


class TestNow:
    async def test_an_upgrade_is_invoiced_charged_and_made_when_it_is_paid(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=15)

        changed = await change(shop, subscription, to(subscription, team), principal=of(subscription))

        invoice = await latest_invoice(shop, subscription)
        assert (invoice.reason, invoice.state, amounts(invoice)) == (
            InvoiceReason.CHANGE,
            InvoiceState.PAID,
            [-10_00, 25_00],
        )
        (charge,) = await charges_of(shop, invoice)
        assert (charge.initiator, charge.captured) == (Initiator.CUSTOMER, usd(15_00))
        assert changed.present_items[0].price_id == team.id
        assert (changed.pending_update, changed.state) == (None, SubscriptionState.ACTIVE)
        assert (await shop.events(subscription.id))[-5:] == [
            "INVOICE_CREATED",
            "INVOICE_OPENED",
            "SUBSCRIPTION_CHANGE_SCHEDULED",
            "INVOICE_PAID",
            "SUBSCRIPTION_CHANGED",
        ]
        await shop.check(settled=True)

    async def test_what_an_upgrade_costs_may_wait_for_the_next_invoice(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=15)

        changed = await change(shop, subscription, to(subscription, team), proration=CREATE, policy=APPLY_NOW)

        assert changed.present_items[0].price_id == team.id
        assert await waiting_for(shop, subscription) == [-10_00, 25_00]
        assert len(await invoices_of(shop, subscription)) == 1
        clock.advance(days=15)
        await shop.run_jobs(rounds=2)
        assert amounts(await latest_invoice(shop, subscription)) == [50_00, -10_00, 25_00]
        await shop.check(settled=True)

    async def test_without_proration_the_next_period_is_the_first_that_costs_more(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=15)

        await change(shop, subscription, to(subscription, team), proration=NONE, policy=APPLY_NOW)

        assert (await waiting_for(shop, subscription), len(await invoices_of(shop, subscription))) == ([], 1)
        clock.advance(days=15)
        await shop.run_jobs(rounds=2)
        assert amounts(await latest_invoice(shop, subscription)) == [50_00]

    async def test_a_downgrade_puts_what_is_left_into_the_balance_and_waits_for_nothing(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        small = await a_plan(shop, 5_00)
        subscription = await subscribed_to(shop)
        clock.advance(days=15)

        changed = await change(shop, subscription, to(subscription, small), principal=of(subscription))

        invoice = await latest_invoice(shop, subscription)
        assert (invoice.state, amounts(invoice), invoice.due) == (InvoiceState.PAID, [-10_00, 2_50], usd(0))
        assert (changed.pending_update, await balance_of(shop, subscription)) == (None, 7_50)
        clock.advance(days=15)
        await shop.run_jobs(rounds=2)
        renewal = await latest_invoice(shop, subscription)
        assert (renewal.total, renewal.due, await balance_of(shop, subscription)) == (usd(5_00), usd(0), 2_50)
        await shop.check(settled=True)

    async def test_items_come_and_go(self, shop: Shop, clock: MovableClock) -> None:
        seat, support = await a_plan(shop, 3_00), await a_plan(shop, 30_00)
        subscription = await subscribed_to(shop, await a_plan(shop), (seat, 4))
        clock.advance(days=15)

        changed = await change(
            shop,
            subscription,
            ItemChange(item_id=subscription.items[1].id, quantity=6),
            ItemChange(item_id=subscription.items[0].id, remove=True),
            ItemChange(price_id=support.id, quantity=2),
        )

        assert amounts(await latest_invoice(shop, subscription)) == [-10_00, -6_00, 9_00, 30_00]
        assert [(item.price_id, item.quantity) for item in changed.present_items] == [(seat.id, 6), (support.id, 2)]
        clock.advance(days=15)
        await shop.run_jobs(rounds=2)
        assert amounts(await latest_invoice(shop, subscription)) == [18_00, 60_00]

    async def test_another_interval_begins_at_once_with_a_new_period(self, shop: Shop, clock: MovableClock) -> None:
        subscription, yearly = await subscribed_to(shop), await a_plan(shop, 200_00, YEARLY)
        clock.advance(days=15)

        changed = await change(shop, subscription, to(subscription, yearly))

        invoice = await latest_invoice(shop, subscription)
        assert (amounts(invoice), invoice.state) == ([-10_00, 200_00], InvoiceState.PAID)
        month, year = await periods_of(shop, subscription)
        assert changed.period == year.period
        assert (year.period.start, year.period.end) == (clock.now(), datetime(2028, 4, 16, 10, tzinfo=UTC))
        assert (month.invoice_id, year.invoice_id) == ((await invoices_of(shop, subscription))[0].id, invoice.id)
        clock.advance(days=60)
        await shop.run_jobs(rounds=2)
        assert len(await invoices_of(shop, subscription)) == 2, "no month is billed in a year"
        clock.moment = year.period.end
        await shop.run_jobs(rounds=2)
        assert amounts(await latest_invoice(shop, subscription)) == [200_00]
        await shop.check(settled=True)

    async def test_another_interval_is_invoiced_now_whatever_its_proration(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        yearly = await a_plan(shop, 200_00, YEARLY)
        for proration, lines in ((CREATE, [-10_00, 200_00]), (NONE, [200_00])):
            subscription = await subscribed_to(shop)
            clock.advance(days=15)
            changed = await change(shop, subscription, to(subscription, yearly), proration=proration, policy=APPLY_NOW)
            assert amounts(await latest_invoice(shop, subscription)) == lines
            assert changed.interval == YEARLY
            clock.moment = START

    async def test_another_interval_at_the_first_moment_of_a_period_begins_a_second_later(self, shop: Shop) -> None:
        subscription, yearly = await subscribed_to(shop), await a_plan(shop, 200_00, YEARLY)
        changed = await change(shop, subscription, to(subscription, yearly))
        assert changed.period is not None
        assert changed.period.start == START + timedelta(seconds=1)
        assert amounts(await latest_invoice(shop, subscription)) == [-20_00, 200_00]

    async def test_a_change_in_a_trial_is_free(self, shop: Shop, clock: MovableClock) -> None:
        solo = await a_plan(shop)
        team = await a_plan(shop, 50_00, product_id=solo.product_id)
        subscription = await subscribed_to(shop, solo, trial_days=14)

        changed = await change(shop, subscription, to(subscription, team), principal=of(subscription))

        assert (changed.present_items[0].price_id, await invoices_of(shop, subscription)) == (team.id, [])
        clock.advance(days=14)
        await shop.run_jobs(rounds=2)
        assert amounts(await latest_invoice(shop, subscription)) == [50_00]

    async def test_nobody_brings_another_product_into_their_own_trial(self, shop: Shop, clock: MovableClock) -> None:
        subscription, other = await subscribed_to(shop, trial_days=14), await a_plan(shop, 500_00)
        later = await subscribed_to(shop, trial_days=14, starts_at=START + timedelta(days=3))
        for trial, when in ((subscription, NOW), (later, NOW), (later, PERIOD_END)):
            for item in (to(trial, other), ItemChange(price_id=other.id)):
                with pytest.raises(PermissionDenied) as told:
                    await preview(shop, trial, item, principal=of(trial), when=when)
                assert told.value.path == ("items", "0", "priceId")
                with pytest.raises(PermissionDenied):
                    await change(shop, trial, item, principal=of(trial), when=when)
        at_end = await change(shop, subscription, to(subscription, other), when=PERIOD_END, principal=of(subscription))
        assert at_end.pending_change is not None
        assert at_end.pending_change.at == at_end.trial_ends_at
        assert (await change(shop, later, to(later, other))).present_items[0].price_id == other.id

    @pytest.mark.parametrize("when", [NOW, PERIOD_END])
    async def test_what_was_tried_is_not_tried_again_after_a_change_to_something_else(
        self, shop: Shop, clock: MovableClock, when: ChangeTime
    ) -> None:
        tried, other = await a_plan(shop, trial_days=14), await a_plan(shop, 50_00)
        subscription = await subscribed_to(shop, tried)
        assert subscription.state is SubscriptionState.TRIALING
        await change(shop, subscription, to(subscription, other), when=when)
        clock.advance(days=14)
        await shop.run_jobs(rounds=2)
        changed = await subscription_of(shop, subscription.id)
        assert [item.price_id for item in changed.present_items] == [other.id]

        again = await subscribe(shop, wanted(subscription.customer_id, tried), principal=of(subscription))

        assert again.trial_ends_at is None

    async def test_what_is_due_is_done_before_the_change(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=30 + 15.5)  # half of May, which nobody has billed yet

        await change(shop, subscription, to(subscription, team))

        first, second, third = await invoices_of(shop, subscription)
        assert [amounts(each) for each in (first, second, third)] == [[20_00], [20_00], [-10_00, 25_00]]
        assert {each.state for each in (first, second, third)} == {InvoiceState.PAID}
        await shop.check(settled=True)

    async def test_what_is_as_it_was_changes_nothing(self, shop: Shop) -> None:
        subscription = await subscribed_to(shop)
        same = await change(shop, subscription, to(subscription, quantity=1))
        assert (same, len(await invoices_of(shop, subscription))) == (subscription, 1)


class TestOnPayment:
    async def test_what_is_declined_changes_nothing_until_another_card_pays(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        clock.advance(days=15)

        waiting = await change(shop, subscription, to(subscription, team), payment_method_id=declining)

        invoice = await latest_invoice(shop, subscription)
        assert (invoice.state, waiting.state) == (InvoiceState.OPEN, SubscriptionState.ACTIVE)
        assert waiting.items == subscription.items
        assert waiting.is_update(invoice.id)
        clock.advance(hours=5)
        await pay(shop, invoice)
        changed = await subscription_of(shop, subscription.id)
        assert (changed.present_items[0].price_id, changed.pending_update) == (team.id, None)
        (billed,) = await periods_of(shop, subscription)
        assert [rate.since for rate in billed.rates[changed.items[0].id]] == [START, START + timedelta(days=15)]
        await shop.check(settled=True)

    async def test_meanwhile_there_is_no_other_change(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        with pytest.raises(ChangePending):
            await change(shop, subscription, to(subscription, quantity=2))

    async def test_undone_its_invoice_is_void_and_the_balance_is_there_again(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        small, team = await a_plan(shop, 5_00), await a_plan(shop, 50_00)
        subscription = await subscribed_to(shop)
        clock.advance(days=15)
        subscription = await change(shop, subscription, to(subscription, small))
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        assert await balance_of(shop, subscription) == 0

        undone = await undo(shop, subscription, Undoable.CHANGE, principal=of(subscription))

        invoice = await latest_invoice(shop, subscription)
        assert (invoice.state, undone.pending_update) == (InvoiceState.VOID, None)
        assert (undone.items, await balance_of(shop, subscription)) == (subscription.items, 7_50)
        await shop.check(settled=True)

    async def test_what_is_not_paid_in_time_is_dropped(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        clock.advance(hours=23)

        await shop.run_jobs(rounds=2)

        dropped = await subscription_of(shop, subscription.id)
        assert (dropped.pending_update, dropped.items, dropped.state) == (
            None,
            subscription.items,
            SubscriptionState.ACTIVE,
        )
        assert (await latest_invoice(shop, subscription)).state is InvoiceState.VOID
        assert (await shop.events(subscription.id))[-2:] == ["INVOICE_VOIDED", "SUBSCRIPTION_UNDONE"]

    async def test_it_is_dropped_before_the_period_ends(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        clock.advance(days=29, hours=20)
        waiting = await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        assert waiting.pending_update is not None
        assert waiting.period is not None
        assert waiting.pending_update.expires_at == waiting.period.end
        clock.advance(hours=4)
        await shop.run_jobs(rounds=2)
        update, renewal = (await invoices_of(shop, subscription))[-2:]
        assert (update.state, amounts(renewal), renewal.state) == (InvoiceState.VOID, [20_00], InvoiceState.PAID)

    async def test_a_payment_that_waits_for_its_customer_is_given_up_with_it(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        challenged = await shop.card(subscription.customer_id, "tok_threeDSecureRequired")
        await change(shop, subscription, to(subscription, team), payment_method_id=challenged)
        invoice = await latest_invoice(shop, subscription)
        (charge,) = await charges_of(shop, invoice)
        assert charge.state is ChargeState.REQUIRES_ACTION

        await undo(shop, subscription, Undoable.CHANGE)
        await shop.run_jobs(rounds=2)

        (charge,) = await charges_of(shop, invoice)
        assert charge.state is ChargeState.EXPIRED
        await shop.check(settled=True)

    async def test_lines_that_wait_for_the_next_invoice_do_not_go_with_it(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        seat, team = await a_plan(shop, 6_00), await a_plan(shop, 50_00)
        subscription = await subscribed_to(shop)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        clock.advance(days=15)
        subscription = await change(
            shop, subscription, ItemChange(price_id=seat.id), proration=CREATE, policy=APPLY_NOW
        )
        await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        await undo(shop, subscription, Undoable.CHANGE)
        assert await waiting_for(shop, subscription) == [3_00]

    async def test_a_change_that_the_balance_pays_is_made_at_once(self, shop: Shop, clock: MovableClock) -> None:
        small, middle = await a_plan(shop, 5_00), await a_plan(shop, 10_00)
        subscription = await subscribed_to(shop)
        clock.advance(days=15)
        subscription = await change(shop, subscription, to(subscription, small))
        changed = await change(shop, subscription, to(subscription, middle))
        assert (changed.present_items[0].price_id, await balance_of(shop, subscription)) == (middle.id, 5_00)

    async def test_without_a_card_its_invoice_waits_to_be_paid(self, shop: Shop) -> None:
        free, team = await a_plan(shop, 0), await a_plan(shop, 50_00)
        subscription = await subscribed_to(shop, free, token=None)
        waiting = await change(shop, subscription, to(subscription, team))
        invoice = await latest_invoice(shop, subscription)
        assert (invoice.state, waiting.is_update(invoice.id)) == (InvoiceState.OPEN, True)
        assert await charges_of(shop, invoice) == []
        assert waiting.state is SubscriptionState.ACTIVE


class TestAtPeriodEnd:
    async def test_a_change_is_made_when_the_period_ends_and_before_the_next_is_billed(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription, small = await subscribed_to(shop), await a_plan(shop, 5_00)
        scheduled = await change(
            shop, subscription, to(subscription, small), when=PERIOD_END, principal=of(subscription)
        )
        assert scheduled.items == subscription.items
        assert scheduled.pending_change is not None
        assert subscription.period is not None
        clock.moment = scheduled.pending_change.at
        assert clock.moment == subscription.period.end
        await shop.run_jobs(rounds=2)
        changed = await subscription_of(shop, subscription.id)
        assert (changed.pending_change, changed.present_items[0].price_id) == (None, small.id)
        assert [amounts(each) for each in await invoices_of(shop, subscription)] == [[20_00], [5_00]]

    async def test_a_year_goes_on_as_months(self, shop: Shop, clock: MovableClock) -> None:
        yearly, monthly = await a_plan(shop, 200_00, YEARLY), await a_plan(shop)
        subscription = await subscribed_to(shop, yearly)
        await change(shop, subscription, to(subscription, monthly), when=PERIOD_END)
        assert subscription.period is not None
        clock.moment = subscription.period.end + timedelta(days=45)
        await shop.run_jobs(rounds=3)
        _, first, second = await periods_of(shop, subscription)
        assert (first.period.start, first.period.end) == (subscription.period.end, second.period.start)
        assert [amounts(each) for each in await invoices_of(shop, subscription)] == [[200_00], [20_00], [20_00]]
        await shop.check()

    async def test_undone_nothing_happens(self, shop: Shop, clock: MovableClock) -> None:
        subscription, small = await subscribed_to(shop), await a_plan(shop, 5_00)
        customer = of(subscription)
        await change(shop, subscription, to(subscription, small), when=PERIOD_END, principal=customer)
        undone = await undo(shop, subscription, Undoable.CHANGE, principal=customer)
        assert (undone.pending_change, undone.items) == (None, subscription.items)
        clock.advance(days=30)
        await shop.run_jobs(rounds=2)
        assert amounts(await latest_invoice(shop, subscription)) == [20_00]

    async def test_a_price_that_the_shop_announces_is_not_undone_by_the_customer(self, shop: Shop) -> None:
        subscription, dearer = await subscribed_to(shop), await a_plan(shop, 25_00)
        await change(shop, subscription, to(subscription, dearer), when=PERIOD_END)
        with pytest.raises(PermissionDenied):
            await undo(shop, subscription, Undoable.CHANGE, principal=of(subscription))
        assert (await undo(shop, subscription, Undoable.CHANGE)).pending_change is None

    async def test_of_a_trial_it_is_made_when_that_ends(self, shop: Shop, clock: MovableClock) -> None:
        subscription, yearly = await subscribed_to(shop, trial_days=14), await a_plan(shop, 200_00, YEARLY)
        await change(shop, subscription, to(subscription, yearly), when=PERIOD_END)
        clock.advance(days=14)
        await shop.run_jobs(rounds=2)
        (invoice,) = await invoices_of(shop, subscription)
        assert amounts(invoice) == [200_00]

    async def test_an_item_that_comes_with_it_is_there_for_whoever_asks_before_a_worker_does(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription = await subscribed_to(shop)
        seats = await a_plan(shop, 5_00)
        await change(shop, subscription, ItemChange(price_id=seats.id, quantity=2), when=PERIOD_END)
        clock.advance(days=31)

        await cancel(shop, subscription)

        assert amounts(await latest_invoice(shop, subscription)) == [20_00, 10_00]

    async def test_before_it_starts_likewise(self, shop: Shop, clock: MovableClock) -> None:
        small = await a_plan(shop, 5_00)
        subscription = await subscribed_to(shop, starts_at=START + timedelta(days=3))
        await change(shop, subscription, to(subscription, small), when=PERIOD_END)
        clock.advance(days=3)
        await shop.run_jobs(rounds=2)
        (invoice,) = await invoices_of(shop, subscription)
        assert amounts(invoice) == [5_00]


class TestWhatIsOwed:
    async def owing(self, shop: Shop, clock: MovableClock) -> Subscription:
        """Its second period is not paid."""
        subscription = await subscribed_to(shop)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        async with shop.store.transaction() as tx:
            locked = await tx.subscriptions.get_for_update(subscription.id)
            assert locked is not None
            await tx.subscriptions.save(replace(locked, payment_method_id=declining))
        clock.moment = datetime(2027, 5, 1, 10, tzinfo=UTC)
        await shop.run_jobs(rounds=2)
        owing = await subscription_of(shop, subscription.id)
        assert owing.state is SubscriptionState.PAST_DUE
        return owing

    async def test_a_change_that_has_to_be_paid_first_waits_until_it_is_paid(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription, team = await self.owing(shop, clock), await a_plan(shop, 50_00)
        with pytest.raises(SomethingOwed):
            await change(shop, subscription, to(subscription, team))

    async def test_a_credit_reduces_it_first(self, shop: Shop, clock: MovableClock) -> None:
        subscription, small = await self.owing(shop, clock), await a_plan(shop, 5_00)
        clock.advance(days=15.5)
        await shop.run_jobs(rounds=2)

        changed = await change(shop, subscription, to(subscription, small), principal=of(subscription))

        _, owed, rest = await invoices_of(shop, subscription)
        assert (owed.state, owed.total, owed.due) == (InvoiceState.OPEN, usd(20_00), usd(12_50))
        assert (rest.state, amounts(rest)) == (InvoiceState.PAID, [-2_50, 2_50])
        assert await balance_of(shop, subscription) == 0
        assert (changed.state, changed.present_items[0].price_id) == (SubscriptionState.PAST_DUE, small.id)
        await shop.check()

    async def test_nothing_is_credited_of_what_is_just_being_charged(self, shop: Shop, clock: MovableClock) -> None:
        subscription, small = await self.owing(shop, clock), await a_plan(shop, 5_00)
        clock.advance(days=15.5)  # a retry is due, which a change does first
        with pytest.raises(ChargeInProgress) as refused:
            await change(shop, subscription, to(subscription, small))
        assert refused.value.path == ("subscriptionId",)
        (_, owed) = await invoices_of(shop, subscription)
        assert owed.due == usd(20_00)

    async def test_with_all_of_it_credited_it_is_active_again(self, shop: Shop, clock: MovableClock) -> None:
        subscription, free = await self.owing(shop, clock), await a_plan(shop, 0)

        changed = await change(shop, subscription, to(subscription, free))

        (_, owed) = await invoices_of(shop, subscription)
        assert (owed.state, owed.due, changed.state) == (InvoiceState.PAID, usd(0), SubscriptionState.ACTIVE)
        await shop.check()


class TestPreviews:
    @pytest.mark.parametrize(
        "how",
        [
            {},
            {"proration": CREATE, "policy": APPLY_NOW},
            {"policy": APPLY_NOW},
            {"proration": NONE, "policy": APPLY_NOW},
        ],
    )
    @pytest.mark.parametrize("what", ["more", "less", "yearly", "seats"])
    async def test_what_is_shown_is_what_is_made(
        self, shop: Shop, clock: MovableClock, what: str, how: dict[str, Any]
    ) -> None:
        prices = {"more": 50_00, "less": 3_33, "yearly": 199_99, "seats": 7_77}
        price = await a_plan(shop, prices[what], YEARLY if what == "yearly" else MONTHLY)
        subscription = await subscribed_to(shop)
        item = ItemChange(price_id=price.id, quantity=3) if what == "seats" else to(subscription, price)
        clock.advance(days=12, hours=5, minutes=17)

        shown = await preview(shop, subscription, item, **how)
        clock.advance(minutes=9)
        changed = await change(shop, subscription, item, previewed_at=shown.previewed_at, **how)

        made = (await invoices_of(shop, subscription))[1:]
        assert [amounts(each) for each in made] == ([amounts(shown.drafted.invoice)] if shown.drafted else [])
        if shown.drafted:
            assert (made[0].due, made[0].balance_applied) == (
                shown.drafted.opening.due,
                shown.drafted.opening.balance_applied,
            )
            assert [(line.name, line.kind, line.period_start, line.period_end) for line in made[0].lines] == [
                (line.name, line.kind, line.period_start, line.period_end) for line in shown.drafted.invoice.lines
            ]
        assert await waiting_for(shop, subscription) == [line.amount.minor_units for line in shown.waiting]
        assert changed.period == shown.subscription.period
        assert [(each.price_id, each.quantity) for each in changed.present_items] == [
            (each.price_id, each.quantity) for each in shown.subscription.present_items
        ]

    async def test_a_preview_writes_nothing(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        await preview(shop, subscription, to(subscription, team))
        assert await subscription_of(shop, subscription.id) == subscription
        assert len(await invoices_of(shop, subscription)) == 1

    async def test_what_is_due_is_done_before_it_is_shown(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=30 + 15.5)
        shown = await preview(shop, subscription, to(subscription, team))
        assert shown.drafted is not None
        assert amounts(shown.drafted.invoice) == [-10_00, 25_00]

    async def test_at_the_end_of_the_period_nothing_is_invoiced(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        shown = await preview(shop, subscription, to(subscription, team), when=PERIOD_END)
        assert subscription.period is not None
        assert (shown.drafted, shown.applies_at) == (None, subscription.period.end)
        assert shown.subscription.present_items[0].price_id == team.id

    @pytest.mark.parametrize("minutes", [-1, 11])
    async def test_it_is_good_for_ten_minutes(self, shop: Shop, clock: MovableClock, minutes: int) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=3)
        previewed_at = clock.now() - timedelta(minutes=minutes)
        with pytest.raises(InvalidInput) as refused:
            await change(shop, subscription, to(subscription, team), previewed_at=previewed_at)
        assert refused.value.path == ("previewedAt",)

    async def test_it_is_over_once_something_has_changed(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        shown = await preview(shop, subscription, to(subscription, team))
        clock.advance(minutes=2)
        await change(shop, subscription, to(subscription, quantity=2))
        with pytest.raises(InvalidInput) as refused:
            await change(shop, subscription, to(subscription, team), previewed_at=shown.previewed_at)
        assert refused.value.path == ("previewedAt",)


class TestWhoMayWhat:
    @pytest.mark.parametrize("how", [{"proration": CREATE}, {"proration": NONE}, {"policy": APPLY_NOW}])
    async def test_how_a_change_is_billed_is_for_the_shop_to_say(self, shop: Shop, how: dict[str, Any]) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        for ask in (change, preview):
            with pytest.raises(PermissionDenied):
                await ask(shop, subscription, to(subscription, team), principal=of(subscription), **how)

    async def test_what_belongs_to_somebody_else_is_not_there(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        stranger = as_customer("auth0|stranger", await shop.customer())
        for ask in (change, preview):
            with pytest.raises(NotFound):
                await ask(shop, subscription, to(subscription, team), principal=stranger)

    async def test_what_is_sold_no_longer_can_be_kept_and_not_be_chosen(self, shop: Shop, clock: MovableClock) -> None:
        plan, old = await a_plan(shop), await a_plan(shop, 50_00)
        subscription = await subscribed_to(shop, plan)
        async with shop.store.transaction() as tx:
            for price in (plan, old):
                await tx.prices.save(price.archived(now=clock.now()))
        with pytest.raises(PriceArchived) as refused:
            await change(shop, subscription, to(subscription, old))
        assert refused.value.path == ("items", "0", "priceId")
        assert (await change(shop, subscription, to(subscription, quantity=2))).present_items[0].quantity == 2


class TestOnce:
    async def test_a_change_that_is_asked_for_twice_is_made_once(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        clock.advance(days=3)
        first = await change(shop, subscription, to(subscription, team), key="the key")
        second = await change(shop, subscription, to(subscription, team), key="the key")
        assert first == second
        assert len(await invoices_of(shop, subscription)) == 2

    async def test_whoever_has_read_another_version_is_refused(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        with pytest.raises(StaleVersion):
            await change(shop, subscription, to(subscription, team), version=subscription.version + 1)
