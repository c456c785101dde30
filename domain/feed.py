"""The feed: every event once, in the order in which commits made them known.

Whoever follows it remembers its place and asks for what comes after. Nothing is ever committed behind a place that was
read, whichever process wrote it and however long its transaction was open, so no event is missed and none comes twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.events import Event, EventKind


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader of the feed is: behind this event, or at the beginning."""

    sequence: int
    """1 for the first event, and one more for each; 0 is the beginning."""
    event_id: str | None
    """What clients are told instead of the number, which would tell a customer how busy the shop is."""


BEGINNING = Place(0, None)


@dataclass(frozen=True, slots=True)
class FeedEntry:
    sequence: int
    event: Event

    @property
    def place(self) -> Place:
        return Place(self.sequence, self.event.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Which events somebody follows. What they may see of them is decided when an event is read for them."""

    subject_id: str | None = None
    """Those that concern this object; None for all."""
    kinds: frozenset[EventKind] = frozenset()
    """Those of these kinds; empty for all."""

    def covers(self, event: Event) -> bool:
        if self.kinds and event.kind not in self.kinds:
            return False
        return self.subject_id is None or self.subject_id in event.subject_ids


class EventLog(Protocol):
    """The feed as it is stored. Many may ask at once, and nobody who waits keeps a connection of the pool."""

    async def end(self) -> Place:
        """Behind every event that is committed at this moment."""
        ...

    async def find(self, event_id: str) -> Place | None:
        """The place behind this event; None when the feed has no such event."""
        ...

    async def after(self, sequence: int, *, limit: int) -> Sequence[FeedEntry]:
        """What comes next, in order."""
        ...

    async def search(self, interest: Interest, *, after: int, until: int, limit: int) -> "Stretch":
        """What is of interest between two places, in order; a bounded piece of work at a time."""
        ...

    async def wait(self) -> None:
        """Until the feed has probably grown, or a moment has passed in which its signal may have been lost."""
        ...

    async def rest(self) -> None:
        """Nobody follows any more: give back what waiting takes. The next `wait` takes it again."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the feed that was searched."""

    entries: Sequence[FeedEntry]
    searched_until: int
    """Nothing else of interest lies up to here."""
