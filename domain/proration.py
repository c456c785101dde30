"""What an item of a subscription costs in one period, when it changes in the midst of it.

An item has a price for a whole period, and it is paid in advance. A change at some moment credits what was billed for
the time that is left, and charges for the same time what it costs from then on. Time is counted exactly, not in days:
somebody who upgrades at noon and takes it back at one has had an hour of it, and nobody has to say whose day it was.

What is rounded is never a line by itself, but all that was billed until then. A line is the difference of two such
sums, so however often an item changes, its lines add up to the price of what was used, rounded once, half up:

    (price while it was A × time that it was A + price while it was B × time that it was B + …) / time of a whole period

Each line may therefore differ by one minor unit from what it would be alone. Rounding each by itself drifts by up to
one with every change, and a program that changes a quantity every minute drifts far.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.errors import CurrencyMismatch, InvalidInput
from domain.money import Money
from domain.periods import Period

_UNIT_OF_TIME = timedelta(microseconds=1)
"""Of datetime, and of both databases: no time is lost in counting."""


@dataclass(frozen=True, slots=True)
class Rate:
    """From `since` on, the item costs `amount` for a whole period; zero when it is not there, or paused."""

    since: datetime
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProrationLine:
    """For the time from `start` to `end`, the change makes the item cost so much more; less, when below zero."""

    amount: Money
    start: datetime
    end: datetime

    @property
    def is_credit(self) -> bool:
        return self.amount.minor_units < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPeriod:
    """What was billed for one item in one period, oldest rate first.

    A change that is made without proration is no rate: what was billed stays billed, and a later change credits that,
    never what nobody paid.
    """

    period: Period
    rates: tuple[Rate, ...]

    @staticmethod
    def begun(period: Period, amount: Money) -> "ItemPeriod":
        """`amount`: for a whole period, of which this may be a part; zero of an item that comes in its midst."""
        return ItemPeriod(period=period, rates=(_rate(period.start, amount),))

    @property
    def currency(self) -> str:
        return self.rates[0].amount.currency

    @property
    def billed(self) -> Money:
        """All lines of the item in this period, the first one and those of every change."""
        return self._cost_until(self.period.end)

    def used(self, *, until: datetime) -> Money:
        """The price of the time from the start of the period; until its end at most."""
        return self._cost_until(until)

    def changed(self, amount: Money, *, at: datetime) -> "ItemPeriod":
        """It costs `amount` for a whole period from this moment on; zero ends it, with credit.

        The moment lies in the period and not before an earlier change. InvalidInput otherwise: a preview that was made
        for a moment is out of date when something has happened since.
        """
        if amount.currency != self.currency:
            raise CurrencyMismatch(expected=self.currency, actual=amount.currency, path=("amount",))
        if not self.period.covers(at):
            raise InvalidInput("This moment is not in the current period.", path=("at",))
        if at < self.rates[-1].since:
            raise InvalidInput("There was another change after this moment.", path=("at",))
        return replace(self, rates=(*self.rates, _rate(at, amount)))

    def _cost_until(self, moment: datetime) -> Money:
        ends = (*(rate.since for rate in self.rates[1:]), self.period.end)
        cost = sum(
            rate.amount.minor_units * _elapsed(rate.since, min(end, moment))
            for rate, end in zip(self.rates, ends, strict=True)
            if rate.since < moment
        )
        whole = _elapsed(self.period.whole_start, self.period.end)
        return Money(_rounded(cost, whole), self.currency)


def prorated(before: ItemPeriod, amount: Money, *, at: datetime) -> tuple[ItemPeriod, tuple[ProrationLine, ...]]:
    """The item after such a change (see `ItemPeriod.changed`), and its lines: a credit, then a charge, neither zero.

    The credit leaves what was used until then, and the charge makes of that what all will have cost.
    """
    after = before.changed(amount, at=at)
    used = before.used(until=at)
    amounts = (used - before.billed, after.billed - used)
    lines = (ProrationLine(amount=each, start=at, end=before.period.end) for each in amounts if not each.is_zero)
    return after, tuple(lines)


def _rate(since: datetime, amount: Money) -> Rate:
    if amount.minor_units < 0:
        raise InvalidInput("A price cannot be below zero.", path=("amount",))
    return Rate(since, amount)


def _elapsed(start: datetime, end: datetime) -> int:
    return (end - start) // _UNIT_OF_TIME


def _rounded(cost: int, whole: int) -> int:
    """Half up, as an invoice is read; costs are never below zero, so there is no other half."""
    return (2 * cost + whole) // (2 * whole)
