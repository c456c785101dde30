"""Whatever changes in a period and whenever, what is invoiced less what is credited is the price of what was used.

The reference of the properties counts in fractions, from the changes themselves: it knows no lines and no rates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CurrencyMismatch, InvalidInput
from domain.money import MAXIMUM_MINOR_UNITS, Money
from domain.periods import AnchorDay, Period, Schedule
from domain.pricing import Pricing, PricingModel, Tier
from domain.products import Interval, IntervalUnit
from domain.proration import ItemPeriod, ProrationLine, prorated
from tests.domain.examples import many, usd

START = datetime(2026, 4, 1, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)
APRIL = Period(number=1, start=START, end=END, whole_start=START)
"""Thirty days."""
NOTHING = usd(0)


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 4, number, hour, tzinfo=UTC)


def item(amount: int = 30_00, period: Period = APRIL) -> ItemPeriod:
    return ItemPeriod.begun(period, usd(amount))


def minor_units(lines: Sequence[ProrationLine]) -> list[int]:
    return [line.amount.minor_units for line in lines]


class TestOneChange:
    def test_an_upgrade_credits_what_is_left_and_charges_for_the_same_time(self) -> None:
        after, lines = prorated(item(10_00), usd(20_00), at=day(16))
        assert minor_units(lines) == [-5_00, 10_00]
        assert {(line.start, line.end) for line in lines} == {(day(16), END)}
        assert [line.is_credit for line in lines] == [True, False]
        assert after.billed == usd(15_00)

    def test_a_downgrade_likewise(self) -> None:
        after, lines = prorated(item(20_00), usd(10_00), at=day(16))
        assert minor_units(lines) == [-10_00, 5_00]
        assert after.billed == usd(15_00)

    def test_an_end_credits_what_is_left(self) -> None:
        after, lines = prorated(item(30_00), NOTHING, at=day(11, 12))
        assert minor_units(lines) == [-19_50]
        assert after.billed == after.used(until=END) == after.used(until=END + timedelta(days=1)) == usd(10_50)

    def test_an_item_that_comes_in_the_midst_pays_for_the_rest(self) -> None:
        after, lines = prorated(item(0), usd(30_00), at=day(21))
        assert minor_units(lines) == [10_00]
        assert after.billed == usd(10_00)

    def test_at_the_first_moment_all_is_credited_and_nothing_was_used(self) -> None:
        after, lines = prorated(item(30_00), NOTHING, at=START)
        assert minor_units(lines) == [-30_00]
        assert after.billed == NOTHING

    def test_a_change_to_the_same_price_moves_no_money(self) -> None:
        after, lines = prorated(item(30_00), usd(30_00), at=day(16))
        assert minor_units(lines) == [-15_00, 15_00]
        assert after.billed == usd(30_00)

    def test_what_costs_nothing_before_and_after_has_no_lines(self) -> None:
        _, lines = prorated(item(0), NOTHING, at=day(16))
        assert lines == ()

    def test_half_a_minor_unit_is_rounded_up(self) -> None:
        after, lines = prorated(item(1), NOTHING, at=day(16))
        assert (after.billed, lines) == (usd(1), ())


class TestSeveralChanges:
    def test_a_pause_is_not_paid_for(self) -> None:
        paused, credit = prorated(item(30_00), NOTHING, at=day(11))
        resumed, charge = prorated(paused, usd(30_00), at=day(16))
        assert minor_units((*credit, *charge)) == [-20_00, 15_00]
        assert resumed.billed == usd(25_00)

    def test_a_change_that_is_taken_back_at_once_moves_no_money(self) -> None:
        upgraded, there = prorated(item(9_99), usd(99_99), at=day(12, 7))
        restored, back = prorated(upgraded, usd(9_99), at=day(12, 7))
        assert sum(minor_units((*there, *back))) == 0
        assert restored.billed == usd(9_99)

    def test_a_day_may_have_several(self) -> None:
        upgraded, _ = prorated(item(30_00), usd(54_00), at=day(16, 12))
        restored, _ = prorated(upgraded, usd(30_00), at=day(16, 13))
        assert restored.billed == usd(30_03)  # an hour of 24.00 more for 720 hours

    def test_a_change_each_minute_does_not_drift(self) -> None:
        one: ItemPeriod = item(10_00)
        total = one.billed.minor_units
        for minute in range(1, 200):
            one, lines = prorated(one, usd(10_00 + minute % 2), at=START + timedelta(minutes=minute))
            total += sum(minor_units(lines))
        # It was 10.01 for every other minute of 200, and is for the rest of the month.
        assert total == one.billed.minor_units == 10_01


class TestPartsOfPeriods:
    def test_the_first_part_costs_its_share_of_the_whole_that_ends_with_it(self) -> None:
        of = Schedule(
            interval=Interval(IntervalUnit.MONTH, 1), start=day(21), anchor_day=AnchorDay(1)
        )  # ten of April's thirty days
        one = item(30_00, of.first())
        assert one.billed == usd(10_00)
        after, lines = prorated(one, usd(60_00), at=day(26))
        assert minor_units(lines) == [-5_00, 10_00]
        assert after.billed == usd(15_00)

    def test_an_hour_that_clocks_leave_out_makes_the_month_shorter(self) -> None:
        of = Schedule(
            interval=Interval(IntervalUnit.MONTH, 1),
            start=datetime(2027, 2, 28, 23, tzinfo=UTC),
            zone="Europe/Berlin",
        )
        march = of.first()
        assert march.end - march.start == timedelta(hours=743)
        _, lines = prorated(item(743, march), NOTHING, at=march.start + timedelta(hours=700))
        assert minor_units(lines) == [-43]


class TestWhatCannotBe:
    @pytest.mark.parametrize("moment", [START - timedelta(seconds=1), END])
    def test_a_change_lies_in_its_period(self, moment: datetime) -> None:
        with pytest.raises(InvalidInput) as refused:
            prorated(item(), NOTHING, at=moment)
        assert refused.value.path == ("at",)

    def test_a_preview_is_out_of_date_once_something_has_changed(self) -> None:
        changed, _ = prorated(item(), usd(60_00), at=day(16))
        with pytest.raises(InvalidInput) as refused:
            prorated(changed, NOTHING, at=day(15))
        assert refused.value.path == ("at",)

    def test_a_subscription_stays_in_one_currency(self) -> None:
        with pytest.raises(CurrencyMismatch):
            prorated(item(), Money(30_00, "EUR"), at=day(16))

    def test_a_price_is_not_below_zero(self) -> None:
        with pytest.raises(InvalidInput):
            item(-1)
        with pytest.raises(InvalidInput):
            prorated(item(), usd(-1), at=day(16))


# --- properties -------------------------------------------------------------------------------------------------------

PRICINGS = [
    Pricing.per_unit(usd(9_99)),
    Pricing.per_unit(usd(1)),
    Pricing.flat(usd(200_01)),
    Pricing.flat(usd(0)),
    *(
        Pricing.tiered(
            model,
            [
                Tier(up_to=3, unit_amount=usd(10_07), flat_amount=usd(1_01)),
                Tier(up_to=10, unit_amount=usd(7_77), flat_amount=usd(0)),
                Tier(up_to=None, unit_amount=usd(3), flat_amount=usd(49_99)),
            ],
        )
        for model in (PricingModel.VOLUME, PricingModel.GRADUATED)
    ),
]


@dataclass(frozen=True)
class Change:
    moment: datetime
    item: int
    amount: int
    """Zero when it is paused, removed, or not there yet."""
    prorates: bool


@dataclass(frozen=True)
class Life:
    """A subscription, in words that the reference and the code under test both understand."""

    periods: list[Period]
    first_amounts: list[int]
    changes: list[Change]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    interval = draw(
        st.sampled_from(
            [*(Interval(unit, 1) for unit in IntervalUnit), Interval(IntervalUnit.MONTH, 3)],
        )
    )
    anchored = interval.unit is IntervalUnit.MONTH and draw(st.booleans())
    of = Schedule(
        interval=interval,
        start=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 1500 * 24 * 60))),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago"])),
        anchor_day=AnchorDay(draw(st.integers(1, 31))) if anchored else None,
    )
    periods = list(islice(of.periods(), draw(st.integers(1, 4))))
    amounts = st.builds(
        lambda pricing, quantity: pricing.amount(quantity).minor_units, st.sampled_from(PRICINGS), st.integers(1, 30)
    )
    items = draw(st.lists(amounts | st.just(0), min_size=1, max_size=3))
    span = (periods[-1].end - periods[0].start) // timedelta(seconds=1)
    moments = draw(st.lists(st.integers(0, span - 1) | st.sampled_from([0, span // 2, span - 1]), max_size=12))
    return Life(
        periods,
        items,
        [
            Change(
                moment=periods[0].start + timedelta(seconds=seconds),
                item=draw(st.integers(0, len(items) - 1)),
                amount=draw(amounts | st.just(0)),
                prorates=draw(st.sampled_from([True, True, True, False])),
            )
            for seconds in sorted(moments)
        ],
    )


def lived(life: Life, which: int) -> Iterator[tuple[ItemPeriod, list[int]]]:
    """One item as a service would bill it: each of its periods, and the amounts on all invoices for it."""
    amount = life.first_amounts[which]
    for period in life.periods:
        one = ItemPeriod.begun(period, usd(amount))
        invoiced = [one.billed.minor_units]
        for change in life.changes:
            if change.item != which or not period.covers(change.moment):
                continue
            amount = change.amount
            if change.prorates:
                one, lines = prorated(one, usd(amount), at=change.moment)
                assert all(amount < 0 for amount in minor_units(lines)[:-1])
                assert sum(invoiced) + sum(minor_units(lines[:1])) >= 0, "no more is credited than was invoiced"
                invoiced += minor_units(lines)
        yield one, invoiced


def used_by_reference(life: Life, which: int, period: Period, *, until: datetime) -> Fraction:
    """The exact price of what was used of one item. A change that does not prorate waits for the next period."""
    cost = Fraction(0)
    points = sorted(
        {period.start, until, *(each.moment for each in life.changes if period.start < each.moment < until)}
    )
    for start, end in pairwise(points):
        valid = [
            change
            for change in life.changes
            if change.item == which and change.moment <= start and (change.prorates or change.moment < period.start)
        ]
        amount = valid[-1].amount if valid else life.first_amounts[which]
        cost += amount * Fraction((end - start) // timedelta(seconds=1))
    return cost / Fraction((period.end - period.whole_start) // timedelta(seconds=1))


@pytest.mark.fault("F56")
@many
@given(lives())
def test_invoices_less_credits_are_the_price_of_what_was_used(life: Life) -> None:
    for which in range(len(life.first_amounts)):
        for one, invoiced in lived(life, which):
            exact = used_by_reference(life, which, one.period, until=one.period.end)
            assert sum(invoiced) == one.billed.minor_units == floor(exact + Fraction(1, 2))


@many
@given(lives(), st.integers(0, 1000))
def test_whoever_leaves_with_credit_has_paid_for_the_time_until_then(life: Life, share: int) -> None:
    leaves = life.periods[-1]
    moment = leaves.start + (leaves.end - leaves.start) // timedelta(seconds=1) * share // 1001 * timedelta(seconds=1)
    until_then = Life(life.periods, life.first_amounts, [each for each in life.changes if each.moment <= moment])
    for which in range(len(life.first_amounts)):
        *_, (one, invoiced) = lived(until_then, which)
        ended, lines = prorated(one, NOTHING, at=moment)
        exact = used_by_reference(until_then, which, leaves, until=moment)
        assert sum(invoiced) + sum(minor_units(lines)) == ended.billed.minor_units == floor(exact + Fraction(1, 2))


@many
@given(st.integers(0, MAXIMUM_MINOR_UNITS), st.integers(0, MAXIMUM_MINOR_UNITS), st.integers(0, 30 * 86_400 - 1))
def test_the_largest_amounts_are_prorated_exactly(before: int, amount: int, seconds: int) -> None:
    after, lines = prorated(item(before), usd(amount), at=START + timedelta(seconds=seconds))
    exact = Fraction(before * seconds + amount * (30 * 86_400 - seconds), 30 * 86_400)
    assert after.billed.minor_units == floor(exact + Fraction(1, 2)) == before + sum(minor_units(lines))
