"""Work that takes long and needs nothing of the event loop, done beside it: one thing at a time, in turns.

Reading and validating a document is plain Python: one that stays within every limit was seen to take 0.4 s, and asking
twice for the whole schema 0.3 s. In a thread of its own that holds nobody up, since Python changes between threads
every few milliseconds.

Who waits is bounded, in number and in time. Servers and staff come before customers, and these before whoever is not
signed in; within a rank clients take turns, so that whoever sends many such documents waits for their own.
"""

import asyncio
import contextvars
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schema.http.clients import Client, Rank
from schema.http.refusals import Refusal, refuse

T = TypeVar("T")

MOST_WAITING = 100
"""Of one rank. Each holds its request's body, 25 MB together at most."""
WAIT_SECONDS = 5.0
"""Some 20 of the dearest documents; what clients and the proxies between us wait for at least."""

# One: a second would take the processor from the loop, and no work from the first.
_thread = ThreadPoolExecutor(1, thread_name_prefix="beside the loop")


class Aside:
    def __init__(self, *, most_waiting: int = MOST_WAITING, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._lines = {rank: _Line(most_waiting) for rank in Rank}
        self._is_busy = False

    async def do(self, work: Callable[[], T], *, client: Client) -> T:
        """What the work returns or raises; a 503 when no turn came."""
        await self._turn(client)
        context = contextvars.copy_context()
        working = asyncio.get_running_loop().run_in_executor(_thread, context.run, work)
        # Of somebody who has gone away too, the thread is busy until the work is done.
        working.add_done_callback(lambda _: self._next())
        return await asyncio.shield(working)

    async def _turn(self, client: Client) -> None:
        if not self._is_busy:
            self._is_busy = True
            return
        line = self._lines[client.rank]
        turn = line.join(client.name)
        try:
            async with asyncio.timeout(self._wait_seconds):
                is_ours = await turn
        except TimeoutError:
            self._leave(line, client, turn)
            raise self._refusal() from None
        except asyncio.CancelledError:
            self._leave(line, client, turn)
            raise
        if not is_ours:
            raise self._refusal()

    def _leave(self, line: "_Line", client: Client, turn: "asyncio.Future[bool]") -> None:
        if turn.cancelled():
            line.leave(client.name, turn)
        elif turn.result():
            self._next()  # it came at the same moment

    def _next(self) -> None:
        for line in self._lines.values():
            if (turn := line.first()) is not None:
                turn.set_result(True)
                return
        self._is_busy = False

    def _refusal(self) -> Refusal:
        retry_after = {"Retry-After": str(max(round(self._wait_seconds), 1))}
        return refuse(503, "TOO_BUSY", "Too many long documents are waiting. Nothing ran; try again.", retry_after)


class _Line:
    """Those of one rank who wait. A turn is True when it has come, and False when it never will."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns: OrderedDict[str, deque[asyncio.Future[bool]]] = OrderedDict()
        self._count = 0

    def join(self, name: str) -> "asyncio.Future[bool]":
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._turns.setdefault(name, deque()).append(turn)
        self._count += 1
        if self._count > self._most:
            # Whoever has most in the line loses what came last: one client alone crowds nobody out.
            longest = max(self._turns, key=lambda other: (len(self._turns[other]), other == name))
            last = self._turns[longest][-1]
            self.leave(longest, last)
            if not last.done():
                last.set_result(False)
        return turn

    def leave(self, name: str, turn: "asyncio.Future[bool]") -> None:
        turns = self._turns.get(name, deque())
        if turn not in turns:
            return  # passed over: it had been given up when it came
        turns.remove(turn)
        self._count -= 1
        if not turns:
            del self._turns[name]

    def first(self) -> "asyncio.Future[bool] | None":
        """Who is next; the client goes to the end of the line with whatever else it wants."""
        while self._turns:
            name, turns = self._turns.popitem(last=False)
            turn = turns.popleft()
            self._count -= 1
            if turns:
                self._turns[name] = turns
            if not turn.done():
                return turn
        return None
