"""One answer for all who ask at the same time or a moment later, however many they are."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    def __init__(
        self, ask: Callable[[], Awaitable[T]], *, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds` is for how long an answer is given again. A failure is given to nobody else."""
        self._ask = ask
        self._seconds = seconds
        self._now = now
        self._asking = asyncio.Lock()
        self._kept: tuple[T, float] | None = None

    async def __call__(self) -> T:
        async with self._asking:
            if self._kept is not None and self._now() < self._kept[1]:
                return self._kept[0]
            answer = await self._ask()
            self._kept = answer, self._now() + self._seconds
            return answer
