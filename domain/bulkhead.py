"""A bulkhead: so many calls of one kind at once and no more, so that one kind cannot use up what another needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONGEST_WAIT_SECONDS = 2.0
"""For a place. A checkout that is not begun by then is better refused: it is certain that nothing was sent."""


class NoPlace(Exception):
    """The call has not begun, and does not."""


class Bulkhead:
    def __init__(self, most: int, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self.most = most
        self._longest_wait_seconds = longest_wait_seconds
        self.under_way = 0
        self.waiting = 0
        self._places = asyncio.Semaphore(most)

    @property
    def is_full(self) -> bool:
        """Whether as many wait already as can be served at once: whoever comes now would wait in vain."""
        return self._places.locked() and self.waiting >= self.most

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits for one, in the order of arrival; NoPlace when there was none in time."""
        if self.is_full:
            raise NoPlace
        self.waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise NoPlace from None
        finally:
            self.waiting -= 1
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self._places.release()
