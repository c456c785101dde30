"""What a subscriber used, and what that costs: written down as it is said, and counted from the beginning each time.

It knows no invoices, no lines and no credits, and keeps no sums. There is a diary of what is in force from when on:
which item at which price, when all is paused, when it is over, and in which rhythm its periods come. What is to come
stands in the diary too, and whoever takes it back crosses it out. The bill is read from that: of each period that has
begun, each item costs its price for the share of the time that it is there; up to the end of the period, for periods
are paid in advance. Each item is rounded once a period, half up.

Two things are no usage, and yet are paid. What is said without proration is not felt in the period in which it is said,
or only when what was paused goes on. And who leaves without credit has paid until the period ends: in the diary, it is
over then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise, takewhile

from tests.model.calendar import Anchor, Rhythm, Span, spans

AN_INSTANT = timedelta(microseconds=1)
"""Of the time that is counted in."""

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Its periods begin at `start`, and at the boundaries after it."""

    start: datetime
    rhythm: Rhythm
    zone: str = "UTC"
    anchor: Anchor | None = None

    def begun_by(self, moment: datetime) -> Iterator[Span]:
        periods = spans(self.start, self.rhythm, zone=self.zone, anchor=self.anchor)
        return takewhile(lambda span: span.start <= moment, periods)


@dataclass(frozen=True, slots=True)
class Word:
    """From `since` on, the item costs so much for a whole period, in minor units; zero when it is not there."""

    since: datetime
    item: str
    price: Fraction
    felt_from: datetime | None = None
    """Without proration: only in what begins, or goes on again, at this moment or later."""


@dataclass(slots=True)
class Usage:
    """The diary of one subscription; of several entries of one moment the last one holds."""

    calendars: list[Calendar]
    """In order; from the start of each it counts, and the one before no more."""
    words: list[Word]
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """From, until just before; None: until somebody says when."""
    ends: datetime | None = None
    """From then on it costs nothing, and no period begins."""
    is_late: bool = False
    """Whether it ended just after a period had begun at the same moment."""
    lost: list[tuple[datetime, datetime, str]] = field(default_factory=list)
    """In the period that began then, this item went at this moment without proration: it is paid until that ends,
    whatever comes."""
    kept: dict[datetime, dict[str, Fraction]] = field(default_factory=dict)
    """What all was to cost in the period that began then, when another rhythm ended it without proration."""

    # --- what is in force -------------------------------------------------------------------------------------------

    def is_paused_at(self, moment: datetime) -> bool:
        return any(since <= moment and (until is None or moment < until) for since, until in self.pauses)

    def is_over_at(self, moment: datetime) -> bool:
        return self.ends is not None and self.ends <= moment

    def periods(self, now: datetime) -> list[Span]:
        """All that have begun, in order, each with the end that it was begun with."""
        begun: list[Span] = []
        for calendar in self._counting(now):
            begun = [span for span in begun if span.start < calendar.start]
            begun += (span for span in calendar.begun_by(now) if self._begins_at(span.start))
        return begun

    def _begins_at(self, moment: datetime) -> bool:
        return not self.is_over_at(moment) or (self.is_late and moment == self.ends)

    def _counting(self, now: datetime) -> list[Calendar]:
        return [each for each in self.calendars if each.start <= now and self._begins_at(each.start)]

    # --- what it costs ----------------------------------------------------------------------------------------------

    def billed(self, now: datetime) -> int:
        """What all invoices less all credits come to, in minor units, once everything until now is done."""
        return sum(self.billed_by_item(now).values())

    def billed_by_item(self, now: datetime) -> dict[tuple[datetime, str], int]:
        """(Start of the period, item) → what it is billed for altogether."""
        return {
            (span.start, item): (cost + _HALF).__floor__()
            for span in self.periods(now)
            for item, cost in (self.kept.get(span.start) or self._costs(span, span.end, now)).items()
        }

    def lose(self, item: str, now: datetime) -> None:
        for running in self.periods(now)[-1:]:
            self.lost.append((running.start, now, item))

    def keep_period(self, now: datetime) -> None:
        """The one that runs is paid as it is now, whatever comes."""
        for running in self.periods(now)[-1:]:
            self.kept[running.start] = self._costs(running, running.end, now)

    def used(self, now: datetime) -> Fraction:
        """The price of the time until now, not rounded, and nothing in advance."""
        costs = (self._costs(span, min(span.end, now), now) for span in self.periods(now))
        return sum((cost for each in costs for cost in each.values()), Fraction(0))

    def _costs(self, span: Span, end: datetime, now: datetime) -> dict[str, Fraction]:
        """In the time of the period until `end`."""
        ended = min([end, *(each.start for each in self._counting(now) if each.start > span.start)])
        costs: dict[str, Fraction] = {}
        for since, until in pairwise(sorted({span.start, ended, end, *self._entries(span.start, end, now)})):
            share = Fraction(_microseconds(until - since), _microseconds(span.end - span.whole_start))
            for item, price in self._prices(span, since, ended).items():
                costs[item] = costs.get(item, Fraction(0)) + price * share
        return costs

    def _prices(self, span: Span, moment: datetime, ended: datetime) -> dict[str, Fraction]:
        rests = self.is_paused_at(moment) or self.is_over_at(moment) or moment >= ended
        lost = ((since, item) for start, since, item in self.lost if start == span.start and since <= moment)
        stays = {item: self._asked(span, since).get(item, Fraction(0)) for since, item in lost}
        return {**({} if rests else self._asked(span, moment)), **stays}

    def _asked(self, span: Span, moment: datetime) -> dict[str, Fraction]:
        """Unless it rests."""
        resumed = (until for _, until in self.pauses if until is not None and span.start < until <= moment)
        fresh = max([span.start, *resumed])
        """Since when it goes on: all that was said before is felt."""
        heard = [word for word in self.words if word.since <= moment and (word.felt_from or fresh) <= fresh]
        return {word.item: word.price for word in sorted(heard, key=lambda word: word.since)}

    def _entries(self, start: datetime, end: datetime, now: datetime) -> Iterator[datetime]:
        """When something changes in this time; what is to come after now is nobody's business yet."""
        moments = (
            *(word.since for word in self.words),
            *(moment for pause in self.pauses for moment in pause),
            *(since for _, since, _ in self.lost),
            self.ends,
        )
        return (moment for moment in moments if moment is not None and start < moment < end and moment <= now)


def _microseconds(time: timedelta) -> int:
    return time // AN_INSTANT
