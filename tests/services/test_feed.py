"""Following the feed: everything of interest, once, in order, at the cost of one reader."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from domain.events import Event, EventKind
from domain.feed import BEGINNING, FeedEntry, Interest, Place, Stretch
from domain.services import feed as following
from domain.services.feed import Feed
from persistence.database import Database
from persistence.feed import TortoiseEventLog
from persistence.store import TortoiseStore
from tests.persistence.shop import new_story

PATIENCE_SECONDS = 30


class CountedLog:
    """The log, with a count of what is asked of it; `away` makes it fail as a database that is away."""

    def __init__(self, log: TortoiseEventLog) -> None:
        self.log = log
        self.batches = 0
        self.searches = 0
        self.rests = 0
        self.away = False

    async def end(self) -> Place:
        return await self.log.end()

    async def find(self, event_id: str) -> Place | None:
        return await self.log.find(event_id)

    async def after(self, sequence: int, *, limit: int) -> Sequence[FeedEntry]:
        if self.away:
            raise ConnectionError
        self.batches += 1
        return await self.log.after(sequence, limit=limit)

    async def search(self, interest: Interest, *, after: int, until: int, limit: int) -> Stretch:
        self.searches += 1
        return await self.log.search(interest, after=after, until=until, limit=limit)

    async def wait(self) -> None:
        await self.log.wait()

    async def rest(self) -> None:
        self.rests += 1
        await self.log.rest()


class World:
    def __init__(self, database: Database) -> None:
        self.real_log = TortoiseEventLog(database)
        self.store = TortoiseStore(database, told=self.real_log.written)
        self.log = CountedLog(self.real_log)
        self.feed = Feed(self.log)

    async def tell(self, *subject_ids: str, kind: EventKind = EventKind.ORDER_CREATED) -> Event:
        event = new_story(kind, *subject_ids)
        async with self.store.transaction() as tx:
            await tx.events.add(event)
        return event

    def follow(self, subject_id: str | None = None, *, after: Place = BEGINNING) -> AsyncGenerator[FeedEntry]:
        return self.feed.follow(Interest(subject_id=subject_id), after=after)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    world = World(database)
    async with asyncio.timeout(PATIENCE_SECONDS * 2):
        yield world
        await world.feed.close()
        await world.real_log.close()


async def take(followed: AsyncGenerator[FeedEntry], count: int) -> list[Event]:
    return [(await anext(followed)).event for _ in range(count)]


async def until_followed(world: World, count: int = 1) -> None:
    while world.feed.followers < count:
        await asyncio.sleep(0.005)


async def test_what_was_and_what_comes_is_one_sequence(world: World) -> None:
    before = [await world.tell("ord_1", "cus_1") for _ in range(3)]
    async with aclosing(world.follow("ord_1")) as followed:
        assert await take(followed, 3) == before
        after = [await world.tell("ord_1", "cus_1") for _ in range(3)]
        assert await take(followed, 3) == after


async def test_each_gets_what_concerns_it(world: World) -> None:
    order, customer, everything = world.follow("ord_1"), world.follow("cus_1"), world.follow()
    placed = world.feed.follow(Interest(kinds=frozenset({EventKind.ORDER_PLACED})), after=BEGINNING)
    async with aclosing(order), aclosing(customer), aclosing(everything), aclosing(placed):
        wanted = {order: 2, customer: 3, everything: 4, placed: 1}
        coming = [asyncio.create_task(take(each, count)) for each, count in wanted.items()]
        await until_followed(world, 4)
        first = await world.tell("ord_1", "cus_1")
        other = await world.tell("ord_2", "cus_1", kind=EventKind.ORDER_PLACED)
        foreign = await world.tell("ord_3", "cus_3")
        last = await world.tell("chg_1", "ord_1", "cus_1")

        assert await coming[0] == [first, last]
        assert await coming[1] == [first, other, last]
        assert await coming[2] == [first, other, foreign, last]
        assert await coming[3] == [other]


async def test_who_comes_back_goes_on_where_they_were(world: World) -> None:
    events = [await world.tell("ord_1") for _ in range(6)]
    async with aclosing(world.follow("ord_1")) as followed:
        place = (await anext(followed)).place
        assert place.event_id == events[0].id

    async with aclosing(world.follow("ord_1", after=place)) as again:
        assert await take(again, 5) == events[1:]


async def test_a_slow_follower_reads_on_from_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still while the shop goes on; a quick one beside it is not held up, and what waits is bounded."""
    monkeypatch.setattr(following, "MOST_WAITING", 5)
    monkeypatch.setattr(following, "PAGE", 4)
    async with aclosing(world.follow("ord_1")) as slow, aclosing(world.follow("ord_1")) as quick:
        events = [await world.tell("ord_1")]
        assert await take(slow, 1) == await take(quick, 1) == events
        for _ in range(40):
            events.append(await world.tell("ord_1"))
            assert (await anext(quick)).event == events[-1]
            assert all(len(each.waiting) <= 5 for each in world.feed._followers["ord_1"])

        assert await take(slow, 40) == events[1:]
        events.append(await world.tell("ord_1"))
        assert await take(slow, 1) == events[-1:]


async def test_those_whom_an_event_does_not_concern_cost_nothing(world: World) -> None:
    """One event costs the same number of statements, whether one follows or a hundred others do too."""
    idle = [world.follow(f"ord_{number}") for number in range(100)]
    tasks = [asyncio.create_task(take(each, 1)) for each in idle]
    async with aclosing(world.follow("ord_x")) as followed:
        await world.tell("ord_x")
        await take(followed, 1)
        await until_followed(world, 101)
        searches = world.log.searches
        for _ in range(10):
            await world.tell("ord_x")
            await take(followed, 1)
        assert world.log.searches == searches
        assert not any(task.done() for task in tasks)
        assert not any(each.woken.is_set() for number in range(100) for each in world.feed._followers[f"ord_{number}"])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in idle:
        await each.aclose()
    assert world.feed.followers == 0


async def test_a_database_that_is_away_delays_and_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.05)
    async with aclosing(world.follow("ord_1")) as followed:
        first = await world.tell("ord_1")
        assert await take(followed, 1) == [first]
        world.log.away = True
        later = [await world.tell("ord_1") for _ in range(3)]
        await asyncio.sleep(0.2)
        world.log.away = False
        assert await take(followed, 3) == later


async def test_the_reader_ends_when_nobody_follows_and_comes_back(world: World) -> None:
    for turn in range(1, 4):
        async with aclosing(world.follow("ord_1", after=await world.feed.end())) as followed:
            coming = asyncio.create_task(take(followed, 1))
            await until_followed(world)
            event = await world.tell("ord_1")
            assert await coming == [event]
        while world.feed._reader is not None:
            await asyncio.sleep(0.02)
        assert world.log.rests == turn


async def test_followers_who_come_and_go_leave_nothing_behind(world: World) -> None:
    """Cancelled at any moment: while joining, searching, waiting."""

    async def look(number: int) -> None:
        async with aclosing(world.follow(f"ord_{number % 3}")) as followed:
            async for _ in followed:
                pass

    for number in range(200):
        task = asyncio.create_task(look(number))
        await asyncio.sleep(number % 7 / 1000)
        if number % 20 == 0:
            await world.tell("ord_1")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert world.feed.followers == 0
    async with aclosing(world.follow("ord_1")) as followed:
        assert len(await take(followed, 10)) == 10
