# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""The SQL of a list: a batch by id, one page, or the same page for each of many parents; one statement each.

A page is read by key, from the cursor on, and one row further than asked, which tells whether there is more. Whether
there is something on the other side of the cursor is asked in the same statement (`page_behind`) and by the same
conditions: the cursor's own row may be gone from the list meanwhile.

A statement's text depends on which filters are set, the sort and the direction, never on how many ids or rows are
asked for: asyncpg keeps prepared statements by their text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from domain.pages import PageRequest
from domain.queries import Relation, Viewer
from persistence.queries.listing import NOTHING, Link, Listing, Parameters, select_list
from persistence.queries.values import check_cursor, is_storable
from persistence.sql import Dialect, any_of


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    parameters: tuple[object, ...]


def by_ids(listing: Listing[Any], ids: Sequence[str], *, viewer: Viewer, dialect: Dialect) -> Statement:
    parameters = Parameters(dialect)
    wanted = any_of(listing.columns["id"], parameters.add(list(ids)), dialect)
    conditions = [wanted, *_always(listing, viewer, parameters)]
    text = f"SELECT {select_list(listing.columns)} FROM {listing.table} WHERE {' AND '.join(conditions)}"
    return Statement(text, parameters.values)


def page(
    listing: Listing[Any], request: PageRequest, filters: object, *, viewer: Viewer, dialect: Dialect
) -> Statement:
    parameters = Parameters(dialect)
    walk = _Walk.of(listing, request, parameters)
    scope = _scope(listing, filters, viewer, parameters)
    rows = walk.rows(select_list(listing.columns), listing.table, scope, limit=parameters.add(request.limit + 1))
    if request.cursor is None:
        return Statement(rows, parameters.values)
    text = (
        f"SELECT walk.page_behind, page.* FROM (SELECT {walk.any_behind(listing.table, scope)} AS page_behind) AS walk"
        f" LEFT JOIN ({rows}) AS page ON TRUE ORDER BY {walk.order('page')}"
    )
    return Statement(text, parameters.values)


def pages_of(
    listing: Listing[Any],
    relation: Relation,
    parent_ids: Sequence[str],
    request: PageRequest,
    filters: object,
    *,
    viewer: Viewer,
    dialect: Dialect,
) -> Statement:
    """Rows come with `page_parent`, each parent's in the order of the walk; a parent without rows has one of NULLs."""
    link = listing.relations[relation]
    parameters = Parameters(dialect)
    asked = _ASKED[dialect].format(parameters.add(list(parent_ids)))
    walk = _Walk.of(listing, request, parameters, link)
    scope = _scope(listing, filters, viewer, parameters)
    source = f"{listing.table} {link.join}" if link.join else listing.table
    behind = walk.any_behind(source, [f"{link.parent} = asked.id", *scope])
    of_parent = [f"{link.parent} = parents.id", *scope]
    limit = parameters.add(request.limit + 1)
    if dialect is Dialect.POSTGRES:
        rows = walk.rows(select_list(listing.columns), source, of_parent, limit=limit)
        columns, join, order = "page.*", f"LATERAL ({rows}) AS page ON TRUE", walk.order("page")
    else:
        # SQLite has no LATERAL, but a list after IN may depend on the row of the parent.
        chosen = walk.rows(walk.expressions[-1], source, of_parent, limit=limit)
        columns = select_list(listing.columns)
        join = f"{listing.table} ON {listing.columns['id']} IN ({chosen})"
        order = walk.order(listing.table)
    text = (
        f"WITH parents AS MATERIALIZED (SELECT asked.id AS id, {behind} AS page_behind FROM {asked})"
        f" SELECT parents.id AS page_parent, parents.page_behind, {columns}"
        f" FROM parents LEFT JOIN {join} ORDER BY {order}"
    )
    return Statement(text, parameters.values)


_ASKED: Final = {
    Dialect.POSTGRES: "UNNEST({}::text[]) AS asked (id)",
    Dialect.SQLITE: "(SELECT value AS id FROM json_each({})) AS asked",
}


@dataclass(frozen=True, slots=True)
class _Walk:
    """The way along a list: by which columns, in which direction, and from which row."""

    names: tuple[str, ...]
    expressions: tuple[str, ...]
    descending: bool
    cursor: tuple[str, ...] | None
    """Placeholders of the cursor's values."""

    @staticmethod
    def of(listing: Listing[Any], request: PageRequest, parameters: Parameters, link: Link | None = None) -> "_Walk":
        sorting = listing.sorts[request.sort]
        names = tuple(key.column for key in sorting.keys)
        expressions = tuple(listing.columns[name] for name in names)
        if link and link.id:
            expressions = (*expressions[:-1], link.id)
        cursor = None
        if request.cursor is not None:
            check_cursor(sorting, request.cursor)
            cursor = tuple(parameters.add(value) for value in request.cursor)
        return _Walk(names, expressions, sorting.descending != request.backward, cursor)

    def rows(self, columns: str, source: str, scope: Sequence[str], *, limit: str) -> str:
        conditions = [*scope, self._from_cursor("<" if self.descending else ">")]
        where = " AND ".join(condition for condition in conditions if condition)
        return (
            f"SELECT {columns} FROM {source}{f' WHERE {where}' if where else ''}"
            f" ORDER BY {_ordered(self.expressions, descending=self.descending)} LIMIT {limit}"
        )

    def any_behind(self, source: str, scope: Sequence[str]) -> str:
        """Not EXISTS: PostgreSQL drops its ORDER BY, and may then search the table from its far end."""
        if self.cursor is None:
            return "FALSE"
        where = " AND ".join([*scope, self._from_cursor(">=" if self.descending else "<=")])
        order = _ordered(self.expressions, descending=not self.descending)
        return f"(SELECT 1 FROM {source} WHERE {where} ORDER BY {order} LIMIT 1) IS NOT NULL"

    def order(self, table: str) -> str:
        """Once more outside, because a join promises no order."""
        return _ordered([f"{table}.{name}" for name in self.names], descending=self.descending)

    def _from_cursor(self, comparison: str) -> str:
        if self.cursor is None:
            return ""
        return f"({', '.join(self.expressions)}) {comparison} ({', '.join(self.cursor)})"


def _ordered(expressions: Sequence[str], *, descending: bool) -> str:
    direction = "DESC" if descending else "ASC"
    return ", ".join(f"{expression} {direction}" for expression in expressions)


def _scope(listing: Listing[Any], filters: object, viewer: Viewer, parameters: Parameters) -> list[str]:
    return [
        *_always(listing, viewer, parameters),
        *filter_conditions(listing, filters, parameters),
    ]


def _always(listing: Listing[Any], viewer: Viewer, parameters: Parameters) -> list[str]:
    known = [listing.known] if listing.known else []
    return [*known, *_viewer_conditions(listing, viewer, parameters)]


def _viewer_conditions(listing: Listing[Any], viewer: Viewer, parameters: Parameters) -> list[str]:
    if listing.owner is None or viewer.sees_all:
        return []
    if viewer.customer_id is None:
        return [NOTHING]
    return [listing.owner(viewer.customer_id, parameters)]


def filter_conditions(listing: Listing[Any], filters: Any, parameters: Parameters) -> list[str]:
    conditions = []
    for field in fields(filters):
        value = getattr(filters, field.name)
        if value is None or (isinstance(value, (list, tuple)) and not value):
            continue
        conditions.append(listing.filters[field.name](value, parameters) if is_storable(value) else NOTHING)
    return conditions
