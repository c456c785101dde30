"""Periods follow the calendar and the clocks of a zone, without a gap, an overlap or drift.

The reference beside the properties knows no arithmetic of months and nothing of PEP 495: it walks from day to day, and
finds a wall time by looking what the clocks of the zone show at moments of UTC.
"""

from calendar import isleap
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.periods import LONGEST_TRIAL_DAYS, AnchorDay, Schedule, trial_end, zone_named
from domain.products import MAXIMUM_INTERVAL_COUNT, Interval, IntervalUnit
from tests.domain.examples import NOW, many

DAY, WEEK, MONTH, YEAR = (Interval(unit, 1) for unit in IntervalUnit)
QUARTER, TWO_YEARS = Interval(IntervalUnit.MONTH, 3), Interval(IntervalUnit.YEAR, 2)

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # its clocks are set at midnight, and it is south
    "Africa/Casablanca",  # twice more in Ramadan
    "Asia/Kolkata",
    "Asia/Gaza",  # on another day each year
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Chatham",
    "Pacific/Apia",  # 30 December 2011 was not
]


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def schedule(interval: Interval, start: str, zone: str = "UTC", *anchor: int) -> Schedule:
    return Schedule(
        interval=interval,
        start=at(start, zone),
        zone=zone,
        anchor_day=AnchorDay(*anchor) if anchor else None,
    )


def starts(of: Schedule, count: int) -> list[str]:
    """What the clocks of the zone show."""
    zone = ZoneInfo(of.zone)
    return [f"{period.start.astimezone(zone):%Y-%m-%d %H:%M}" for period in islice(of.periods(), count)]


class TestTheCalendar:
    @pytest.mark.fault("F56")
    def test_a_month_without_the_day_ends_a_period_on_its_last_and_the_next_has_it_again(self) -> None:
        assert starts(schedule(MONTH, "2027-01-31 10:15"), 6) == [
            "2027-01-31 10:15",
            "2027-02-28 10:15",
            "2027-03-31 10:15",
            "2027-04-30 10:15",
            "2027-05-31 10:15",
            "2027-06-30 10:15",
        ]
        assert starts(schedule(MONTH, "2028-01-30 00:00"), 3)[1:] == ["2028-02-29 00:00", "2028-03-30 00:00"]

    @pytest.mark.fault("F56")
    def test_a_year_from_a_leap_day_comes_back_to_it(self) -> None:
        years = [f"{day[:10]}" for day in starts(schedule(YEAR, "2024-02-29 08:00"), 9)]
        assert years[:5] == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]
        every_other = starts(schedule(TWO_YEARS, "2024-02-29 08:00"), 3)
        assert [day[:10] for day in every_other] == ["2024-02-29", "2026-02-28", "2028-02-29"]

    def test_a_century_that_is_no_leap_year_has_no_leap_day(self) -> None:
        (_, end) = starts(schedule(Interval(IntervalUnit.YEAR, 3), "2097-02-28 00:00", "UTC", 29, 2), 2)
        assert end == "2100-02-28 00:00"

    @pytest.mark.parametrize(
        ("interval", "third"),
        [
            (DAY, "2026-03-03"),
            (Interval(IntervalUnit.DAY, 30), "2026-04-30"),
            (WEEK, "2026-03-15"),
            (Interval(IntervalUnit.WEEK, 2), "2026-03-29"),
            (QUARTER, "2026-09-01"),
            (Interval(IntervalUnit.MONTH, 18), "2029-03-01"),
            (YEAR, "2028-03-01"),
        ],
    )
    def test_a_period_may_be_of_several_units(self, interval: Interval, third: str) -> None:
        assert starts(schedule(interval, "2026-03-01 09:30"), 3)[2] == f"{third} 09:30"

    def test_whole_periods_are_counted_from_one(self) -> None:
        first, second = islice(schedule(MONTH, "2026-03-01 09:30").periods(), 2)
        assert (first.number, second.number) == (1, 2)
        assert first.is_whole
        assert second.is_whole


class TestAnchorDays:
    """A subscription that begins in the midst of a month pays for the rest of it first."""

    @pytest.mark.parametrize(
        ("interval", "anchor", "boundaries"),
        [
            (MONTH, (1,), ["2026-03-10 17:20", "2026-04-01 00:00", "2026-05-01 00:00"]),
            (MONTH, (31,), ["2026-03-10 17:20", "2026-03-31 00:00", "2026-04-30 00:00", "2026-05-31 00:00"]),
            (MONTH, (10,), ["2026-03-10 17:20", "2026-04-10 00:00"]),
            (MONTH, (11,), ["2026-03-10 17:20", "2026-03-11 00:00"]),
            (QUARTER, (1,), ["2026-03-10 17:20", "2026-04-01 00:00", "2026-07-01 00:00"]),
            (QUARTER, (1, 2), ["2026-03-10 17:20", "2026-05-01 00:00", "2026-08-01 00:00"]),
            (QUARTER, (1, 12), ["2026-03-10 17:20", "2026-06-01 00:00"]),
            (QUARTER, (11, 12), ["2026-03-10 17:20", "2026-03-11 00:00", "2026-06-11 00:00"]),
            (Interval(IntervalUnit.MONTH, 5), (15,), ["2026-03-10 17:20", "2026-03-15 00:00", "2026-08-15 00:00"]),
            (YEAR, (1, 1), ["2026-03-10 17:20", "2027-01-01 00:00", "2028-01-01 00:00"]),
            (YEAR, (29, 2), ["2026-03-10 17:20", "2027-02-28 00:00", "2028-02-29 00:00", "2029-02-28 00:00"]),
            (TWO_YEARS, (1, 4), ["2026-03-10 17:20", "2026-04-01 00:00", "2028-04-01 00:00"]),
            (WEEK, (1,), ["2026-03-10 17:20", "2026-03-16 00:00", "2026-03-23 00:00"]),
            (WEEK, (2,), ["2026-03-10 17:20", "2026-03-17 00:00"]),
        ],
    )
    def test_periods_begin_on_it_at_midnight(
        self, interval: Interval, anchor: tuple[int, ...], boundaries: list[str]
    ) -> None:
        of = schedule(interval, "2026-03-10 17:20", "Europe/Berlin", *anchor)
        assert starts(of, len(boundaries)) == boundaries

    def test_the_first_period_knows_of_which_whole_one_it_is_the_rest(self) -> None:
        first, second = islice(schedule(MONTH, "2026-03-10 17:20", "UTC", 31).periods(), 2)
        assert (first.number, first.whole_start, first.end) == (0, at("2026-02-28 00:00"), at("2026-03-31 00:00"))
        assert not first.is_whole
        assert (second.number, second.is_whole) == (1, True)

    def test_whoever_begins_on_it_has_a_whole_period_at_once(self) -> None:
        first = schedule(MONTH, "2026-03-01 00:00", "Asia/Kolkata", 1).first()
        assert (first.number, first.is_whole, first.end) == (1, True, at("2026-04-01 00:00", "Asia/Kolkata"))

    @pytest.mark.parametrize(
        ("interval", "anchor", "field"),
        [
            (DAY, AnchorDay(1), None),
            (WEEK, AnchorDay(0), "day"),
            (WEEK, AnchorDay(8), "day"),
            (WEEK, AnchorDay(1, month=1), "month"),
            (MONTH, AnchorDay(0), "day"),
            (MONTH, AnchorDay(32), "day"),
            (MONTH, AnchorDay(1, month=1), "month"),
            (Interval(IntervalUnit.MONTH, 5), AnchorDay(1, month=1), "month"),
            (QUARTER, AnchorDay(1, month=0), "month"),
            (QUARTER, AnchorDay(1, month=13), "month"),
            (YEAR, AnchorDay(1), "month"),
        ],
    )
    def test_a_day_that_says_nothing_of_such_periods_is_refused(
        self, interval: Interval, anchor: AnchorDay, field: str | None
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            Schedule(interval=interval, start=NOW, anchor_day=anchor)
        assert refused.value.path == ("anchorDay", *([field] if field else []))


@pytest.mark.fault("F56")
class TestClocksThatAreSet:
    def test_periods_keep_the_wall_time_through_summer_and_winter(self) -> None:
        of = schedule(MONTH, "2026-02-15 09:00", "America/New_York")
        assert {start[-5:] for start in starts(of, 24)} == {"09:00"}
        lengths = {period.end - period.start for period in islice(of.periods(), 24)}
        assert timedelta(days=28, hours=-1) in lengths
        assert timedelta(days=31, hours=1) in lengths

    def test_a_wall_time_that_is_left_out_is_read_as_if_clocks_had_not_been_set_yet(self) -> None:
        of = schedule(DAY, "2027-03-27 02:30", "Europe/Berlin")
        assert starts(of, 3) == ["2027-03-27 02:30", "2027-03-28 03:30", "2027-03-29 02:30"]

    def test_of_a_wall_time_that_comes_twice_the_first_is_meant(self) -> None:
        of = schedule(DAY, "2027-10-30 02:30", "Europe/Berlin")
        assert [period.start for period in islice(of.periods(), 3)] == [
            datetime(2027, 10, 30, 0, 30, tzinfo=UTC),
            datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
            datetime(2027, 11, 1, 1, 30, tzinfo=UTC),
        ]

    def test_who_begins_at_the_second_of_two_is_not_moved_to_the_first(self) -> None:
        second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
        of = Schedule(interval=DAY, start=second, zone="Europe/Berlin")
        assert of.first().start == second
        assert starts(of, 2) == ["2027-10-31 02:30", "2027-11-01 02:30"]

    def test_a_day_without_a_midnight_begins_when_it_begins(self) -> None:
        of = schedule(WEEK, "2026-08-31 12:00", "America/Santiago", 7)
        assert starts(of, 3) == ["2026-08-31 12:00", "2026-09-06 01:00", "2026-09-13 00:00"]

    def test_a_day_that_a_zone_has_left_out_is_no_period(self) -> None:
        of = schedule(DAY, "2011-12-28 10:00", "Pacific/Apia")
        days = list(islice(of.periods(), 4))
        assert starts(of, 4) == ["2011-12-28 10:00", "2011-12-29 10:00", "2011-12-31 10:00", "2012-01-01 10:00"]
        assert [day.number for day in days] == [1, 2, 4, 5]
        assert {day.end - day.start for day in days} == {timedelta(days=1)}

    def test_rules_that_have_changed_since_make_no_gap_and_no_overlap(self) -> None:
        of = schedule(DAY, "2026-03-01 09:30")
        for moved_by in (timedelta(hours=-1), timedelta(hours=1), timedelta(days=1), timedelta(days=2, hours=1)):
            first = of.first()
            as_written_down = replace(first, end=first.end + moved_by)
            next_one = of.following(as_written_down)
            assert as_written_down.end == next_one.start < next_one.end == of.boundary(next_one.number)

    @pytest.mark.parametrize(
        "name", ["", "Berlin", "EST", "localtime", "posixrules", "right/UTC", "posix/UTC", "../UTC", "America", "a/b\0"]
    )
    def test_what_is_no_zone_everywhere_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            Schedule(interval=DAY, start=NOW, zone=name)
        assert refused.value.path == ("timeZone",)


class TestTrials:
    def test_a_trial_of_seven_days_is_seven_dates(self) -> None:
        start = at("2027-03-25 20:00", "Europe/Berlin")
        assert trial_end(start, days=7, zone="Europe/Berlin") == at("2027-04-01 20:00", "Europe/Berlin")
        assert trial_end(start, days=7) - start == timedelta(days=7)

    @pytest.mark.parametrize("days", [0, -1, LONGEST_TRIAL_DAYS + 1])
    def test_a_trial_is_no_longer_than_two_years(self, days: int) -> None:
        with pytest.raises(InvalidInput):
            trial_end(NOW, days=days)


class TestWhatHasBegun:
    def test_whoever_starts_earlier_has_periods_behind_them(self) -> None:
        of = schedule(MONTH, "2026-01-31 00:00")
        begun = list(of.begun_by(at("2026-04-15 00:00")))
        assert [period.number for period in begun] == [1, 2, 3]
        assert begun[-1].covers(at("2026-04-15 00:00"))

    def test_a_period_has_begun_at_its_first_moment(self) -> None:
        of = schedule(MONTH, "2026-01-31 00:00")
        assert len(list(of.begun_by(at("2026-02-28 00:00")))) == 2
        assert len(list(of.begun_by(at("2026-02-28 00:00") - timedelta(microseconds=1)))) == 1

    def test_before_the_start_nothing_has(self) -> None:
        assert not list(schedule(MONTH, "2026-01-31 00:00").begun_by(at("2026-01-30 00:00")))


# --- properties -------------------------------------------------------------------------------------------------------


@cache
def changes_of_clocks(zone: str) -> list[datetime]:
    """In the years around those of which the examples are taken, found by looking at noon of each day."""
    found = []
    noons = [datetime(2010, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(5 * 366)]
    for noon, next_noon in pairwise(noons):
        if offset(noon, zone) != offset(next_noon, zone):
            minutes = (noon + timedelta(minutes=minute) for minute in range(1, 24 * 60 + 1))
            found.append(next(moment for moment in minutes if offset(moment, zone) != offset(noon, zone)))
    return found


def offset(moment: datetime, zone: str) -> timedelta:
    told = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert told is not None
    return told


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Any; often one whose periods begin near to where clocks are set, or at the end of a month."""
    zone = draw(st.sampled_from(ZONES))
    unit = draw(st.sampled_from(IntervalUnit))
    interval = Interval(unit, draw(st.integers(1, min(MAXIMUM_INTERVAL_COUNT[unit], 40))))
    start = datetime(2008, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 20 * 366 * 24 * 60)))
    changes = changes_of_clocks(zone)
    if draw(st.booleans()) and changes:
        minutes = draw(st.integers(-180, 180))
        start = draw(st.sampled_from(changes)) + timedelta(minutes=minutes, days=draw(st.integers(-3, 0)))
        interval = draw(st.sampled_from([DAY, Interval(IntervalUnit.DAY, 3), interval]))
    elif draw(st.booleans()):
        start = start.replace(day=draw(st.integers(28, 31)), month=draw(st.sampled_from([1, 3, 5, 7, 8, 10, 12])))
    return Schedule(interval=interval, start=start, zone=zone, anchor_day=draw(anchor_days(interval)))


def anchor_days(interval: Interval) -> st.SearchStrategy[AnchorDay | None]:
    days = st.integers(1, 7 if interval.unit is IntervalUnit.WEEK else 31)
    months: st.SearchStrategy[Any] = st.none()
    if interval.unit is IntervalUnit.YEAR:
        months = st.integers(1, 12)
    elif interval.unit is IntervalUnit.MONTH and len(months_of(1, interval)) < 12:
        months = st.none() | st.integers(1, 12)
    elif interval.unit is IntervalUnit.DAY:
        return st.none()
    return st.none() | st.builds(AnchorDay, days, months)


def months_of(month: int, interval: Interval) -> set[int]:
    """The months, from 1 to 12, in which such periods begin if one begins in this."""
    months = interval.count * (12 if interval.unit is IntervalUnit.YEAR else 1)
    return {(month - 1 + periods * months) % 12 + 1 for periods in range(12)}


def instant_by_reference(day: date, wall_time: time, zone: str) -> datetime:
    """The first moment at which the clocks show it; where none is, they are read as they were set before."""
    wanted = datetime.combine(day, wall_time)
    hours = [wanted.replace(tzinfo=UTC) + timedelta(hours=hour) for hour in range(-30, 31)]
    offsets = {offset(hour, zone) for hour in hours}
    moments = [wanted.replace(tzinfo=UTC) - each for each in offsets]
    shown = [moment for moment in moments if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wanted]
    if shown:
        return min(shown)
    before = [hour for hour in hours if hour.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < wanted]
    return wanted.replace(tzinfo=UTC) - offset(before[-1], zone)


def days_by_reference(of: Schedule) -> Iterator[date]:
    """The days on which whole periods begin, one after the other."""
    start = of.start.astimezone(ZoneInfo(of.zone)).date()
    if of.anchor_day is None:
        yield from days_from(start, of.interval, start.day)
        return
    first = start
    while not is_anchor(first, of) or instant_by_reference(first, time(0, 0), of.zone) < of.start:
        first += timedelta(days=1)
    yield from days_from(first, of.interval, of.anchor_day.day)


def days_from(first: date, interval: Interval, day_of_month: int) -> Iterator[date]:
    day = first
    yield day
    if interval.unit in (IntervalUnit.DAY, IntervalUnit.WEEK):
        while True:
            for _ in range(interval.count * (7 if interval.unit is IntervalUnit.WEEK else 1)):
                day += timedelta(days=1)
            yield day
    year, month = first.year, first.month
    while True:
        for _ in range(interval.count * (12 if interval.unit is IntervalUnit.YEAR else 1)):
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        yield date(year, month, min(day_of_month, length_of(year, month)))


def length_of(year: int, month: int) -> int:
    return (29 if isleap(year) else 28) if month == 2 else 30 if month in (4, 6, 9, 11) else 31


def is_anchor(day: date, of: Schedule) -> bool:
    anchor = of.anchor_day
    assert anchor is not None
    if of.interval.unit is IntervalUnit.WEEK:
        return day.weekday() + 1 == anchor.day
    in_month = anchor.month is None or day.month in months_of(anchor.month, of.interval)
    return in_month and day.day == min(anchor.day, length_of(day.year, day.month))


@pytest.mark.fault("F56")
@many
@given(schedules())
def test_periods_begin_where_a_walk_through_the_calendar_finds_them(of: Schedule) -> None:
    wall_time = time(0, 0) if of.anchor_day else of.start.astimezone(ZoneInfo(of.zone)).time().replace(fold=0)
    expected = [instant_by_reference(day, wall_time, of.zone) for day in islice(days_by_reference(of), 9)]
    if of.anchor_day is None:
        expected[0] = of.start
    elif expected[0] != of.start:
        expected = [of.start, *expected]
    expected = [moment for number, moment in enumerate(expected) if number == 0 or moment != expected[number - 1]]
    assert [period.start for period in islice(of.periods(), len(expected))] == expected


@pytest.mark.fault("F56")
@many
@given(schedules(), st.integers(0, 999))
def test_every_moment_from_the_start_lies_in_one_period(of: Schedule, share: int) -> None:
    some = list(islice(of.periods(), 9))
    assert some[0].start == of.start
    assert all(before.end == after.start for before, after in pairwise(some))
    assert all(period.whole_start <= period.start < period.end for period in some)
    assert all(period.is_whole for period in some[1:])
    assert some[0].is_whole or of.anchor_day
    moment = some[0].start + (some[-1].end - some[0].start) // 1000 * share
    (found,) = (period for period in some if period.covers(moment))
    assert list(of.begun_by(moment))[-1] == found


@pytest.mark.fault("F56")
@many
@given(schedules(), st.integers(1, 60))
def test_the_nth_period_is_found_without_those_before_it(of: Schedule, number: int) -> None:
    period = next(period for period in of.periods() if period.number >= number)
    assert period.end == of.boundary(period.number)


def test_a_zone_is_read_once() -> None:
    assert zone_named("Europe/Berlin") is zone_named("Europe/Berlin")
