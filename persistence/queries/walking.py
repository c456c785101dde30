# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""A page of what a search has found: the best rank first, and of a rank the newest first.

Rank and number are integers that do not depend on what else is in the catalogue, unlike a score such as bm25. So both
databases give the same order, a cursor is exact, and a product that is added while a client pages moves no other.

One statement goes along the ranks from the cursor's on. What a rank gives is taken from the number of rows that are
still missing (`…_left`), and where none is, LIMIT 0 keeps the next rank from being looked at.

- FTS5 gives the rows of a query in the order of their numbers, from any number on: nothing is sorted.
- A GIN index gives all rows at once. For a word that half of the catalogue has, that is 100 ms, though a page needs
  twenty of them. So the rows next to the cursor are looked at one by one first, and the index is asked for the rest of
  a rank only if they were not enough: then the word is rare there.

The text of the statement depends on the filters, the sort, the direction, on the ranks that the search has and on the
cursor's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from domain.pages import CursorInvalid, PageRequest
from domain.products import Product
from domain.queries import ProductFilter, ProductSort
from persistence.queries.fulltext import FullText, Meant, tsquery
from persistence.queries.listing import Key, Listing, Parameters, Sorting, select_list
from persistence.queries.statements import Statement, filter_conditions
from persistence.queries.values import check_cursor
from persistence.sql import Dialect

STRETCH: Final = 1_000
"""Numbers that are looked at one by one: 1 to 2 ms. The index takes longer from some 500 rows on."""

_BY_RANK: Final = Sorting((Key("rank", int), Key("number", int)), descending=False)


def page(
    listing: Listing[Product], request: PageRequest, meant: Meant, filters: ProductFilter, *, dialect: Dialect
) -> Statement:
    parameters = Parameters(dialect)
    text = FullText(meant, dialect)
    walk = _Walk(
        ranks=text.ranks() if request.sort == ProductSort.RELEVANCE else {0: text.everything()},
        everything=text.everything(),
        best_first=not request.backward,
        newest_first=(request.sort != ProductSort.OLDEST) != request.backward,
        filter=" AND ".join(filter_conditions(listing, filters, parameters)),
        parameters=parameters,
    )
    behind = "FALSE"
    start = None
    if request.cursor is not None:
        check_cursor(_BY_RANK, request.cursor)
        rank, number = (int(value) for value in request.cursor)
        if rank not in walk.ranks:
            raise CursorInvalid
        start = _Start(rank, number, parameters.add(number))
        behind = (
            f"(SELECT COUNT(*) FROM ({walk.turned().rows('behind', start, limit='1', inclusive=True)}) AS found) > 0"
        )
    found = walk.rows("ahead", start, limit=f"CAST({parameters.add(request.limit + 1)} AS BIGINT)", inclusive=False)
    return Statement(
        f"SELECT walk.page_behind, page.* FROM (SELECT {behind} AS page_behind) AS walk LEFT JOIN ("
        f"SELECT {select_list(listing.columns)}, found.rank AS rank, found.number AS number FROM ({found}) AS found"
        " JOIN product_search ON product_search.number = found.number"
        " JOIN products ON products.id = product_search.product_id"
        f") AS page ON TRUE ORDER BY page.rank {'ASC' if walk.best_first else 'DESC'},"
        f" page.number {'DESC' if walk.newest_first else 'ASC'}",
        parameters.values,
    )


@dataclass(frozen=True, slots=True)
class _Start:
    """The row of a cursor."""

    rank: int
    number: int
    placeholder: str
    """Of the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The way through the ranks, and through the products of each."""

    ranks: Mapping[int, str]
    everything: str
    best_first: bool
    newest_first: bool
    filter: str
    parameters: Parameters

    def turned(self) -> "_Walk":
        return replace(self, best_first=not self.best_first, newest_first=not self.newest_first)

    def rows(self, name: str, start: _Start | None, *, limit: str, inclusive: bool) -> str:
        """Rank and number of the products from the start on."""
        tables = [f"{name}_left AS MATERIALIZED (SELECT {limit} AS n)"]
        left = f"{name}_left"
        stretches: dict[bool, _Fts5Stretch | _GinStretch] = {}
        found = []
        for rank in self._ranks_from(start):
            begins = start if start and start.rank == rank else None
            if bool(begins) not in stretches:
                stretches[bool(begins)] = self._stretch(f"{name}_{'first' if begins else 'others'}", begins, inclusive)
                tables += stretches[bool(begins)].tables
            query = self.parameters.add(self.ranks[rank])
            for part, (before, rows) in enumerate(stretches[bool(begins)].parts(f"{name}_{rank}", query)):
                table = f"{name}_{rank}_{part}"
                tables += before
                tables += [
                    f"{table} AS MATERIALIZED ({rows} LIMIT (SELECT n FROM {left}))",
                    f"{table}_left AS MATERIALIZED (SELECT n - (SELECT COUNT(*) FROM {table}) AS n FROM {left})",
                ]
                left = f"{table}_left"
                found.append(f"SELECT {rank} AS rank, number FROM {table}")
        if not found:
            return "SELECT 0 AS rank, 0 AS number WHERE FALSE"
        return f"WITH {', '.join(tables)} {' UNION ALL '.join(found)}"

    def _ranks_from(self, start: _Start | None) -> list[int]:
        ranks = sorted(self.ranks, reverse=not self.best_first)
        if start is None:
            return ranks
        return [rank for rank in ranks if (rank >= start.rank if self.best_first else rank <= start.rank)]

    def _stretch(self, name: str, start: _Start | None, inclusive: bool) -> "_Fts5Stretch | _GinStretch":
        if self.parameters.dialect is Dialect.SQLITE:
            return _Fts5Stretch(self, start, inclusive=inclusive)
        return _GinStretch(self, name, start, inclusive=inclusive)


# Tables that a part wants before it, and the part itself: the SQL of numbers in the order of the walk, without a limit.
_Part = tuple[list[str], str]


class _Fts5Stretch:
    """The rows from the start on, or of a whole rank, straight from the index."""

    def __init__(self, walk: _Walk, start: _Start | None, *, inclusive: bool) -> None:
        self._order = _order(walk)
        self._from_start = (
            f" AND product_words.rowid {_from(walk, inclusive=inclusive)} {start.placeholder}" if start else ""
        )
        self._filter = (
            f" AND (SELECT {walk.filter} FROM product_search JOIN products ON products.id = product_search.product_id"
            " WHERE product_search.number = product_words.rowid)"
            if walk.filter
            else ""
        )
        self.tables: list[str] = []

    def parts(self, _table: str, query: str) -> list[_Part]:
        rows = (
            f"SELECT product_words.rowid AS number FROM product_words WHERE product_words MATCH {query}"
            f"{self._from_start}{self._filter} ORDER BY product_words.rowid {self._order}"
        )
        return [([], rows)]


class _GinStretch:
    """The rows next to the start, read once for all queries, and the index for those beyond.

    What the planner knows about common words is not asked: a prepared statement forgets it after five runs. A query is
    read once, in a subquery of its own, and not for every row.
    """

    def __init__(self, walk: _Walk, name: str, start: _Start | None, *, inclusive: bool) -> None:
        self._order = _order(walk)
        self._filter = walk.filter
        self._name = name
        comparison = _from(walk, inclusive=inclusive)
        if start:
            begin = start.placeholder
            edge = walk.parameters.add(_shifted(start.number, -STRETCH if walk.newest_first else STRETCH))
        else:
            begin = f"(SELECT {'MAX' if walk.newest_first else 'MIN'}(number) FROM product_search)"
            edge = f"({begin} {'-' if walk.newest_first else '+'} {STRETCH})"
            comparison = _from(walk, inclusive=True)
        within, beyond = (">", "<=") if walk.newest_first else ("<", ">=")
        # With a sum the bound is no business of the primary key, whose half would be read beside the words' index.
        self._beyond = f"number + 0 {beyond} {edge}"
        near = f"number {comparison} {begin} AND number {within} {edge}"
        # As a function it is no business of the index.
        fits = f"ts_match_vq(words, {tsquery(walk.parameters.add(walk.everything))})"
        self.tables = [
            f"{name} AS MATERIALIZED (SELECT number, product_id, words FROM product_search WHERE {near} AND {fits})"
        ]

    def parts(self, table: str, query: str) -> list[_Part]:
        fits = f"words @@ {tsquery(query)}"
        indexed = (
            f"{table}_indexed AS MATERIALIZED"
            f" (SELECT number, product_id FROM product_search WHERE {self._beyond} AND {fits})"
        )
        return [
            ([], self._filtered(f"SELECT number, product_id FROM {self._name} WHERE {fits}")),
            ([indexed], self._filtered(f"SELECT number, product_id FROM {table}_indexed")),
        ]

    def _filtered(self, rows: str) -> str:
        """OFFSET 0 keeps the filter outside: it is asked of one row after the other until there are enough."""
        order = f"ORDER BY number {self._order}"
        if not self._filter:
            return f"SELECT number FROM ({rows}) AS found {order}"
        return (
            f"SELECT number FROM ({rows} {order} OFFSET 0) AS found"
            f" WHERE (SELECT {self._filter} FROM products WHERE products.id = found.product_id) {order}"
        )


def _order(walk: _Walk) -> str:
    return "DESC" if walk.newest_first else "ASC"


def _from(walk: _Walk, *, inclusive: bool) -> str:
    return ("<" if walk.newest_first else ">") + ("=" if inclusive else "")


def _shifted(number: int, by: int) -> int:
    """Cursors come from outside, and their numbers may be the last that a column holds."""
    return max(-(2**63), min(number + by, 2**63 - 1))
