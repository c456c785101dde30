"""The demo shop: believable, repeatable, and made as clients would make it."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.demo import fill_demo_shop
from adapters.fake.truth import Truth
from adapters.settings import PLAIN, Settings
from domain.charges import ChargeState
from domain.invoices import InvoiceState
from domain.orders import OrderState, PaymentState
from domain.pages import PageRequest
from domain.queries import (
    ChargeFilter,
    CustomerFilter,
    InvoiceFilter,
    OrderFilter,
    ProductFilter,
    SubscriptionFilter,
    TestClockFilter,
    Viewer,
)
from domain.subscriptions import Access, SubscriptionState
from domain.test_clocks import ClockState
from server import Gateway, gateway

EVERYTHING = Viewer(sees_all=True)
ALL = PageRequest(limit=100, sort="NEWEST")


@pytest.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings.model_validate(
        {
            "environment": "development",
            "database_url": database_url,
            "fake": {PLAIN: {"books": str(tmp_path / "bank.sqlite3")}},
        }
    )
    async with gateway(settings) as opened:
        yield opened


async def test_the_demo_shop_shows_every_outcome_that_a_developer_wants_to_see(running: Gateway) -> None:
    told = await fill_demo_shop(running.services)

    queries = running.services.queries
    orders = (await queries.orders.page(ALL, OrderFilter(), viewer=EVERYTHING)).items
    charges = (await queries.charges.page(ALL, ChargeFilter(), viewer=EVERYTHING)).items
    assert told == "The demo shop has 4 products, 6 customers, 6 orders, and a subscription on a test clock."
    assert Counter((order.state, order.payment_state) for order in orders) == {
        (OrderState.COMPLETED, PaymentState.PARTIALLY_REFUNDED): 1,
        (OrderState.COMPLETED, PaymentState.PAID): 1,
        (OrderState.PLACED, PaymentState.UNPAID): 2,
        (OrderState.OPEN, PaymentState.UNPAID): 1,
        (OrderState.CANCELED, PaymentState.UNPAID): 1,
    }
    assert Counter(charge.state for charge in charges) == {
        ChargeState.SUCCEEDED: 2 + 3,
        ChargeState.DECLINED: 1,
        ChargeState.REQUIRES_ACTION: 1,
    }
    assert {order.total.currency for order in orders} == {"USD", "JPY"}


async def test_one_customer_lives_by_a_test_clock_and_has_a_plan(running: Gateway) -> None:
    await fill_demo_shop(running.services)

    queries = running.services.queries
    [clock] = (await queries.test_clocks.page(ALL, TestClockFilter(), viewer=EVERYTHING)).items
    [subscription] = (await queries.subscriptions.page(ALL, SubscriptionFilter(), viewer=EVERYTHING)).items
    invoices = (await queries.invoices.page(ALL, InvoiceFilter(), viewer=EVERYTHING)).items
    of_plan = [each for each in invoices if each.subscription_id == subscription.id]
    assert (clock.now, clock.state) == (datetime(2027, 4, 1, 10, tzinfo=UTC), ClockState.READY)
    assert (subscription.state, subscription.access) == (SubscriptionState.ACTIVE, Access.GRANTED)
    assert [str(invoice.opened_at.date()) for invoice in reversed(of_plan) if invoice.opened_at] == [
        "2027-01-31",
        "2027-02-28",
        "2027-03-31",
    ]
    assert {invoice.state for invoice in of_plan} == {InvoiceState.PAID}


async def test_filling_it_again_adds_nothing_here_or_at_the_bank(running: Gateway) -> None:
    await fill_demo_shop(running.services)
    before, at_the_bank = await counted(running), truth_of(running)

    await fill_demo_shop(running.services)

    assert await counted(running) == before == {"customers": 6, "products": 4, "orders": 6, "charges": 7}
    assert truth_of(running) == at_the_bank


async def counted(running: Gateway) -> dict[str, int]:
    queries = running.services.queries
    return {
        "customers": len((await queries.customers.page(ALL, CustomerFilter(), viewer=EVERYTHING)).items),
        "products": len((await queries.products.page(ALL, ProductFilter(), viewer=EVERYTHING)).items),
        "orders": len((await queries.orders.page(ALL, OrderFilter(), viewer=EVERYTHING)).items),
        "charges": len((await queries.charges.page(ALL, ChargeFilter(), viewer=EVERYTHING)).items),
    }


def truth_of(running: Gateway) -> Truth:
    assert running.bank is not None
    return running.bank.truth()
