"""One call of the reads is one statement, however many records, parents or filters it has."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.charges import ChargeState
from domain.orders import OrderState, PaymentState
from domain.pages import PageRequest
from domain.queries import (
    ChargeFilter,
    CustomerFilter,
    EventFilter,
    OrderFilter,
    OrderSort,
    PaymentMethodFilter,
    PriceFilter,
    ProductFilter,
    ProductSort,
    Queries,
    RefundFilter,
    Relation,
)
from domain.search import Search
from persistence.database import Database
from persistence.queries import TortoiseQueries
from tests.persistence.shop import (
    EVERYBODY,
    NOBODY,
    NOON,
    eyes_of,
    new_card,
    new_charge,
    new_customer,
    new_order,
    new_product,
    new_refund,
    write,
)

ADA = new_customer(email="ada@example.com")
CARD = new_card(ADA)
ORDERS = [new_order(ADA, total=5, state=OrderState.PLACED, placed_at=NOON) for _ in range(50)]
CHARGES = [new_charge(order, CARD, state=state) for order in ORDERS for state in (ChargeState.SUCCEEDED,) * 2]
REFUNDS = [new_refund(charge) for charge in CHARGES]
IDS = [order.id for order in ORDERS]

PAGE = PageRequest(limit=50, sort="NEWEST")
BACK = PageRequest(limit=50, sort="OLDEST", backward=True, cursor=(IDS[9],))
BY_TOTAL = PageRequest(limit=20, sort=OrderSort.TOTAL_HIGHEST, cursor=(5, IDS[9]))
BY_NAME = PageRequest(limit=20, sort=ProductSort.NAME, cursor=("Tea", IDS[9]))
ALL_ORDER_FILTERS = OrderFilter(
    states=[OrderState.PLACED, OrderState.OPEN],
    payment_states=[PaymentState.OVERPAID],
    customer_id=ADA.id,
    external_id="web-1",
    created_from=NOON,
    created_before=NOON + timedelta(days=1),
)
OWN = eyes_of(ADA)

CALLS: dict[str, Callable[[Queries], Awaitable[object]]] = {
    "50 orders by id": lambda q: q.orders.by_ids(IDS, viewer=EVERYBODY),
    "1 order by id": lambda q: q.orders.by_ids(IDS[:1], viewer=OWN),
    "order nobody sees": lambda q: q.orders.by_ids(IDS[:1], viewer=NOBODY),
    "customers by id": lambda q: q.customers.by_ids([ADA.id, "cus_none"], viewer=OWN),
    "first page": lambda q: q.orders.page(PAGE, OrderFilter(), viewer=EVERYBODY),
    "page back": lambda q: q.orders.page(BACK, OrderFilter(), viewer=OWN),
    "page by total, all filters": lambda q: q.orders.page(BY_TOTAL, ALL_ORDER_FILTERS, viewer=OWN),
    "page of customers": lambda q: q.customers.page(PAGE, CustomerFilter(email="ADA@example.com"), viewer=EVERYBODY),
    "page of products": lambda q: q.products.page(BY_NAME, ProductFilter(), viewer=NOBODY),
    "page of events": lambda q: q.events.page(BACK, EventFilter(), viewer=OWN),
    "prices of products": lambda q: q.prices.pages_of(Relation.PRODUCT, IDS, PAGE, PriceFilter(), viewer=OWN),
    "orders of customers": lambda q: q.orders.pages_of(Relation.CUSTOMER, IDS, BY_TOTAL, OrderFilter(), viewer=OWN),
    "cards of customers": lambda q: q.payment_methods.pages_of(
        Relation.CUSTOMER, [ADA.id], PAGE, PaymentMethodFilter(), viewer=OWN
    ),
    "charges of 50 orders": lambda q: q.charges.pages_of(Relation.ORDER, IDS, PAGE, ChargeFilter(), viewer=EVERYBODY),
    "charges of 1 order": lambda q: q.charges.pages_of(Relation.ORDER, IDS[:1], BACK, ChargeFilter(), viewer=OWN),
    "refunds of 100 charges": lambda q: q.refunds.pages_of(
        Relation.CHARGE, [charge.id for charge in CHARGES], PAGE, RefundFilter(), viewer=OWN
    ),
    "timelines of 50 orders": lambda q: q.events.pages_of(Relation.SUBJECT, IDS, PAGE, EventFilter(), viewer=OWN),
    "lines of 50 orders": lambda q: q.lines_of_orders(IDS),
    "accounts of customers": lambda q: q.accounts_of_customers([ADA.id, *IDS]),
}


async def test_every_call_is_one_statement(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    async with database.transaction() as connection:
        await write(connection, ADA, CARD, *ORDERS, *CHARGES, *REFUNDS)
    queries = TortoiseQueries(database)
    # A connection's first use may set it up.
    await queries.orders.page(PAGE, OrderFilter(), viewer=EVERYBODY)

    counts = {}
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for name, call in CALLS.items():
            caplog.clear()
            await call(queries)
            counts[name] = len(caplog.records)

    assert counts == dict.fromkeys(CALLS, 1)


async def test_a_search_is_two_statements(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    products = [new_product(name=f"Tea {number}") for number in range(30)]
    async with database.transaction() as connection:
        await write(connection, *products)
    queries = TortoiseQueries(database)
    await queries.orders.page(PAGE, OrderFilter(), viewer=EVERYBODY)
    all_filters = ProductFilter(available=False, archived=False, price=PriceFilter(currency="USD"))

    counts = {}
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for text in ("tea", "te", "teaa", "green tea pot", "none"):
            for where in (ProductFilter(), all_filters):
                for sort, cursor in [
                    (ProductSort.RELEVANCE, (1, 7)),
                    (ProductSort.OLDEST, (0, 7)),
                    (ProductSort.NAME, None),
                ]:
                    caplog.clear()
                    request = PageRequest(limit=20, sort=sort, cursor=cursor)
                    await queries.products.page(request, replace(where, search=Search.of(text)), viewer=NOBODY)
                    counts[text, sort, where] = len(caplog.records)

    assert counts == dict.fromkeys(counts, 2)


async def test_a_statement_has_one_text_for_one_id_and_for_fifty(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    queries = TortoiseQueries(database)
    small, large = PageRequest(limit=1, sort="NEWEST"), PageRequest(limit=100, sort="NEWEST")
    texts = []
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for ids, request in ((IDS[:1], small), (IDS, large)):
            caplog.clear()
            await queries.orders.by_ids(ids, viewer=EVERYBODY)
            await queries.orders.page(request, OrderFilter(), viewer=EVERYBODY)
            await queries.charges.pages_of(Relation.ORDER, ids, request, ChargeFilter(), viewer=EVERYBODY)
            await queries.lines_of_orders(ids)
            texts.append([str(record.args[0]) for record in caplog.records if isinstance(record.args, tuple)])

    assert texts[0] == texts[1]
    assert len(texts[0]) == 4
