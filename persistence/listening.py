"""LISTEN on a connection of its own: PostgreSQL says when the feed has grown, whichever process wrote."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]

from persistence.failures import DatabaseUnavailable
from persistence.numbering import CHANNEL
from persistence.postgres import PostgresEngine

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Listener:
    def __init__(self, engine: PostgresEngine, *, heard: Callable[[], None]) -> None:
        """`heard` is called for every signal, and when the connection is lost."""
        self._engine = engine
        self._heard = heard
        self._connection: Any = None
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._next_try_at = 0.0

    async def listen(self) -> bool:
        """Connect where that is needed. True when it has: what was signalled before was not heard.

        Where it cannot be (the database is away, or a pooler of transactions is in between), it is tried again from
        time to time, and whoever waits for signals has to look by themselves meanwhile.
        """
        now = asyncio.get_running_loop().time()
        if self._is_open() or now < self._next_try_at:
            return False
        try:
            self._connection = await self._connect()
        except (DatabaseUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            _log.warning("no connection to listen on for %g s: %s", self._pause_seconds, error)
            self._next_try_at = now + self._pause_seconds
            self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            return False
        self._pause_seconds = FIRST_PAUSE_SECONDS
        return True

    async def _connect(self) -> Any:
        connection = await self._engine.connect_alone()
        try:
            connection.add_termination_listener(lambda _connection: self._heard())
            await connection.add_listener(CHANNEL, lambda *_signal: self._heard())
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except (OSError, TimeoutError):
                connection.terminate()

    def _is_open(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()
