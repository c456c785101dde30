"""What Hypothesis chooses from: plans and moments at which calendars are odd."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.model.calendar import Anchor, Rhythm
from tests.model.tariffs import Step, Tariff, flat, per_unit

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # had set its clocks at midnight, until 2019
    "Africa/Cairo",  # sets them at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # had no 30 December in 2011
    "Asia/Kathmandu",  # is 5:45 ahead
)

rhythms = st.one_of(
    st.builds(Rhythm, st.sampled_from((1, 2, 3, 4, 5, 6, 12, 18, 24)), st.just("MONTH")),
    st.builds(Rhythm, st.integers(1, 3), st.sampled_from(("DAY", "WEEK", "YEAR"))),
)

_odd_days = st.builds(
    lambda year, month, day, half_hours: datetime(year, month, day, tzinfo=UTC) + timedelta(minutes=30 * half_hours),
    st.sampled_from((2011, 2018, 2024, 2026, 2027)),
    st.sampled_from((1, 3, 10, 12)),
    st.integers(24, 31),
    st.integers(0, 47),
)
_any_days = st.integers(0, 20 * 365 * 86_400).map(
    lambda seconds: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
moments = st.one_of(_odd_days, _any_days)


@st.composite
def anchors(draw: st.DrawFn, rhythm: Rhythm) -> Anchor | None:
    """Of the days that such periods can begin on, or none."""
    if rhythm.unit == "DAY" or draw(st.booleans()):
        return None
    if rhythm.unit == "WEEK":
        return Anchor(draw(st.integers(1, 7)))
    day = draw(st.one_of(st.integers(1, 31), st.sampled_from((1, 28, 29, 30, 31))))
    if rhythm.unit == "YEAR":
        return Anchor(day, draw(st.integers(1, 12)))
    has_months = any(rhythm.months % step == 0 for step in (2, 3))  # others come to any month in time
    month = draw(st.none() | st.integers(1, 12)) if has_months else None
    return Anchor(day, month)


_amounts = st.one_of(st.integers(0, 100), st.sampled_from((1, 3, 9_99, 20_00, 200_00, 12_345_67)))


@st.composite
def _tiered(draw: st.DrawFn) -> Tariff:
    ends = sorted(draw(st.sets(st.integers(1, 12), max_size=3)))
    steps = tuple(Step(end, draw(_amounts), draw(_amounts)) for end in (*ends, None))
    return Tariff(draw(st.sampled_from(("VOLUME", "GRADUATED"))), steps)


tariffs = st.one_of(st.builds(per_unit, _amounts), st.builds(flat, _amounts), _tiered())
quantities = st.integers(1, 15)


def within(start: datetime, end: datetime) -> st.SearchStrategy[datetime]:
    """A whole second from the start on, before the end."""
    return st.integers(0, int((end - start).total_seconds()) - 1).map(
        lambda seconds: start + timedelta(seconds=seconds)
    )
