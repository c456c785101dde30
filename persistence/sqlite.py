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
from persistence.failures import CommitUnknown, DatabaseUnavailable, commit_certainly_failed
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
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk when it returns, also after a power loss.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class SqliteEngine:
    dialect: Final = Dialect.SQLITE

    def __init__(self, address: SqliteAddress) -> None:
        self.address: Final = address
        self._writing = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        # A slot without a connection opens one when it is first used.
        self._readers: asyncio.LifoQueue[aiosqlite.Connection | None] = asyncio.LifoQueue()
        for _ in range(address.readers):
            self._readers.put_nowait(None)
        self._closed = False

    async def open(self) -> None:
        _create_file(self.address.path)
        await self._open_writer()

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

    async def begin(self) -> SqliteConnection:
        """Holds the lock and an open transaction when it returns, and neither when it raises."""
        await self._queue_for_the_lock()
        try:
            self._refuse_when_closed()
            return await self._begin_immediate()
        except BaseException:
            await finish(self._undo())
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
                raise
            raise CommitUnknown(f"SQLite did not confirm the commit: {error}") from error

    async def rollback(self, connection: SqliteConnection) -> None:
        await connection.lease.end()
        await self._undo()

    async def release(self, connection: SqliteConnection) -> None:
        self._writing.release()

    async def take_reader(self) -> SqliteConnection:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                raw = await self._readers.get()
        except TimeoutError:
            raise DatabaseUnavailable(f"no connection to {self.address} was free for {_PATIENCE_SECONDS:g} s") from None
        try:
            self._refuse_when_closed()
            raw = raw or await self._connect("PRAGMA query_only = ON")
        except BaseException:
            self._readers.put_nowait(raw)
            raise
        return SqliteConnection(raw)

    async def release_reader(self, connection: SqliteConnection, *, cancelled: bool) -> None:
        if cancelled:
            # The thread may still be busy with a statement that nobody waits for any more.
            await connection.raw.interrupt()
        await connection.lease.end()
        self._readers.put_nowait(connection.raw)
        if self._closed:
            await self._close_idle_readers()

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[SqliteConnection]:
        """A transaction for changes of the schema, on a connection of its own.

        Foreign keys are off, as SQLite demands where a table is replaced by a changed copy of it: with them
        on, dropping the old table deletes its rows first, and what refers to them. They are checked before
        the commit.
        """
        raw = await self._connect("PRAGMA foreign_keys = OFF", f"PRAGMA busy_timeout = {int(_PATIENCE_SECONDS * 1000)}")
        connection = SqliteConnection(raw)
        try:
            await raw.execute("BEGIN IMMEDIATE")
            yield connection
            broken = await connection.fetch_all("PRAGMA foreign_key_check")
            if broken:
                raise sqlite3.IntegrityError(f"the migration leaves rows that refer to nothing: {broken[:3]}")
            await finish(connection.lease.end())
            await finish(_commit(raw))
        finally:
            # Closing rolls back whatever was not committed.
            await finish(raw.close())

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
        raw = self._writer or await self._open_writer()
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            try:
                await finish(_begin(raw))
                return SqliteConnection(raw)
            except sqlite3.OperationalError as error:
                if not commit_certainly_failed(error) or asyncio.get_running_loop().time() > deadline:
                    raise
            # Another process writes. The wait is uneven, lest two processes meet again and again.
            await asyncio.sleep(random.uniform(0.001, 0.020))  # noqa: S311 - no secret

    async def _undo(self) -> None:
        """Leaves the writer without a transaction, or leaves no writer."""
        if self._writer is None:
            return
        try:
            # A no-op without a transaction. It queues in the connection's thread behind a statement whose
            # caller was cancelled, and behind a COMMIT.
            await self._writer.rollback()
        except sqlite3.Error:
            logger.exception("a rollback failed; the connection is replaced")
            broken, self._writer = self._writer, None
            await _close_quietly(broken)

    async def _open_writer(self) -> aiosqlite.Connection:
        self._writer = await self._connect()
        return self._writer

    async def _connect(self, *pragmas: str) -> aiosqlite.Connection:
        return await finish(_connect(self.address, pragmas))

    async def _close_all(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await _close_quietly(writer)
        await self._close_idle_readers()

    async def _close_idle_readers(self) -> None:
        for _ in range(self._readers.qsize()):
            reader = self._readers.get_nowait()
            self._readers.put_nowait(None)
            if reader is not None:
                await _close_quietly(reader)


def _create_file(path: Path) -> None:
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


async def _begin(raw: aiosqlite.Connection) -> None:
    await raw.execute("BEGIN IMMEDIATE")


async def _commit(raw: aiosqlite.Connection) -> None:
    await raw.execute("COMMIT")


async def _close_quietly(raw: aiosqlite.Connection) -> None:
    try:
        await raw.close()
    except (sqlite3.Error, ValueError):
        logger.warning("closing a SQLite connection failed", exc_info=True)
