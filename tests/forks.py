"""Processes that do one deed and are gone, killed in the middle of it if the test says so.

A gateway takes a second to import itself, and a test kills hundreds. So one process that has everything imported waits,
and forks a child for each deed (`tests.services.lives`); it has a single thread, as a process that forks should.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.databases import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`what` is a word of `tests.services.lives.DEEDS`; the rest is what it needs."""

    what: str
    url: str
    """Of the gateway's database."""
    books: str
    """The bank's, a file of their own."""
    moment: datetime
    """What the process takes for now."""
    subject: str = ""
    key: str = ""
    amount: int | None = None
    last: int | None = None
    """The step at which the process is killed, counted from 1; None lets it live."""

    def dying_at(self, step: int) -> "Deed":
        return replace(self, last=step)


@dataclass(frozen=True, slots=True)
class Life:
    steps: tuple[str, ...]
    """Every step that was reached; the last one of a life that was cut short is where it ended."""
    told: Any
    """What the client of that process heard: what the deed gave, or the name of the refusal. None if it was killed."""
    was_killed: bool


class Forks:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "forks.log"
        self._number = 0
        with self._log.open("wb") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "tests.services.lives"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def live(self, *deeds: Deed) -> tuple[Life, ...]:
        """Each in a process of its own, all beginning at once; returns when the last one is gone."""
        diaries = [self._folder / f"{self._number + index}.diary" for index in range(len(deeds))]
        self._number += len(deeds)
        asked = [
            asdict(deed) | {"moment": deed.moment.isoformat(), "diary": str(diary)}
            for deed, diary in zip(deeds, diaries, strict=True)
        ]
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(asked) + "\n")
        self._popen.stdin.flush()
        ends = json.loads(self._popen.stdout.readline() or "[]")
        failed = len(ends) != len(deeds) or any(end not in (0, -signal.SIGKILL) for end in ends)
        assert not failed, f"{deeds} ended with {ends}:\n{self._log.read_text(errors='replace')}"
        return tuple(_read(diary, end) for diary, end in zip(diaries, ends, strict=True))

    def close(self) -> None:
        self._popen.communicate()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    opened = Forks(tmp_path_factory.mktemp("forks"))
    yield opened
    opened.close()


def _read(diary: Path, end: int) -> Life:
    notes = [json.loads(line) for line in diary.read_text().splitlines()]
    diary.unlink()
    steps = tuple(note["step"] for note in notes if "step" in note)
    told = [note["told"] for note in notes if "told" in note]
    return Life(steps, told[0] if told else None, end == -signal.SIGKILL)
