"""Searching the catalogue: one order of results on both databases, whatever is typed, and pages that fit together.

The rules are written down a second time here (`rank_of`), by looking at one product after the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.pages import CursorInvalid, PageRequest, Slice
from domain.products import Interval, IntervalUnit, PriceType, Product
from domain.queries import FoundProduct, PriceFilter, ProductFilter, ProductSort, Queries, product_sort_key
from domain.search import Search, Term, is_near, may_be_meant, title_of, words_of
from domain.store import Store
from persistence.database import Database
from persistence.mapping import product_to_row
from persistence.queries import TortoiseQueries
from persistence.store import TortoiseStore
from tests.persistence.shop import EVERYBODY, NOBODY, NOON, insert, new_price, new_product, write

PRODUCTS = [
    new_product(name=name, description=description)
    for name, description in [
        ("Tea", "Black, and loose."),
        ("Green tea", "From Uji; for the teapot."),
        ("Teapot", "Holds a litre of tea."),
        ("Filter coffee, 500 g", "Washed Ethiopian, roasted for filter."),
        ("Coffee beans", "Roasted in small batches"),
        ("Café crème", "Une tasse de café"),
        ("Hand grinder", "Steel burrs for coffee, 30 g, folds into its handle."),
        ("Grinder brush", None),
        ("Coffee grinder, electric", "Grinds for espresso and for filter coffee."),
        ("Cups and saucers", "Six boxes"),
        ("Cup", "One box of strawberries"),
        ("緑茶", "京都の緑茶です"),
        ("Matcha 抹茶 set", "With a bowl; 茶筅 included"),
        ("ชาเขียว", "ชาเขียวจากเชียงใหม่"),
        ("Чай чёрный", "Листовой"),
        ("X100 Filter NEAR AND OR NOT", 'name:"quoted" -minus * (paren) ^caret tea*'),
        ("Tea", "The second one of this name."),
        ("☕", "🫖"),
        ("Gold‐rimmed cup™", "Straße, Łódź, ½ l"),
        ("Subscription", "Ethiopian coffee every month"),
    ]
]
WORDS = sorted({word for product in PRODUCTS for word in words_of(f"{product.name} {product.description or ''}")})


@pytest.fixture
def queries(database: Database) -> Queries:
    return TortoiseQueries(database)


@pytest.fixture
async def catalogue(database: Database, queries: Queries) -> Queries:
    await save(database, *PRODUCTS)
    return queries


async def save(database: Database, *records: object) -> None:
    async with database.transaction() as connection:
        await write(connection, *records)


async def found(queries: Queries, text: str, sort: str = ProductSort.RELEVANCE, **filters: Any) -> list[str]:
    page = await queries.products.page(
        PageRequest(limit=100, sort=sort), ProductFilter(search=Search.of(text), **filters), viewer=NOBODY
    )
    return [product.name for product in page.items]


# --- what is found, and in which order --------------------------------------------------------------------------------

EXPECTED: list[tuple[str, list[str]]] = [
    # The name alone, then in the name, then a beginning in the name, then the description.
    ("tea", ["Tea", "Tea", "Green tea", "Teapot", "X100 Filter NEAR AND OR NOT"]),
    ("TÉA!", ["Tea", "Tea", "Green tea", "Teapot", "X100 Filter NEAR AND OR NOT"]),
    ("tea green", ["Green tea"]),
    ("coffee grinder", ["Coffee grinder, electric", "Hand grinder"]),
    ("coffee filter", ["Filter coffee, 500 g", "Coffee grinder, electric"]),
    ("grinder cof", ["Coffee grinder, electric", "Hand grinder"]),
    # A plural is its singular.
    ("cups", ["Gold‐rimmed cup™", "Cup", "Cups and saucers"]),
    ("cup box", ["Cup", "Cups and saucers"]),
    ("strawberry", ["Cup"]),
    ("cafe creme", ["Café crème"]),
    ("strasse lodz", ["Gold‐rimmed cup™"]),
    ("черный чаи", ["Чай чёрный"]),
    # Typos.
    ("cofee beens", ["Coffee beans"]),
    ("gridner", ["Coffee grinder, electric", "Grinder brush", "Hand grinder"]),
    ("ethoipan", ["Subscription", "Filter coffee, 500 g"]),
    ("subscritpoin", ["Subscription"]),
    # What is only alike comes last: nobody has the word itself in the name.
    ("grinds", ["Coffee grinder, electric"]),
    # Inside of what has no spaces.
    ("茶", ["Matcha 抹茶 set", "緑茶"]),
    ("京都の緑茶", ["緑茶"]),
    ("เขียว", ["ชาเขียว"]),
    # Short words and model numbers are taken at their word.
    ("ten", []),
    ("x200", []),
    ("x10", ["X100 Filter NEAR AND OR NOT"]),
    ("t", []),
    # No language of queries.
    ("NEAR(tea coffee)", []),
    ("tea OR coffee", []),
    ("filter AND NOT near or", ["X100 Filter NEAR AND OR NOT"]),
    ("name : quoted", ["X100 Filter NEAR AND OR NOT"]),
    ("te*", ["Tea", "Teapot", "Green tea", "Tea", "X100 Filter NEAR AND OR NOT"]),
    ("-tea", ["Tea", "Tea", "Green tea", "Teapot", "X100 Filter NEAR AND OR NOT"]),
    ("☕", []),
    ("''", []),
    ("\0tea\0", ["Tea", "Tea", "Green tea", "Teapot", "X100 Filter NEAR AND OR NOT"]),
]


@pytest.mark.parametrize("sort", [ProductSort.RELEVANCE, ProductSort.NEWEST, ProductSort.OLDEST, ProductSort.NAME])
async def test_the_best_come_first(catalogue: Queries, sort: ProductSort) -> None:
    for text, expected in EXPECTED:
        names = await found(catalogue, text, sort)

        assert sorted(names) == sorted(expected), text
        if sort is ProductSort.RELEVANCE:
            assert names == expected, text
        elif sort is ProductSort.NAME:
            assert names == sorted(expected), text
        else:
            assert names == [
                product.name
                for product in (PRODUCTS[::-1] if sort is ProductSort.NEWEST else PRODUCTS)
                if product.name in expected
            ], text


def rank_of(product: Product, search: Search) -> int | None:
    name = set(words_of(product.name))
    everything = name | set(words_of(product.description or ""))
    if search.terms and search.fingerprint == title_of(product.name):
        return 0
    ways: list[Callable[[Term, set[str]], bool]] = [has_whole, has_begun(search), has_near(search)]
    ranks = [(ways[0], name), (ways[1], name), (ways[0], everything), (ways[1], everything)]
    ranks += [(ways[2], name), (ways[2], everything)]
    for rank, (has, words) in enumerate(ranks, 1):
        if search.terms and all(has(term, words) for term in search.terms):
            return rank
    return None


def has_whole(term: Term, words: set[str]) -> bool:
    return any(form in words for form in term.forms) or (term.is_part and begins(term.forms[0], words))


def has_begun(search: Search) -> Callable[[Term, set[str]], bool]:
    def has(term: Term, words: set[str]) -> bool:
        is_last = term == search.terms[-1] and search.beginning is not None
        return has_whole(term, words) or (is_last and begins(term.forms[0], words))

    return has


def has_near(search: Search) -> Callable[[Term, set[str]], bool]:
    begun = has_begun(search)

    def has(term: Term, words: set[str]) -> bool:
        meant = filter(may_be_meant, words)
        return begun(term, words) or any(is_near(form, word) for word in meant for form in term.forms)

    return has


def begins(beginning: str, words: set[str]) -> bool:
    return any(word.startswith(beginning) for word in words)


def by_the_rules(search: Search | None) -> list[str]:
    ranked = [(rank_of(product, search) if search else 0, -place) for place, product in enumerate(PRODUCTS)]
    if search is None:
        ranked = [(0, place) for _, place in ranked]
    return [PRODUCTS[-place].id for rank, place in sorted(each for each in ranked if each[0] is not None)]


OPERATORS = ["AND", "OR", "NOT", "NEAR(", '"', "'", "*", ":", "-", "^", "&", "|", "!", "<->", "(", ")", "\\", "\0", "%"]
EDITED = st.builds(
    lambda word, place, letter: word[: place % (len(word) + 1)] + letter + word[place % (len(word) + 1) + 1 :],
    st.sampled_from(WORDS),
    st.integers(0, 40),
    st.sampled_from(["", "x", "e", "茶"]),
)
PIECES = st.one_of(st.sampled_from(WORDS), st.sampled_from(OPERATORS), EDITED, st.text(max_size=8))
TEXTS = st.lists(PIECES, min_size=1, max_size=5).map(" ".join).filter(lambda text: len(text) <= 200)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, backward=st.booleans())
async def test_whatever_is_typed_both_databases_answer_by_the_rules(
    catalogue: Queries, text: str, backward: bool
) -> None:
    search = Search.of(text)
    request = PageRequest(limit=100, sort=ProductSort.RELEVANCE, backward=backward)

    page = await catalogue.products.page(request, ProductFilter(search=search), viewer=EVERYBODY)

    assert [product.id for product in page.items] == by_the_rules(search)


@pytest.mark.parametrize("text", ["a " * 100, "x" * 200, "ab" * 100, "coffee " * 28, "茶" * 200, "ﷺ" * 200, "é" * 200])
async def test_the_longest_searches_are_answered(catalogue: Queries, text: str) -> None:
    page = await catalogue.products.page(
        PageRequest(limit=100, sort=ProductSort.RELEVANCE), ProductFilter(search=Search.of(text)), viewer=EVERYBODY
    )

    assert [product.id for product in page.items] == by_the_rules(Search.of(text))


# --- filters ----------------------------------------------------------------------------------------------------------


async def test_filters_hold_in_what_is_found(database: Database, queries: Queries) -> None:
    sold, often, unpriced, gone, ended = (new_product(name=f"Tea {word}") for word in ("a1", "a2", "a3", "a4", "a5"))
    gone = replace(gone, archived_at=NOON)
    monthly = Interval(IntervalUnit.MONTH, 1)
    await save(database, sold, often, unpriced, gone, ended, new_price(sold), new_price(often, interval=monthly))
    await save(database, new_price(gone), new_price(ended, archived_at=NOON))

    for sort in (ProductSort.RELEVANCE, ProductSort.NEWEST, ProductSort.NAME):
        order = 1 if sort is ProductSort.NAME else -1
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"available": True}, ["Tea a1", "Tea a2"]),
            ({"available": False}, ["Tea a3", "Tea a4", "Tea a5"]),
            ({"archived": True}, ["Tea a4"]),
            ({"price": PriceFilter(type=PriceType.RECURRING, archived=False)}, ["Tea a2"]),
            ({"price": PriceFilter(type=PriceType.ONE_TIME, archived=False)}, ["Tea a1", "Tea a4"]),
            ({"price": PriceFilter(currency="USD", archived=False), "archived": False}, ["Tea a1", "Tea a2"]),
            ({"price": PriceFilter(currency="EUR", archived=False)}, []),
        ]
        for filters, expected in cases:
            assert await found(queries, "tea", sort, **filters) == expected[::order], (sort, filters)
        assert await found(queries, "coffee", sort, available=True) == []


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("sort", [ProductSort.RELEVANCE, ProductSort.NEWEST, ProductSort.OLDEST, ProductSort.NAME])
async def test_a_walk_meets_each_product_once_while_others_arrive(
    sort: ProductSort, backward: bool, database: Database, catalogue: Queries
) -> None:
    for text in ("tea", "coffee", "grinder cof", "gridner", "茶"):
        before = await whole(catalogue, text, sort)
        where = ProductFilter(search=Search.of(text))

        met: list[Product] = []
        cursor = None
        while True:
            request = PageRequest(limit=1, sort=sort, backward=backward, cursor=cursor)
            page = await catalogue.products.page(request, where, viewer=EVERYBODY)
            met = [*page.items, *met] if backward else [*met, *page.items]
            assert (page.has_next if backward else page.has_previous) is (cursor is not None)
            if not (page.has_previous if backward else page.has_next):
                break
            cursor = product_sort_key(page.items[0], sort)
            if len(met) < 10:
                # One of the best, one of the worst, and one that makes the typo a word of the catalogue.
                arrived = [new_product(name=text), new_product(description=f"{text} x"), new_product(name="Gridner")]
                await save(database, *arrived)

        known = {product.id for product in before}
        assert len({product.id for product in met}) == len(met)
        assert [product.id for product in met if product.id in known] == [product.id for product in before]


async def whole(queries: Queries, text: str, sort: ProductSort) -> Sequence[Product]:
    request = PageRequest(limit=100, sort=sort)
    page = await queries.products.page(request, ProductFilter(search=Search.of(text)), viewer=EVERYBODY)
    return page.items


async def test_every_cut_of_a_long_list_is_a_part_of_it(database: Database, queries: Queries) -> None:
    """Longer than what is looked at beside the cursor, so that the index is asked, too."""
    many = [
        new_product(
            name=f"Tea {'tea pot'[place % 7 :]}",
            description="rare" if place % 50 == 0 else None,
            archived_at=NOON if place % 9 == 0 else None,
        )
        for place in range(1_300)
    ]
    await save(database, *many)

    for text, archived in (("rare", None), ("tea rare", True), ("pot", True)):
        where = ProductFilter(search=Search.of(text), archived=archived)
        for sort in (ProductSort.RELEVANCE, ProductSort.OLDEST):
            of_all = await everything(queries, where, sort)
            assert of_all

            async def turn(
                limit: int, cursor: Any, *, backward: bool, sort: str = sort, where: ProductFilter = where
            ) -> Slice[Product]:
                request = PageRequest(limit=limit, sort=sort, backward=backward, cursor=cursor)
                return await queries.products.page(request, where, viewer=EVERYBODY)

            for place in {0, len(of_all) // 3, len(of_all) // 2, len(of_all) - 1}:
                cursor = product_sort_key(of_all[place], sort)
                after = await turn(3, cursor, backward=False)
                before = await turn(3, cursor, backward=True)
                assert list(after.items) == of_all[place + 1 : place + 4]
                assert list(before.items) == of_all[max(0, place - 3) : place]
                assert (after.has_previous, before.has_next) == (True, True)
                assert (after.has_next, before.has_previous) == (place + 4 < len(of_all), place > 3)


async def everything(queries: Queries, where: ProductFilter, sort: str) -> list[Product]:
    met: list[Product] = []
    cursor = None
    while True:
        request = PageRequest(limit=100, sort=sort, cursor=cursor)
        page = await queries.products.page(request, where, viewer=EVERYBODY)
        met += page.items
        if not page.has_next:
            return met
        cursor = product_sort_key(page.items[-1], sort)


@pytest.mark.parametrize(
    "cursor",
    [(), (1,), ("1", 2), (1, "2"), (True, 1), (1, 2, 3), (1.0, 2), (9, 1), (-1, 1), (2**63, 1), (1, 2**63), (5, 1)],
)
async def test_a_cursor_of_another_list_is_refused(catalogue: Queries, cursor: Any) -> None:
    request = PageRequest(limit=5, sort=ProductSort.RELEVANCE, cursor=cursor)
    with pytest.raises(CursorInvalid):
        await catalogue.products.page(request, ProductFilter(search=Search.of("tea")), viewer=EVERYBODY)


async def test_a_strange_cursor_of_the_right_shape_is_a_place_like_any_other(catalogue: Queries) -> None:
    for number in (-(2**63), -1, 0, 2**63 - 1):
        for backward in (False, True):
            request = PageRequest(limit=5, sort=ProductSort.NEWEST, backward=backward, cursor=(0, number))
            page = await catalogue.products.page(request, ProductFilter(search=Search.of("tea")), viewer=EVERYBODY)
            assert len(page.items) in (0, 5)


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.fixture
def store(database: Database) -> Store:
    return TortoiseStore(database)


async def test_a_product_is_found_by_what_it_is_called_now(store: Store, queries: Queries) -> None:
    product = new_product(name="Tea", description="Loose")
    async with store.transaction() as tx:
        await tx.products.insert(product)
    assert await found(queries, "tea") == await found(queries, "loos") == await found(queries, "losoe") == ["Tea"]

    async with store.transaction() as tx:
        await tx.products.save(product.changed({"name": "Coffee", "description": None}, now=NOON))
    assert await found(queries, "tea") == await found(queries, "loos") == await found(queries, "losoe") == []
    assert await found(queries, "cofee") == ["Coffee"]

    async with store.transaction() as tx:
        await tx.products.save(replace(product, name="Coffee", archived_at=NOON))
    assert await found(queries, "coffee", archived=True) == ["Coffee"]


async def test_what_was_not_committed_is_not_found(store: Store, queries: Queries) -> None:
    async def fail() -> None:
        async with store.transaction() as tx:
            await tx.products.insert(new_product(name="Tea"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await found(queries, "tea") == []


async def test_a_place_in_the_results_outlives_a_change_of_the_product(store: Store, queries: Queries) -> None:
    first, second = new_product(name="Tea one"), new_product(name="Tea two")
    async with store.transaction() as tx:
        await tx.products.insert(first)
        await tx.products.insert(second)
    before = await whole(queries, "tea", ProductSort.RELEVANCE)

    async with store.transaction() as tx:
        await tx.products.save(first.changed({"description": "Changed"}, now=NOON))
    after = await whole(queries, "tea", ProductSort.RELEVANCE)

    def places(products: Sequence[Product]) -> list[tuple[str, int, int]]:
        return [(p.id, p.rank, p.number) for p in products if isinstance(p, FoundProduct)]

    assert places(before) == places(after)
    assert len(places(after)) == 2


async def test_a_product_of_an_older_version_is_found_once_it_is_saved(
    database: Database, store: Store, queries: Queries
) -> None:
    """It was written while both versions ran, by the one that knows nothing of searching."""
    product = new_product(name="Tea")
    async with database.transaction() as connection:
        await insert(connection, "products", product_to_row(product))
    assert await found(queries, "tea") == []

    async with store.transaction() as tx:
        await tx.products.save(product.changed({"name": "Teas"}, now=NOON))

    assert await found(queries, "tea") == await found(queries, "taes") == ["Teas"]
