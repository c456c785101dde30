"""The processes of one run: each is started again whenever it has ended, as whoever runs a service has it."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.messages import Request, ask, body_of
from tests.server.processes import Process, Settings, free_port, start

START_WITHIN_SECONDS = 120.0
"""A start takes three seconds of an idle core, and here every core is taken, maybe by others too."""
_READY = Request("/readyz", (("Host", "127.0.0.1"),), b"", method="GET")
_LOOK_SECONDS = 0.2
_REST_SECONDS = 0.5
"""Before a process that has ended by itself is started again: with its database away it would end at once."""


@dataclass
class Member:
    """One process after the other, with one address."""

    command: tuple[str | Path, ...]
    name: str
    settings: Settings
    folder: Path
    port: int | None
    """Where it answers; None for a worker."""
    process: Process | None = None
    kills: int = 0
    ends: int = 0
    """How often it ended by itself."""
    start_seconds: list[float] = field(default_factory=list)
    """From each start to the first answer."""

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.popen.poll() is None

    def begin(self) -> None:
        settings = dict(self.settings)
        if self.port is not None:
            settings["PAYDESK_PORT"] = str(self.port)
        self.process = start(*self.command, name=self.name, settings=settings, folder=self.folder)

    def kill(self) -> None:
        """`kill -9`."""
        if self.runs and self.process is not None:
            self.process.kill()
            self.kills += 1

    async def answers(self) -> bool:
        if self.port is None:
            return self.runs
        try:
            async with asyncio.timeout(5.0):
                status, _ = body_of(await ask(self.port, _READY))
        except (OSError, TimeoutError, IndexError):
            return False
        return status == 200


class Fleet:
    def __init__(self, folder: Path, settings: Settings, command: Sequence[str | Path]) -> None:
        """`command` is how `paydesk` is called."""
        self._folder = folder
        self._settings = settings
        self._command = tuple(command)
        self._watching: list[asyncio.Task[None]] = []
        self.members: list[Member] = []

    def add(self, what: str, *, answers: bool = True) -> Member:
        number = 1 + sum(member.name.startswith(what) for member in self.members)
        member = Member(
            command=(*self._command, what),
            name=f"{what}-{number}",
            settings=self._settings,
            folder=self._folder,
            port=free_port() if answers else None,
        )
        self.members.append(member)
        return member

    @property
    def gateways(self) -> list[Member]:
        return [member for member in self.members if member.port is not None]

    @property
    def ports(self) -> list[int]:
        """Of the gateways, whether they run at this moment or not: nobody outside knows."""
        return [member.port for member in self.members if member.port is not None]

    @property
    def slowest_start_seconds(self) -> float:
        return max((seconds for member in self.gateways for seconds in member.start_seconds), default=0.0)

    async def begin(self) -> None:
        self._watching = [asyncio.create_task(self._keep(member)) for member in self.members]
        await self.all_answer()

    async def all_answer(self) -> float:
        """How long that takes; AssertionError when a member stays away."""
        began = time.monotonic()
        for member in self.members:
            while not await member.answers():
                waited = time.monotonic() - began
                assert waited < START_WITHIN_SECONDS, f"{member.name} has not come back in {waited:.0f} s"
                await asyncio.sleep(_LOOK_SECONDS)
        return time.monotonic() - began

    async def end(self) -> list[str]:
        """Ask all to stop; the names of those that did not do it properly."""
        for watching in self._watching:
            watching.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        running = [member.process for member in self.members if member.runs and member.process]
        for process in running:
            process.popen.terminate()
        ended = await asyncio.gather(*(asyncio.to_thread(_wait, process) for process in running))
        return [process.log.name for process, properly in zip(running, ended, strict=True) if not properly]

    async def _keep(self, member: Member) -> None:
        while True:
            member.begin()
            began = time.monotonic()
            answered = False
            while member.runs:
                if not answered and await member.answers():
                    answered = True
                    member.start_seconds.append(time.monotonic() - began)
                await asyncio.sleep(_LOOK_SECONDS)
            if member.process is not None and member.process.popen.returncode != -signal.SIGKILL:
                member.ends += 1
            await asyncio.sleep(_REST_SECONDS)


def _wait(process: Process) -> bool:
    try:
        return process.popen.wait(40.0) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        return False
