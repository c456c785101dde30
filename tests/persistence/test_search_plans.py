"""A search goes by its indexes on both databases, whichever page and filter: so say the plans of its statements."""

import re

import pytest

from domain.pages import PageRequest
from domain.products import PriceType
from domain.queries import PriceFilter, ProductFilter, ProductSort
from domain.search import Search
from persistence.database import Database
from persistence.queries.fulltext import Meant
from persistence.queries.products import PRODUCTS
from persistence.queries.searching import spellings
from persistence.queries.statements import Statement
from persistence.queries.walking import page
from persistence.sql import Dialect
from tests.persistence.shop import new_price, new_product, write
from tests.persistence.test_query_plans import copy, explained, made_id

PRODUCTS_THERE = 20_000
NUMBERS = {
    Dialect.POSTGRES: "SELECT n FROM generate_series(1, $1::bigint) AS n",
    Dialect.SQLITE: "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)"
    " SELECT n FROM numbers",
}
FILTER = ProductFilter(available=True, price=PriceFilter(type=PriceType.ONE_TIME, archived=False))
FIRST = PageRequest(limit=20, sort=ProductSort.RELEVANCE)
REQUESTS = [
    FIRST,
    PageRequest(limit=20, sort=ProductSort.RELEVANCE, cursor=(3, 10_000)),
    PageRequest(limit=20, sort=ProductSort.RELEVANCE, cursor=(3, 10_000), backward=True),
    PageRequest(limit=20, sort=ProductSort.OLDEST, cursor=(0, 10_000)),
]
# A read of all rows, beside what is made of the rows that a part has found.
WHOLE_TABLE = {
    Dialect.POSTGRES: r"Seq Scan on (?!json)\w+",
    Dialect.SQLITE: r"SCAN (product_search|products|prices|known)\b",
}
FULL_TEXT = {
    Dialect.POSTGRES: r"Bitmap Index Scan on product_search_words",
    Dialect.SQLITE: r"SCAN product_words VIRTUAL TABLE INDEX \d+:.*M",
}
SPELLED = {
    Dialect.POSTGRES: r"Index (Only )?Scan using product_spellings_pkey",
    Dialect.SQLITE: r"SEARCH known USING PRIMARY KEY",
}


@pytest.mark.parametrize("where", [ProductFilter(), FILTER], ids=["all", "filtered"])
async def test_a_search_reads_no_whole_table(database: Database, where: ProductFilter) -> None:
    await fill(database)
    search = Search.of("tea w77")
    assert search is not None
    for meant in (Meant(search, ((), ())), Meant(search, (("teas", "tee"), ()))):
        for request in REQUESTS:
            statement = page(PRODUCTS, request, meant, where, dialect=database.dialect)

            plan = await steps(database, statement)

            assert re.search(FULL_TEXT[database.dialect], plan), plan
            assert not re.search(WHOLE_TABLE[database.dialect], plan), plan


async def test_spellings_are_found_by_their_trigrams(database: Database) -> None:
    await fill(database)

    plan = await steps(database, spellings(["coffee", "grinder"], database.dialect))

    assert re.search(SPELLED[database.dialect], plan), plan
    assert not re.search(WHOLE_TABLE[database.dialect], plan), plan


async def steps(database: Database, statement: Statement) -> str:
    return "\n".join(step for _, step in await explained(database, statement))


async def fill(database: Database) -> None:
    numbers = NUMBERS[database.dialect]
    product = new_product(name="tea")
    async with database.transaction() as connection:
        await write(connection, product, new_price(product))
        await copy(connection, "products", PRODUCTS_THERE, {"id": "prod"}, numbers)
        words = f"{made_id('prod')}, 'title', 'tea w' || n, 'some words about w' || (n % 97)"
        spelled = "'t' || (n % 700), 4 + n % 6, 'word' || n"
        for table, columns, values in (
            ("product_search", "product_id, title, name, description", words),
            ("product_spellings", "trigram, length, word", spelled),
        ):
            await connection.execute(
                f"INSERT INTO {table} ({columns}) SELECT {values} FROM ({numbers}) AS copies", PRODUCTS_THERE
            )
        await connection.execute(
            "INSERT INTO prices (id, product_id, unit_amount, currency, created_at)"
            f" SELECT {made_id('price')}, {made_id('prod')}, 5, 'USD', $2 FROM ({numbers}) AS copies",
            PRODUCTS_THERE,
            product.created_at,
        )
    async with database.transaction() as connection:
        await connection.execute("ANALYZE")
