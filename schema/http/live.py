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
    """Of one key or one member of the staff; a backend has one for each of its processes."""
    connections_of_one_customer: int = 10
    """Somebody has some tabs and a phone; anybody may become a customer."""
    arrivals: int = 200
    """Sockets that have not said yet whose they are; they take no place of those that have."""
    operations: int = 50
    """Of one socket at once, mutations that nobody waits for included; a page shows some dozen things that change."""
    operations_of_one_principal: int = 200
    """On all of its sockets and event streams together: each may have an event to be read for."""
    operations_of_one_customer: int = 50
    operations_of_all: int = 10_000
    """On all sockets and event streams of one process."""
    operations_at_first: int = 100
    """That a socket may begin in one go; pages ask for everything when they are opened."""
    operations_per_second: int = 20
    """That it may begin later on, for as long as it lasts."""
    message_bytes: int = 256 * 1024
    """Of a message from the client, as of a request's body."""
    messages_at_first: int = 300
    """Of any kind, in one go. A message counts once for each 16 KiB that it has begun."""
    messages_per_second: int = 50
    """Later on: as many as it may begin operations, each with its `complete`, and a `ping` in between."""
    messages_of_an_arrival: int = 5
    """Before `connection_init` is answered: nobody has more to say than that and a `ping`."""
    message_bytes_of_an_arrival: int = 16 * 1024
    """Of such a message; a token has some KiB."""
    echoed_bytes: int = 1_024
    """Of a `ping`; what is longer is answered with a `pong` of its own."""
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
TOO_TALKATIVE: Final = Close(4429, "Too many messages.")
TRY_AGAIN: Final = Close(1013, "Try again later.")


class TooMany(Exception):
    """Of what is open at once. `of_all` when the whole process has no room, whoever asks."""

    def __init__(self, limit: int, *, of_all: bool = False) -> None:
        super().__init__(limit)
        self.limit = limit
        self.of_all = of_all


class TooManyConnections(TooMany):
    """Also when the process is going away, and has room for none."""


class TooManyOperations(TooMany):
    pass


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a connection is; nobody's, where a deployment does not say."""

    name: str = ""
    is_customer: bool = False
    signed_in: bool = False


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
        if self.reason is not None:
            self._set(0)

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
            self._set(0)

    def after(self, seconds: float | None, reason: Close) -> None:
        """Replaces the deadline that was set before; None for no deadline at all."""
        if self.reason is None:
            self._deadline = reason
            self._set(seconds)

    def _set(self, seconds: float | None) -> None:
        if self._timeout is None or self._timeout.expired():
            return
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
        """Of sockets and event streams, under way at this moment."""
        self._endings: set[Ending] = set()
        self._arrivals: set[Ending] = set()
        self._of_owner: Counter[Owner] = Counter()
        self._operations_of: Counter[Owner] = Counter()
        self._going_away = False

    @property
    def connections(self) -> int:
        return len(self._endings) + len(self._arrivals)

    @contextmanager
    def arrival(self, ending: Ending) -> Iterator[None]:
        """Of a socket, until it is somebody's."""
        if self._going_away or len(self._arrivals) >= self.limits.arrivals:
            raise TooManyConnections(self.limits.arrivals, of_all=True)
        self._arrivals.add(ending)
        try:
            yield
        finally:
            self._arrivals.discard(ending)

    @contextmanager
    def connection(self, ending: Ending, owner: Owner) -> Iterator[None]:
        limits = self.limits
        if self._going_away or len(self._endings) >= limits.connections:
            raise TooManyConnections(limits.connections, of_all=True)
        most = limits.connections_of_one_customer if owner.is_customer else limits.connections_of_one_principal
        if self._of_owner[owner] >= most:
            raise TooManyConnections(most)
        self._endings.add(ending)
        self._of_owner[owner] += 1
        try:
            yield
        finally:
            self._endings.discard(ending)
            _count_down(self._of_owner, owner)

    @contextmanager
    def operation(self, owner: Owner) -> Iterator[None]:
        limits = self.limits
        if self.operations >= limits.operations_of_all:
            raise TooManyOperations(limits.operations_of_all, of_all=True)
        most = limits.operations_of_one_customer if owner.is_customer else limits.operations_of_one_principal
        if self._operations_of[owner] >= most:
            raise TooManyOperations(most)
        self.operations += 1
        self._operations_of[owner] += 1
        try:
            yield
        finally:
            self.operations -= 1
            _count_down(self._operations_of, owner)

    def go_away(self) -> None:
        """The process is told to stop: clients come back to another one, with their cursors."""
        self._going_away = True
        for ending in (*self._endings, *self._arrivals):
            ending.now(GOING_AWAY)


def _count_down(counter: Counter[Owner], owner: Owner) -> None:
    counter[owner] -= 1
    if not counter[owner]:
        del counter[owner]


def owner_of(context: object) -> Owner:
    """Whose connection it is, where the context of the deployment says so."""
    owner: Owner | None = getattr(context, "owner", None)
    return owner or Owner()


def expiry_of(context: object) -> datetime | None:
    moment: datetime | None = getattr(context, "expires_at", None)
    return moment
