"""The weather: who is killed when, drawn from a seed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.fleet import Fleet
from tests.chaos.postgres import Postgres
from tests.chaos.wire import Wire

KILLED = "process killed with -9"
KILLED_TOGETHER = "two processes killed with -9 at once"
RESTARTED = "PostgreSQL restarted in immediate mode"


@dataclass(frozen=True, slots=True)
class Weather:
    """Seconds between two blows, drawn between half and one and a half of it; the next one waits for the recovery."""

    kill_every: float = 8.0
    restart_every: float = 25.0
    cut_every: float = 30.0


@dataclass
class Storm:
    fleet: Fleet
    wire: Wire
    postgres: Postgres | None
    weather: Weather
    seed: str
    blows: Counter[str] = field(default_factory=Counter)
    recovery_seconds: list[float] = field(default_factory=list)
    """From each restart of PostgreSQL until every gateway said again that it is ready."""

    async def blow(self) -> None:
        """For ever."""
        blowing = [self._each(self.weather.kill_every, "kill", self._kill)]
        blowing.append(self._each(self.weather.cut_every, "cut", self._cut))
        if self.postgres is not None:
            blowing.append(self._each(self.weather.restart_every, "restart", self._restart))
        await asyncio.gather(*blowing)

    async def _each(
        self, seconds: float, name: str, strike: Callable[[random.Random], Coroutine[Any, Any, None]]
    ) -> None:
        chance = random.Random(f"{self.seed}/{name}")
        while True:
            await asyncio.sleep(chance.uniform(seconds / 2, seconds * 1.5))
            await strike(chance)

    async def _kill(self, chance: random.Random) -> None:
        alive = [member for member in self.fleet.members if member.runs]
        struck = chance.sample(alive, min(len(alive), 2 if chance.random() < 0.2 else 1))
        for member in struck:
            member.kill()
        self.blows[KILLED] += len(struck)
        self.blows[KILLED_TOGETHER] += len(struck) == 2
        # On a busy machine a start takes long, and gateways that never come up show nothing.
        await self.fleet.all_answer()

    async def _cut(self, chance: random.Random) -> None:
        await self.wire.cut(chance.uniform(0.5, 2.5))

    async def _restart(self, _: random.Random) -> None:
        assert self.postgres is not None
        await self.postgres.restart_immediately()
        self.blows[RESTARTED] += 1
        began = time.monotonic()
        await self.fleet.all_answer()
        self.recovery_seconds.append(time.monotonic() - began)
