"""The connection that a transaction or a reader hands out.

It is passed on by hand: to our own statements (`fetch_all`, `fetch_one`, `execute`) and to Tortoise's
models (`.using_db(connection)`). No context variable knows it, because a task that was spawned inside a
transaction would inherit it there; on SQLite such a task's late write lands in somebody else's transaction
and vanishes with its rollback. For the same reason a connection refuses work once its transaction or reader
has ended.
"""

import asyncio
import sqlite3
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Any, ClassVar, Final, Protocol

import aiosqlite
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base_postgres.client import translate_exceptions
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.backends.sqlite.client import translate_exceptions as translate_sqlite_exceptions
from tortoise.log import db_client_logger

from persistence.failures import TransactionMisused
from persistence.redaction import redact
from persistence.shielding import finish
from persistence.sql import Dialect, for_postgres, for_sqlite

Row = dict[str, Any]


class Connection(Protocol):
    """What the rest of `persistence` sees; both classes below are Tortoise clients as well.

    A failed constraint is `tortoise.exceptions.IntegrityError` on both databases. On PostgreSQL it also
    ends the transaction unless it happened inside a `savepoint`; prefer `ON CONFLICT`.
    """

    @property
    def dialect(self) -> Dialect: ...

    async def fetch_all(self, statement: str, *parameters: object) -> list[Row]: ...

    async def fetch_one(self, statement: str, *parameters: object) -> Row | None: ...

    async def execute(self, statement: str, *parameters: object) -> int:
        """The number of rows that were inserted, updated or deleted. For `RETURNING` use `fetch_all`."""

    async def execute_all(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """The statement with each of the rows, in one round trip."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """What fails inside is undone alone; the transaction goes on."""

    @property
    def model_client(self) -> BaseDBAsyncClient:
        """For Tortoise: `Model.filter(…).using_db(connection.model_client)`."""


class _Lease:
    """One statement at a time, and none after the end."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._lock = asyncio.Lock()
        self._ended = False

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Any]:
        async with self._lock:
            if self._ended:
                raise TransactionMisused("this connection's transaction or reader has ended")
            yield self._raw

    async def end(self) -> None:
        """Waits for a statement that another task still has under way, then refuses the next."""
        async with self._lock:
            self._ended = True


class _Client(BaseDBAsyncClient):
    """What the two clients share: the lease, savepoints, and a no to everything that would leave the
    transaction.
    """

    _savepoints: ClassVar[Iterator[int]] = count(1)
    lease: _Lease

    @property
    def model_client(self) -> BaseDBAsyncClient:
        return self

    @property
    @abstractmethod
    def dialect(self) -> Dialect: ...

    @abstractmethod
    async def execute(self, statement: str, *parameters: object) -> int: ...

    @abstractmethod
    async def execute_all(self, statement: str, rows: Sequence[Sequence[object]]) -> None: ...

    def acquire_connection(self) -> Any:
        return self.lease.hold()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        name = f"savepoint_{next(self._savepoints)}"
        await finish(self.execute(f"SAVEPOINT {name}"))
        try:
            yield
        except BaseException:
            # A cancelled block may be caught further out in the same transaction, so its work goes here, too.
            await finish(self._undo(name))
            raise
        await self.execute(f"RELEASE SAVEPOINT {name}")

    async def _undo(self, name: str) -> None:
        await self.execute(f"ROLLBACK TO SAVEPOINT {name}")
        await self.execute(f"RELEASE SAVEPOINT {name}")

    async def create_connection(self, with_db: bool) -> None:
        raise TransactionMisused("connections are opened by the Database")

    async def close(self) -> None:
        raise TransactionMisused("connections are closed by the Database")

    def _in_transaction(self) -> Any:
        raise TransactionMisused("open transactions with Database.transaction(), nested ones with savepoint()")


class SqliteConnection(_Client, SqliteClient):
    def __init__(self, raw: aiosqlite.Connection) -> None:
        self.log = db_client_logger
        self.connection_name = Dialect.SQLITE
        self.fetch_inserted = True
        self.raw: Final = raw
        self.lease = _Lease(raw)

    @property
    def dialect(self) -> Dialect:
        return Dialect.SQLITE

    async def fetch_all(self, statement: str, *parameters: object) -> list[Row]:
        text, values = for_sqlite(statement, parameters)
        rows: list[Row] = await self.execute_query_dict(text, values)
        return rows

    async def fetch_one(self, statement: str, *parameters: object) -> Row | None:
        rows = await self.fetch_all(statement, *parameters)
        return rows[0] if rows else None

    async def execute(self, statement: str, *parameters: object) -> int:
        text, values = for_sqlite(statement, parameters)
        changed: int = await self._execute(text, values)
        return changed

    async def execute_all(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        # Each row of a statement has the same placeholders, so the text is the same.
        translated = [for_sqlite(statement, row) for row in rows]
        await self.execute_many(translated[0][0], [values for _, values in translated])

    @translate_sqlite_exceptions
    async def _execute(self, text: str, values: Sequence[Any]) -> int:
        async with self.lease.hold() as raw, raw.execute(text, values) as cursor:
            return int(cursor.rowcount)

    @translate_sqlite_exceptions
    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        # Tortoise's own would begin and commit.
        async with self.lease.hold() as raw:
            await raw.executemany(query, values)

    async def execute_script(self, query: str) -> None:
        # Not sqlite3's executescript: it commits first, whatever is open.
        for statement in split_script(query):
            await self._execute(statement, [])


class PostgresConnection(_Client, AsyncpgDBClient):
    def __init__(self, raw: Any) -> None:
        self.log = db_client_logger
        self.connection_name = Dialect.POSTGRES
        self.fetch_inserted = True
        self.raw: Final = raw
        self.lease = _Lease(raw)

    @property
    def dialect(self) -> Dialect:
        return Dialect.POSTGRES

    async def fetch_all(self, statement: str, *parameters: object) -> list[Row]:
        rows: list[Row] = await self.execute_query_dict(statement, for_postgres(parameters))
        return rows

    async def fetch_one(self, statement: str, *parameters: object) -> Row | None:
        rows = await self.fetch_all(statement, *parameters)
        return rows[0] if rows else None

    async def execute(self, statement: str, *parameters: object) -> int:
        changed: int = await self._execute(statement, for_postgres(parameters))
        return changed

    async def execute_all(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        await self.execute_many(statement, [for_postgres(row) for row in rows])

    async def _translate_exceptions(self, func: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        # Every statement passes here, Tortoise's as well as ours.
        try:
            return await super()._translate_exceptions(func, *args, **kwargs)
        except Exception as error:
            redact(error)
            raise

    @translate_exceptions
    async def _execute(self, statement: str, values: Sequence[Any]) -> int:
        async with self.lease.hold() as raw:
            tag = await raw.execute(statement, *values)
        # "UPDATE 3", "INSERT 0 3"; "BEGIN" and "SAVEPOINT" have no number.
        number = tag.rpartition(" ")[2]
        return int(number) if number.isdigit() else 0

    @translate_exceptions
    async def execute_many(self, query: str, values: list[Any]) -> None:
        # Tortoise's own would open a transaction around it.
        async with self.lease.hold() as raw:
            await raw.executemany(query, values)


def split_script(script: str) -> Iterator[str]:
    """The statements of a script; a trigger's body keeps its semicolons."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \t\r\n;"):
                yield statement.strip()
            statement = ""
    if statement.strip(" \t\r\n;"):
        raise ValueError(f"the script ends inside a statement: {statement.strip()[:80]!r}")
