# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""The reads of one noun: its listing, asked of a database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from domain.pages import PageRequest, Slice
from domain.queries import Relation, Viewer
from persistence.connections import Row
from persistence.database import Database
from persistence.queries import statements
from persistence.queries.listing import Listing, Parameters, select_list
from persistence.queries.statements import Statement
from persistence.queries.values import is_storable
from persistence.sql import any_of, boolean

Record = TypeVar("Record")
Filter_contra = TypeVar("Filter_contra", contravariant=True)


class ListingReads(Generic[Record, Filter_contra]):
    """Implements `domain.queries.Reads`. A wrong cursor raises `domain.pages.CursorInvalid`."""

    def __init__(self, database: Database, listing: Listing[Record]) -> None:
        self._database: Final = database
        self._listing: Final = listing

    async def by_ids(self, ids: Sequence[str], *, viewer: Viewer) -> Mapping[str, Record]:
        asked = _distinct(ids)
        if not asked:
            return {}
        statement = statements.by_ids(self._listing, asked, viewer=viewer, dialect=self._database.dialect)
        rows = await fetch(self._database, statement)
        return {row["id"]: self._listing.record(row) for row in rows}

    async def page(self, request: PageRequest, where: Filter_contra, *, viewer: Viewer) -> Slice[Record]:
        dialect = self._database.dialect
        statement = statements.page(self._listing, request, where, viewer=viewer, dialect=dialect)
        return slice_of(request, await fetch(self._database, statement), self._listing.record)

    async def pages_of(
        self,
        relation: Relation,
        parent_ids: Sequence[str],
        request: PageRequest,
        where: Filter_contra,
        *,
        viewer: Viewer,
    ) -> Mapping[str, Slice[Record]]:
        asked = _distinct(parent_ids)
        dialect = self._database.dialect
        statement = statements.pages_of(self._listing, relation, asked, request, where, viewer=viewer, dialect=dialect)
        rows_of: dict[str, list[Row]] = {parent_id: [] for parent_id in parent_ids}
        for row in await fetch(self._database, statement) if asked else ():
            rows_of[row["page_parent"]].append(row)
        record = self._listing.record
        return {parent_id: slice_of(request, rows, record) for parent_id, rows in rows_of.items()}


def slice_of(request: PageRequest, rows: Sequence[Row], record: Callable[[Row], Record]) -> Slice[Record]:
    """The page that a statement's rows are, one of which may be more than was asked for."""
    # Beside `page_behind` a page without records has a row of NULLs.
    found = [row for row in rows if row["id"] is not None]
    beyond = len(found) > request.limit
    behind = request.cursor is not None and bool(rows) and boolean(rows[0]["page_behind"])
    records = [record(row) for row in found[: request.limit]]
    if request.backward:
        return Slice(items=tuple(reversed(records)), has_next=behind, has_previous=beyond)
    return Slice(items=tuple(records), has_next=beyond, has_previous=behind)


async def rows_by_parent(
    database: Database,
    *,
    table: str,
    columns: Mapping[str, str],
    parent: str,
    order: str,
    parent_ids: Sequence[str],
) -> Mapping[str, Sequence[Row]]:
    """All rows of each parent, for lists that are short by nature; an empty one for a parent without rows."""
    rows_of: dict[str, list[Row]] = {parent_id: [] for parent_id in parent_ids}
    asked = _distinct(parent_ids)
    if not asked:
        return rows_of
    parameters = Parameters(database.dialect)
    of_parents = any_of(columns[parent], parameters.add(asked), database.dialect)
    text = f"SELECT {select_list(columns)} FROM {table} WHERE {of_parents} ORDER BY {order}"
    for row in await fetch(database, Statement(text, parameters.values)):
        rows_of[row[parent]].append(row)
    return rows_of


async def fetch(database: Database, statement: Statement) -> list[Row]:
    async with database.reader() as connection:
        return await connection.fetch_all(statement.text, *statement.parameters)


def _distinct(ids: Sequence[str]) -> list[str]:
    return [each for each in dict.fromkeys(ids) if is_storable(each)]
