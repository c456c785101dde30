"""When the periods of a subscription begin and end.

A period begins at a wall time of a zone, such as the 31st at 9:30 in Berlin, and the n-th is always counted from the
first: 31 January, 28 February, 31 March. Counting from one to the next would lose the 31st in February for good. Of the
time a period covers, its start is the first moment and its end is the next one's, so nothing lies in two periods or in
none.

Clocks that are set do not get in the way. A wall time that they leave out is read as if they had not been set yet, so
2:30 becomes 3:30, and of one that they show twice the first is meant: as RFC 5545 (iCalendar), section 3.3.5, and
Temporal's "compatible" have it. The zone is UTC unless somebody chooses another, and UTC has none of this.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import takewhile
from math import gcd
from zoneinfo import ZoneInfo, available_timezones

from domain.errors import InvalidInput
from domain.products import Interval, IntervalUnit

LONGEST_TRIAL_DAYS = 730
"""Two years, as Stripe has it: longer than that is a price of zero."""

_MIDNIGHT = time(0, 0)


@cache
def zone_named(name: str) -> ZoneInfo:
    """The zone that IANA calls so, such as Europe/Berlin, or UTC; InvalidInput for any other.

    `EST`, `posixrules` and `localtime` are refused: old names that mean other things on other machines.
    """
    if name != "UTC" and not ("/" in name and name in _known_zones()):
        raise InvalidInput("This has to be a time zone such as Europe/Berlin, or UTC.", path=("timeZone",))
    return ZoneInfo(name)


@cache
def _known_zones() -> frozenset[str]:
    """Read from the machine's files, some 20 ms; `right/…`, which count leap seconds, are not among them."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class AnchorDay:
    """The day on which periods begin, at midnight, whenever the subscription did: AnchorDay(1) is the first of a month.

    For weeks `day` is from 1, Monday, to 7. For months and years it is from 1 to 31, which in a shorter month is its
    last day. `month`, from 1 to 12, says of periods longer than a month in which they begin: years from `month` on, and
    quarters from AnchorDay(1, month=1) on the first of January, April, July and October.
    """

    day: int
    month: int | None = None

    def check_fits(self, interval: Interval) -> None:
        """InvalidInput when periods of this interval cannot begin on such a day."""
        if interval.unit is IntervalUnit.DAY:
            raise InvalidInput("Periods of days begin when the subscription does.", path=("anchorDay",))
        is_weeks = interval.unit is IntervalUnit.WEEK
        last = 7 if is_weeks else 31
        if not 1 <= self.day <= last:
            raise InvalidInput(f"This is a day from 1 to {last}.", path=("anchorDay", "day"))
        month_matters = not is_weeks and _month_step(interval) > 1
        if self.month is None:
            if interval.unit is IntervalUnit.YEAR:
                raise InvalidInput("For years, the month has to be told too.", path=("anchorDay", "month"))
        elif not month_matters:
            raise InvalidInput("These periods do not begin in the same months each year.", path=("anchorDay", "month"))
        elif not 1 <= self.month <= 12:
            raise InvalidInput("This is a month from 1 to 12.", path=("anchorDay", "month"))

    def last_up_to(self, day: date, interval: Interval) -> date:
        """The last day that such periods can begin on, up to and with this one."""
        if interval.unit is IntervalUnit.WEEK:
            return day - timedelta(days=(day.isoweekday() - self.day) % 7)
        months = _months_since_year_0(day)
        if self.month is not None:
            months -= (months - (self.month - 1)) % _month_step(interval)
        candidate = _day_in(months, self.day)
        return candidate if candidate <= day else _day_in(months - self._months_between(interval), self.day)

    def next_after(self, day: date, interval: Interval) -> date:
        """The next day that such periods can begin on, when `day` is one."""
        if interval.unit is IntervalUnit.WEEK:
            return day + timedelta(weeks=1)
        return _day_in(_months_since_year_0(day) + self._months_between(interval), self.day)

    def _months_between(self, interval: Interval) -> int:
        return 1 if self.month is None else _month_step(interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time that is paid for at once, from `start` until just before `end`."""

    number: int
    """It ends at its schedule's boundary of this number: 1 is the first whole period, 0 the part of one before it."""
    start: datetime
    end: datetime
    whole_start: datetime
    """When the whole period began, or would have begun, that this one is or is the last part of. What a price asks for
    is for the time from here to `end`."""

    @property
    def is_whole(self) -> bool:
        return self.whole_start == self.start

    def covers(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All the periods that a subscription can have.

    `start` is an aware time in UTC, past or to come: when a trial ends, or the subscription begins without one. With an
    `anchor_day` the first period is only the part of one that is left until that day. InvalidInput when day and
    interval do not fit, or the zone is none.
    """

    interval: Interval
    start: datetime
    zone: str = "UTC"
    anchor_day: AnchorDay | None = None

    def __post_init__(self) -> None:
        zone_named(self.zone)
        if self.anchor_day:
            self.anchor_day.check_fits(self.interval)

    def first(self) -> Period:
        begins = self.boundary(0)
        if begins == self.start:
            return Period(number=1, start=begins, end=self.boundary(1), whole_start=begins)
        return Period(number=0, start=self.start, end=begins, whole_start=self.boundary(-1))

    def following(self, period: Period) -> Period:
        """The next one. It begins where `period` ended, also when the rules of the zone have changed since that was
        written down. A day that a zone leaves out altogether (30 December 2011 in Samoa) is not a period."""
        number = period.number + 1
        while (end := self.boundary(number)) <= period.end:
            number += 1
        return Period(number=number, start=period.end, end=end, whole_start=period.end)

    def begun_by(self, moment: datetime) -> Iterator[Period]:
        """From the first to the one that covers the moment; none when it lies before them all."""
        return takewhile(lambda period: period.start <= moment, self.periods())

    def periods(self) -> Iterator[Period]:
        """All of them, without an end."""
        period = self.first()
        while True:
            yield period
            period = self.following(period)

    def boundary(self, number: int) -> datetime:
        """Where the period of this number ends and the next begins, in UTC; 0 is where the first whole one begins."""
        if number == 0 and self.anchor_day is None:
            return self.start  # its wall time may be the second of two, and then reads as the first
        wall_time = _MIDNIGHT if self.anchor_day else self._start_there().time()
        return _instant(self._day(number), wall_time, self.zone)

    def _day(self, number: int) -> date:
        first, steps = self._first_day(), number * self.interval.count
        match self.interval.unit:
            case IntervalUnit.DAY:
                return first + timedelta(days=steps)
            case IntervalUnit.WEEK:
                return first + timedelta(weeks=steps)
            case IntervalUnit.MONTH | IntervalUnit.YEAR:
                months = _months_since_year_0(first) + number * _months(self.interval)
                return _day_in(months, self.anchor_day.day if self.anchor_day else first.day)

    def _start_there(self) -> datetime:
        return self.start.astimezone(zone_named(self.zone))

    def _first_day(self) -> date:
        """Where the first whole period begins."""
        day = self._start_there().date()
        if self.anchor_day is None:
            return day
        candidate = self.anchor_day.last_up_to(day, self.interval)
        has_passed = _instant(candidate, _MIDNIGHT, self.zone) < self.start
        return self.anchor_day.next_after(candidate, self.interval) if has_passed else candidate


def trial_end(start: datetime, *, days: int, zone: str = "UTC") -> datetime:
    """When a trial of so many days is over, in UTC: at the wall time of its start, so that seven days are seven dates.

    InvalidInput for less than one day or more than LONGEST_TRIAL_DAYS.
    """
    if not 1 <= days <= LONGEST_TRIAL_DAYS:
        raise InvalidInput(f"A trial takes from 1 to {LONGEST_TRIAL_DAYS} days.", path=("trialDays",))
    there = start.astimezone(zone_named(zone))
    return _instant(there.date() + timedelta(days=days), there.time(), zone)


# --- the calendar -----------------------------------------------------------------------------------------------------


def _months(interval: Interval) -> int:
    return interval.count * (12 if interval.unit is IntervalUnit.YEAR else 1)


def _month_step(interval: Interval) -> int:
    """Periods of so many months begin in months this far apart, whichever year it is: 3 for quarters, 12 for two years,
    and 1 for five months, which come to any month in time."""
    return gcd(_months(interval), 12)


def _months_since_year_0(day: date) -> int:
    return day.year * 12 + day.month - 1


def _day_in(months: int, day: int) -> date:
    """In the month that is this many months after January of the year 0; its last day, when it has no such day."""
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def _instant(day: date, wall_time: time, zone: str) -> datetime:
    # fold=0 is what the module promises of wall times that are left out or come twice (PEP 495).
    there = datetime.combine(day, wall_time.replace(fold=0), tzinfo=zone_named(zone))
    return there.astimezone(UTC)
