"""Bodies of requests from anybody, before it is known who sends them: bounded in size, in time, and in number."""

import asyncio
from collections import OrderedDict

from starlette.requests import ClientDisconnect, Request


class BodyTooLarge(Exception):
    pass


class BodyTooSlow(Exception):
    """Its time was over, or it was the slowest of too many."""


class Bodies:
    def __init__(self, *, most_bytes: int, most_at_once: int, seconds: float) -> None:
        self._most_bytes = most_bytes
        self._most_at_once = most_at_once
        self._seconds = seconds
        self._coming: OrderedDict[asyncio.Timeout, None] = OrderedDict()
        """The oldest first."""

    async def read(self, request: Request) -> bytes:
        """The raw body, empty of whoever hung up. A length that lies is found out while reading."""
        received = bytearray()
        try:
            async with asyncio.timeout(self._seconds) as deadline:
                self._coming[deadline] = None
                self._cut_off_the_oldest()
                try:
                    async for chunk in request.stream():
                        received += chunk
                        if len(received) > self._most_bytes:
                            raise BodyTooLarge
                finally:
                    self._coming.pop(deadline, None)
        except ClientDisconnect:
            return b""
        except TimeoutError:
            raise BodyTooSlow from None
        return bytes(received)

    def _cut_off_the_oldest(self) -> None:
        """An honest sender's body is whole in a moment, so whoever has been at it for longest is none."""
        if len(self._coming) <= self._most_at_once:
            return
        oldest, _ = self._coming.popitem(last=False)
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())
