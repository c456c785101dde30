"""A catalogue that was there before the search was."""

from pathlib import Path

import pytest

from domain.pages import PageRequest
from domain.queries import ProductFilter
from domain.search import Search
from persistence.columns import Columns
from persistence.database import Database
from persistence.mapping import product_to_row
from persistence.migrate import migrate, pending
from persistence.orm import App
from persistence.queries import TortoiseQueries
from persistence.sql import Dialect, Json
from tests.databases import NewDatabaseUrl
from tests.persistence.earlier import app_before
from tests.persistence.shop import EVERYBODY, new_product

SEARCH = "0008_product_search"

NAMED = [("Tea", "Green"), ("Café crème", None), ("緑茶", "京都の"), ("☕", None)]
# More than are indexed at once.
NAMED += [(f"Cup {number}", None) for number in range(600)]
PRODUCTS = [new_product(name=name, description=description) for name, description in NAMED]


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """The program as it was before the migration of the search."""
    return app_before(SEARCH, tmp_path, monkeypatch)


async def test_products_that_were_there_are_found(
    dialect: Dialect, new_database_url: NewDatabaseUrl, earlier: App
) -> None:
    url = new_database_url(dialect, migrated=False)
    before = await Database.open(url, app=earlier)
    assert "0002_guards" in await migrate(before)
    async with before.transaction() as connection:
        # In another order than they were made.
        for product in reversed(PRODUCTS):
            columns: Columns = product_to_row(product)
            del columns["images"]
            values = [Json(value) if isinstance(value, dict) else value for value in columns.values()]
            places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
            await connection.execute(f"INSERT INTO products ({', '.join(columns)}) VALUES ({places})", *values)
    await before.close()

    database = await Database.open(url)
    assert SEARCH in await pending(database)
    await migrate(database)

    queries = TortoiseQueries(database)
    for text, expected in (
        ("tea", PRODUCTS[:1]),
        ("gren tea", PRODUCTS[:1]),
        ("creme", PRODUCTS[1:2]),
        ("京都", PRODUCTS[2:3]),
        ("cup", PRODUCTS[:-101:-1]),
    ):
        request = PageRequest(limit=100, sort="RELEVANCE")
        page = await queries.products.page(request, ProductFilter(search=Search.of(text)), viewer=EVERYBODY)
        assert [product.id for product in page.items] == [product.id for product in expected]
    assert (await queries.products.by_ids([PRODUCTS[0].id], viewer=EVERYBODY))[PRODUCTS[0].id] == PRODUCTS[0]
    await database.close()
