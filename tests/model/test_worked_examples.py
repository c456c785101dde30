"""The model says what was worked out by hand: of the story of a year, and of each thing that can happen once."""

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import islice

import pytest

from tests.model.calendar import Anchor, Rhythm, Span, spans, when
from tests.model.tariffs import Step, Tariff, flat, per_unit
from tests.model.usage import AN_INSTANT, Calendar, Usage, Word

MONTHLY, YEARLY = Rhythm(1, "MONTH"), Rhythm(1, "YEAR")
START = datetime(2027, 1, 31, 10, tzinfo=UTC)
END = datetime(2028, 3, 31, 9, tzinfo=UTC)
"""Of the story: just before its fifteenth month."""


def moment(year: int, month: int, day: int, hour: int = 10) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def monthly(start: datetime = START, **prices: int) -> Usage:
    words = [Word(start, item, Fraction(price)) for item, price in (prices or {"plan": 20_00}).items()]
    return Usage([Calendar(start, MONTHLY)], words)


def word(since: datetime, *, felt_from: datetime | None = None, **price: int) -> Word:
    """Of one item."""
    ((item, amount),) = price.items()
    return Word(since, item, Fraction(amount), felt_from)


def starts(periods: list[Span]) -> list[datetime]:
    return [span.start for span in periods]


class TestTheYear:
    """The worked table of those who have a plan of 20 a month or 200 a year."""

    def test_its_months_begin_on_the_31st_or_the_last_day(self) -> None:
        days = [(1, 31), (2, 28), (3, 31), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31), (11, 30)]
        of_2027 = [moment(2027, *day) for day in [*days, (12, 31)]]
        assert starts(monthly().periods(END)) == [*of_2027, moment(2028, 1, 31), moment(2028, 2, 29)]

    def test_ada_changes_to_yearly_in_the_midst_of_a_month(self) -> None:
        changed = moment(2027, 4, 15)
        ada = monthly()
        ada.calendars.append(Calendar(changed, YEARLY))
        ada.words.append(word(changed, plan=200_00))
        assert ada.billed(changed - timedelta(seconds=1)) == 60_00
        assert ada.billed(changed) == ada.billed(END) == 250_00
        assert ada.used(changed) == 50_00
        assert starts(ada.periods(END)) == [*starts(monthly().periods(changed)), changed]

    def test_ben_changes_to_monthly_when_his_year_ends(self) -> None:
        ben = Usage(
            [Calendar(START, YEARLY), Calendar(moment(2028, 1, 31), MONTHLY)],
            [word(START, plan=200_00), word(moment(2028, 1, 31), plan=20_00)],
        )
        assert ben.billed(moment(2028, 1, 31, 9)) == 200_00
        assert ben.billed(END) == 240_00

    def test_cleo_pauses_and_has_credit(self) -> None:
        paused, resumed = moment(2027, 6, 10, 16), moment(2027, 7, 20, 4)
        cleo = monthly()
        cleo.pauses.append((paused, None))
        assert cleo.billed(paused) == 100_00 - 13_17
        assert cleo.billed(resumed - timedelta(seconds=1)) == 100_00 - 13_17
        cleo.pauses[-1] = (paused, resumed)
        assert cleo.billed(resumed) == 100_00 - 13_17 + 7_26
        assert cleo.billed(END) == 254_09
        assert starts(cleo.periods(END)) == starts(monthly().periods(END))

    def test_dan_leaves_with_credit(self) -> None:
        dan = monthly()
        dan.ends = moment(2028, 3, 10, 0)
        assert dan.billed(moment(2028, 3, 9)) == 280_00
        assert dan.billed(END) == 266_18
        assert dan.used(END) == 13 * 20_00 + Fraction(20_00 * (9 * 24 + 14), 31 * 24)


class TestUsage:
    def test_a_quantity_that_grows_and_shrinks_within_a_month_is_rounded_once(self) -> None:
        start = moment(2026, 4, 1, 0)
        usage = monthly(start, seat=10_00)
        for day in range(2, 30):
            usage.words.append(word(moment(2026, 4, day, 0), seat=10_00 * (1 + day % 2)))
        # One seat on the 1st and the even days up to the 28th, two on the odd ones from the 3rd and on the 30th.
        assert usage.billed(moment(2026, 4, 30)) == 15_00

    def test_half_a_unit_is_rounded_up(self) -> None:
        start = moment(2026, 4, 1, 0)
        usage = monthly(start, seat=3)
        usage.ends = moment(2026, 4, 16, 0)
        assert usage.billed(END) == 2

    def test_each_item_is_rounded_by_itself(self) -> None:
        usage = monthly(moment(2026, 4, 1, 0), one=1, two=1)
        usage.ends = moment(2026, 4, 16, 0)
        assert usage.billed(END) == 2
        assert usage.used(END) == 1

    def test_an_item_that_comes_and_one_that_goes(self) -> None:
        usage = monthly(moment(2026, 4, 1, 0), one=30_00)
        usage.words += [word(moment(2026, 4, 11, 0), one=0), word(moment(2026, 4, 11, 0), two=60_00)]
        assert usage.billed_by_item(moment(2026, 4, 30)) == {
            (moment(2026, 4, 1, 0), "one"): 10_00,
            (moment(2026, 4, 1, 0), "two"): 40_00,
        }

    def test_what_is_said_without_proration_is_felt_with_the_next_period(self) -> None:
        usage = monthly(moment(2026, 4, 1, 0), one=30_00, two=3_00)
        said = moment(2026, 4, 11, 0)
        usage.words.append(word(said, felt_from=said + AN_INSTANT, one=60_00))
        usage.words.append(word(moment(2026, 4, 16, 0), two=9_00))
        assert usage.billed(moment(2026, 4, 30)) == 30_00 + 6_00
        assert usage.billed(moment(2026, 5, 1, 0)) == 36_00 + 69_00
        # What is said with proration changes what was billed, and not what was said meanwhile.
        usage.words.append(word(moment(2026, 4, 21, 0), one=90_00))
        assert usage.billed(moment(2026, 4, 30)) == 20_00 + 30_00 + 6_00

    def test_what_was_said_without_proration_is_felt_when_what_was_paused_goes_on(self) -> None:
        usage = monthly(moment(2026, 4, 1, 0), one=30_00)
        said = moment(2026, 4, 6, 0)
        usage.words.append(word(said, felt_from=said + AN_INSTANT, one=60_00))
        usage.pauses.append((moment(2026, 4, 11, 0), moment(2026, 4, 21, 0)))
        assert usage.billed(moment(2026, 4, 30)) == 10_00 + 20_00

    def test_another_rhythm_without_proration_comes_on_top_of_what_was_paid(self) -> None:
        usage = monthly(moment(2026, 4, 1, 0), plan=30_00)
        changed = moment(2026, 4, 16, 0)
        usage.keep_period(changed)
        usage.calendars.append(Calendar(changed, YEARLY))
        usage.words.append(word(changed, felt_from=changed, plan=300_00))
        assert usage.billed(moment(2026, 4, 30)) == 330_00

    def test_what_is_to_come_is_not_billed(self) -> None:
        usage = monthly()
        before = usage.billed(START)
        usage.words.append(word(moment(2027, 2, 3), plan=50_00))
        usage.pauses.append((moment(2027, 2, 7), None))
        usage.ends = moment(2027, 2, 9)
        assert usage.billed(START) == before == 20_00

    def test_a_start_to_come_is_not_billed_and_one_in_the_past_altogether(self) -> None:
        assert monthly().billed(START - timedelta(seconds=1)) == 0
        assert monthly().billed(moment(2027, 5, 1)) == 4 * 20_00

    def test_the_part_before_an_anchor_day_is_a_share_of_the_month_that_ends_there(self) -> None:
        start = moment(2026, 4, 21, 0)
        usage = Usage([Calendar(start, MONTHLY, anchor=Anchor(1))], [word(start, plan=30_00)])
        assert usage.billed(start) == 10_00
        assert usage.billed(moment(2026, 5, 1, 0)) == 40_00


class TestTheCalendar:
    def test_leap_days(self) -> None:
        first = list(islice(spans(moment(2024, 2, 29), YEARLY, zone="UTC"), 5))
        assert [(span.end.month, span.end.day) for span in first] == [(2, 28), (2, 28), (2, 28), (2, 29), (2, 28)]

    def test_clocks_that_are_set_forward_and_back(self) -> None:
        # Berlin: 29 March 2026 has no 2:30, and 25 October has it twice.
        start = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
        _, second, third = islice(spans(start, Rhythm(1, "DAY"), zone="Europe/Berlin"), 3)
        assert second.start == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        assert third.start == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
        back = when(date(2026, 10, 25), time(2, 30), "Europe/Berlin")
        assert back == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_a_day_that_was_left_out_is_no_period(self) -> None:
        start = datetime(2011, 12, 29, 10, tzinfo=UTC)  # the 29th at midnight in Samoa, which had no 30th
        days = list(islice(spans(start, Rhythm(1, "DAY"), zone="Pacific/Apia"), 3))
        assert [day.start for day in days] == [start, start + timedelta(days=1), start + timedelta(days=2)]

    def test_a_day_of_the_week(self) -> None:
        first, second = islice(spans(moment(2026, 4, 1), Rhythm(2, "WEEK"), zone="UTC", anchor=Anchor(1)), 2)
        assert (first.whole_start, first.end) == (moment(2026, 3, 23, 0), moment(2026, 4, 6, 0))
        assert second.end == moment(2026, 4, 20, 0)

    def test_a_month_of_the_year(self) -> None:
        quarters = spans(moment(2026, 5, 20), Rhythm(3, "MONTH"), zone="UTC", anchor=Anchor(31, month=1))
        assert [span.end for span in islice(quarters, 3)] == [
            moment(2026, 7, 31, 0),
            moment(2026, 10, 31, 0),
            moment(2027, 1, 31, 0),
        ]


TIERS = (Step(5, 10_00, flat=1_00), Step(10, 8_00), Step(None, 5_00, flat=2_00))


@pytest.mark.parametrize(
    ("tariff", "quantity", "price"),
    [
        (per_unit(10_00), 7, 70_00),
        (flat(49_00), 7, 49_00),
        (Tariff("VOLUME", TIERS), 5, 51_00),
        (Tariff("VOLUME", TIERS), 7, 56_00),
        (Tariff("VOLUME", TIERS), 11, 57_00),
        (Tariff("GRADUATED", TIERS), 5, 51_00),
        (Tariff("GRADUATED", TIERS), 7, 67_00),
        (Tariff("GRADUATED", TIERS), 12, 50_00 + 1_00 + 40_00 + 10_00 + 2_00),
    ],
)
def test_prices(tariff: Tariff, quantity: int, price: int) -> None:
    assert tariff.price(quantity) == price
