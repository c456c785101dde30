"""The domain's periods, prices and prorations are those of the model, which was written without looking at them."""

from datetime import datetime
from fractions import Fraction
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.money import Money
from domain.periods import Schedule
from domain.proration import ItemPeriod, prorated
from tests.model.calendar import Rhythm, Span, spans
from tests.model.strategies import ZONES, anchors, moments, quantities, rhythms, tariffs, within
from tests.model.tariffs import Tariff
from tests.model.terms import anchor_day_of, interval_of, pricing_of
from tests.model.usage import Calendar, Usage, Word

SMALL = settings(derandomize=True, deadline=None, max_examples=60)


def schedule(start: datetime, rhythm: Rhythm, zone: str, data: st.DataObject) -> tuple[Schedule, Calendar]:
    """The domain's and the model's, of one subscription."""
    anchor = data.draw(anchors(rhythm))
    theirs = Schedule(interval=interval_of(rhythm), start=start, zone=zone, anchor_day=anchor_day_of(anchor))
    return theirs, Calendar(start, rhythm, zone, anchor)


@SMALL
@given(start=moments, rhythm=rhythms, zone=st.sampled_from(ZONES), data=st.data())
def test_periods(start: datetime, rhythm: Rhythm, zone: str, data: st.DataObject) -> None:
    theirs, ours = schedule(start, rhythm, zone, data)
    made = [Span(period.start, period.end, period.whole_start) for period in islice(theirs.periods(), 14)]
    assert made == list(islice(spans(start, rhythm, zone=zone, anchor=ours.anchor), 14))


@SMALL
@given(tariff=tariffs, quantity=quantities)
def test_prices(tariff: Tariff, quantity: int) -> None:
    pricing = pricing_of(tariff)
    assert pricing.amount(quantity).minor_units == tariff.price(quantity)
    assert sum(line.amount.minor_units for line in pricing.lines(quantity)) == tariff.price(quantity)


@SMALL
@given(start=moments, rhythm=rhythms, zone=st.sampled_from(ZONES), tariff=tariffs, data=st.data())
def test_lines_of_changes(start: datetime, rhythm: Rhythm, zone: str, tariff: Tariff, data: st.DataObject) -> None:
    """All lines of an item, from the first of its period to those of its last change, after each."""
    theirs, ours = schedule(start, rhythm, zone, data)
    period = theirs.first()
    item = ItemPeriod.begun(period, pricing_of(tariff).amount(1))
    usage = Usage([ours], [Word(start, "it", tariff.price(1))])
    billed = item.billed.minor_units
    assert billed == usage.billed(start)
    for at in sorted(data.draw(st.lists(within(period.start, period.end), max_size=6))):
        price = data.draw(st.one_of(st.just(Fraction(0)), quantities.map(tariff.price)))
        item, lines = prorated(item, Money(int(price), "USD"), at=at)
        usage.words.append(Word(at, "it", price))
        billed += sum(line.amount.minor_units for line in lines)
        assert billed == usage.billed(at)
