"""Transactions that survive cancellation.

Stock Tortoise keeps the lock (SQLite) or the pooled connection (PostgreSQL) for ever when a task is
cancelled while a transaction opens or closes: a handful of aborted requests then wedge the gateway. Here
every way out gives back what was taken: `Engine.begin` returns with everything or raises with nothing, and
the end of a transaction runs to its end in a task of its own, whoever is cancelled meanwhile.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

from persistence.connections import Connection
from persistence.failures import TransactionMisused, is_transient
from persistence.shielding import finish
from persistence.sql import Dialect

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A deadlock is settled by the first repetition as a rule; who meets a fifth has another problem.
_ATTEMPTS: Final = 5
# Doubles each time: 10, 20, 40, 80 ms, each between half and all of it, so that rivals do not meet again.
_FIRST_PAUSE_SECONDS: Final = 0.010


class Engine(Protocol):
    """One kind of database; `SqliteEngine` and `PostgresEngine`."""

    @property
    def dialect(self) -> Dialect: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def begin(self) -> Any: ...

    async def commit(self, connection: Any) -> None: ...

    async def rollback(self, connection: Any) -> None: ...

    async def release(self, connection: Any) -> None: ...

    async def take_reader(self) -> Any: ...

    async def release_reader(self, connection: Any, *, cancelled: bool) -> None: ...

    def migrating(self) -> Any: ...

    def idle(self) -> bool: ...


class Owners:
    """Which tasks have a transaction open.

    A second one inside the first waits for itself: on SQLite at once, on PostgreSQL when the pool is used up.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def refuse_nesting(self) -> None:
        if asyncio.current_task() in self._tasks:
            raise TransactionMisused("this task has a transaction open already: pass its connection on")

    def add(self) -> asyncio.Task[Any] | None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        return task

    def discard(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None:
            self._tasks.discard(task)


class Transaction:
    """`async with database.transaction() as connection:` commits at the end and rolls back on an exception.

    From its end may come, besides what the block raised: the driver's error (certainly not committed),
    `TransactionAborted` (the same), or `CommitUnknown`. A cancellation that arrives during COMMIT is raised
    after it, so `CancelledError` says nothing about whether the block was committed.
    """

    def __init__(self, engine: Engine, owners: Owners) -> None:
        self._engine = engine
        self._owners = owners
        self._owner: asyncio.Task[Any] | None = None
        self._connection: Any = None

    async def __aenter__(self) -> Connection:
        self._owners.refuse_nesting()
        connection = await self._engine.begin()
        self._connection = connection
        self._owner = self._owners.add()
        return connection  # type: ignore[no-any-return]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._owners.discard(self._owner)
        await finish(self._commit() if error is None else self._roll_back())

    async def _commit(self) -> None:
        try:
            await self._engine.commit(self._connection)
        finally:
            await self._engine.release(self._connection)

    async def _roll_back(self) -> None:
        try:
            await self._engine.rollback(self._connection)
        finally:
            await self._engine.release(self._connection)


class Reader:
    """`async with database.reader() as connection:` for reads outside a transaction; each statement sees
    the last commit. On SQLite it does not wait for a transaction of this process.
    """

    def __init__(self, engine: Engine, owners: Owners) -> None:
        self._engine = engine
        self._owners = owners
        self._connection: Any = None

    async def __aenter__(self) -> Connection:
        self._owners.refuse_nesting()
        self._connection = await self._engine.take_reader()
        return self._connection  # type: ignore[no-any-return]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        cancelled = isinstance(error, asyncio.CancelledError)
        await finish(self._engine.release_reader(self._connection, cancelled=cancelled))


async def run(open_transaction: Callable[[], Transaction], work: Callable[[Connection], Awaitable[T]]) -> T:
    """Runs the work in a transaction, and the whole of it again when it lost against a rival or its
    connection.

    The work may therefore touch nothing but the database. An unknown commit is never repeated here.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            async with open_transaction() as connection:
                return await work(connection)
        except Exception as error:
            if not is_transient(error):
                raise
            logger.info("a transaction is run again after attempt %d: %s", attempt, type(error).__name__)
        pause = _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
        await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret
    async with open_transaction() as connection:
        return await work(connection)
