"""Who changes a subscription while somebody else does, or while time does: one after the other, in either order."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain.errors import PaydeskError, StaleVersion
from domain.invoices import InvoiceReason, InvoiceState
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.services.changes import amounts, cancel, change, invoices_of, periods_of, subscribed_to, to
from tests.services.conftest import OpenShop
from tests.services.shop import MovableClock
from tests.services.subscribing import a_plan, subscription_of

START = datetime(2027, 4, 1, 10, tzinfo=UTC)
MAY = datetime(2027, 5, 1, 10, tzinfo=UTC)


@pytest.fixture
def database_url(new_database_url: NewDatabaseUrl) -> str:
    return new_database_url(Dialect.POSTGRES)


@pytest.fixture
def clock() -> MovableClock:
    made = MovableClock()
    made.moment = START
    return made


async def test_a_change_and_a_renewal_come_to_the_same_whoever_is_first(
    new_shop: OpenShop, clock: MovableClock
) -> None:
    one, other = new_shop(), new_shop()
    team = await a_plan(one, 50_00)
    subscriptions = [await subscribed_to(one) for _ in range(4)]
    clock.moment = MAY

    changes = (change(one, each, to(each, team)) for each in subscriptions)
    renewals = (other.billing.step(each.id) for each in subscriptions)
    await asyncio.gather(*changes, *renewals)

    for each in subscriptions:
        first, renewal, changed = await invoices_of(one, each)
        assert [amounts(invoice) for invoice in (first, renewal, changed)] == [[20_00], [20_00], [-20_00, 50_00]]
        assert [period.period.start for period in await periods_of(one, each)] == [START, MAY]
        assert (await subscription_of(one, each.id)).present_items[0].price_id == team.id
    await one.check(settled=True)


async def test_of_two_who_have_read_the_same_version_one_changes_it(new_shop: OpenShop, clock: MovableClock) -> None:
    one, other = new_shop(), new_shop()
    team = await a_plan(one, 50_00)
    subscription = await subscribed_to(one)

    outcomes = await asyncio.gather(
        change(one, subscription, to(subscription, team), version=subscription.version),
        change(other, subscription, to(subscription, quantity=2), version=subscription.version),
        return_exceptions=True,
    )

    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert isinstance(refused, StaleVersion)
    assert len(await invoices_of(one, subscription)) == 2
    await one.check(settled=True)


async def test_a_change_that_is_asked_for_twice_at_once_is_made_once(new_shop: OpenShop, clock: MovableClock) -> None:
    one, other = new_shop(), new_shop()
    team = await a_plan(one, 50_00)
    subscription = await subscribed_to(one)

    await asyncio.gather(*(change(shop, subscription, to(subscription, team), key="the key") for shop in (one, other)))

    reasons = [each.reason for each in await invoices_of(one, subscription)]
    assert reasons == [InvoiceReason.CREATE, InvoiceReason.CHANGE]
    assert (await subscription_of(one, subscription.id)).present_items[0].price_id == team.id
    await one.check(settled=True)


async def test_an_end_and_a_payment_of_what_waits_for_it_do_not_stand_in_each_others_way(
    new_shop: OpenShop, clock: MovableClock
) -> None:
    one, other = new_shop(), new_shop()
    team = await a_plan(one, 50_00)
    subscriptions = [await subscribed_to(one) for _ in range(3)]
    clock.advance(days=15)

    outcomes = await asyncio.gather(
        *(change(one, each, to(each, team)) for each in subscriptions),
        *(cancel(other, each, credit=True) for each in subscriptions),
        return_exceptions=True,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(outcome, PaydeskError) for outcome in refused)
    for each in subscriptions:
        ended = await subscription_of(one, each.id)
        open_ones = [each for each in await invoices_of(one, each) if each.state is InvoiceState.OPEN]
        assert (ended.is_ended or bool(refused), open_ones) == (True, [])
    await one.check(settled=True)
