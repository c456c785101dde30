"""Carries the bank's webhooks to whichever gateway lives, and cannot be relied on: twice, late, in disorder, never."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Any

from tests.chaos.messages import Request, answer, ask, body_of, error, send


class Delivery(StrEnum):
    """In the words of the table in docs/reliability.md."""

    DOUBLED = "webhook delivered twice at once"
    REPEATED = "webhook delivered, and again since the receipt was lost"
    HELD = "webhook late, behind newer ones"
    LOST = "webhook never delivered"
    REFUSED = "webhook turned away, the bank tries again"


_HELD_SECONDS = (2.0, 20.0)
_PATIENCE_SECONDS = 8.0
"""The bank waits ten for its receipt."""
_TRIES = 60


class Postman:
    def __init__(self, gateways: Callable[[], Sequence[int]], *, seed: str, share: float) -> None:
        """`gateways` are the ports behind which somebody should be; `share` of the deliveries go wrong."""
        self._gateways = gateways
        self._chance = random.Random(seed)
        self._share = share
        self._rounds: set[asyncio.Task[bool]] = set()
        self.calm = False
        self.delivered = 0
        self.faults: Counter[Delivery] = Counter()

    async def carry(self, request: Request, writer: asyncio.StreamWriter) -> None:
        fault = None
        if not self.calm and self._chance.random() < self._share:
            fault = self._chance.choice(list(Delivery))
            self.faults[fault] += 1
        taken = False
        match fault:
            case None:
                taken = await self._deliver(request)
            case Delivery.DOUBLED:
                taken = all(await asyncio.gather(self._deliver(request), self._deliver(request)))
            case Delivery.REPEATED:
                await self._deliver(request)
            case Delivery.HELD:
                self._set_out(self._deliver_late(request, self._chance.uniform(*_HELD_SECONDS)))
                taken = True
            case Delivery.LOST:
                taken = True
            case Delivery.REFUSED:
                pass
        await send(writer, answer(200, b"{}") if taken else error(503, "nobody_there"))

    async def settle(self) -> None:
        await asyncio.gather(*self._rounds, return_exceptions=True)

    def _set_out(self, work: Coroutine[Any, Any, bool]) -> None:
        task = asyncio.create_task(work)
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)

    async def _deliver_late(self, request: Request, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        for _ in range(_TRIES):
            if await self._deliver(request):
                return True
            await asyncio.sleep(0.5)
        return False

    async def _deliver(self, request: Request) -> bool:
        """To one gateway after the other, until one says that it has it."""
        ports = list(self._gateways())
        self._chance.shuffle(ports)
        for port in ports:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS / len(ports)):
                    status, _ = body_of(await ask(port, request))
            except (OSError, TimeoutError, IndexError):
                continue
            if 200 <= status < 300:
                self.delivered += 1
                return True
        return False
