"""A process that is killed with -9 at its n-th step: nothing after that reaches the database or the bank.

A step is the moment before a commit is sent, while it is under way and after it is confirmed, and around each call of
the provider: before the request left and after it was worked on. To everybody else a death before a transaction begins
is one at the step before it, and a death inside it is one before its commit: none of it is kept.
"""

import asyncio
import contextvars
import json
import os
import signal
from pathlib import Path
from typing import Any, NoReturn

from tests.services.watching import Ask


class Mortality:
    """Notes the steps in a file, which survives; `last` is the one at which the process is killed."""

    def __init__(self, diary: Path, last: int | None) -> None:
        self._diary = os.open(diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._last = last
        self._steps = 0

    def write(self, **note: Any) -> None:
        os.write(self._diary, json.dumps(note).encode() + b"\n")

    def is_due(self, step: str) -> bool:
        self.write(step=step)
        self._steps += 1
        return self._steps == self._last

    def step(self, step: str) -> None:
        if self.is_due(step):
            die()

    async def between(self, _asked: Any, ask: Ask) -> Any:
        """In the way of a watched provider."""
        self.step("the request leaves")
        told = await ask()
        self.step("the answer arrives")
        return told


class MortalEngine:
    """The database as a process sees it that may be killed."""

    def __init__(self, engine: Any, mortality: Mortality) -> None:
        self._engine = engine
        self._mortality = mortality

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def commit(self, connection: Any) -> None:
        self._mortality.step("commit")
        if self._mortality.is_due("committing"):
            asyncio.get_running_loop().create_task(self._engine.commit(connection), context=contextvars.Context())
            # Long enough for it to leave, too short to be sure that it has arrived.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            die()
        await self._engine.commit(connection)
        self._mortality.step("committed")


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable: a process does not survive this")
