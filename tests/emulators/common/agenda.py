"""What will happen to an account as its time passes."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from tests.emulators.common.clock import MovableClock


class Agenda:
    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._later: list[_Later] = []
        self._numbers = count(1)
        self._acting_at: float | None = None

    @property
    def now(self) -> float:
        """Seconds since 1970; while something that was due is done, the time at which it was due."""
        return self._acting_at if self._acting_at is not None else self._clock.now

    def at(self, due: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, _Later(due, next(self._numbers), act))

    def catch_up(self) -> None:
        """Do all that is due, each at its own time, so that a clock put forward by weeks tells them in order."""
        for later in self._due():
            self._acting_at = later.due
            try:
                later.act()
            finally:
                self._acting_at = None

    def _due(self) -> "Iterator[_Later]":
        while self._later and self._later[0].due <= self._clock.now:
            yield heapq.heappop(self._later)


@dataclass(order=True, slots=True)
class _Later:
    due: float
    number: int
    act: Callable[[], None] = field(compare=False)
