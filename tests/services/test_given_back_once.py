"""What nobody has paid, or what went back already, is not given back by a change, a pause or an end."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from domain.invoices import Invoice, InvoiceState
from domain.principals import customer as as_customer
from domain.services.credit_notes import CreateCreditNote
from domain.subscriptions import Subscription
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.services.changes import balance_of, cancel, change, latest_invoice, pause, preview, to
from tests.services.changes import subscribed_to as subscribed
from tests.services.invoiced import charges_of
from tests.services.shop import SHOP, MovableClock, Shop
from tests.services.subscribing import YEARLY, a_plan

START = datetime(2027, 4, 1, 10, tzinfo=UTC)
"""Of a month of thirty days."""
GIVEN_ALREADY = 200_00


@pytest.fixture
def database_url(new_database_url: NewDatabaseUrl) -> str:
    return new_database_url(Dialect.SQLITE)


@pytest.fixture
def clock() -> MovableClock:
    made = MovableClock()
    made.moment = START
    return made


async def refunded(shop: Shop, invoice: Invoice) -> int:
    (charge,) = await charges_of(shop, invoice)
    await shop.refunded(charge.id)
    return 0


async def credited(shop: Shop, invoice: Invoice) -> int:
    request = shop.request("creditNoteCreate", None, {"invoice": invoice.id})
    await shop.credit_notes.create(SHOP, CreateCreditNote(invoice_id=invoice.id, request=request))
    return GIVEN_ALREADY


async def ten_seats(shop: Shop) -> Subscription:
    return await subscribed(shop, (await a_plan(shop), 10))


Given = Callable[[Shop, Invoice], Awaitable[int]]


@pytest.mark.parametrize("given", [refunded, credited])
async def test_a_customer_gets_nothing_for_what_they_have_back_already(
    shop: Shop, clock: MovableClock, given: Given
) -> None:
    subscription = await ten_seats(shop)
    balance = await given(shop, await latest_invoice(shop, subscription))
    clock.advance(days=15)
    who = as_customer("auth0|ada", subscription.customer_id)

    shown = await preview(shop, subscription, to(subscription, quantity=1), principal=who)
    changed = await change(shop, subscription, to(subscription, quantity=1), principal=who)

    assert shown.drafted is not None
    assert (shown.drafted.opening.total.minor_units, changed.present_items[0].quantity) == (0, 1)
    assert (await latest_invoice(shop, subscription)).total.is_zero
    assert await balance_of(shop, subscription) == balance


@pytest.mark.parametrize("given", [refunded, credited])
@pytest.mark.parametrize("what", ["pause", "cancel"])
async def test_nor_does_a_pause_or_an_end_give_it_again(
    shop: Shop, clock: MovableClock, given: Given, what: str
) -> None:
    subscription = await ten_seats(shop)
    balance = await given(shop, await latest_invoice(shop, subscription))
    clock.advance(days=15)

    await (pause(shop, subscription) if what == "pause" else cancel(shop, subscription, credit=True))

    assert await balance_of(shop, subscription) == balance


async def test_another_interval_is_not_paid_with_what_went_back(shop: Shop, clock: MovableClock) -> None:
    subscription, yearly = await ten_seats(shop), await a_plan(shop, 200_00, YEARLY)
    await refunded(shop, await latest_invoice(shop, subscription))
    clock.advance(days=15)

    await change(shop, subscription, to(subscription, yearly))

    invoice = await latest_invoice(shop, subscription)
    assert (invoice.total.minor_units, invoice.state) == (10 * 200_00, InvoiceState.PAID)


async def test_what_was_called_off_was_never_paid(shop: Shop, clock: MovableClock) -> None:
    subscription = await ten_seats(shop)
    await shop.card(subscription.customer_id, "tok_chargeCustomerFail", make_default=True)
    clock.advance(days=30)
    await shop.run_jobs(rounds=2)
    renewal = await latest_invoice(shop, subscription)
    assert renewal.state is InvoiceState.OPEN
    await shop.invoices.void(SHOP, renewal.id, version=None)
    clock.advance(days=15)

    who = as_customer("auth0|ada", subscription.customer_id)
    await change(shop, subscription, to(subscription, quantity=1), principal=who)

    assert await balance_of(shop, subscription) == 0
