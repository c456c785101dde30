"""A store that rehearses: what is done on it is seen by whoever goes on, and then nothing of it has happened."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from persistence.connections import Connection
from persistence.database import Database
from persistence.session import Session
from persistence.store import TortoiseTransaction

T = TypeVar("T")


class _NothingOfIt(Exception):
    pass


class Rehearsal:
    """All its transactions are parts of one, which is rolled back when `on` ends."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    @asynccontextmanager
    async def on(self, database: Database) -> AsyncIterator[Connection]:
        with suppress(_NothingOfIt):
            async with database.transaction() as connection:
                self._connection = connection
                try:
                    yield connection
                finally:
                    self._connection = None
                raise _NothingOfIt

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[TortoiseTransaction]:
        assert self._connection is not None, "nothing is being rehearsed"
        session = Session(self._connection, writing=True)
        yield TortoiseTransaction(session)
        session.check_whole()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[TortoiseTransaction]:
        assert self._connection is not None, "nothing is being rehearsed"
        yield TortoiseTransaction(Session(self._connection, writing=False))

    async def run(
        self,
        work: Callable[[TortoiseTransaction], Awaitable[T]],
        *,
        landed: Callable[[TortoiseTransaction, T], Awaitable[bool]] | None = None,
    ) -> T:
        async with self.transaction() as tx:
            return await work(tx)


def rows_of(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    """Without what differs from one rehearsal to the next: the columns that are named, in an order of their own."""
    return sorted(tuple(str(row[column]) for column in columns) for row in rows)
