"""When the periods of a plan begin, found by looking at a calendar on the wall: slowly, and without the domain.

A boundary is a day and a wall time in some place. The first is the start itself, or, with an anchor day, the first
midnight of such a day from the start on; every other one is so many days, weeks or months of the calendar away from it.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from math import gcd
from zoneinfo import ZoneInfo

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Rhythm(2, "WEEK") begins a period every second week."""

    every: int
    unit: str
    """DAY, WEEK, MONTH or YEAR."""

    @property
    def months(self) -> int:
        return self.every * {"MONTH": 1, "YEAR": 12}[self.unit]

    @property
    def days(self) -> int:
        return self.every * {"DAY": 1, "WEEK": 7}[self.unit]

    @property
    def counts_months(self) -> bool:
        return self.unit in ("MONTH", "YEAR")

    def is_as_long_as(self, other: "Rhythm") -> bool:
        if self.counts_months != other.counts_months:
            return False
        return self.months == other.months if self.counts_months else self.days == other.days


@dataclass(frozen=True, slots=True)
class Anchor:
    """Periods begin on this day: of a week from Monday, 1, or of a month; `month` says in which of a year."""

    day: int
    month: int | None = None

    def is_on(self, day: date, rhythm: Rhythm) -> bool:
        if not rhythm.counts_months:
            return day.isoweekday() == self.day
        if day.day != min(self.day, monthrange(day.year, day.month)[1]):
            return False
        return self.month is None or (day.month - self.month) % gcd(rhythm.months, 12) == 0


@dataclass(frozen=True, slots=True)
class Span:
    """A period. Its price is that of the time from `whole_start` on, of which it may be the last part."""

    start: datetime
    end: datetime
    whole_start: datetime


def spans(start: datetime, rhythm: Rhythm, *, zone: str, anchor: Anchor | None = None) -> Iterator[Span]:
    """All periods from `start` on, without an end."""
    if anchor is None:
        there = start.astimezone(ZoneInfo(zone))
        first, hour, upcoming = there.date(), there.time(), start
    else:
        first, hour = _first_day_on(start, rhythm, zone, anchor), time(0)
        upcoming = when(first, hour, zone)

    def boundary(number: int) -> datetime:
        return when(_moved(first, number, rhythm, anchor), hour, zone)

    if upcoming != start:
        yield Span(start, upcoming, boundary(-1))
    for number in count(1):
        before, upcoming = upcoming, boundary(number)
        if upcoming > before:
            yield Span(before, upcoming, before)
        else:
            upcoming = before  # a day that this place has left out


def when(day: date, hour: time, zone: str) -> datetime:
    """The moment, in UTC, at which clocks there first show this; of what they never show, as if not set yet."""
    wall = datetime.combine(day, hour.replace(fold=0, tzinfo=None), tzinfo=UTC)
    offsets = [_offset(wall + nearby, zone) for nearby in (-2 * _A_DAY, 2 * _A_DAY)]
    showing = [wall - offset for offset in offsets if _offset(wall - offset, zone) == offset]
    return min(showing, default=wall - offsets[0])


def _offset(moment: datetime, zone: str) -> timedelta:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset


def _first_day_on(start: datetime, rhythm: Rhythm, zone: str, anchor: Anchor) -> date:
    today = start.astimezone(ZoneInfo(zone)).date()
    days = (today + timedelta(days=number) for number in count())
    return next(day for day in days if anchor.is_on(day, rhythm) and when(day, time(0), zone) >= start)


def _moved(first: date, number: int, rhythm: Rhythm, anchor: Anchor | None) -> date:
    if not rhythm.counts_months:
        return first + timedelta(days=number * rhythm.days)
    year, month = first.year, first.month
    for _ in range(abs(number) * rhythm.months):
        month += 1 if number > 0 else -1
        if month in (0, 13):
            year, month = (year + 1, 1) if month == 13 else (year - 1, 12)
    return date(year, month, min(anchor.day if anchor else first.day, monthrange(year, month)[1]))
