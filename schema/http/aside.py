"""Work that takes long and needs nothing of the event loop, done beside it: one thing at a time, and of one client one.

Reading and validating a document is plain Python: one that stays within every limit was seen to take 0.4 s, and asking
five times for the whole schema 0.9 s. In a thread of its own that holds nobody up, since Python changes between threads
every few milliseconds. Clients take turns, so that whoever sends many such documents waits for their own.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

# One: a second would take the processor from the loop, and no work from the first.
_thread = ThreadPoolExecutor(1, thread_name_prefix="beside the loop")


class Aside:
    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def do(self, work: Callable[[], T], *, whose: str) -> T:
        """What the work returns or raises. `whose` is the client, such as an address."""
        turn = self._turns.get(whose)
        if turn is None:
            # Kept by those who wait for it, and gone with the last of them.
            turn = self._turns[whose] = asyncio.Lock()
        async with turn:
            context = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(_thread, context.run, work)
