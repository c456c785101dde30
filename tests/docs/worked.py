"""The figures of the pages on periods, proration and dunning: computed by the code of which those pages tell.

A page holds them as `generated: worked halfway`. Each is the head of a table and its rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice
from math import floor
from typing import NamedTuple

from domain.declines import DECLINES, DeclineCode
from domain.dunning import Dunning, DunningPolicy, Retrying, retrying_after
from domain.invoices import Opening, opened
from domain.money import Money
from domain.periods import AnchorDay, Period, Schedule, zone_named
from domain.pricing import Pricing, PricingModel, Tier
from domain.products import Interval, IntervalUnit
from domain.proration import ItemPeriod, prorated


class Table(NamedTuple):
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def table(name: str) -> Table:
    return _TABLES[name]()


_MONTH = Interval(IntervalUnit.MONTH, 1)
_YEAR = Interval(IntervalUnit.YEAR, 1)
_BERLIN = "Europe/Berlin"


# --- periods ----------------------------------------------------------------------------------------------------------


def _anchored() -> Table:
    start = datetime(2027, 1, 31, 10, tzinfo=UTC)
    return Table(
        ("Period", "from", "until"),
        [
            (str(period.number), _moment(period.start), _moment(period.end))
            for period in islice(Schedule(interval=_MONTH, start=start).periods(), 5)
        ],
    )


def _leap_years() -> Table:
    start = datetime(2028, 2, 29, 10, tzinfo=UTC)
    yearly = Schedule(interval=_YEAR, start=start)
    return Table(
        ("Begins", "2029", "2030", "2031", "2032"),
        [(_moment(start), *(_day(yearly.boundary(number)) for number in range(1, 5)))],
    )


def _clocks_are_set() -> Table:
    """Periods in Berlin around the nights in which its clocks are set."""
    wanted = {
        "28 February 2027, 2:30": (datetime(2027, 2, 28, 1, 30, tzinfo=UTC), 1),
        "31 August 2027, 2:30": (datetime(2027, 8, 31, 0, 30, tzinfo=UTC), 2),
    }
    rows = []
    for began, (start, number) in wanted.items():
        boundary = Schedule(interval=_MONTH, start=start, zone=_BERLIN).boundary(number)
        rows.append((began, _there(boundary), _moment(boundary)))
    return Table(("Monthly since, in Berlin", "a boundary there", "in UTC"), rows)


def _first_parts() -> Table:
    price = Money(20_00, "USD")
    rows = []
    for month, day in ((1, 15), (2, 15), (3, 1)):
        start = datetime(2027, month, day, tzinfo=UTC)
        period = Schedule(interval=_MONTH, start=start, anchor_day=AnchorDay(1)).first()
        days = (period.end - period.start).days, (period.end - period.whole_start).days
        rows.append(
            (
                _day(period.start),
                _day(period.end),
                "the whole period" if period.is_whole else f"{days[0]} of {days[1]} days",
                _amount(ItemPeriod.begun(period, price).billed),
            )
        )
    return Table(("Starts", "first period until", "that is", "of 20.00"), rows)


# --- what a quantity costs --------------------------------------------------------------------------------------------


def _pricing() -> Table:
    zero = Money.zero("USD")
    tiers = (
        Tier(up_to=5, unit_amount=Money(10_00, "USD"), flat_amount=zero),
        Tier(up_to=None, unit_amount=Money(8_00, "USD"), flat_amount=zero),
    )
    models = {
        "`PER_UNIT`: 10.00 each": Pricing.per_unit(Money(10_00, "USD")),
        "`FLAT`: 49.00": Pricing.flat(Money(49_00, "USD")),
        "`VOLUME`: up to 5 at 10.00, more at 8.00": Pricing.tiered(PricingModel.VOLUME, tiers),
        "`GRADUATED`: the first 5 at 10.00, those above at 8.00": Pricing.tiered(PricingModel.GRADUATED, tiers),
    }
    return Table(
        ("Price", "for 5", "for 6", "for 7"),
        [(name, *(_amount(pricing.amount(quantity)) for quantity in (5, 6, 7))) for name, pricing in models.items()],
    )


# --- proration --------------------------------------------------------------------------------------------------------


class _Change(NamedTuple):
    at: datetime
    amount: Money
    prorates: bool = True


def _halfway() -> Table:
    return _lines(_april(), 20_00, [_Change(_at(15, 10), Money(50_00, "USD"))])


def _an_hour() -> Table:
    return _lines(_april(), 20_00, [_Change(_at(8, 12), Money(50_00, "USD")), _Change(_at(8, 13), Money(20_00, "USD"))])


def _without_proration() -> Table:
    changes = [_Change(_at(10, 10), Money(50_00, "USD"), prorates=False), _Change(_at(20, 10), Money(80_00, "USD"))]
    return _lines(_april(), 20_00, changes)


def _many_changes() -> Table:
    """Beside each line, what it would be if it were rounded by itself."""
    period = Schedule(interval=_MONTH, start=datetime(2027, 5, 1, tzinfo=UTC)).first()
    seats = ((6, 2), (11, 3), (17, 4), (22, 5))
    seat = Money(10_00, "USD")
    item = ItemPeriod.begun(period, seat)
    rows = [(_day(period.start), "1 seat", _amount(item.billed), _amount(item.billed))]
    alone = item.billed
    for day, quantity in seats:
        at = datetime(2027, 5, day, tzinfo=UTC)
        before, (item, lines) = item, prorated(item, seat * quantity, at=at)
        each = [-_share(before.rates[-1].amount, period, at), _share(seat * quantity, period, at)]
        alone = Money.total([alone, *each], currency="USD")
        for line, by_itself in zip(lines, each, strict=True):
            what = f"credit, {_seats(quantity - 1)}" if line.is_credit else f"charge, {_seats(quantity)}"
            rows.append((_day(at), what, _amount(line.amount), _amount(by_itself)))
    rows.append(("", "**together**", f"**{_amount(item.billed)}**", f"**{_amount(alone)}**"))
    return Table(("On", "Line", "Amount", "rounded by itself it would be"), rows)


def _given_up() -> Table:
    return _lines(_april(), 20_00, [_Change(_at(10, 16), Money.zero("USD"))])


def _lines(period: Period, amount: int, changes: Sequence[_Change]) -> Table:
    item = ItemPeriod.begun(period, Money(amount, "USD"))
    rows = [(_moment(period.start), "the period", _span(period.start, period.end), _amount(item.billed))]
    for change in changes:
        if not change.prorates:
            rows.append((_moment(change.at), f"to {_amount(change.amount)}, `NONE`", "", "nothing"))
            continue
        item, lines = prorated(item, change.amount, at=change.at)
        for line in lines:
            kind = "credit" if line.is_credit else "charge"
            rows.append((_moment(change.at), kind, _span(line.start, line.end), _amount(line.amount)))
    rows.append(("", "**together**", "", f"**{_amount(item.billed)}**"))
    return Table(("At", "Line", "For the time", "Amount"), rows)


def _april() -> Period:
    """Thirty days, for figures that can be checked in the head."""
    return Schedule(interval=_MONTH, start=datetime(2027, 3, 31, 10, tzinfo=UTC)).first()


def _at(day: int, hour: int) -> datetime:
    return datetime(2027, 4, day, hour, tzinfo=UTC)


def _share(amount: Money, period: Period, since: datetime) -> Money:
    """Of an amount for the whole period: from this moment to its end, rounded half up by itself."""
    second = timedelta(seconds=1)
    share = Fraction((period.end - since) // second, (period.end - period.start) // second)
    return Money(floor(amount.minor_units * share + Fraction(1, 2)), amount.currency)


# --- what an invoice asks for -----------------------------------------------------------------------------------------


def _openings() -> Table:
    """At an account that charges half a dollar at least."""
    cases = {
        "nothing in the balance": (20_00, 0),
        "we owe the customer 5.91": (20_00, 5_91),
        "we owe the customer 25.00": (20_00, 25_00),
        "credits are more than charges": (-13_17, 0),
        "too little to charge": (30, 0),
        "the customer owes 0.30 from before": (20_00, -30),
    }
    rows = []
    for what, (total, balance) in cases.items():
        opening = opened(Money(total, "USD"), balance=Money(balance, "USD"), least=Money(50, "USD"))
        rows.append((what, _amount(opening.total), _amount(opening.due), f"`{opening.state}`", _owed(opening)))
    return Table(("When", "Total", "Due", "It is", "Afterwards the balance says"), rows)


def _owed(opening: Opening) -> str:
    if opening.balance_after.is_zero:
        return "nothing"
    if opening.carried_over.is_positive:
        return f"the customer owes {_amount(opening.carried_over)}"
    return f"we owe {_amount(opening.balance_after)}"


# --- dunning ----------------------------------------------------------------------------------------------------------


def _retries() -> Table:
    since = datetime(2027, 9, 30, 10, tzinfo=UTC)
    policy = DunningPolicy()
    dunning = Dunning(policy=policy, since=since, code=next(_codes(Retrying.SCHEDULED)))
    rows = [(_moment(since), "the renewal is declined: `PAST_DUE`")]
    tried_at = since
    while tried := dunning.next_try(last_tried_at=tried_at):
        rows.append((_moment(tried), "the same card is charged again"))
        tried_at = tried
    rows.append((_moment(dunning.ends_at), f"the end: `{policy.then}`"))
    return Table(("When", "What happens, while the bank says no"), rows)


_RETRYING: Mapping[Retrying, str] = {
    Retrying.SCHEDULED: "again, by the schedule",
    Retrying.BY_CUSTOMER: "when the customer confirms it",
    Retrying.WITH_ANOTHER_CARD: "never; another card is charged at once",
}


def _by_code() -> Table:
    return Table(
        ("What the bank says", "The same card is charged"),
        [(", ".join(f"`{code}`" for code in _codes(retrying)), what) for retrying, what in _RETRYING.items()],
    )


def _codes(retrying: Retrying) -> Iterator[DeclineCode]:
    return (code for code in DECLINES if retrying_after(code) is retrying)


# --- in words ---------------------------------------------------------------------------------------------------------


def _amount(amount: Money) -> str:
    """With the minus sign that print has, for a hyphen is none."""
    return str(amount.decimal).replace("-", "−")


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _seats(quantity: int) -> str:
    return f"{quantity} seat" if quantity == 1 else f"{quantity} seats"


def _moment(moment: datetime) -> str:
    return f"{_day(moment)}, {moment.hour}:{moment:%M}"


def _there(moment: datetime) -> str:
    return _moment(moment.astimezone(zone_named(_BERLIN)))


def _span(start: datetime, end: datetime) -> str:
    return f"{start.day} {start:%B} to {end.day} {end:%B}"


_TABLES: Mapping[str, Callable[[], Table]] = {
    "anchored": _anchored,
    "leap-years": _leap_years,
    "clocks-are-set": _clocks_are_set,
    "first-parts": _first_parts,
    "pricing": _pricing,
    "halfway": _halfway,
    "an-hour": _an_hour,
    "without-proration": _without_proration,
    "many-changes": _many_changes,
    "given-up": _given_up,
    "openings": _openings,
    "retries": _retries,
    "retries-by-code": _by_code,
}
