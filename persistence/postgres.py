"""PostgreSQL: a pool of asyncpg connections.

`Pool.acquire` and `Pool.release` are safe to cancel; the statements BEGIN, COMMIT and ROLLBACK are not, so
those run shielded (see `transactions`).
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]

from persistence.address import PostgresAddress
from persistence.connections import PostgresConnection
from persistence.failures import (
    CommitUnknown,
    DatabaseUnavailable,
    TransactionAborted,
    certain_failure,
    commit_certainly_failed,
    is_lost_connection,
)
from persistence.redaction import redact
from persistence.shielding import finish
from persistence.sql import Dialect

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 10.0
# A host that vanishes with a transaction open must not hold its row locks until TCP gives up, hours later. No
# transaction of ours waits for anything but the database.
_IDLE_IN_TRANSACTION_MILLISECONDS: Final = 60_000

# READ COMMITTED is written out, because a database or a role may have another default.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class PostgresEngine:
    dialect: Final = Dialect.POSTGRES

    def __init__(self, address: PostgresAddress, *, application_name: str) -> None:
        self.address: Final = address
        self._application_name = application_name
        self._pool: asyncpg.Pool | None = None
        self._connector = _Connector()
        self._closed = False

    async def open(self) -> None:
        with _PlainWords(self.address):
            self._pool = await asyncpg.create_pool(
                self.address.dsn,
                min_size=1,
                max_size=self.address.pool_size,
                command_timeout=self.address.command_timeout_seconds,
                connection_class=_Connection,
                connect=self._connector.connect,
                **self._connect_arguments(),
            )

    async def close(self) -> None:
        if self._closed or self._pool is None:
            return
        self._closed = True
        self._connector.refuse()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            logger.warning("connections were still in use when the database closed; they are cut")
        await self._connector.close()

    async def begin(self) -> PostgresConnection:
        """Holds a connection with an open transaction when it returns, and nothing when it raises."""
        # After a restart of the server every pooled connection is dead, and BEGIN is where that shows. The one after
        # all of those is new.
        for _ in range(self.address.pool_size + 1):
            raw = await self._acquire()
            try:
                await finish(raw.execute(_BEGIN))
                return PostgresConnection(raw)
            except BaseException as error:
                if is_lost_connection(error):
                    # The pool may not know yet, and would hand this one out again.
                    _cut(raw)
                await finish(self._undo(raw))
                if not is_lost_connection(error):
                    raise
        raise DatabaseUnavailable(f"{self.address} hangs up on every connection")

    async def commit(self, connection: PostgresConnection) -> None:
        await connection.lease.end()
        try:
            tag = await connection.raw.execute("COMMIT")
        except Exception as error:
            redact(error)
            if commit_certainly_failed(error):
                raise certain_failure(error) from error
            _cut(connection.raw)
            raise CommitUnknown(f"PostgreSQL did not confirm the commit: {type(error).__name__}") from error
        if tag != "COMMIT":
            raise TransactionAborted("PostgreSQL rolled back: an error inside the transaction was swallowed")

    async def rollback(self, connection: PostgresConnection) -> None:
        await connection.lease.end()
        await _roll_back(connection.raw)

    async def release(self, connection: PostgresConnection) -> None:
        await self._give_back(connection.raw)

    async def take_reader(self) -> PostgresConnection:
        return PostgresConnection(await self._acquire())

    async def release_reader(self, connection: PostgresConnection, *, cancelled: bool) -> None:
        await connection.lease.end()
        await self._give_back(connection.raw)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[PostgresConnection]:
        """A transaction for changes of the schema, on a connection of its own and without a limit of time."""
        raw = await self.connect_alone()
        connection = PostgresConnection(raw)
        try:
            await raw.execute(_BEGIN)
            yield connection
            await finish(self.commit(connection))
        finally:
            # Closing rolls back whatever was not committed.
            await finish(raw.close(timeout=_CLOSE_SECONDS))

    async def connect_alone(self) -> Any:
        """A connection beside the pool, for what leaves a trace on it: migrations, LISTEN. The caller closes it."""
        with _PlainWords(self.address):
            return await asyncpg.connect(self.address.dsn, **self._connect_arguments())

    def idle(self) -> bool:
        """Whether nothing is held: every connection of the pool is back in it."""
        return self._pool is None or self._pool.get_idle_size() == self._pool.get_size()

    async def _acquire(self) -> Any:
        pool = self._open_pool()
        with _PlainWords(self.address):
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    raw = await pool.acquire()
            except TimeoutError:
                raise DatabaseUnavailable(
                    f"no connection to {self.address} was free for {_PATIENCE_SECONDS:g} s"
                ) from None
        if self._closed:
            # A closing pool of asyncpg still serves those who stood in line.
            await finish(self._give_back(raw))
        self._open_pool()
        return raw

    def _open_pool(self) -> asyncpg.Pool:
        if self._pool is None or self._closed:
            raise DatabaseUnavailable(f"{self.address} is closed")
        return self._pool

    async def _undo(self, raw: Any) -> None:
        await _roll_back(raw)
        await self._give_back(raw)

    async def _give_back(self, raw: Any) -> None:
        """Never raises: what became of the transaction is known already, and the pool drops a broken
        connection.
        """
        if self._pool is None:
            raise AssertionError("a connection comes from a pool")
        try:
            await self._pool.release(raw)
        except Exception:
            logger.warning("a connection could not be given back; the pool replaces it", exc_info=True)

    def _connect_arguments(self) -> dict[str, Any]:
        return {
            "timeout": self.address.connect_timeout_seconds,
            "server_settings": {"application_name": self._application_name},
        }


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    def get_reset_query(self) -> str:
        """No round trip when a connection goes back.

        Nothing of ours leaves a trace on a pooled connection: no session SET, LISTEN, cursor, or session
        advisory lock. An open transaction is ended in any case.
        """
        return ""


class _Connector:
    """Opens connections for the pool; a connection whose caller was cancelled goes to the next caller.

    Otherwise a crowd of impatient requests would break off every new connection half-way, the pool would never
    grow, and the server would see connections come and go.
    """

    def __init__(self) -> None:
        self._orphans: list[asyncio.Task[asyncpg.Connection]] = []
        self._refusing = False

    async def connect(self, *arguments: Any, **options: Any) -> asyncpg.Connection:
        if self._refusing:
            raise DatabaseUnavailable("the database is closed")
        task = self._adopt() or asyncio.get_running_loop().create_task(
            _connect(*arguments, **options), context=contextvars.Context()
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._orphans.append(task)
            raise

    def refuse(self) -> None:
        self._refusing = True

    async def close(self) -> None:
        await asyncio.gather(*self._orphans, return_exceptions=True)
        while (task := self._adopt()) is not None:
            await task.result().close(timeout=_CLOSE_SECONDS)

    def _adopt(self) -> asyncio.Task[asyncpg.Connection] | None:
        while self._orphans:
            task = self._orphans.pop()
            if not task.done() or (not task.cancelled() and task.exception() is None and not task.result().is_closed()):
                return task
        return None


async def _connect(*arguments: Any, **options: Any) -> asyncpg.Connection:
    connection = await asyncpg.connect(*arguments, **options)
    # Not as a startup parameter: PgBouncer refuses those it does not know.
    await connection.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_IN_TRANSACTION_MILLISECONDS}")
    return connection


async def _roll_back(raw: Any) -> None:
    """Never raises: without a connection the server rolls back on its own."""
    try:
        if raw.is_in_transaction():
            await raw.execute("ROLLBACK")
    except Exception as error:
        if not is_lost_connection(error):
            logger.warning("a rollback failed; the connection is cut", exc_info=True)
        _cut(raw)


def _cut(raw: Any) -> None:
    # A connection that is gone was taken back by the pool, and then even this raises.
    with suppress(asyncpg.InterfaceError):
        raw.terminate()


class _PlainWords:
    """Turns whatever a driver says while connecting into one line for the operator."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, DatabaseUnavailable):
            return
        if isinstance(error, TimeoutError):
            raise DatabaseUnavailable(
                f"{self._address} did not answer within {self._address.connect_timeout_seconds:g} s"
            ) from error
        if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError)):
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DatabaseUnavailable(f"{self._address} refused the connection: {reason}") from error
