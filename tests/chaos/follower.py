"""Somebody who follows everything that happens, over every kill: by the subscription `events`, at any gateway."""

import asyncio
import random
from collections.abc import Callable, Sequence

from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.schema.live import connected

_EVERYTHING = "subscription($after: String) { events(after: $after) { event { id } cursor } }"
_SILENCE_SECONDS = 10.0


class Follower:
    def __init__(self, ports: Callable[[], Sequence[int]], credential: str, *, seed: str) -> None:
        self._ports = ports
        self._authorization = f"Bearer {credential}"
        self._chance = random.Random(seed)
        self._cursor: str | None = None
        self.seen: list[str] = []
        self.connections = 0

    async def follow(self) -> None:
        """For ever; whatever ends a connection, the next one goes on behind the last event."""
        while True:
            try:
                await self._listen(self._chance.choice(self._ports()))
            except (OSError, WebSocketException, InvalidHandshake, TimeoutError, AssertionError):
                await asyncio.sleep(0.2)

    async def ready(self) -> None:
        """Whatever happens from now on is seen."""
        while self._cursor is None:
            await asyncio.sleep(0.05)

    async def _listen(self, port: int) -> None:
        async with connected(f"127.0.0.1:{port}", self._authorization) as client:
            self.connections += 1
            await client.subscribe("1", _EVERYTHING, after=self._cursor)
            while True:
                message = (await client.data("1"))["events"]
                self._cursor = message["cursor"]
                if message["event"]:
                    self.seen.append(message["event"]["id"])
