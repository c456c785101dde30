"""How fast the catalogue is searched: 100,000 products, both databases, near and far pages.

    make bench-search [PRODUCTS=100000]

Each search is walked page by page, and pages 1, 10 and 100 are timed: by the queries of the store, and by GraphQL over
HTTP through the whole gateway, in this process. The client, the gateway and PostgreSQL share the machine.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from domain.pages import PageRequest, Slice
from domain.products import PriceType, Product
from domain.queries import PriceFilter, ProductFilter, ProductSort, Queries, product_sort_key
from domain.search import Search
from persistence.database import Database
from persistence.migrate import migrate
from persistence.queries import TortoiseQueries
from tests.bench.catalogue import catalogue, write_to_postgres, write_to_sqlite
from tests.bench.machines import postgres, say
from tests.persistence.shop import EVERYBODY
from tests.schema.gateway import ADMIN, open_shop, settings_for

PAGES = (1, 10, 100)
SEARCHES = 20
"""Of each kind: most are walked for 100 pages, so the run takes some twenty minutes."""
PAGE_SIZE = 20

_DOCUMENT = """
query($search: String, $filter: ProductFilterInput, $after: String) {
  products(search: $search, filter: $filter, first: 20, after: $after) {
    nodes { id name description images { url } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

Wanted = tuple[str, ProductFilter, dict[str, Any] | None]
# The time of one page in milliseconds, and where the next begins; None at the end.
Turn = Callable[[Wanted, Any], Awaitable[tuple[float, Any]]]


def searches(count: int) -> dict[str, list[Wanted]]:
    """What people type, by kind. Words of the catalogue itself, so that most find something."""
    chance = random.Random(7)
    names = [product.name for product, _ in catalogue(min(count, 5_000))]
    common = ("coffee", "steel", "black", "large", "cotton", "organic", "kitchen", "travel", "classic")

    def some(make: Callable[[], str]) -> list[Wanted]:
        return [(make(), ProductFilter(), None) for _ in range(SEARCHES)]

    def word() -> str:
        return chance.choice(names).split()[0]

    def typo() -> str:
        text = chance.choice([*common, word()])
        place = chance.randrange(1, len(text) - 1)
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]

    sold = ProductFilter(available=True, price=PriceFilter(type=PriceType.ONE_TIME, currency="USD", archived=False))
    as_sent = {"available": True, "type": "ONE_TIME", "currency": "USD"}
    return {
        "a common word": some(lambda: chance.choice(common)),
        "any word": some(word),
        "two words": some(lambda: f"{chance.choice(common)} {word()}"),
        "a whole name": some(lambda: chance.choice(names)),
        "a beginning": some(lambda: (chance.choice(common) if chance.random() < 0.5 else word())[:3]),
        "a typo": some(typo),
        "what is sold": [(text, sold, as_sent) for text, _, _ in some(lambda: chance.choice([*common, word()]))],
        "nothing": some(lambda: "".join(chance.choices("qxzwvy", k=7))),
    }


async def measure(turn: Turn, kinds: dict[str, list[Wanted]]) -> dict[str, dict[int, list[float]]]:
    """Kind → page → times."""
    times: dict[str, dict[int, list[float]]] = {kind: defaultdict(list) for kind in kinds}
    for kind, wanted in kinds.items():
        for search in wanted:
            cursor = None
            for page in range(1, max(PAGES) + 1):
                milliseconds, cursor = await turn(search, cursor)
                if page in PAGES:
                    times[kind][page].append(milliseconds)
                if cursor is None:
                    break
    return times


def by_queries(queries: Queries) -> Turn:
    async def turn(wanted: Wanted, cursor: Any) -> tuple[float, Any]:
        text, where, _ = wanted
        filters = ProductFilter(search=Search.of(text), price=where.price, available=where.available)
        request = PageRequest(limit=PAGE_SIZE, sort=ProductSort.RELEVANCE, cursor=cursor)
        began = time.perf_counter()
        page: Slice[Product] = await queries.products.page(request, filters, viewer=EVERYBODY)
        milliseconds = (time.perf_counter() - began) * 1000
        return milliseconds, product_sort_key(page.items[-1], ProductSort.RELEVANCE) if page.has_next else None

    return turn


def by_http(ask: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]) -> Turn:
    async def turn(wanted: Wanted, cursor: Any) -> tuple[float, Any]:
        text, _, as_sent = wanted
        began = time.perf_counter()
        page = (await ask(_DOCUMENT, {"search": text, "filter": as_sent, "after": cursor}))["products"]
        milliseconds = (time.perf_counter() - began) * 1000
        return milliseconds, page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None

    return turn


async def bench(url: str, folder: Path, count: int) -> None:
    kinds = searches(count)
    database = await Database.open(url)
    queries = TortoiseQueries(database)
    warm = {kind: wanted[:3] for kind, wanted in kinds.items()}
    await measure(by_queries(queries), warm)
    tell(f"{database.dialect}, queries", await measure(by_queries(queries), kinds))
    await database.close()
    async with open_shop(settings_for(folder, url)) as shop:

        async def ask(document: str, variables: dict[str, Any]) -> dict[str, Any]:
            return await shop.execute(document, variables, as_=ADMIN)

        tell(f"{database.dialect}, HTTP", await measure(by_http(ask), {k: v[:6] for k, v in kinds.items()}))


def tell(title: str, times: dict[str, dict[int, list[float]]]) -> None:
    say(f"\n{title}: milliseconds\n\n| Search | Page | Searches | p50 | p95 | p99 |\n|---|---|---|---|---|---|")
    together: dict[int, list[float]] = defaultdict(list)
    for kind, pages in times.items():
        for page, of_page in pages.items():
            together[page] += of_page
            say(row(kind, page, of_page))
    for page, of_page in together.items():
        say(row("all", page, of_page))


def row(kind: str, page: int, times: list[float]) -> str:
    ordered = sorted(times)
    marks = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99))
    return f"| {kind} | {page} | {len(times)} | {' | '.join(f'{mark:.1f}' for mark in marks)} |"


async def filled(url: str, count: int) -> None:
    database = await Database.open(url)
    await migrate(database)
    await database.close()
    began = time.perf_counter()
    if url.startswith("sqlite"):
        write_to_sqlite(url.removeprefix("sqlite://"), count)
    else:
        await write_to_postgres(url, count)
    say(f"{count} products were written to {url.partition(':')[0]} in {time.perf_counter() - began:.0f} s.")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="paydesk-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        url = f"sqlite://{folder / 'catalogue.sqlite3'}"
        asyncio.run(filled(url, count))
        asyncio.run(bench(url, folder, count))
        with postgres(folder / "postgres") as url:
            asyncio.run(filled(url, count))
            asyncio.run(bench(url, folder, count))


if __name__ == "__main__":
    main()
