"""A renewal that is not paid: tried again by what the bank said, with another card at once, and ended by policy."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.charges import Charge, ChargeState
from domain.declines import DeclineCode
from domain.discrepancies import DiscrepancyKind
from domain.dunning import AfterDunning, DunningPolicy
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceState
from domain.issuers import DEFAULT_ISSUER_ID, TrialEnd
from domain.jobs import JobKind
from domain.provider import Initiator
from domain.services.locking import there
from domain.subscriptions import Access, CancelReason, Subscription, SubscriptionState
from domain.test_clocks import TestClock
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.invoiced import as_it_is as invoice_now
from tests.services.invoiced import charges_of, paid, pay
from tests.services.shop import SHOP, MovableClock, Shop
from tests.services.subscribed import as_it_is, at, invoices_of, periods_of, subscribed
from tests.services.test_reconciliation import charge_by_somebody_else, found, reconcile

# What is decided here is decided in the domain; whether databases keep it is for the tests of renewals.
pytestmark = pytest.mark.parametrize("dialect", [Dialect.SQLITE])

NO_FUNDS = "tok_chargeDeclinedInsufficientFunds"
STOLEN = "tok_chargeDeclinedStolenCard"
THREE_D_SECURE = "tok_threeDSecureRequired"


async def renewed(
    shop: Shop, clock: MovableClock, token: str | None = NO_FUNDS, **fields: Any
) -> tuple[Subscription, Invoice]:
    """A subscription whose renewal was just billed, and its invoice."""
    subscription = await subscribed(shop, token=token, **fields)
    clock.moment = at(subscription)
    await shop.run_jobs()
    (invoice,) = await invoices_of(shop, subscription)
    return await as_it_is(shop, subscription), invoice


async def then(shop: Shop, policy: DunningPolicy | None = None, **how: Any) -> None:
    async with shop.store.transaction() as tx:
        issuer = there(await tx.issuers.get_for_update(DEFAULT_ISSUER_ID), DEFAULT_ISSUER_ID)
        await tx.issuers.save(replace(issuer, dunning=policy or issuer.dunning, **how))


async def in_days(shop: Shop, clock: MovableClock, subscription: Subscription, *days: float) -> None:
    """Every job runs at each of these, counted from the beginning of the last period but one."""
    for day in days:
        clock.moment = _since(subscription) + timedelta(days=day)
        await shop.run_jobs()


def _since(subscription: Subscription) -> datetime:
    assert subscription.dunning is not None
    return subscription.dunning.since


def outcomes(charges: Sequence[Charge]) -> list[ChargeState]:
    return [charge.state for charge in charges]


# --- retries ----------------------------------------------------------------------------------------------------------


async def test_a_decline_is_tried_again_on_the_days_of_the_schedule_and_on_no_other(
    shop: Shop, clock: MovableClock
) -> None:
    subscription, invoice = await renewed(shop, clock)
    assert (subscription.state, subscription.access) == (SubscriptionState.PAST_DUE, Access.GRACE)
    assert subscription.dunning is not None
    assert subscription.dunning.code is DeclineCode.INSUFFICIENT_FUNDS
    began = subscription.dunning.since
    tried = [began]
    for day in range(1, 21):
        clock.moment = began + timedelta(days=day)
        before = await invoice_now(shop, invoice)
        await shop.run_jobs()
        if len(await charges_of(shop, invoice)) > len(tried):
            assert before.next_try_at == clock.now(), "what it said is what happened"
            tried.append(clock.now())

    assert [(moment - began).days for moment in tried] == [0, 1, 3, 7, 14]
    assert {charge.initiator for charge in await charges_of(shop, invoice)} == {Initiator.RECURRING}
    assert (await invoice_now(shop, invoice)).next_try_at is None
    assert (await shop.events(subscription.id)).count("SUBSCRIPTION_PAST_DUE") == 1
    await shop.check(settled=True)


async def test_money_that_is_there_at_a_retry_brings_everything_back(shop: Shop, clock: MovableClock) -> None:
    shop.misbehave("charge#1-2=decline:insufficient_funds")
    subscription, invoice = await renewed(shop, clock, "tok_visa")
    await in_days(shop, clock, subscription, 1, 3)

    active = await as_it_is(shop, subscription)
    assert (active.state, active.dunning, active.last_tried_at) == (SubscriptionState.ACTIVE, None, None)
    assert outcomes(await charges_of(shop, invoice)) == [
        ChargeState.DECLINED,
        ChargeState.DECLINED,
        ChargeState.SUCCEEDED,
    ]
    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID
    assert (await shop.events(subscription.id))[-1] == "SUBSCRIPTION_ACTIVATED"
    await shop.check(settled=True)


async def test_a_card_that_its_bank_will_never_allow_is_not_tried_again(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock, STOLEN)
    assert invoice.next_try_at is None

    await in_days(shop, clock, subscription, 1, 3, 7, 14, 20)

    assert outcomes(await charges_of(shop, invoice)) == [ChargeState.DECLINED]
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.PAST_DUE


async def test_retries_that_nobody_made_in_time_are_made_once(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock)

    await in_days(shop, clock, subscription, 10)

    assert len(await charges_of(shop, invoice)) == 2
    assert (await invoice_now(shop, invoice)).next_try_at == _since(subscription) + timedelta(days=14)


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_subscription_that_is_not_paid_is_canceled_and_its_invoice_uncollectible(
    shop: Shop, clock: MovableClock
) -> None:
    subscription, invoice = await renewed(shop, clock)
    await in_days(shop, clock, subscription, 21)

    ended = await as_it_is(shop, subscription)
    assert (ended.state, ended.cancel_reason) == (SubscriptionState.CANCELED, CancelReason.NOT_PAID)
    assert (ended.ended_at, ended.access) == (clock.now(), Access.REVOKED)
    given_up = await invoice_now(shop, invoice)
    assert (given_up.state, given_up.next_try_at) == (InvoiceState.UNCOLLECTIBLE, None)
    assert (await shop.events(subscription.id))[-2:] == ["INVOICE_UNCOLLECTIBLE", "SUBSCRIPTION_CANCELED"]
    assert await shop.jobs(JobKind.BILL_SUBSCRIPTION) == []
    await in_days(shop, clock, subscription, 60)
    assert len(await periods_of(shop, subscription)) == 2, "nothing begins after its end"
    await shop.check(settled=True)


async def test_a_subscription_may_stay_unpaid_and_come_back(shop: Shop, clock: MovableClock) -> None:
    await then(shop, DunningPolicy(then=AfterDunning.UNPAID))
    subscription, _ = await renewed(shop, clock)
    await in_days(shop, clock, subscription, 21)
    unpaid = await as_it_is(shop, subscription)
    assert (unpaid.state, unpaid.access) == (SubscriptionState.UNPAID, Access.REVOKED)
    clock.moment = at(unpaid)
    await shop.run_jobs()
    clock.moment = at(await as_it_is(shop, subscription))
    await shop.run_jobs()
    assert [each.state for each in await invoices_of(shop, subscription)] == [
        InvoiceState.OPEN,
        InvoiceState.DRAFT,
        InvoiceState.DRAFT,
    ]

    await shop.card(subscription.customer_id, "tok_visa", make_default=True)
    await shop.run_jobs(rounds=2)

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    assert [each.state for each in await invoices_of(shop, subscription)] == [
        InvoiceState.PAID,
        InvoiceState.DRAFT,
        InvoiceState.PAID,
    ], "the period that they are in; of the one before they had nothing"
    await shop.check(settled=True)


async def test_periods_go_on_while_one_is_not_paid_and_are_charged_after_it(shop: Shop, clock: MovableClock) -> None:
    day = timedelta(days=1)
    await then(shop, DunningPolicy(retries_after=(35 * day,), ends_after=50 * day))
    subscription, first = await renewed(shop, clock)
    clock.moment = at(subscription)
    await shop.run_jobs()
    _, second = await invoices_of(shop, subscription)
    assert (second.state, second.next_try_at) == (InvoiceState.OPEN, None)
    assert await charges_of(shop, second) == []

    await shop.card(subscription.customer_id, "tok_visa", make_default=True)
    await shop.run_jobs(rounds=2)

    assert [each.state for each in await invoices_of(shop, subscription)] == [InvoiceState.PAID] * 2
    assert len(await charges_of(shop, first)) == 2
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    await shop.check(settled=True)


async def test_who_pays_the_oldest_has_the_whole_time_for_the_next(shop: Shop, clock: MovableClock) -> None:
    day = timedelta(days=1)
    await then(shop, DunningPolicy(retries_after=(10 * day,), ends_after=40 * day))
    subscription, first = await renewed(shop, clock)
    clock.moment = at(subscription) + 8 * day
    await shop.run_jobs()
    visa = await shop.card(subscription.customer_id, "tok_visa")

    await pay(shop, first, payment_method_id=visa)
    await shop.run_jobs(rounds=2)

    later = await as_it_is(shop, subscription)
    assert later.state is SubscriptionState.PAST_DUE
    assert _since(later) == clock.now()
    _, second = await invoices_of(shop, subscription)
    assert outcomes(await charges_of(shop, second)) == [ChargeState.DECLINED]
    assert second.next_try_at == clock.now() + 10 * day


async def test_an_invoice_that_is_called_off_ends_the_dunning(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock)
    async with shop.store.transaction() as tx:
        locked = there(await tx.invoices.get_for_update(invoice.id), invoice.id)
        await tx.invoices.save(locked.voided(now=clock.now()))

    await in_days(shop, clock, subscription, 1)

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE


# --- other cards ------------------------------------------------------------------------------------------------------


async def test_a_new_card_is_charged_at_once(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock, STOLEN)
    clock.advance(days=4)
    new = await shop.card(subscription.customer_id, "tok_visa", make_default=True)

    await shop.run_jobs()

    assert [charge.payment_method_id for charge in await charges_of(shop, invoice)][-1] == new
    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    await shop.check(settled=True)


async def test_a_card_that_was_declined_before_is_no_new_one(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock)
    old = (await shop.customer_row(subscription.customer_id)).default_payment_method_id
    assert old is not None
    await shop.card(subscription.customer_id, "tok_chargeDeclined", make_default=True)
    await shop.run_jobs()
    assert len(await charges_of(shop, invoice)) == 2

    await shop.payment_methods.set_default(SHOP, old)
    await shop.run_jobs(rounds=2)

    assert len(await charges_of(shop, invoice)) == 2


async def test_a_subscription_with_a_card_of_its_own_is_not_charged_with_another(
    shop: Shop, clock: MovableClock
) -> None:
    customer_id = await shop.customer()
    own = await shop.card(customer_id, NO_FUNDS)
    subscription, invoice = await renewed(shop, clock, customer_id=customer_id, payment_method_id=own)

    await shop.card(customer_id, "tok_visa", make_default=True)
    await shop.run_jobs()

    assert [charge.payment_method_id for charge in await charges_of(shop, invoice)] == [own]
    await shop.payment_methods.detach(SHOP, own)
    clock.moment = _since(subscription) + timedelta(days=1)
    await shop.run_jobs()
    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID, "its own is gone: the default pays"


async def test_without_a_card_it_waits_for_one(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock, None)
    assert subscription.state is SubscriptionState.PAST_DUE
    assert subscription.dunning is not None
    assert (subscription.dunning.code, invoice.next_try_at) == (None, None)

    await shop.card(subscription.customer_id)
    await shop.run_jobs()

    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    await shop.check(settled=True)


async def test_a_trial_may_end_without_a_card_if_the_issuer_waits_for_one(shop: Shop, clock: MovableClock) -> None:
    await then(shop, on_trial_end_without_card=TrialEnd.PAST_DUE)
    ends = clock.now().replace(microsecond=0) + timedelta(days=7)
    subscription = await subscribed(shop, SubscriptionState.TRIALING, trial_ends_at=ends, token=None)
    clock.moment = ends

    await shop.run_jobs()

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.PAST_DUE
    assert [each.state for each in await invoices_of(shop, subscription)] == [InvoiceState.OPEN]


# --- customers who have to act ----------------------------------------------------------------------------------------


async def test_a_bank_that_wants_its_customer_is_waited_for(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock, THREE_D_SECURE)
    (charge,) = await charges_of(shop, invoice)
    assert charge.state is ChargeState.REQUIRES_ACTION or charge.decline_code is DeclineCode.AUTHENTICATION_REQUIRED
    assert subscription.state is SubscriptionState.PAST_DUE
    assert subscription.dunning is not None
    assert (subscription.dunning.code, invoice.next_try_at) == (DeclineCode.AUTHENTICATION_REQUIRED, None)

    await in_days(shop, clock, subscription, 1, 3)
    assert len(await charges_of(shop, invoice)) == 1, "without its customer it goes no better"

    on_session = await paid(shop, invoice)
    await shop.answer_challenge(on_session)
    await shop.proceed(on_session.id)
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


async def test_what_a_customer_tries_in_vain_changes_nothing_of_the_schedule(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock)
    clock.advance(hours=5)

    assert (await paid(shop, invoice)).state is ChargeState.DECLINED

    assert (await as_it_is(shop, subscription)).dunning == subscription.dunning
    assert (await invoice_now(shop, invoice)).next_try_at == _since(subscription) + timedelta(days=1)


# --- what nobody has declined -----------------------------------------------------------------------------------------


async def test_an_outage_is_no_try(shop: Shop, clock: MovableClock) -> None:
    shop.misbehave("charge#1-2=refuse")
    subscription, invoice = await renewed(shop, clock, "tok_visa")
    assert (subscription.state, subscription.dunning) == (SubscriptionState.ACTIVE, None)
    assert invoice.next_try_at == clock.now() + timedelta(minutes=1)

    for _ in range(2):
        clock.moment = (await invoice_now(shop, invoice)).next_try_at or clock.now()
        await shop.run_jobs()

    assert outcomes(await charges_of(shop, invoice)) == [ChargeState.FAILED] * 2 + [ChargeState.SUCCEEDED]
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    assert (await shop.events(subscription.id)).count("SUBSCRIPTION_PAST_DUE") == 0
    await shop.check(settled=True)


async def test_an_outage_takes_no_retry_away(shop: Shop, clock: MovableClock) -> None:
    shop.misbehave("charge#1=decline:insufficient_funds; charge#2-3=refuse; charge#4=decline:insufficient_funds")
    subscription, invoice = await renewed(shop, clock, "tok_visa")
    await in_days(shop, clock, subscription, 1)
    for _ in range(2):
        clock.moment = (await invoice_now(shop, invoice)).next_try_at or clock.now()
        await shop.run_jobs()
    declined = [ChargeState.DECLINED, ChargeState.FAILED, ChargeState.FAILED, ChargeState.DECLINED]
    assert outcomes(await charges_of(shop, invoice)) == declined

    assert (await invoice_now(shop, invoice)).next_try_at == _since(subscription) + timedelta(days=3)
    await in_days(shop, clock, subscription, 3)
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE


async def test_an_account_that_is_away_is_waited_for_without_a_charge(new_shop: OpenShop, clock: MovableClock) -> None:
    both = new_shop(other_accounts=["old"], default_account="old")
    subscription = await subscribed(both)
    clock.moment = at(subscription)
    shop = new_shop()
    await shop.run_jobs()
    (invoice,) = await invoices_of(shop, subscription)
    assert (await charges_of(shop, invoice), invoice.state) == ([], InvoiceState.OPEN)
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    assert invoice.next_try_at is not None

    clock.moment = invoice.next_try_at
    await both.run_jobs()

    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID


async def test_a_job_that_comes_before_its_time_comes_again(shop: Shop, clock: MovableClock) -> None:
    shop.misbehave("charge#1=refuse")
    _, invoice = await renewed(shop, clock, "tok_visa")
    await shop.run_jobs(rounds=2)
    assert len(await charges_of(shop, invoice)) == 1

    clock.advance(minutes=1)
    await shop.run_jobs()

    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID
    assert await shop.jobs(JobKind.COLLECT_SUBSCRIPTION) == []


# --- what nobody knows ------------------------------------------------------------------------------------------------


async def test_what_may_have_been_paid_is_neither_charged_again_nor_canceled(shop: Shop, clock: MovableClock) -> None:
    shop.misbehave("charge#1=decline:insufficient_funds")
    subscription, invoice = await renewed(shop, clock, "tok_visa")
    shop.misbehave("charge#1=lose_answer; *#*=error")
    await in_days(shop, clock, subscription, 1, 3, 7, 14, 21, 25)
    assert outcomes(await charges_of(shop, invoice)) == [ChargeState.DECLINED, ChargeState.UNKNOWN]
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.PAST_DUE
    clock.moment = at(subscription)
    await shop.run_jobs()
    assert len(await periods_of(shop, subscription)) == 3, "periods go on"
    assert len(await charges_of(shop, (await invoices_of(shop, subscription))[1])) == 0

    shop.misbehave("")
    await shop.run_jobs(rounds=4)

    assert [each.state for each in await invoices_of(shop, subscription)] == [InvoiceState.PAID] * 2
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    assert len(await charges_of(shop, invoice)) == 2
    await shop.check(settled=True)


async def test_a_dunning_that_waited_for_a_charge_ends_when_that_was_declined(shop: Shop, clock: MovableClock) -> None:
    shop.misbehave("charge#1=decline:insufficient_funds; charge#2=error; find_charge#*=error")
    subscription, invoice = await renewed(shop, clock, "tok_visa")
    await in_days(shop, clock, subscription, 1, 21)
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.PAST_DUE

    shop.misbehave("charge#*=decline:insufficient_funds")
    await shop.run_jobs(rounds=5)

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.CANCELED
    assert (await invoice_now(shop, invoice)).state is InvoiceState.UNCOLLECTIBLE
    await shop.check(settled=True)


async def test_money_that_may_be_there_already_is_not_asked_for_again(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await renewed(shop, clock)
    await charge_by_somebody_else(
        shop,
        operation_id=new_id(IdPrefix.OPERATION),
        metadata={"paydesk_invoice": invoice.id, "paydesk_charge": new_id(IdPrefix.CHARGE)},
    )
    await reconcile(shop)
    (discrepancy,) = [each for each in await found(shop) if each.kind is DiscrepancyKind.LOST_CHARGE]

    await in_days(shop, clock, subscription, 1, 2)
    assert len(await charges_of(shop, invoice)) == 1
    waiting = await invoice_now(shop, invoice)
    assert waiting.next_try_at is not None
    await shop.discrepancies.close(SHOP, discrepancy.id, note="given back there", lift=True)
    clock.moment = waiting.next_try_at
    await shop.run_jobs()

    assert len(await charges_of(shop, invoice)) == 2


# --- first payments ---------------------------------------------------------------------------------------------------


async def test_a_first_payment_that_is_declined_waits_for_another_card(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await _incomplete(shop, clock, NO_FUNDS)
    assert subscription.state is SubscriptionState.INCOMPLETE

    await shop.card(subscription.customer_id, "tok_visa", make_default=True)
    await shop.run_jobs()

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    assert (await invoice_now(shop, invoice)).state is InvoiceState.PAID


async def test_a_first_payment_that_waits_for_its_customer_is_called_off_when_it_expires(
    shop: Shop, clock: MovableClock
) -> None:
    subscription, invoice = await _incomplete(shop, clock, THREE_D_SECURE)
    on_session = await paid(shop, invoice)
    assert on_session.state is ChargeState.REQUIRES_ACTION
    assert subscription.incomplete_expires_at is not None
    clock.moment = subscription.incomplete_expires_at

    assert await shop.billing.bill(subscription.id) is None

    assert (await shop.charge(on_session.id)).state is ChargeState.EXPIRED
    assert (await invoice_now(shop, invoice)).state is InvoiceState.VOID
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.EXPIRED
    await shop.check(settled=True)


async def test_a_first_payment_that_nobody_knows_the_end_of_does_not_expire(shop: Shop, clock: MovableClock) -> None:
    subscription, invoice = await _incomplete(shop, clock, NO_FUNDS)
    visa = await shop.card(subscription.customer_id, "tok_visa")
    shop.misbehave("charge#1=lose_answer; *#*=error")
    await pay(shop, invoice, payment_method_id=visa)
    assert subscription.incomplete_expires_at is not None
    clock.moment = subscription.incomplete_expires_at
    await shop.run_jobs()
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.INCOMPLETE

    shop.misbehave("")
    await shop.run_jobs(rounds=3)

    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE
    await shop.check(settled=True)


async def _incomplete(shop: Shop, clock: MovableClock, token: str) -> tuple[Subscription, Invoice]:
    starts = clock.now().replace(microsecond=0) + timedelta(days=1)
    subscription = await subscribed(shop, SubscriptionState.SCHEDULED, starts_at=starts, token=token)
    clock.moment = starts
    await shop.run_jobs()
    for charge in await charges_of(shop, (await invoices_of(shop, subscription))[0]):
        if charge.state is ChargeState.REQUIRES_ACTION:
            clock.advance(hours=2)
            await shop.run_jobs()
    return await as_it_is(shop, subscription), (await invoices_of(shop, subscription))[0]


# --- on a clock of their own ------------------------------------------------------------------------------------------


async def test_dunning_goes_by_the_time_of_the_customer(shop: Shop, clock: MovableClock) -> None:
    real = clock.now().replace(microsecond=0)
    there_now = real + timedelta(days=400)
    test_clock = TestClock(id=new_id(IdPrefix.TEST_CLOCK), name=None, now=there_now, created_at=real, updated_at=real)
    template = await shop.customer_row(await shop.customer())
    customer_id = new_id(IdPrefix.CUSTOMER)
    async with shop.store.transaction() as tx:
        await tx.test_clocks.insert(test_clock)
        await tx.customers.insert(replace(template, id=customer_id, test_clock_id=test_clock.id))
    await shop.card(customer_id, NO_FUNDS)
    subscription = await subscribed(shop, customer_id=customer_id)
    assert await shop.jobs(JobKind.BILL_SUBSCRIPTION) == [], "whoever moves the clock does what is due"

    step = await shop.billing.step(subscription.id)
    while step is not None and step.again:
        step = await shop.billing.step(subscription.id)

    late = await as_it_is(shop, subscription)
    assert late.state is SubscriptionState.PAST_DUE
    assert _since(late) == there_now
    first = (await invoices_of(shop, subscription))[0]
    assert first.next_try_at == there_now + timedelta(days=1)
    assert step is not None
    assert step.next_at == there_now + timedelta(days=1)
