"""SQLite: one writer and a few readers, each a connection of its own.

SQLite lets one transaction write at a time. Within this process they queue at an asyncio lock, in order of
arrival; between processes `BEGIN IMMEDIATE` waits for the file's lock, so that a read-modify-write never
finds out at its end that somebody else wrote. Readers do not wait for the writer: in WAL mode they see the
last commit.
"""

import asyncio
import logging
import os
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiosqlite

from persistence.address import SqliteAddress
from persistence.connections import SqliteConnection
from persistence.failures import (
    CommitUnknown,
    DatabaseUnavailable,
    TransactionMisused,
    certain_failure,
    commit_certainly_failed,
    is_transient,
)
from persistence.shielding import finish
from persistence.sql import Dialect

logger = logging.getLogger(__name__)

# How long one BEGIN sleeps in SQLite's own busy handler. That blocks the writer's thread and nothing can
# cancel it, so it is short and repeated until the patience is over.
_BUSY_MILLISECONDS: Final = 200
# As long as a webhook's sender waits for us; a transaction takes milliseconds.
_PATIENCE_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 10.0

_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}",
    # A commit is on the disk when it returns, also after a power loss.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class SqliteEngine:
    dialect: Final = Dialect.SQLITE

    def __init__(self, address: SqliteAddress) -> None:
        self.address: Final = address
        self._writing = asyncio.Lock()
        self._writer = _Slot()
        self._readers: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()
        for _ in range(address.readers):
            self._readers.put_nowait(_Slot())
        self._closed = False

    async def open(self) -> None:
        create_file(self.address.path)
        await finish(self._fill(self._writer))

    async def close(self) -> None:
        """Waits for the transaction that is open, then closes every connection."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writing.acquire()
        except TimeoutError:
            logger.warning("a transaction was still open when the database closed; it is rolled back")
            await finish(self._close_all())
            return
        try:
            await finish(self._close_all())
        finally:
            # Who still stands in line finds out that it is closed.
            self._writing.release()

    async def begin(self) -> SqliteConnection:
        """Holds the lock and an open transaction when it returns, and neither when it raises."""
        self._refuse_when_closed()
        await self._queue_for_the_lock()
        try:
            self._refuse_when_closed()
            return await self._begin_immediate()
        except BaseException:
            # Whatever arrives meanwhile, such as a second cancellation: the lock goes back.
            try:
                await finish(self._undo())
            finally:
                self._writing.release()
            raise

    async def commit(self, connection: SqliteConnection) -> None:
        await connection.lease.end()
        try:
            await connection.raw.execute("COMMIT")
        except sqlite3.Error as error:
            # After a failed fsync the commit may or may not be found in the log when it is read next time.
            certain = commit_certainly_failed(error)
            await self._undo()
            if certain:
                raise certain_failure(error) from error
            raise CommitUnknown(f"SQLite did not confirm the commit: {error}") from error

    async def rollback(self, connection: SqliteConnection) -> None:
        await connection.lease.end()
        await self._undo()

    async def release(self, connection: SqliteConnection) -> None:
        self._writing.release()

    async def take_reader(self) -> SqliteConnection:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                slot = await self._readers.get()
        except TimeoutError:
            raise DatabaseUnavailable(f"no connection to {self.address} was free for {_PATIENCE_SECONDS:g} s") from None
        try:
            self._refuse_when_closed()
            if slot.connection is None:
                await finish(self._fill(slot, "PRAGMA query_only = ON"))
            return SqliteConnection(slot.held)
        except BaseException:
            self._readers.put_nowait(slot)
            raise

    async def release_reader(self, connection: SqliteConnection, *, cancelled: bool) -> None:
        if cancelled:
            # The thread may still be busy with a statement that nobody waits for any more.
            await connection.raw.interrupt()
        await connection.lease.end()
        self._readers.put_nowait(_Slot(connection.raw))
        if self._closed:
            await self._close_idle_readers()

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[SqliteConnection]:
        """A transaction for changes of the schema, on a connection of its own.

        Foreign keys are off, as SQLite demands where a table is replaced by a changed copy of it: with them
        on, dropping the old table deletes its rows first, and what refers to them. They are checked before
        the commit.
        """
        slot = _Slot()
        patience = f"PRAGMA busy_timeout = {int(_PATIENCE_SECONDS * 1000)}"
        try:
            await finish(self._fill(slot, "PRAGMA foreign_keys = OFF", patience))
            connection = SqliteConnection(slot.held)
            await slot.held.execute("BEGIN IMMEDIATE")
            yield connection
            broken = await connection.fetch_all("PRAGMA foreign_key_check")
            if broken:
                raise sqlite3.IntegrityError(f"the migration leaves rows that refer to nothing: {broken[:3]}")
            await finish(connection.lease.end())
            await finish(_commit(slot.held))
        finally:
            # Closing rolls back whatever was not committed.
            await finish(slot.close())

    def idle(self) -> bool:
        """Whether nothing is held: no transaction, no reader."""
        return not self._writing.locked() and self._readers.qsize() == self.address.readers

    async def _queue_for_the_lock(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._writing.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                f"a transaction of this process held {self.address} for {_PATIENCE_SECONDS:g} s"
            ) from None

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise DatabaseUnavailable(f"{self.address} is closed")

    async def _begin_immediate(self) -> SqliteConnection:
        if self._writer.connection is None:
            await finish(self._fill(self._writer))
        raw = self._writer.held
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            try:
                await finish(_begin(raw))
                return SqliteConnection(raw)
            except sqlite3.OperationalError as error:
                if not is_transient(error) or asyncio.get_running_loop().time() > deadline:
                    raise
            # Another process writes. The wait is uneven, lest two processes meet again and again.
            await asyncio.sleep(random.uniform(0.001, 0.020))  # noqa: S311 - no secret

    async def _undo(self) -> None:
        """Leaves the writer without a transaction, or leaves no writer."""
        if self._writer.connection is None:
            return
        try:
            # A no-op without a transaction. It queues in the connection's thread behind a statement whose
            # caller was cancelled, and behind a COMMIT.
            await self._writer.connection.rollback()
        except sqlite3.Error:
            logger.exception("a rollback failed; the connection is replaced")
            await self._writer.close()

    async def _fill(self, slot: "_Slot", *pragmas: str) -> None:
        """Run by `finish`: a cancelled caller finds the connection in its slot all the same."""
        slot.connection = await _connect(self.address, pragmas)

    async def _close_all(self) -> None:
        await self._writer.close()
        await self._close_idle_readers()

    async def _close_idle_readers(self) -> None:
        for _ in range(self._readers.qsize()):
            slot = self._readers.get_nowait()
            self._readers.put_nowait(_Slot())
            await slot.close()


class _Slot:
    """Holds a connection, or the place for one: it is opened when it is first needed."""

    def __init__(self, connection: aiosqlite.Connection | None = None) -> None:
        self.connection = connection

    @property
    def held(self) -> aiosqlite.Connection:
        if self.connection is None:
            raise TransactionMisused("this slot holds no connection")
        return self.connection

    async def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await _close_quietly(connection)


def create_file(path: Path) -> None:
    """The database's, empty, unless it is there."""
    if path.is_dir():
        raise DatabaseUnavailable(f"the database file {path} is a folder")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # For the owner alone, from the first moment; SQLite gives its -wal and -shm files the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseUnavailable(f"the database file {path} cannot be opened: {error.strerror}") from error


async def _connect(address: SqliteAddress, pragmas: tuple[str, ...]) -> aiosqlite.Connection:
    connection = aiosqlite.connect(address.path, isolation_level=None)
    # A process that ends without closing must not hang at its thread: SQLite recovers from that as from a
    # crash.
    connection._thread.daemon = True
    try:
        raw = await connection
        raw.row_factory = sqlite3.Row
        await _switch_to_wal(raw)
        for pragma in (*_PRAGMAS, *pragmas):
            await raw.execute_fetchall(pragma)
        mode = [row[0] for row in await raw.execute_fetchall("PRAGMA journal_mode")]
    except sqlite3.Error as error:
        await _close_quietly(connection)
        raise DatabaseUnavailable(f"{address} cannot be opened: {error}") from error
    except BaseException:
        await _close_quietly(connection)
        raise
    if mode != ["wal"]:
        await _close_quietly(raw)
        raise DatabaseUnavailable(f"{address} refuses WAL mode: is it on a network file system?")
    return raw


async def _switch_to_wal(raw: aiosqlite.Connection) -> None:
    """SQLite does not wait where two processes switch a new file at once: one of them is told that it is locked."""
    for _ in range(50):
        try:
            await raw.execute_fetchall("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_transient(error):
                raise
        await asyncio.sleep(random.uniform(0.02, 0.06))  # noqa: S311 - no secret


async def _begin(raw: aiosqlite.Connection) -> None:
    await raw.execute("BEGIN IMMEDIATE")


async def _commit(raw: aiosqlite.Connection) -> None:
    await raw.execute("COMMIT")


async def _close_quietly(raw: aiosqlite.Connection) -> None:
    try:
        await raw.close()
    except (sqlite3.Error, ValueError):
        logger.warning("closing a SQLite connection failed", exc_info=True)
