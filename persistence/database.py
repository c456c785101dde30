"""The way in: one `Database` for each process, opened from its URL."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from persistence.address import SqliteAddress, parse_address
from persistence.connections import Connection
from persistence.failures import DatabaseUnavailable
from persistence.orm import PAYDESK, App, register_models, unregister_models
from persistence.postgres import PostgresEngine
from persistence.sql import Dialect, instant
from persistence.sqlite import SqliteEngine
from persistence.transactions import Engine, Owners, Reader, Transaction, run

T = TypeVar("T")

__all__ = ["Database", "DatabaseUnavailable", "database_now"]


class Database:
    """Open with `Database.open(url)`; several may be open in one process if they speak the same dialect."""

    def __init__(self, engine: Engine, *, app: App, address: str) -> None:
        self._engine = engine
        self._owners = Owners()
        self._closed = False
        self.app: Final = app
        # Without the password, for logs.
        self.address: Final = address

    @classmethod
    async def open(cls, url: str, *, application_name: str = "paydesk", app: App = PAYDESK) -> "Database":
        """Raises `DatabaseUnavailable` with one line that says what is wrong."""
        address = parse_address(url)
        engine: Engine = (
            SqliteEngine(address)
            if isinstance(address, SqliteAddress)
            else PostgresEngine(address, application_name=application_name)
        )
        await engine.open()
        try:
            await register_models(engine.dialect, app)
        except BaseException:
            await engine.close()
            raise
        return cls(engine, app=app, address=str(address))

    async def close(self) -> None:
        """Waits for open transactions, at most ten seconds."""
        if self._closed:
            return
        self._closed = True
        unregister_models()
        await self._engine.close()

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @property
    def idle(self) -> bool:
        """Whether no transaction and no reader is open."""
        return self._engine.idle()

    def transaction(self) -> Transaction:
        return Transaction(self._engine, self._owners)

    def reader(self) -> Reader:
        return Reader(self._engine, self._owners)

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The work in a transaction; again, five times at most, when it met a deadlock or lost its
        connection.
        """
        return await run(self.transaction, work)

    @property
    def engine(self) -> Engine:
        """For migrations, which need a connection of their own."""
        return self._engine


async def database_now(connection: Connection) -> dt.datetime:
    """The database's clock, by which leases are measured: every process reads the same one."""
    if connection.dialect is Dialect.SQLITE:
        # SQLite's clock is this machine's, and its own functions have milliseconds only.
        return dt.datetime.now(dt.UTC)
    row = await connection.fetch_one("SELECT clock_timestamp() AS now")
    if row is None:
        raise AssertionError("a SELECT without FROM has one row")
    return instant(row["now"])
