# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""The feed of events, `domain.feed.EventLog`, on the table that numbers them.

Numbers have no gaps, so a stretch of the feed is a range of them, and a search in it is bounded by the range however
rare what it looks for. On PostgreSQL they are given after the commit (`numbering`), and a signal says so; on SQLite the
commit gives them, and what another process has committed is looked for while somebody waits.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from domain.feed import BEGINNING, FeedEntry, Interest, Place, Stretch
from persistence.connections import Row
from persistence.database import Database
from persistence.listening import Listener
from persistence.mapping import event_from_row
from persistence.numbering import Numbering
from persistence.postgres import PostgresEngine
from persistence.queries.events import EVENTS
from persistence.queries.listing import Parameters, select_list
from persistence.queries.values import is_storable
from persistence.sql import Dialect, any_of

LOOK_SECONDS: Final = {
    # Signals come at once; this is for those that are lost with a connection, or with whoever should have sent them.
    Dialect.POSTGRES: 1.0,
    # How late the event of another process may come. A look is one read of an index.
    Dialect.SQLITE: 0.25,
}
WIDEST_STRETCH: Final = 5_000
"""Numbers searched by one statement, some 10 ms of work."""

_ENTRY: Final = f"feed.sequence AS sequence, {select_list(EVENTS.columns)}"
_FEED: Final = "event_feed AS feed JOIN events ON events.position = feed.position"
_CONCERNING: Final = (
    "event_subjects AS subject JOIN events ON events.id = subject.event_id"
    " JOIN event_feed AS feed ON feed.position = events.position"
)


class TortoiseEventLog:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._grown = asyncio.Event()
        self._numbering: Numbering | None = None
        self._listener: Listener | None = None
        if isinstance(database.engine, PostgresEngine):
            self._numbering = Numbering(database)
            self._listener = Listener(database.engine, heard=self._grown.set)

    def written(self) -> None:
        """This process has committed events."""
        if self._numbering is not None:
            self._numbering.soon()
        else:
            self._grown.set()

    async def end(self) -> Place:
        if self._numbering is not None:
            await self._numbering.all_that_waits()
        # Without the condition PostgreSQL would begin with those that have no number.
        row = await self._one(
            f"SELECT feed.sequence AS sequence, events.id AS id FROM {_FEED}"
            " WHERE feed.sequence IS NOT NULL ORDER BY feed.sequence DESC LIMIT 1"
        )
        return _place(row) if row else BEGINNING

    async def find(self, event_id: str) -> Place | None:
        if not is_storable(event_id):
            return None
        row = await self._one(
            f"SELECT feed.sequence AS sequence, events.id AS id FROM {_FEED}"
            " WHERE events.id = $1 AND feed.sequence IS NOT NULL",
            event_id,
        )
        return _place(row) if row else None

    async def after(self, sequence: int, *, limit: int) -> Sequence[FeedEntry]:
        return await self._entries(
            f"SELECT {_ENTRY} FROM {_FEED} WHERE feed.sequence > $1 ORDER BY feed.sequence LIMIT $2", sequence, limit
        )

    async def search(self, interest: Interest, *, after: int, until: int, limit: int) -> Stretch:
        parameters = Parameters(self._database.dialect)
        if interest.subject_id is None:
            until = min(until, after + WIDEST_STRETCH)
            source, conditions = _FEED, []
        else:
            source, conditions = _CONCERNING, [f"subject.subject_id = {parameters.add(interest.subject_id)}"]
        conditions.append(f"feed.sequence > {parameters.add(after)} AND feed.sequence <= {parameters.add(until)}")
        if interest.kinds:
            wanted = parameters.add(sorted(interest.kinds))
            conditions.append(any_of("events.kind", wanted, self._database.dialect))
        entries = await self._entries(
            f"SELECT {_ENTRY} FROM {source} WHERE {' AND '.join(conditions)}"
            f" ORDER BY feed.sequence LIMIT {parameters.add(limit)}",
            *parameters.values,
        )
        return Stretch(entries, searched_until=entries[-1].sequence if len(entries) == limit else until)

    async def wait(self) -> None:
        if self._listener is not None and await self._listener.listen():
            return
        try:
            async with asyncio.timeout(LOOK_SECONDS[self._database.dialect]):
                await self._grown.wait()
        except TimeoutError:
            if self._numbering is not None:
                # Of a process that has died, or of an older version that knows nothing of numbers.
                await self._numbering.all_that_waits()
        self._grown.clear()

    async def rest(self) -> None:
        if self._listener is not None:
            await self._listener.close()

    async def close(self) -> None:
        await self.rest()
        if self._numbering is not None:
            await self._numbering.close()

    async def _one(self, statement: str, *parameters: object) -> Row | None:
        async with self._database.reader() as connection:
            return await connection.fetch_one(statement, *parameters)

    async def _entries(self, statement: str, *parameters: object) -> list[FeedEntry]:
        async with self._database.reader() as connection:
            rows = await connection.fetch_all(statement, *parameters)
        return [FeedEntry(row["sequence"], event_from_row(row)) for row in rows]


def _place(row: Row) -> Place:
    return Place(row["sequence"], row["id"])
