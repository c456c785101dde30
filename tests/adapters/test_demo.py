"""The demo shop: believable, repeatable, and made as clients would make it."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.demo import fill_demo_shop
from adapters.fake.truth import Truth
from adapters.settings import PLAIN, Settings
from domain.charges import ChargeState
from domain.orders import OrderState, PaymentState
from domain.pages import PageRequest
from domain.queries import ChargeFilter, CustomerFilter, OrderFilter, ProductFilter, Viewer
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
    assert told == "The demo shop has 4 products, 5 customers and 6 orders."
    assert Counter((order.state, order.payment_state) for order in orders) == {
        (OrderState.COMPLETED, PaymentState.PARTIALLY_REFUNDED): 1,
        (OrderState.COMPLETED, PaymentState.PAID): 1,
        (OrderState.PLACED, PaymentState.UNPAID): 2,
        (OrderState.OPEN, PaymentState.UNPAID): 1,
        (OrderState.CANCELED, PaymentState.UNPAID): 1,
    }
    assert Counter(charge.state for charge in charges) == {
        ChargeState.SUCCEEDED: 2,
        ChargeState.DECLINED: 1,
        ChargeState.REQUIRES_ACTION: 1,
    }
    assert {order.total.currency for order in orders} == {"USD", "JPY"}


async def test_filling_it_again_adds_nothing_here_or_at_the_bank(running: Gateway) -> None:
    await fill_demo_shop(running.services)
    before, at_the_bank = await counted(running), truth_of(running)

    await fill_demo_shop(running.services)

    assert await counted(running) == before == {"customers": 5, "products": 4, "orders": 6, "charges": 4}
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
