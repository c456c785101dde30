"""A believable catalogue of any size, the same each time, and the fast way to write it.

Words are as unevenly common as in real texts: `coffee` is in every fifth product, most of the 20,000 others in a few.
"""

import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.products import Interval, IntervalUnit, Price, Product, ProductImage
from persistence.mapping import price_to_row, product_to_row
from persistence.search import ADD_SPELLINGS, search_columns, spelling_rows, spellings_of
from persistence.sql import Dialect, Json, for_postgres, for_sqlite, to_parameter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

_COMMON = ("coffee", "steel", "black", "large", "cotton", "organic", "kitchen", "travel", "set", "classic")
_KINDS = (
    *("grinder", "kettle", "teapot", "filter", "mug", "cup", "saucer", "tray", "scale", "roaster", "brewer", "dripper"),
    *("server", "carafe", "tamper", "basket", "pitcher", "spoon", "canister", "beans", "pods", "syrup", "chocolate"),
    *("apron", "towel", "napkin", "blanket", "cushion", "lamp", "shelf", "chair", "stool", "table", "backpack"),
    *("notebook", "pencil", "poster", "calendar", "candle", "soap", "brush", "sponge", "bottle", "flask", "knife"),
    *("café subscription", "crème brûlée torch", "class", "gift card"),
)
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_PRICED = (("USD", 0.6), ("EUR", 0.3), ("JPY", 0.1))


def catalogue(count: int, *, seed: int = 1) -> Iterator[tuple[Product, list[Price]]]:
    chance = random.Random(seed)
    words = sorted({"".join(chance.choices(_SYLLABLES, k=chance.choice((2, 3, 3, 4)))) for _ in range(30_000)})[:20_000]
    chance.shuffle(words)
    weights = list(accumulate(1 / place for place in range(2, len(words) + 2)))
    for place in range(count):
        made = NOON + timedelta(seconds=place)
        product = Product(
            id=new_id(IdPrefix.PRODUCT),
            name=_name(chance, words, weights),
            description=_description(chance, words, weights),
            images=(ProductImage(f"https://shop.example/{place}.webp", "From the front."),),
            metadata={"sku": f"SKU-{place:06}"},
            archived_at=made if chance.random() < 0.05 else None,
            created_at=made,
            updated_at=made,
        )
        yield product, _prices(chance, product)


def _name(chance: random.Random, words: Sequence[str], weights: Sequence[float]) -> str:
    maker, line = chance.choices(words, cum_weights=weights, k=2)
    common = [word for word in _COMMON if chance.random() < 0.08]
    return " ".join([maker.title(), line, *common, chance.choice(_KINDS)]) + chance.choice(("", "", ", 500 g", " XL"))


def _description(chance: random.Random, words: Sequence[str], weights: Sequence[float]) -> str:
    sentences = []
    for _ in range(3):
        sentence = chance.choices(words, cum_weights=weights, k=8)
        sentence += [word for word in _COMMON if chance.random() < 0.05]
        chance.shuffle(sentence)
        sentences.append(" ".join(sentence).capitalize() + ".")
    return " ".join(sentences)


def _prices(chance: random.Random, product: Product) -> list[Price]:
    currencies = [currency for currency, share in _PRICED if chance.random() < share]
    recurring = chance.random() < 0.1
    return [
        Price(
            id=new_id(IdPrefix.PRICE),
            product_id=product.id,
            nickname=None,
            unit_amount=Money(chance.randrange(1_00, 500_00), currency),
            interval=Interval(IntervalUnit.MONTH, 1) if recurring else None,
            created_at=product.created_at,
        )
        for currency in currencies
    ]


# --- writing it -------------------------------------------------------------------------------------------------------

_BATCH = 5_000

Table = list[dict[str, Any]]


async def write_to_postgres(url: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for tables, spellings in _batches(count):
            for table, rows in tables.items():
                values = [for_postgres(list(row.values())) for row in rows]
                await connection.copy_records_to_table(table, records=values, columns=list(rows[0]))
            await connection.execute(ADD_SPELLINGS[Dialect.POSTGRES], *for_postgres([spelling_rows(spellings)]))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def write_to_sqlite(path: str, count: int) -> None:
    connection = sqlite3.connect(path)
    try:
        for tables, spellings in _batches(count):
            for table, rows in tables.items():
                connection.executemany(
                    f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES ({', '.join('?' * len(rows[0]))})",
                    [[to_parameter(value, Dialect.SQLITE) for value in row.values()] for row in rows],
                )
            connection.execute(*for_sqlite(ADD_SPELLINGS[Dialect.SQLITE], [spelling_rows(spellings)]))
            connection.commit()
        connection.execute("ANALYZE")
        connection.commit()
    finally:
        connection.close()


def _batches(count: int) -> Iterator[tuple[dict[str, Table], set[str]]]:
    """The rows of some thousand products at a time, as the store would write them, and the words that are new."""
    known: set[str] = set()
    all_made = catalogue(count)
    while made := list(islice(all_made, _BATCH)):
        index = [search_columns(product) for product, _ in made]
        words = {word for columns in index for word in spellings_of(columns)} - known
        known |= words
        tables = {
            "products": [_row(product_to_row(product)) for product, _ in made],
            "product_search": index,
            "prices": [_row(price_to_row(price)) for _, prices in made for price in prices],
        }
        yield tables, words


def _row(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Json(value) if isinstance(value, dict | list) else value for name, value in columns.items()}
