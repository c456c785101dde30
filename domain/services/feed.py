"""Following the feed: one reader in each process, however many follow.

The reader takes each batch from the log once and hands every event to those whom it concerns, and only they wake up.
Who is slower than the shop loses what waits in memory and reads on from the log, so a follower costs the same bounded
memory whether its client reads or not.
"""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from domain.feed import EventLog, FeedEntry, Interest, Place

BATCH: Final = 500
"""How many events the reader takes at once."""
MOST_WAITING: Final = 100
"""Events that wait in memory for one follower: some minutes of a busy order, some KiB."""
PAGE: Final = 50
"""Events that one who is behind reads at once."""
PAUSE_SECONDS: Final = 1.0
"""After the database failed, before it is asked again."""

_log = logging.getLogger("paydesk.feed")


class _Follower:
    def __init__(self, interest: Interest, *, behind_until: int) -> None:
        self.interest = interest
        self.behind_until = behind_until
        """Up to here events were never in `waiting`, or are not any more: they are in the log alone."""
        self.waiting: deque[FeedEntry] = deque()
        self.woken = asyncio.Event()

    def hand(self, entry: FeedEntry) -> None:
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.clear()
            self.behind_until = entry.sequence
        else:
            self.waiting.append(entry)
        self.woken.set()


class Feed:
    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._followers: dict[str | None, set[_Follower]] = {}
        """By the object that they follow; None holds those who follow everything."""
        self._starting = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._read_until = 0

    @property
    def followers(self) -> int:
        return sum(map(len, self._followers.values()))

    @property
    def is_resting(self) -> bool:
        """Whether nothing is read, because nobody follows."""
        return self._reader is None

    async def end(self) -> Place:
        """The place from which somebody follows who wants what happens from now on."""
        return await self._log.end()

    async def find(self, event_id: str) -> Place | None:
        return await self._log.find(event_id)

    async def follow(self, interest: Interest, *, after: Place) -> AsyncGenerator[FeedEntry]:
        """Every event of interest behind the place, in order, and then each as it comes, without an end.

        Close it (`contextlib.aclosing`) when it is not wanted any more.
        """
        follower = await self._join(interest)
        place = after.sequence
        try:
            while True:
                if place < follower.behind_until:
                    found = await self._log.search(interest, after=place, until=follower.behind_until, limit=PAGE)
                    for entry in found.entries:
                        place = entry.sequence
                        yield entry
                    place = found.searched_until
                elif follower.waiting:
                    entry = follower.waiting.popleft()
                    if entry.sequence > place:
                        place = entry.sequence
                        yield entry
                else:
                    follower.woken.clear()
                    await follower.woken.wait()
        finally:
            self._leave(follower)

    async def close(self) -> None:
        """Ends the reader. Followers get nothing more; whoever serves them has ended them before."""
        if (reader := self._reader) is not None:
            reader.cancel()
            await asyncio.wait([reader])
        await self._log.rest()

    async def _join(self, interest: Interest) -> _Follower:
        async with self._starting:
            if self._reader is None:
                self._read_until = (await self._log.end()).sequence
                # An empty context: it outlives the request that happens to be the first to follow.
                self._reader = asyncio.get_running_loop().create_task(
                    self._read(), name="feed", context=contextvars.Context()
                )
            # Nothing is awaited between reading the reader's place and joining: what it reads next comes here.
            follower = _Follower(interest, behind_until=self._read_until)
            self._followers.setdefault(interest.subject_id, set()).add(follower)
            return follower

    def _leave(self, follower: _Follower) -> None:
        alike = self._followers[follower.interest.subject_id]
        alike.discard(follower)
        if not alike:
            del self._followers[follower.interest.subject_id]

    async def _read(self) -> None:
        while True:
            try:
                await self._hand_out_what_came()
                if not self._followers and await self._ended():
                    return
                await self._log.wait()
            except Exception:
                # The database is away. Followers wait, and miss nothing: the reader goes on from where it was.
                _log.exception("the feed cannot be read; it is tried again")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _hand_out_what_came(self) -> None:
        while entries := await self._log.after(self._read_until, limit=BATCH):
            for entry in entries:
                self._hand_out(entry)
            if len(entries) < BATCH:
                return

    async def _ended(self) -> bool:
        """Whether nobody has come back; asked after a wait, so that clients who come and go find a reader at work."""
        async with self._starting:
            if self._followers:
                return False
            await self._log.rest()
            self._reader = None
            return True

    def _hand_out(self, entry: FeedEntry) -> None:
        for follower in self._concerned(entry):
            if follower.interest.covers(entry.event):
                follower.hand(entry)
        self._read_until = entry.sequence

    def _concerned(self, entry: FeedEntry) -> Iterable[_Follower]:
        for subject_id in (None, *dict.fromkeys(entry.event.subject_ids)):
            yield from self._followers.get(subject_id, ())
