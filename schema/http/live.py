"""Connections that stay open, sockets and event streams alike: how many there may be, and how each of them ends."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """What stays open costs memory for as long as its client likes."""

    connections: int = 2_000
    """Sockets and event streams of one process; each takes 50 to 80 KiB, and a descriptor of the system's."""
    connections_of_one_principal: int = 100
    """Of one key or one person; a person has some tabs, a backend one for each of its processes."""
    operations: int = 50
    """Of one socket at once; a page shows some dozen things that change."""
    operations_at_first: int = 100
    """That a socket may begin in one go; pages ask for everything when they are opened."""
    operations_per_second: int = 20
    """That it may begin later on, for as long as it lasts."""
    message_bytes: int = 256 * 1024
    """Of a message from the client, as of a request's body."""
    init_seconds: float = 10
    """From the opening of a socket to `connection_init`."""
    send_seconds: float = 20
    """A client that takes nothing for so long is disconnected; it comes back with its cursor."""
    keep_alive_seconds: float = 12
    """Between two signs of life on an event stream; proxies close what is silent for 30 to 60."""


@dataclass(frozen=True, slots=True)
class Close:
    """Why a connection ends; the code is that of a WebSocket's closing frame."""

    code: int
    reason: str


EXPIRED: Final = Close(4403, "The token has expired.")
GOING_AWAY: Final = Close(1001, "The server is going away.")
NOT_READING: Final = Close(1013, "The client does not read.")
TOO_MANY: Final = Close(1013, "Too many connections.")


class TooManyConnections(Exception):
    """Of the process, or of one principal."""


class Ending:
    """`async with ending:` runs until its block ends or somebody says why it has to.

    What is awaited in the block is then cancelled, and `reason` holds what was said.
    """

    def __init__(self) -> None:
        self.reason: Close | None = None
        self._timeout: asyncio.Timeout | None = None
        self._deadline: Close | None = None

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout(None)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        timeout, self._timeout = self._timeout, None
        if timeout is None:
            raise AssertionError("the block was entered")
        try:
            await timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            if not timeout.expired():
                raise
            self.reason = self.reason or self._deadline
            return True
        return False

    def now(self, reason: Close) -> None:
        if self.reason is None:
            self.reason = reason
            self.after(0, reason)

    def after(self, seconds: float | None, reason: Close) -> None:
        """Replaces the deadline that was set before; None for no deadline at all."""
        if self._timeout is None or self._timeout.expired():
            return
        self._deadline = reason
        if seconds is None:
            self._timeout.reschedule(None)
        else:
            self._timeout.reschedule(asyncio.get_running_loop().time() + max(seconds, 0))

    def at(self, moment: datetime | None, reason: Close) -> None:
        self.after(None if moment is None else (moment - datetime.now(UTC)).total_seconds(), reason)


class Live:
    """The open connections of one process."""

    def __init__(self, limits: LiveLimits | None = None) -> None:
        self.limits = limits or LiveLimits()
        self.operations = 0
        """Of sockets, under way at this moment."""
        self._endings: set[Ending] = set()
        self._of_owner: Counter[str] = Counter()
        self._going_away = False

    @property
    def connections(self) -> int:
        return len(self._endings)

    @contextmanager
    def connection(self, ending: Ending) -> Iterator[None]:
        if self._going_away or len(self._endings) >= self.limits.connections:
            raise TooManyConnections
        self._endings.add(ending)
        try:
            yield
        finally:
            self._endings.discard(ending)

    @contextmanager
    def owned_by(self, owner: str) -> Iterator[None]:
        if self._of_owner[owner] >= self.limits.connections_of_one_principal:
            raise TooManyConnections
        self._of_owner[owner] += 1
        try:
            yield
        finally:
            self._of_owner[owner] -= 1
            if not self._of_owner[owner]:
                del self._of_owner[owner]

    def go_away(self) -> None:
        """The process is told to stop: clients come back to another one, with their cursors."""
        self._going_away = True
        for ending in tuple(self._endings):
            ending.now(GOING_AWAY)


def owner_of(context: object) -> str:
    """Whose connection it is, where the context of the deployment says so."""
    return str(getattr(context, "owner", ""))


def expiry_of(context: object) -> datetime | None:
    moment: datetime | None = getattr(context, "expires_at", None)
    return moment
