"""What nobody has paid is given back to nobody, what was given back once is not given again, and what is owed is
charged: the ways in which somebody could have come to it all the same."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.changes import Undoable
from domain.charges import ChargeState
from domain.dunning import AfterDunning, DunningPolicy
from domain.errors import ChargeInProgress, RecoveryInProgress
from domain.invoices import CreditReduces, InvoiceState
from domain.principals import customer as as_customer
from domain.subscriptions import SubscriptionState
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.services.changes import (
    APPLY_NOW,
    balance_of,
    cancel,
    change,
    choose_card,
    invoices_of,
    latest_invoice,
    pause,
    preview,
    resume,
    subscribed_to,
    to,
    undo,
)
from tests.services.conftest import OpenShop
from tests.services.invoiced import as_it_is, charges_of, pay
from tests.services.shop import SHOP, MovableClock, Shop, usd
from tests.services.subscribing import a_plan, subscription_of
from tests.services.test_credit_notes import balance, note
from tests.services.test_dunning import then
from tests.services.test_invoices import drafted, issued
from tests.services.test_invoicing import granted

START = datetime(2027, 4, 1, 10, tzinfo=UTC)
"""Of a month of thirty days."""
MAY = datetime(2027, 5, 1, 10, tzinfo=UTC)
JUNE = datetime(2027, 6, 1, 10, tzinfo=UTC)


@pytest.fixture
def database_url(new_database_url: NewDatabaseUrl) -> str:
    return new_database_url(Dialect.SQLITE)


@pytest.fixture
def clock() -> MovableClock:
    made = MovableClock()
    made.moment = START
    return made


async def test_what_a_credit_note_gave_back_is_not_given_back_again_when_the_invoice_is_void(shop: Shop) -> None:
    customer_id = await shop.customer()
    await granted(shop, customer_id, 5_00)
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id))
    assert (invoice.due, await balance(shop, invoice)) == (usd(15_00), 0)
    await note(shop, invoice, 2_00, reduces=CreditReduces.BALANCE)

    await shop.invoices.void(SHOP, invoice.id, version=None)

    assert await balance(shop, invoice) == 5_00
    await shop.check()


@pytest.mark.parametrize("how", ["void", "mark_uncollectible"])
async def test_who_was_forgiven_a_period_gets_no_balance_for_changing_down(
    shop: Shop, clock: MovableClock, how: str
) -> None:
    basic, team = await a_plan(shop, 20_00), await a_plan(shop, 200_00)
    subscription = await subscribed_to(shop, team)
    await choose_card(shop, subscription, await shop.card(subscription.customer_id, "tok_chargeDeclined"))
    clock.moment = MAY
    await shop.run_jobs(rounds=2)
    may = await latest_invoice(shop, subscription)
    assert may.state is InvoiceState.OPEN
    await getattr(shop.invoices, how)(SHOP, may.id, version=None)
    assert (await subscription_of(shop, subscription.id)).state is SubscriptionState.ACTIVE
    clock.advance(days=15.5)

    await change(
        shop, subscription, to(subscription, basic), principal=as_customer("auth0|ada", subscription.customer_id)
    )

    assert await balance_of(shop, subscription) == 0
    await shop.check()


@pytest.mark.parametrize("ends", [False, True])
async def test_an_upgrade_that_was_not_paid_gives_nothing_back(shop: Shop, clock: MovableClock, ends: bool) -> None:
    basic, team = await a_plan(shop, 20_00), await a_plan(shop, 200_00)
    subscription = await subscribed_to(shop, basic)
    await choose_card(shop, subscription, await shop.card(subscription.customer_id, "tok_chargeDeclined"))
    clock.advance(days=15)
    subscription = await change(shop, subscription, to(subscription, team), policy=APPLY_NOW)
    upgrade = await latest_invoice(shop, subscription)
    assert (upgrade.state, upgrade.due) == (InvoiceState.OPEN, usd(90_00))

    if ends:
        await cancel(shop, subscription, credit=True)
    else:
        customer = as_customer("auth0|ada", subscription.customer_id)
        await change(shop, subscription, to(subscription, basic), principal=customer)

    # What was paid is 20.00 of April, of which half is left when it ends.
    assert await balance_of(shop, subscription) == (10_00 if ends else 0)
    assert (await as_it_is(shop, upgrade)).due == usd(0)
    await shop.check()


@pytest.mark.parametrize("how", ["void", "mark_uncollectible"])
async def test_who_was_forgiven_an_upgrade_gets_no_balance_for_changing_down(
    shop: Shop, clock: MovableClock, how: str
) -> None:
    basic, team = await a_plan(shop, 20_00), await a_plan(shop, 200_00)
    subscription = await subscribed_to(shop, basic)
    declining = await shop.card(subscription.customer_id, "tok_chargeDeclined")
    await choose_card(shop, subscription, declining)
    clock.advance(days=10)
    customer = as_customer("auth0|ada", subscription.customer_id)
    waiting = await change(shop, subscription, to(subscription, team), principal=customer)
    await undo(shop, waiting, Undoable.CHANGE, principal=customer)
    clock.advance(days=5)
    subscription = await change(shop, subscription, to(subscription, team), policy=APPLY_NOW)
    upgrade = await latest_invoice(shop, subscription)
    await getattr(shop.invoices, how)(SHOP, upgrade.id, version=None)

    await change(shop, subscription, to(subscription, basic), principal=customer)

    assert await balance_of(shop, subscription) == 0
    await shop.check()


@pytest.mark.parametrize("upgraded", [False, True])
@pytest.mark.parametrize("ends", [False, True])
async def test_what_went_back_to_the_card_is_not_given_again_for_changing_down(
    shop: Shop, clock: MovableClock, upgraded: bool, ends: bool
) -> None:
    basic, team = await a_plan(shop, 20_00), await a_plan(shop, 200_00)
    subscription = await subscribed_to(shop, basic if upgraded else team)
    customer = as_customer("auth0|ada", subscription.customer_id)
    if upgraded:
        subscription = await change(shop, subscription, to(subscription, team), principal=customer)
    paid = await latest_invoice(shop, subscription)
    (charge,) = await charges_of(shop, paid)
    assert (paid.state, charge.captured) == (InvoiceState.PAID, usd(180_00 if upgraded else 200_00))
    await shop.refunded(charge.id)
    clock.advance(days=15)

    if ends:
        await cancel(shop, subscription, credit=True)
    else:
        await change(shop, subscription, to(subscription, basic), principal=customer)

    assert await balance_of(shop, subscription) <= (20_00 if upgraded and ends else 0)
    await shop.check()


async def test_a_renewal_that_is_declined_in_a_pause_is_tried_again_after_it(shop: Shop, clock: MovableClock) -> None:
    subscription = await subscribed_to(shop)
    shop.misbehave("charge#1=refuse; charge#2=decline:insufficient_funds")
    clock.moment = MAY
    await shop.run_jobs(rounds=1)
    may = await latest_invoice(shop, subscription)
    assert [each.state for each in await charges_of(shop, may)] == [ChargeState.FAILED]
    clock.advance(days=5)
    await pause(shop, await subscription_of(shop, subscription.id))
    await shop.run_jobs(rounds=2)
    assert [each.state for each in await charges_of(shop, may)] == [ChargeState.FAILED, ChargeState.DECLINED]

    clock.advance(days=5)
    await resume(shop, await subscription_of(shop, subscription.id))
    await shop.run_jobs(rounds=3)
    clock.moment = JUNE
    await shop.run_jobs(rounds=3)

    assert [each.state for each in await invoices_of(shop, subscription)] == [InvoiceState.PAID] * 4
    await shop.check()


async def test_who_comes_back_from_being_unpaid_pays_their_period_once_also_with_a_pause_at_once(
    shop: Shop, clock: MovableClock
) -> None:
    await then(shop, DunningPolicy(ends_after=timedelta(days=20), then=AfterDunning.UNPAID))
    subscription = await subscribed_to(shop)
    await choose_card(shop, subscription, await shop.card(subscription.customer_id, "tok_chargeDeclined"))
    for moment in (MAY, MAY + timedelta(days=20), JUNE):
        clock.moment = moment
        await shop.run_jobs(rounds=2)
    await choose_card(shop, subscription, await shop.card(subscription.customer_id, "tok_visa"))
    assert (await subscription_of(shop, subscription.id)).state is SubscriptionState.ACTIVE
    assert (await latest_invoice(shop, subscription)).state is InvoiceState.DRAFT, "no worker has come to it"

    with pytest.raises(ChargeInProgress):
        await pause(shop, subscription)
    await shop.run_jobs(rounds=2)
    await resume(shop, await pause(shop, subscription))
    await shop.run_jobs(rounds=2)

    charges = [charge for each in await invoices_of(shop, subscription) for charge in await charges_of(shop, each)]
    assert sum(charge.captured.minor_units for charge in charges) == 60_00
    await shop.check(settled=True)


async def test_who_pays_a_later_invoice_first_gets_no_more_time_for_the_older_one(
    shop: Shop, clock: MovableClock
) -> None:
    subscription = await subscribed_to(shop)
    await choose_card(shop, subscription, await shop.card(subscription.customer_id, "tok_chargeDeclined"))
    clock.moment = MAY
    await shop.run_jobs(rounds=2)
    clock.advance(days=20)
    await shop.run_jobs(rounds=2)
    subscription = await change(shop, subscription, to(subscription, await a_plan(shop, 50_00)), policy=APPLY_NOW)
    _, may, upgrade = await invoices_of(shop, subscription)
    good = await shop.card(subscription.customer_id, "tok_visa", make_default=False)

    await pay(shop, upgrade, payment_method_id=good)

    after = await subscription_of(shop, subscription.id)
    assert (after.state, after.dunning) == (SubscriptionState.PAST_DUE, subscription.dunning)
    assert (await as_it_is(shop, may)).next_try_at == may.next_try_at
    clock.advance(days=1)
    await shop.run_jobs(rounds=2)
    assert (await subscription_of(shop, subscription.id)).state is SubscriptionState.CANCELED


async def test_who_pays_a_part_of_what_they_owed_when_it_ended_is_not_charged_the_rest_by_itself(
    shop: Shop, clock: MovableClock
) -> None:
    subscription = await subscribed_to(shop)
    await choose_card(shop, subscription, await shop.card(subscription.customer_id, "tok_chargeDeclined"))
    clock.moment = MAY
    await shop.run_jobs(rounds=2)
    subscription = await change(shop, subscription, to(subscription, await a_plan(shop, 50_00)), policy=APPLY_NOW)
    await cancel(shop, subscription)
    _, may, upgrade = await invoices_of(shop, subscription)
    assert (may.state, upgrade.state) == (InvoiceState.OPEN, InvoiceState.OPEN)
    good = await shop.card(subscription.customer_id, "tok_visa", make_default=True)

    await pay(shop, may, payment_method_id=good)
    await shop.run_jobs(rounds=3)

    assert (await as_it_is(shop, may)).state is InvoiceState.PAID
    assert (await as_it_is(shop, upgrade)).next_try_at is None
    assert await charges_of(shop, upgrade) == []


async def test_who_looks_at_a_change_after_a_restored_backup_renews_nothing(
    new_shop: OpenShop, clock: MovableClock
) -> None:
    before = new_shop()
    team = await a_plan(before, 50_00)
    subscription = await subscribed_to(before)
    shop = new_shop(recovery=True)
    clock.moment = MAY

    with pytest.raises(RecoveryInProgress):
        await preview(shop, subscription, to(subscription, team))

    assert len(await invoices_of(shop, subscription)) == 1
