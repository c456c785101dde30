"""Lists are read along an index: on both databases no plan reads a whole table, and none sorts one.

The plan is asked of the very statements that the reads run.
"""

import re
from datetime import timedelta
from typing import Any

from domain.charges import ChargeState
from domain.issuers import DEFAULT_ISSUER_ID
from domain.pages import PageRequest
from domain.queries import (
    ChargeFilter,
    CustomerFilter,
    EventFilter,
    OrderFilter,
    OrderSort,
    PriceFilter,
    ProductFilter,
    ProductSort,
    RefundFilter,
    Relation,
    SubscriptionFilter,
    Viewer,
)
from persistence.database import Database
from persistence.queries import statements
from persistence.queries.charges import CHARGES
from persistence.queries.customers import CUSTOMERS
from persistence.queries.events import EVENTS
from persistence.queries.orders import ORDERS
from persistence.queries.products import PRICES, PRODUCTS
from persistence.queries.refunds import REFUNDS
from persistence.queries.statements import Statement
from persistence.queries.subscriptions import SUBSCRIPTIONS, having_access
from persistence.sql import Dialect
from tests.persistence.shop import EVERYBODY, NOON, new_card, new_charge, new_customer, new_order, new_product, write

ROWS = 20_000
CUSTOMER_IDS = [f"cus_{number:026}" for number in range(1, 51)]
ORDER_IDS = [f"ord_{number:026}" for number in range(100, 150)]

FIRST = PageRequest(limit=20, sort="NEWEST")


def later(prefix: str) -> PageRequest:
    return PageRequest(limit=20, sort="NEWEST", cursor=(middle(prefix),))


def back(prefix: str) -> PageRequest:
    return PageRequest(limit=20, sort="OLDEST", backward=True, cursor=(middle(prefix),))


def middle(prefix: str) -> str:
    return f"{prefix}_{ROWS // 2:026}"


BY_TOTAL = PageRequest(limit=20, sort=OrderSort.TOTAL_HIGHEST, cursor=(50, middle("ord")))
BY_NAME = PageRequest(limit=20, sort=ProductSort.NAME, cursor=("name 5", middle("prod")))
ONE = Viewer(sees_all=False, customer_id=CUSTOMER_IDS[0])


def plans(dialect: Dialect) -> dict[str, Statement]:
    def page(listing: Any, request: PageRequest, filters: object, viewer: Viewer = EVERYBODY) -> Statement:
        return statements.page(listing, request, filters, viewer=viewer, dialect=dialect)

    def pages_of(
        listing: Any, relation: Relation, ids: list[str], request: PageRequest, filters: object, viewer: Viewer
    ) -> Statement:
        return statements.pages_of(listing, relation, ids, request, filters, viewer=viewer, dialect=dialect)

    customer, order, subject = Relation.CUSTOMER, Relation.ORDER, Relation.SUBJECT
    return {
        "orders by id": statements.by_ids(ORDERS, ORDER_IDS, viewer=EVERYBODY, dialect=dialect),
        "orders": page(ORDERS, FIRST, OrderFilter()),
        "orders after a cursor": page(ORDERS, later("ord"), OrderFilter()),
        "orders before a cursor": page(ORDERS, back("ord"), OrderFilter()),
        "orders by total": page(ORDERS, BY_TOTAL, OrderFilter()),
        "own orders": page(ORDERS, later("ord"), OrderFilter(), ONE),
        "order by external id": page(ORDERS, FIRST, OrderFilter(external_id="web-77")),
        "customer by email": page(CUSTOMERS, FIRST, CustomerFilter(email="Customer-7@Example.com")),
        "products by name": page(PRODUCTS, BY_NAME, ProductFilter()),
        "subscriptions": page(SUBSCRIPTIONS, later("sub"), SubscriptionFilter()),
        "own subscriptions": page(SUBSCRIPTIONS, later("sub"), SubscriptionFilter(), ONE),
        "subscriptions with a price": page(SUBSCRIPTIONS, FIRST, SubscriptionFilter(price_id=middle("price"))),
        "subscriptions of customers": pages_of(
            SUBSCRIPTIONS, customer, CUSTOMER_IDS, FIRST, SubscriptionFilter(), EVERYBODY
        ),
        "entitlements": having_access(CUSTOMER_IDS[:1], dialect),
        "own events": page(EVENTS, later("evt"), EventFilter(), ONE),
        "orders of customers": pages_of(ORDERS, customer, CUSTOMER_IDS, FIRST, OrderFilter(), EVERYBODY),
        "orders of customers, later": pages_of(ORDERS, customer, CUSTOMER_IDS, later("ord"), OrderFilter(), EVERYBODY),
        "charges of orders": pages_of(CHARGES, order, ORDER_IDS, FIRST, ChargeFilter(), EVERYBODY),
        "own charges of orders": pages_of(CHARGES, order, ORDER_IDS, later("chg"), ChargeFilter(), ONE),
        "charges of customers": pages_of(CHARGES, customer, CUSTOMER_IDS, later("chg"), ChargeFilter(), EVERYBODY),
        "refunds of customers": pages_of(REFUNDS, customer, CUSTOMER_IDS, FIRST, RefundFilter(), EVERYBODY),
        "prices of products": pages_of(PRICES, Relation.PRODUCT, ORDER_IDS, FIRST, PriceFilter(), EVERYBODY),
        "timelines": pages_of(EVENTS, subject, ORDER_IDS, FIRST, EventFilter(), EVERYBODY),
        "timelines, later": pages_of(EVENTS, subject, ORDER_IDS, later("evt"), EventFilter(), EVERYBODY),
        "own timelines": pages_of(EVENTS, subject, ORDER_IDS, FIRST, EventFilter(), ONE),
    }


async def test_no_list_reads_or_sorts_a_whole_table(database: Database) -> None:
    await fill(database)
    faulty = {Dialect.POSTGRES: faulty_on_postgres, Dialect.SQLITE: faulty_on_sqlite}[database.dialect]

    for name, statement in plans(database.dialect).items():
        plan = await explained(database, statement)
        assert not faulty(plan, statement), f"{name}: {plan}"

    # And these would be noticed:
    sorted_inside = "(SELECT id FROM orders ORDER BY updated_at LIMIT $1) AS page LEFT JOIN customers ON FALSE"
    for text in [
        "SELECT id FROM orders WHERE version = $1",
        "SELECT id FROM orders ORDER BY updated_at LIMIT $1",
        f"SELECT page.id FROM {sorted_inside} ORDER BY page.id",
    ]:
        statement = Statement(text, (7,))
        assert faulty(await explained(database, statement), statement)


async def test_a_range_of_time_reads_that_range_alone(database: Database) -> None:
    await fill(database)
    for listing, filter_of in (
        (CUSTOMERS, CustomerFilter),
        (ORDERS, OrderFilter),
        (CHARGES, ChargeFilter),
        (REFUNDS, RefundFilter),
        (SUBSCRIPTIONS, SubscriptionFilter),
    ):
        minutes = filter_of(created_from=NOON + timedelta(minutes=60), created_before=NOON + timedelta(minutes=70))
        statement = statements.page(listing, FIRST, minutes, viewer=EVERYBODY, dialect=database.dialect)

        plan = [step for _, step in await explained(database, statement)]

        assert any(f"{listing.table}_created_at_id" in step for step in plan), plan

    # The newest of a whole year are found by walking back, and not by sorting the year.
    year = OrderFilter(created_from=NOON - timedelta(days=365))
    statement = statements.page(ORDERS, FIRST, year, viewer=EVERYBODY, dialect=database.dialect)

    plan = [step for _, step in await explained(database, statement)]

    assert not any(re.search("orders_created_at_id|Sort|TEMP B-TREE", step) for step in plan), plan


async def explained(database: Database, statement: Statement) -> list[tuple[int, str]]:
    """Each step with its depth."""
    async with database.reader() as connection:
        if database.dialect is Dialect.SQLITE:
            rows = await connection.fetch_all(f"EXPLAIN QUERY PLAN {statement.text}", *statement.parameters)
            return [(row["parent"], row["detail"]) for row in rows]
        rows = await connection.fetch_all(f"EXPLAIN {statement.text}", *statement.parameters)
        lines = [row["QUERY PLAN"] for row in rows]
    return [(len(line) - len(line.lstrip()), line.strip().removeprefix("->").strip()) for line in lines]


def faulty_on_postgres(plan: list[tuple[int, str]], _statement: Statement) -> bool:
    sorted_rows = [int(found[1]) for _, step in plan if (found := re.match(r"Sort  \(.* rows=(\d+)", step))]
    return any("Seq Scan" in step for _, step in plan) or any(rows > ROWS / 4 for rows in sorted_rows)


def faulty_on_sqlite(plan: list[tuple[int, str]], statement: Statement) -> bool:
    tables = {
        "subscriptions",
        "items",
        "customers",
        "products",
        "prices",
        "orders",
        "charges",
        "refunds",
        "events",
        "subject",
        "concerned",
    }
    return any(
        # A scan along an index is a walk, which LIMIT ends.
        (step.startswith("SCAN") and step.split()[1] in tables and "USING" not in step)
        or ("TEMP B-TREE" in step and (parent != 0 or not sorts_the_page(statement)))
        for parent, step in plan
    )


def sorts_the_page(statement: Statement) -> bool:
    """Whether the rows of the page, and no others, are sorted once more outside of a join."""
    return " LEFT JOIN " in statement.text


async def fill(database: Database) -> None:
    """Copies of one record each, 20,000 orders with a charge of 400 customers."""
    customer = new_customer(email="template@example.com")
    card, product = new_card(customer), new_product()
    order = new_order(customer)
    charge = new_charge(order, card, state=ChargeState.SUCCEEDED)
    numbers = {
        Dialect.POSTGRES: "SELECT n FROM generate_series(1, $1::bigint) AS n",
        Dialect.SQLITE: "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)"
        " SELECT n FROM numbers",
    }[database.dialect]
    at = _A_MINUTE_APART[database.dialect]
    created_at = at.format("template.created_at")
    async with database.transaction() as connection:
        await write(connection, customer, card, product, order, charge)
        # Templates first: what refers to a customer or an order is copied after those.
        for table, count, changed in [
            ("customers", 400, {"id": "cus", "email": "'customer-' || n || '@example.com'"}),
            ("products", 2_000, {"id": "prod", "name": "'name ' || (n % 50)"}),
            ("orders", ROWS, {"id": "ord", "customer_id": "cus", "total": "n % 97", "external_id": "'web-' || n"}),
            ("charges", ROWS, {"id": "chg", "order_id": "ord", "customer_id": "cus", "amount": "n % 97"}),
        ]:
            await copy(connection, table, count, {**changed, "created_at": created_at}, numbers)
        price = {"product_id": made_id("prod", 2_000), "unit_amount": "5", "currency": "'USD'", "created_at": "$2"}
        refund = {
            "charge_id": made_id("chg"),
            "order_id": made_id("ord"),
            "customer_id": made_id("cus", 400),
            "account": "'fake'",
            "state": "'FAILED'",
            "executed_as": "'REFUND'",
            "amount": "5",
            "currency": "'USD'",
            "livemode": "FALSE",
            "created_at": at.format("$2"),
            "updated_at": "$2",
        }
        event = {
            "kind": "'ORDER_PLACED'",
            "subject_ids": "'[]'",
            "actor": "'staff:ada'",
            "data": "'{}'",
            "livemode": "FALSE",
            "created_at": "$2",
        }
        subscription = {
            "customer_id": made_id("cus", 400),
            "issuer_id": f"'{DEFAULT_ISSUER_ID}'",
            "state": "'ACTIVE'",
            "currency": "'USD'",
            "interval_unit": "'MONTH'",
            "interval_count": "1",
            "time_zone": "'UTC'",
            "starts_at": "$2",
            "periods_from": "$2",
            "metadata": "'{}'",
            "version": "1",
            "livemode": "FALSE",
            "created_at": at.format("$2"),
            "updated_at": "$2",
        }
        for table, prefix, columns in (
            ("prices", "price", price),
            ("subscriptions", "sub", subscription),
            ("refunds", "ref", refund),
            ("events", "evt", event),
        ):
            await connection.execute(
                f"INSERT INTO {table} (id, {', '.join(columns)})"
                f" SELECT {made_id(prefix)}, {', '.join(columns.values())} FROM ({numbers}) AS copies",
                ROWS,
                order.created_at,
            )
        await connection.execute(
            "INSERT INTO subscription_items (id, subscription_id, position, price_id, quantity)"
            f" SELECT {made_id('item')}, {made_id('sub')}, 0, {made_id('price')}, 1 FROM ({numbers}) AS copies",
            ROWS,
        )
        for subject in (made_id("cus", 400), made_id("ord")):
            await connection.execute(
                f"INSERT INTO event_subjects (event_id, subject_id)"
                f" SELECT {made_id('evt')}, {subject} FROM ({numbers}) AS copies",
                ROWS,
            )
    async with database.transaction() as connection:
        await connection.execute("ANALYZE")


_A_MINUTE_APART = {
    Dialect.POSTGRES: "CAST({} AS timestamptz) + n * interval '1 minute'",
    Dialect.SQLITE: "strftime('%Y-%m-%dT%H:%M:%f', {}, n || ' minutes') || '000Z'",
}


async def copy(connection: Any, table: str, count: int, changed: dict[str, str], numbers: str) -> None:
    row = (await connection.fetch_all(f"SELECT * FROM {table}"))[0]
    expressions = {
        name: made_id(changed[name], 400 if changed[name] == "cus" else None)
        if changed.get(name) in {"cus", "prod", "ord", "chg"}
        else changed.get(name, f"template.{name}")
        for name in row
    }
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(expressions)}) SELECT {', '.join(expressions.values())}"
        f" FROM (SELECT * FROM {table} LIMIT 1) AS template CROSS JOIN ({numbers}) AS copies",
        count,
    )


def made_id(prefix: str, count: int | None = None) -> str:
    """An id of 26 digits, of the n-th record or the n-th of a round of `count`."""
    number = "n" if count is None else f"(1 + n % {count})"
    return f"'{prefix}_' || substr('{'0' * 26}' || {number}, length('{'0' * 26}' || {number}) - 25)"
