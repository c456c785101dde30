"""Ending a subscription, pausing it and going on: who gets what back, and what is still to be paid."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.changes import Undoable
from domain.charges import ChargeState
from domain.errors import (
    ChangePending,
    InvalidInput,
    NotFound,
    NothingToUndo,
    PermissionDenied,
    SubscriptionNotChangeable,
)
from domain.invoices import CreditNote, CreditReduces, InvoiceReason, InvoiceState
from domain.principals import Principal
from domain.principals import customer as as_customer
from domain.provider import Initiator
from domain.subscriptions import CancelReason, PauseBehavior, Subscription, SubscriptionState
from domain.wishes import WISHES, Wish
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.services.changes import (
    APPLY_NOW,
    CREATE,
    PERIOD_END,
    amounts,
    balance_of,
    cancel,
    change,
    choose_card,
    invoices_of,
    latest_invoice,
    pause,
    periods_of,
    resume,
    subscribed_to,
    to,
    undo,
    waiting_for,
)
from tests.services.invoiced import charges_of
from tests.services.shop import MovableClock, Shop, usd
from tests.services.subscribing import YEARLY, a_plan, subscription_of

START = datetime(2027, 4, 1, 10, tzinfo=UTC)
"""Of a month of thirty days."""
MAY = datetime(2027, 5, 1, 10, tzinfo=UTC)


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


async def notes_of(shop: Shop, subscription: Subscription) -> list[CreditNote]:
    async with shop.store.reading() as tx:
        return [
            note
            for invoice in await invoices_of(shop, subscription)
            for note in await tx.invoices.credit_notes(invoice.id)
        ]


async def owing(shop: Shop, clock: MovableClock) -> Subscription:
    """May is not paid."""
    subscription = await subscribed_to(shop)
    declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
    await choose_card(shop, subscription, declining)
    clock.moment = MAY
    await shop.run_jobs(rounds=2)
    owing = await subscription_of(shop, subscription.id)
    assert owing.state is SubscriptionState.PAST_DUE
    return owing


class TestCancel:
    async def test_now_without_credit_nothing_comes_back(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        clock.advance(days=15)
        ended = await cancel(shop, subscription)
        assert (ended.state, ended.cancel_reason, ended.ended_at) == (
            SubscriptionState.CANCELED,
            CancelReason.REQUESTED,
            clock.now(),
        )
        assert (await notes_of(shop, subscription), await balance_of(shop, subscription)) == ([], 0)
        clock.advance(days=60)
        await shop.run_jobs(rounds=2)
        assert len(await invoices_of(shop, subscription)) == 1
        assert (await shop.events(subscription.id))[-1] == "SUBSCRIPTION_CANCELED"
        await shop.check(settled=True)

    async def test_now_with_credit_what_is_left_goes_into_the_balance(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        clock.advance(days=15)
        await cancel(shop, subscription, credit=True)
        (note,) = await notes_of(shop, subscription)
        assert (note.amount, note.reduces) == (usd(10_00), CreditReduces.BALANCE)
        assert await balance_of(shop, subscription) == 10_00
        await shop.check(settled=True)

    async def test_a_credit_reduces_what_is_owed_and_what_was_used_stays_owed(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription = await owing(shop, clock)
        clock.advance(days=15.5)
        await shop.run_jobs(rounds=2)

        await cancel(shop, subscription, credit=True)

        owed = await latest_invoice(shop, subscription)
        assert (owed.state, owed.due, owed.next_try_at) == (InvoiceState.OPEN, usd(10_00), None)
        assert (await balance_of(shop, subscription), len(await notes_of(shop, subscription))) == (0, 1)
        await shop.check()

    async def test_of_what_was_never_paid_nothing_is_credited(self, shop: Shop) -> None:
        subscription = await subscribed_to(shop, token="tok_chargeDeclined")
        assert subscription.state is SubscriptionState.INCOMPLETE

        await cancel(shop, subscription, credit=True)

        assert [invoice.state for invoice in await invoices_of(shop, subscription)] == [InvoiceState.VOID]
        assert await balance_of(shop, subscription) == 0
        await shop.check(settled=True)

    async def test_what_waits_for_the_next_invoice_is_given_up_with_what_was_not_paid(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        team = await a_plan(shop, 50_00)
        subscription = await owing(shop, clock)
        clock.advance(days=15.5)
        await change(shop, subscription, to(subscription, team), proration=CREATE, policy=APPLY_NOW)
        assert sum(await waiting_for(shop, subscription)) == 15_00

        clock.advance(days=15)
        await shop.run_jobs(rounds=2)

        ended = await subscription_of(shop, subscription.id)
        assert (ended.state, ended.cancel_reason) == (SubscriptionState.CANCELED, CancelReason.NOT_PAID)
        _, renewal, last = await invoices_of(shop, subscription)
        assert (renewal.state, renewal.total) == (InvoiceState.UNCOLLECTIBLE, usd(20_00))
        assert (last.state, last.total, last.reason) == (InvoiceState.UNCOLLECTIBLE, usd(15_00), InvoiceReason.CANCEL)
        assert await waiting_for(shop, subscription) == []
        await shop.check(settled=True)

    async def test_what_waits_for_the_next_invoice_is_asked_for_with_a_last_one(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        team = await a_plan(shop, 50_00)
        subscription = await subscribed_to(shop)
        clock.advance(days=15)
        await change(shop, subscription, to(subscription, team), proration=CREATE, policy=APPLY_NOW)
        clock.advance(days=5)

        await cancel(shop, subscription)

        last = await latest_invoice(shop, subscription)
        assert (last.reason, amounts(last), last.state) == (InvoiceReason.CANCEL, [-10_00, 25_00], InvoiceState.PAID)
        await shop.check(settled=True)

    async def test_credits_and_charges_come_to_what_was_used_also_with_several_invoices(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        team = await a_plan(shop, 60_00)
        subscription = await subscribed_to(shop)
        clock.advance(days=10)
        subscription = await change(shop, subscription, to(subscription, team), policy=APPLY_NOW)
        clock.advance(days=5)

        await cancel(shop, subscription, credit=True)

        # Ten days of 20.00 and five of 60.00; 30.00 are left, more than the first invoice was for.
        charged = sum(each.total.minor_units for each in await invoices_of(shop, subscription))
        noted = sum(note.amount.minor_units for note in await notes_of(shop, subscription))
        assert charged - noted == 16_67
        taken = 0
        for each in await invoices_of(shop, subscription):
            taken += sum(charge.captured.minor_units for charge in await charges_of(shop, each))
        assert taken - await balance_of(shop, subscription) == 16_67
        await shop.check(settled=True)

    async def test_at_the_end_of_the_period_it_ends_and_is_not_renewed(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        scheduled = await cancel(shop, subscription, PERIOD_END, principal=of(subscription))
        assert (scheduled.state, scheduled.cancel_at) == (SubscriptionState.ACTIVE, MAY)
        clock.moment = MAY
        await shop.run_jobs(rounds=2)
        ended = await subscription_of(shop, subscription.id)
        assert (ended.state, ended.ended_at) == (SubscriptionState.CANCELED, MAY)
        assert len(await invoices_of(shop, subscription)) == 1

    async def test_undone_it_goes_on(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        await cancel(shop, subscription, PERIOD_END)
        undone = await undo(shop, subscription, Undoable.CANCELLATION, principal=of(subscription))
        assert undone.cancel_at is None
        clock.moment = MAY
        await shop.run_jobs(rounds=2)
        assert len(await invoices_of(shop, subscription)) == 2

    async def test_what_has_happened_is_not_undone(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        await cancel(shop, subscription, PERIOD_END)
        clock.moment = MAY + timedelta(seconds=1)  # and no worker has come
        with pytest.raises(SubscriptionNotChangeable):
            await undo(shop, subscription, Undoable.CANCELLATION)

    @pytest.mark.parametrize("what", Undoable)
    async def test_there_has_to_be_something_to_undo(self, shop: Shop, what: Undoable) -> None:
        subscription = await subscribed_to(shop)
        with pytest.raises(NothingToUndo):
            await undo(shop, subscription, what)

    async def test_a_trial_ends_without_an_invoice(self, shop: Shop, clock: MovableClock) -> None:
        at_once, later = [await subscribed_to(shop, trial_days=14) for _ in range(2)]
        assert (await cancel(shop, at_once)).state is SubscriptionState.CANCELED
        await cancel(shop, later, PERIOD_END, principal=of(later))
        clock.advance(days=14)
        await shop.run_jobs(rounds=2)
        assert (await subscription_of(shop, later.id)).state is SubscriptionState.CANCELED
        assert [await invoices_of(shop, each) for each in (at_once, later)] == [[], []]

    async def test_what_starts_later_never_begins(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop, starts_at=START + timedelta(days=3))
        await cancel(shop, subscription, PERIOD_END, principal=of(subscription))
        clock.advance(days=3)
        await shop.run_jobs(rounds=2)
        ended = await subscription_of(shop, subscription.id)
        assert (ended.state, await invoices_of(shop, subscription)) == (SubscriptionState.CANCELED, [])

    async def test_one_that_was_never_paid_for_owes_nothing(self, shop: Shop) -> None:
        subscription = await subscribed_to(shop, token="tok_threeDSecureRequired")
        assert subscription.state is SubscriptionState.INCOMPLETE

        ended = await cancel(shop, subscription)
        await shop.run_jobs(rounds=2)

        invoice = await latest_invoice(shop, subscription)
        (charge,) = await charges_of(shop, invoice)
        assert (ended.state, invoice.state, charge.state) == (
            SubscriptionState.CANCELED,
            InvoiceState.VOID,
            ChargeState.EXPIRED,
        )
        await shop.check(settled=True)

    async def test_a_change_that_waits_for_its_payment_is_called_off_with_it(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        await cancel(shop, subscription)
        assert (await latest_invoice(shop, subscription)).state is InvoiceState.VOID

    async def test_a_customer_ends_it_when_the_period_does(self, shop: Shop) -> None:
        subscription = await subscribed_to(shop)
        with pytest.raises(PermissionDenied):
            await cancel(shop, subscription, principal=of(subscription))
        with pytest.raises(NotFound):
            await cancel(shop, subscription, PERIOD_END, principal=as_customer("auth0|stranger", await shop.customer()))
        with pytest.raises(InvalidInput):
            await cancel(shop, subscription, PERIOD_END, credit=True)


class TestPause:
    async def test_what_is_left_is_credited_and_what_is_left_then_is_charged(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        subscription = await subscribed_to(shop)
        clock.advance(days=15)
        rests = await pause(shop, subscription)
        assert (rests.state, await balance_of(shop, subscription)) == (SubscriptionState.PAUSED, 10_00)
        clock.moment = MAY + timedelta(days=15.5)  # half of May, which is made without an invoice
        await shop.run_jobs(rounds=2)
        assert len(await invoices_of(shop, subscription)) == 1

        back = await resume(shop, subscription)

        invoice = await latest_invoice(shop, subscription)
        assert (amounts(invoice), invoice.state, invoice.due) == ([10_00], InvoiceState.PAID, usd(0))
        assert (back.state, back.pause, await balance_of(shop, subscription)) == (SubscriptionState.ACTIVE, None, 0)
        april, may = await periods_of(shop, subscription)
        assert (may.period.start, may.invoice_id) == (april.period.end, invoice.id)
        clock.moment = datetime(2027, 6, 1, 10, tzinfo=UTC)
        await shop.run_jobs(rounds=2)
        renewal = await latest_invoice(shop, subscription)
        assert (amounts(renewal), renewal.state) == ([20_00], InvoiceState.PAID)
        await shop.check(settled=True)

    async def test_it_goes_on_by_itself(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        await pause(shop, subscription, until=MAY + timedelta(days=15.5))
        clock.moment = MAY + timedelta(days=20)
        await shop.run_jobs(rounds=3)
        back = await subscription_of(shop, subscription.id)
        assert (back.state, amounts(await latest_invoice(shop, subscription))) == (SubscriptionState.ACTIVE, [10_00])
        assert (await shop.events(subscription.id)).count("SUBSCRIPTION_RESUMED") == 1

    async def test_it_goes_on_at_a_whole_second_however_exactly_that_was_told(self, shop: Shop) -> None:
        """What is charged for the rest of the period can be computed from what is read of it."""
        until = MAY + timedelta(days=15, microseconds=123_456)
        rests = await pause(shop, await subscribed_to(shop), until=until)
        assert rests.pause is not None
        assert rests.pause.until == MAY + timedelta(days=15)

    async def test_one_that_goes_on_when_a_period_begins_pays_for_that(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        await pause(shop, subscription, PauseBehavior.PERIOD_END, until=datetime(2027, 6, 1, 10, tzinfo=UTC))
        clock.moment = datetime(2027, 6, 1, 10, tzinfo=UTC)
        await shop.run_jobs(rounds=4)
        assert [amounts(each) for each in await invoices_of(shop, subscription)] == [[20_00], [20_00]]
        assert [billed.invoice_id is None for billed in await periods_of(shop, subscription)] == [False, True, False]

    async def test_the_period_is_used_up_first(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        scheduled = await pause(shop, subscription, PauseBehavior.PERIOD_END)
        assert scheduled.state is SubscriptionState.ACTIVE
        clock.moment = MAY
        await shop.run_jobs(rounds=2)
        rests = await subscription_of(shop, subscription.id)
        assert (rests.state, await notes_of(shop, subscription)) == (SubscriptionState.PAUSED, [])
        assert len(await invoices_of(shop, subscription)) == 1
        clock.advance(days=1)
        ended = await cancel(shop, rests, credit=True)
        assert (ended.state, await notes_of(shop, subscription)) == (SubscriptionState.CANCELED, [])

    async def test_undone_it_goes_on(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        await pause(shop, subscription, PauseBehavior.PERIOD_END)
        assert (await undo(shop, subscription, Undoable.PAUSE)).pause is None
        rests = await pause(shop, subscription)
        with pytest.raises(NothingToUndo):
            await undo(shop, rests, Undoable.PAUSE)

    async def test_nothing_is_paused_while_something_is_owed(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        await choose_card(shop, subscription, declining)
        clock.moment = MAY
        await shop.run_jobs(rounds=2)
        owes = await subscription_of(shop, subscription.id)
        with pytest.raises(SubscriptionNotChangeable):
            await pause(shop, owes, PauseBehavior.PERIOD_END)

    async def test_a_pause_that_meets_a_debt_is_dropped(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await subscribed_to(shop)
        await pause(shop, subscription, PauseBehavior.PERIOD_END)
        async with shop.store.transaction() as tx:
            locked = await tx.subscriptions.get_for_update(subscription.id)
            assert locked is not None
            await tx.subscriptions.save(replace(locked, state=SubscriptionState.UNPAID))
        assert subscription.period is not None
        clock.moment = subscription.period.end
        await shop.run_jobs(rounds=2)
        owes = await subscription_of(shop, subscription.id)
        assert (owes.state, owes.pause) == (SubscriptionState.UNPAID, None)
        assert "SUBSCRIPTION_UNDONE" in await shop.events(subscription.id)

    async def test_lines_that_no_invoice_was_for_wait(self, shop: Shop, clock: MovableClock) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 80_00)
        subscription = await change(shop, subscription, to(subscription, team), proration=CREATE, policy=APPLY_NOW)
        clock.advance(days=15)
        await pause(shop, subscription)
        # 40.00 of 80.00 are left, of which the one invoice has asked for 20.00.
        assert (await balance_of(shop, subscription), await waiting_for(shop, subscription)) == (
            20_00,
            [-20_00, 80_00, -20_00],
        )
        await shop.check(settled=True)

    async def test_it_has_to_wait_for_a_change_that_waits_for_its_payment(self, shop: Shop) -> None:
        subscription, team = await subscribed_to(shop), await a_plan(shop, 50_00)
        declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
        await change(shop, subscription, to(subscription, team), payment_method_id=declining)
        with pytest.raises(ChangePending):
            await pause(shop, subscription)

    async def test_another_interval_waits_for_what_is_scheduled(self, shop: Shop) -> None:
        yearly = await a_plan(shop, 200_00, YEARLY)
        ending, resting = await subscribed_to(shop), await subscribed_to(shop)
        await cancel(shop, ending, PERIOD_END)
        await pause(shop, resting, PauseBehavior.PERIOD_END)
        for subscription in (ending, resting):
            with pytest.raises(ChangePending):
                await change(shop, subscription, to(subscription, yearly))

    async def test_a_pause_is_for_the_shop_to_grant(self, shop: Shop) -> None:
        subscription = await subscribed_to(shop)
        with pytest.raises(PermissionDenied):
            await pause(shop, subscription, principal=of(subscription))
        rests = await pause(shop, subscription)
        with pytest.raises(PermissionDenied):
            await resume(shop, rests, principal=of(subscription))
        with pytest.raises(PermissionDenied):
            await undo(shop, rests, Undoable.PAUSE, principal=of(subscription))

    @pytest.mark.parametrize("days", [-1, 0, 6 * 365])
    async def test_it_ends_after_it_has_begun_and_within_five_years(self, shop: Shop, days: int) -> None:
        subscription = await subscribed_to(shop)
        with pytest.raises(InvalidInput) as refused:
            await pause(shop, subscription, until=START + timedelta(days=days))
        assert refused.value.path == ("endsAt",)


class TestCards:
    async def test_what_is_owed_is_charged_with_the_new_card_at_once(self, shop: Shop, clock: MovableClock) -> None:
        subscription = await owing(shop, clock)
        good = await shop.card(subscription.customer_id)

        paid = await choose_card(shop, subscription, good, principal=of(subscription))

        assert (paid.state, paid.payment_method_id) == (SubscriptionState.ACTIVE, good)
        invoice = await latest_invoice(shop, subscription)
        assert [(each.initiator, each.payment_method_id) for each in await charges_of(shop, invoice)][-1] == (
            Initiator.RECURRING,
            good,
        )
        await shop.check(settled=True)

    async def test_without_one_it_is_the_customers_default(self, shop: Shop) -> None:
        subscription = await subscribed_to(shop)
        own = await shop.card(subscription.customer_id)
        assert (await choose_card(shop, subscription, own)).payment_method_id == own
        assert (await choose_card(shop, subscription, None)).payment_method_id is None

    async def test_the_card_of_somebody_else_is_not_there(self, shop: Shop) -> None:
        subscription, other = await subscribed_to(shop), await shop.customer()
        with pytest.raises(NotFound):
            await choose_card(shop, subscription, await shop.card(other))


_ASKS: Mapping[Wish, Callable[[Shop, Subscription], Awaitable[Subscription]]] = {
    Wish.CHANGE_NOW: lambda shop, one: change(shop, one, to(one, quantity=2), policy=APPLY_NOW),
    Wish.CHANGE_AT_PERIOD_END: lambda shop, one: change(shop, one, to(one, quantity=2), when=PERIOD_END),
    Wish.CANCEL_NOW: lambda shop, one: cancel(shop, one, credit=True),
    Wish.CANCEL_AT_PERIOD_END: lambda shop, one: cancel(shop, one, PERIOD_END),
    Wish.PAUSE_NOW: pause,
    Wish.PAUSE_AT_PERIOD_END: lambda shop, one: pause(shop, one, PauseBehavior.PERIOD_END),
    Wish.RESUME: resume,
    Wish.SET_PAYMENT_METHOD: lambda shop, one: choose_card(shop, one, None),
}


async def in_state(shop: Shop, state: SubscriptionState) -> Subscription:
    match state:
        case SubscriptionState.SCHEDULED:
            return await subscribed_to(shop, starts_at=START + timedelta(days=3))
        case SubscriptionState.TRIALING:
            return await subscribed_to(shop, trial_days=14)
        case SubscriptionState.INCOMPLETE:
            return await subscribed_to(shop, token="tok_chargeDeclined")
    subscription = await subscribed_to(shop)
    ended_at = START if state in (SubscriptionState.CANCELED, SubscriptionState.EXPIRED) else None
    async with shop.store.transaction() as tx:
        return await tx.subscriptions.save(replace(subscription, state=state, ended_at=ended_at))


@pytest.mark.parametrize("state", SubscriptionState)
async def test_in_each_state_what_the_table_says_is_done_and_all_else_refused(
    shop: Shop, state: SubscriptionState
) -> None:
    for wish, ask in _ASKS.items():
        subscription = await in_state(shop, state)
        assert subscription.state is state
        if state in WISHES[wish]:
            await ask(shop, subscription)
        else:
            with pytest.raises(SubscriptionNotChangeable):
                await ask(shop, subscription)
