"""Somebody who listens to what is asked of a subscription, and writes down what it means for what is used."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from tests.model.calendar import Anchor, Rhythm
from tests.model.tariffs import Tariff
from tests.model.usage import AN_INSTANT, Calendar, Usage, Word


@dataclass(frozen=True, slots=True)
class Plan:
    tariff: Tariff
    rhythm: Rhythm


Held = Mapping[str, tuple[Plan, int]]
"""Item → what it is, and how many."""


@dataclass(slots=True)
class Diary:
    """Of one subscription, which is made with these items; `begins` is when its first period does."""

    begins: datetime
    zone: str
    anchor: Anchor | None
    held: Held
    usage: Usage = field(init=False)
    cancel_at: datetime | None = None
    change_at: tuple[datetime, Held] | None = None
    pause_at: tuple[datetime, datetime | None] | None = None
    resume_at: datetime | None = None
    """What was asked for a later moment, and may be taken back until then: by setting it to None."""
    latest: datetime = field(init=False)
    """Of what happened, which nothing comes before."""

    def __post_init__(self) -> None:
        self.latest = datetime.min.replace(tzinfo=UTC)
        words = [Word(self.begins, item, _price(self.held, item)) for item in self.held]
        self.usage = Usage([Calendar(self.begins, _rhythm(self.held), self.zone, self.anchor)], words)

    @property
    def rhythm(self) -> Rhythm:
        return self.usage.calendars[-1].rhythm

    def period_end(self, now: datetime) -> datetime:
        """When what runs now has ended: a trial, or the time before the start, where there is no period yet."""
        begun = self.usage.periods(max(now, self.latest))
        return begun[-1].end if begun else self.begins

    def moment(self, now: datetime, held: Held | None = None) -> datetime:
        """When it counts that somebody asks for something now: two periods do not begin at the same moment."""
        at = max(now, self.latest)
        begun = self.usage.periods(at)
        if held and begun and begun[-1].start == at and not _rhythm(held).is_as_long_as(self.rhythm):
            at += timedelta(seconds=1)
        return at if begun else now

    # --- what is asked for now --------------------------------------------------------------------------------------

    def changed(self, held: Held, at: datetime, *, prorated: bool = True) -> None:
        """From this moment on it has these items. With another rhythm a period begins with them, unless none had."""
        prorated = prorated or self.usage.is_paused_at(at)  # there is nothing that could be felt now
        comes_otherwise = not _rhythm(held).is_as_long_as(self.rhythm)
        if at < self.begins:
            self.usage.words = [Word(self.begins, item, _price(held, item)) for item in held]
            if comes_otherwise:
                self.usage.calendars = [Calendar(self.begins, _rhythm(held), self.zone)]
        else:
            if comes_otherwise:
                if not prorated:
                    self.usage.keep_period(at)
                self._all_is_felt(at)
                self.usage.calendars.append(Calendar(at, _rhythm(held), self.zone))
            elif not prorated:
                for item in self.held.keys() - held.keys():
                    self.usage.lose(item, at)
            felt_from = None if prorated else at if comes_otherwise else at + AN_INSTANT
            self.usage.words += [
                Word(at, item, _price(held, item), felt_from)
                for item in {**self.held, **held}
                if self.held.get(item) != held.get(item)
            ]
        self.held = held
        self.latest = max(self.latest, at)

    def _all_is_felt(self, at: datetime) -> None:
        """What was said until now, in what begins, or goes on, at this moment."""
        self.usage.words = [
            replace(word, felt_from=at) if word.felt_from and word.felt_from > at else word for word in self.usage.words
        ]

    def paused(self, at: datetime, until: datetime | None = None) -> None:
        self.usage.pauses.append((at, None))
        self.pause_at, self.resume_at = None, until

    def resumed(self, at: datetime) -> None:
        since, _ = self.usage.pauses.pop()
        self.usage.pauses.append((since, at))
        self._all_is_felt(at)
        self.resume_at = None

    def over(self, at: datetime, *, with_credit: bool) -> None:
        """Without credit, the period that runs is paid to its end."""
        running = self.usage.periods(at)
        self.usage.ends = at if with_credit or not running else max(at, running[-1].end)
        self.usage.is_late = with_credit
        self.cancel_at = self.change_at = self.pause_at = self.resume_at = None

    def never_began(self, at: datetime) -> None:
        """What was asked for at this moment, its first invoice, was not paid."""
        self.over(at, with_credit=True)
        self.usage.words = []

    # --- what was asked for later -----------------------------------------------------------------------------------

    def until(self, now: datetime) -> None:
        """It is later: what was to happen has happened, in order; an end comes first, and goes on before it rests."""
        while due := min(self._to_come(), default=None):
            at, _, happens = due
            if at > now:
                break
            happens(at)

    def _to_come(self) -> Iterator[tuple[datetime, int, Callable[[datetime], None]]]:
        if self.cancel_at is not None:
            yield self.cancel_at, 0, self._end
        if self.resume_at is not None:
            yield self.resume_at, 1, self.resumed
        if self.pause_at is not None:
            yield self.pause_at[0], 2, self._pause
        if self.change_at is not None:
            yield self.change_at[0], 3, self._change

    def _end(self, at: datetime) -> None:
        self.over(at, with_credit=True)
        self.usage.is_late = False

    def _pause(self, at: datetime) -> None:
        assert self.pause_at is not None
        _, until = self.pause_at
        self.paused(at, until)

    def _change(self, at: datetime) -> None:
        assert self.change_at is not None
        _, held = self.change_at
        self.change_at = None
        self.changed(held, at)


def _rhythm(held: Held) -> Rhythm:
    plan, _ = next(iter(held.values()))
    return plan.rhythm


def _price(held: Held, item: str) -> Fraction:
    if item not in held:
        return Fraction(0)
    plan, quantity = held[item]
    return plan.tariff.price(quantity)
