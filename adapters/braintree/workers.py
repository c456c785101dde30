"""The threads that wait for Braintree: as many as there may be requests under way, and no others.

Of our own, for three reasons. The event loop's are for everybody's short work. What is cancelled goes on in its thread
until it is answered, and keeps its place until then: a limit that forgets it would let them pile up behind a provider
that does not answer. And what is still waiting for a place when its time is over is never begun.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")

THREADS = 100
"""The gate of an account lets 90 calls in at once by default; the others are for what was cancelled meanwhile. A thread
that waits costs some kilobytes, and they are made only when all others are busy."""


class Workers:
    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="braintree")

    async def run(self, work: Callable[[], _Result], *, until: float) -> _Result:
        """TimeoutError when it is not done by then, of the event loop's time. What was not begun then never is."""
        async with asyncio.timeout_at(until):
            return await asyncio.wrap_future(self._pool.submit(work))

    def close(self) -> None:
        """What waits for a place is dropped. Nobody waits for what is under way: it ends by its own time-outs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
