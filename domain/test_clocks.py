"""Clocks that are moved by hand: the customers on one live by it, while everybody else stays in real time.

Outside production only. They tell business time: when periods, trials and dunning end. Keys, leases, jobs and whatever
concerns a provider go by the real clock always.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from domain.errors import ClockAdvancing, InvalidInput

FIRST_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Far from where calendars and time zones end, and nobody tests a subscription there."""
LONGEST_ADVANCE: Final = timedelta(days=5 * 366)
"""Five years in one go, whichever of them are leap years."""


class ClockState(StrEnum):
    READY = "READY"
    ADVANCING = "ADVANCING"
    """What was due by its target is done, one after another; its customers cannot be changed meanwhile."""
    FAILED = "FAILED"
    """It stands where something did not end; `failure` says what. It may be advanced again."""


def check_in_reach(moment: datetime, *path: str) -> None:
    if not FIRST_MOMENT <= moment < LAST_MOMENT:
        raise InvalidInput("A test clock stands in the years from 2000 to 2199.", path=path)


@dataclass(frozen=True, slots=True)
class DueOnClock:
    """What time does to a customer: to a subscription or an order of theirs."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestClock:
    __test__: ClassVar[bool] = False  # for pytest, which takes every Test… for a class of tests

    id: str
    name: str | None
    now: datetime
    """What its customers take for now. Of an advance, the moment of what was done last."""
    state: ClockState = ClockState.READY
    target: datetime | None = None
    """While it advances, and where that has failed: where it was to go."""
    failure: str | None = None
    created_at: datetime
    updated_at: datetime

    def check_ready(self) -> None:
        """Whoever changes one of its customers would do so at a moment that nobody has chosen."""
        if self.state is ClockState.ADVANCING:
            raise ClockAdvancing

    def advancing(self, target: datetime, *, now: datetime) -> "TestClock":
        """`now`, here and below, is the real time."""
        self.check_ready()
        if target <= self.now:
            raise InvalidInput("A clock only goes forward.", path=("to",))
        if target - self.now > LONGEST_ADVANCE:
            raise InvalidInput("A clock is advanced by five years at most at once.", path=("to",))
        return replace(self, state=ClockState.ADVANCING, target=target, failure=None, updated_at=now)

    def at(self, moment: datetime, *, now: datetime) -> "TestClock":
        """On its way; it never goes back, however late something that was due is done."""
        return replace(self, now=max(self.now, moment), updated_at=now)

    def arrived(self, *, now: datetime) -> "TestClock":
        there = self.now if self.target is None else max(self.now, self.target)
        return replace(self, now=there, state=ClockState.READY, target=None, updated_at=now)

    def failed(self, failure: str, *, now: datetime) -> "TestClock":
        return replace(self, state=ClockState.FAILED, failure=failure, updated_at=now)

    @property
    def is_advancing(self) -> bool:
        return self.state is ClockState.ADVANCING
