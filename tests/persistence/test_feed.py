"""The order of the feed: what was read is never followed by something that should have come before it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import pytest
from tortoise.exceptions import IntegrityError

from domain.events import Event, EventKind
from domain.feed import BEGINNING, FeedEntry, Interest, Place
from domain.services.feed import Feed
from persistence import numbering
from persistence.connections import Connection
from persistence.database import Database
from persistence.feed import TortoiseEventLog
from persistence.migrate import migrate
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.databases import NewDatabaseUrl
from tests.persistence.shop import new_story, write

PATIENCE_SECONDS = 30


@pytest.fixture
async def log(database: Database) -> AsyncIterator[TortoiseEventLog]:
    log = TortoiseEventLog(database)
    yield log
    await log.close()


async def everything(log: TortoiseEventLog) -> list[FeedEntry]:
    await log.end()
    return list(await log.after(0, limit=100_000))


async def tell(database: Database, *events: Event) -> None:
    async with database.transaction() as connection:
        await write(connection, *events)


def story(subject_id: str = "ord_1", kind: EventKind = EventKind.ORDER_CREATED) -> Event:
    return new_story(kind, subject_id, "cus_1")


# --- the order ------------------------------------------------------------------------------------------------------


async def test_events_are_numbered_from_one_without_gaps(database: Database, log: TortoiseEventLog) -> None:
    events = [story() for _ in range(5)]
    await tell(database, *events[:2])
    assert (await log.end()).sequence == 2
    await tell(database, *events[2:])

    entries = await everything(log)

    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.event for entry in entries] == events
    assert await log.end() == entries[-1].place == Place(5, events[-1].id)


async def test_an_event_that_was_rolled_back_leaves_no_gap(database: Database, log: TortoiseEventLog) -> None:
    with suppress(ZeroDivisionError):
        async with database.transaction() as connection:
            await write(connection, story())
            raise ZeroDivisionError
    await tell(database, story())

    assert [entry.sequence for entry in await everything(log)] == [1]


async def test_who_wrote_first_and_commits_last_is_not_missed(new_database_url: NewDatabaseUrl) -> None:
    """The trap: A has the lower position, B commits and is read, then A commits."""
    database = await Database.open(new_database_url(Dialect.POSTGRES))
    log = TortoiseEventLog(database)
    first, second = story(), story()
    has_position, may_commit = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        async with database.transaction() as connection:
            await write(connection, first)
            has_position.set()
            await may_commit.wait()

    writing = asyncio.create_task(slowly())
    await has_position.wait()
    await tell(database, second)
    read = await everything(log)
    assert [entry.event for entry in read] == [second], "nobody waits for a transaction that is open"
    may_commit.set()
    await writing

    await log.end()
    later = await log.after(read[-1].sequence, limit=10)

    assert [(entry.sequence, entry.event) for entry in later] == [(2, first)]
    async with database.reader() as connection:
        rows = await connection.fetch_all("SELECT id FROM events ORDER BY position")
    assert [row["id"] for row in rows] == [first.id, second.id], "the positions were the other way round"
    await log.close()
    await database.close()


async def test_many_writers_and_readers_see_one_order_without_gap_or_repeat(
    dialect: Dialect, database_url: str
) -> None:
    """Transactions of random length, some rolled back, several processes numbering; readers that page meanwhile."""
    chance = random.Random(4711)
    database = await Database.open(database_url)
    logs = [TortoiseEventLog(database) for _ in range(3)]
    committed: list[str] = []
    done = asyncio.Event()

    async def writer(number: int) -> None:
        for _ in range(12):
            events = [story(f"ord_{number}") for _event in range(chance.randint(1, 3))]
            try:
                async with database.transaction() as connection:
                    for event in events:
                        await write(connection, event)
                        if dialect is Dialect.POSTGRES:
                            await asyncio.sleep(chance.random() * 0.02)
                    if chance.random() < 0.15:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue
            committed.extend(event.id for event in events)
            chance.choice(logs).written()

    async def reader(log: TortoiseEventLog) -> list[FeedEntry]:
        seen: list[FeedEntry] = []
        while True:
            last_look = done.is_set()
            if chance.random() < 0.3 or last_look:
                await log.end()
            seen += await log.after(seen[-1].sequence if seen else 0, limit=chance.randint(1, 7))
            if last_look and len(seen) >= len(committed):
                return seen
            await asyncio.sleep(chance.random() * 0.01)

    async def write_all() -> None:
        await asyncio.gather(*(writer(number) for number in range(8)))
        done.set()

    async with asyncio.timeout(PATIENCE_SECONDS * 3):
        *found, _ = await asyncio.gather(*(reader(log) for log in logs), write_all())

    for seen in found:
        assert seen is not None
        assert [entry.sequence for entry in seen] == list(range(1, len(committed) + 1))
        assert sorted(entry.event.id for entry in seen) == sorted(committed)
        assert [entry.event.id for entry in seen] == [entry.event.id for entry in found[0] or ()]
        for number in range(8):
            own = [entry.event.id for entry in seen if entry.event.subject_ids[0] == f"ord_{number}"]
            assert own == [event_id for event_id in committed if event_id in set(own)], "one commit after the other"
    for log in logs:
        await log.close()
    await database.close()


async def test_who_dies_while_numbering_loses_nothing(new_database_url: NewDatabaseUrl) -> None:
    database = await Database.open(new_database_url(Dialect.POSTGRES))
    await tell(database, story(), story())

    with suppress(ZeroDivisionError):
        async with database.transaction() as connection:
            assert await numbering._number(connection) == 2
            raise ZeroDivisionError

    log = TortoiseEventLog(database)
    assert [entry.sequence for entry in await everything(log)] == [1, 2]
    await log.close()
    await database.close()


async def test_a_backlog_is_numbered_in_bounded_pieces(
    new_database_url: NewDatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has followed for a year: the first who does finds everything in order."""
    monkeypatch.setattr(numbering, "BATCH", 7)
    database = await Database.open(new_database_url(Dialect.POSTGRES))
    events = [story() for _ in range(30)]
    await tell(database, *events)
    pieces: list[int] = []
    run = database.run

    async def counted(work: object) -> int:
        pieces.append(await run(work))  # type: ignore[arg-type]
        return pieces[-1]

    monkeypatch.setattr(database, "run", counted)
    log = TortoiseEventLog(database)

    assert [entry.event for entry in await everything(log)] == events
    assert pieces == [7, 7, 7, 7, 2]
    await log.close()
    await database.close()


# --- the rules of the table -----------------------------------------------------------------------------------------


async def test_a_number_is_given_once_and_stays(database: Database, log: TortoiseEventLog) -> None:
    await tell(database, story(), story())
    await log.end()

    for statement in (
        "UPDATE event_feed SET sequence = 9 WHERE sequence = 1",
        "UPDATE event_feed SET sequence = NULL",
        "UPDATE event_feed SET position = position + 100",
        "DELETE FROM event_feed",
        "INSERT INTO event_feed (position, sequence) VALUES (99, 1)",
    ):
        with pytest.raises(IntegrityError):
            async with database.transaction() as connection:
                await connection.execute(statement)


async def test_events_that_are_there_are_numbered_when_the_table_is_made(
    dialect: Dialect, new_database_url: NewDatabaseUrl
) -> None:
    """The migration on a database with rows: its trigger is taken away first, as if it had never been there."""
    database = await Database.open(new_database_url(dialect))
    before, after = [story() for _ in range(3)], story()
    async with database.transaction() as connection:
        await forget_the_feed(connection)
        await write(connection, *before)
    assert await migrate(database) == ["0003_event_feed"]
    await tell(database, after)
    log = TortoiseEventLog(database)

    entries = await everything(log)

    assert [(entry.sequence, entry.event) for entry in entries] == [*enumerate(before, 1), (4, after)]
    await log.close()
    await database.close()


async def forget_the_feed(connection: Connection) -> None:
    on = " ON events" if connection.dialect is Dialect.POSTGRES else ""
    for trigger in ("events_numbered", "events_await_number"):
        await connection.execute(f"DROP TRIGGER IF EXISTS {trigger}{on}")
    await connection.execute("DROP TABLE event_feed")
    if connection.dialect is Dialect.POSTGRES:
        await connection.execute("DROP FUNCTION events_await_number")
    await connection.execute("DELETE FROM tortoise_migrations WHERE name = '0003_event_feed'")


# --- searching and waiting ------------------------------------------------------------------------------------------


async def test_a_stretch_is_searched_by_object_and_kind(database: Database, log: TortoiseEventLog) -> None:
    placed = [story(f"ord_{number % 3}", EventKind.ORDER_PLACED) for number in range(9)]
    created = [story(f"ord_{number % 3}") for number in range(9)]
    await tell(database, *placed, *created)
    await log.end()

    of_one = await log.search(Interest(subject_id="ord_1"), after=0, until=18, limit=4)
    assert [entry.event for entry in of_one.entries] == [placed[1], placed[4], placed[7], created[1]]
    assert of_one.searched_until == of_one.entries[-1].sequence
    rest = await log.search(Interest(subject_id="ord_1"), after=of_one.searched_until, until=18, limit=4)
    assert ([entry.event for entry in rest.entries], rest.searched_until) == ([created[4], created[7]], 18)

    kinds = frozenset({EventKind.ORDER_CREATED})
    of_a_kind = await log.search(Interest(kinds=kinds), after=0, until=10, limit=50)
    assert ([entry.event for entry in of_a_kind.entries], of_a_kind.searched_until) == ([created[0]], 10)
    both = await log.search(Interest(subject_id="ord_2", kinds=kinds), after=0, until=18, limit=50)
    assert [entry.event for entry in both.entries] == [created[2], created[5], created[8]]


async def test_a_place_is_found_by_its_event(database: Database, log: TortoiseEventLog) -> None:
    assert await log.end() == BEGINNING
    events = [story(), story()]
    await tell(database, *events)
    await log.end()

    assert await log.find(events[1].id) == Place(2, events[1].id)
    assert [await log.find(other) for other in ("evt_none", "", "\0", "\ud800")] == [None] * 4


async def test_a_reader_is_woken_by_another_process(dialect: Dialect, database_url: str) -> None:
    """Another `Database` has a pool and a log of its own, as another process has."""
    ours, theirs = await Database.open(database_url), await Database.open(database_url)
    log, their_log = TortoiseEventLog(ours), TortoiseEventLog(theirs)
    feed = Feed(log)
    event = story()
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(feed.follow(Interest(), after=BEGINNING)) as followed:
        coming = asyncio.create_task(anext(followed))
        while not feed.followers:
            await asyncio.sleep(0.01)
        async with TortoiseStore(theirs, told=their_log.written).transaction() as tx:
            await tx.events.add(event)
        assert (await coming).event == event
    await feed.close()
    for each in (log, their_log):
        await each.close()
    for database in (ours, theirs):
        await database.close()


async def test_a_lost_connection_loses_no_event(new_database_url: NewDatabaseUrl) -> None:
    """The listening connection is cut from the other side; meanwhile somebody writes."""
    database = await Database.open(new_database_url(Dialect.POSTGRES))
    log = TortoiseEventLog(database)
    feed = Feed(log)
    store = TortoiseStore(database, told=log.written)
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(feed.follow(Interest(), after=BEGINNING)) as followed:
        for _ in range(3):
            event = story()
            async with store.transaction() as tx:
                await tx.events.add(event)
            assert (await anext(followed)).event == event
            async with database.transaction() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
    await feed.close()
    await log.close()
    await database.close()


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES], indirect=True)
async def test_who_waits_for_a_number_holds_no_connection(
    database: Database, database_url: str, log: TortoiseEventLog
) -> None:
    """Another process has the lock, and is stuck: the money of this one goes on."""
    other = await Database.open(database_url)
    try:
        await tell(database, story())
        async with other.transaction() as stuck:
            await stuck.fetch_one("SELECT pg_advisory_xact_lock($1)", numbering._ADVISORY_LOCK)
            waiting = [asyncio.create_task(log.end()) for _ in range(30)]
            await asyncio.sleep(0.2)
            async with asyncio.timeout(5):
                for _ in range(20):
                    await tell(database, story())
            assert not any(task.done() for task in waiting)
        async with asyncio.timeout(PATIENCE_SECONDS):
            places = await asyncio.gather(*waiting)
    finally:
        await other.close()

    assert {place.sequence for place in places} == {21}


@pytest.mark.fault("F48")
async def test_an_event_of_a_newer_version_is_handed_on(database: Database, log: TortoiseEventLog) -> None:
    """Both run side by side for a while; the older one goes on, and says that it cannot name it."""
    newer, known = story(), story()
    async with database.transaction() as connection:
        await write(connection, newer)
        columns = "position, id, kind, subject_ids, actor, data, livemode, created_at"
        # Events are insert-only: a copy under a word that nobody here knows.
        await connection.execute(
            f"INSERT INTO events ({columns}) SELECT position + 1000, 'evt_newer', 'ORBIT_REACHED', subject_ids, actor,"
            f" data, livemode, created_at FROM events WHERE id = '{newer.id}'"
        )
    await tell(database, known)

    kinds = [entry.event.kind for entry in await everything(log)]

    assert sorted(kinds) == [EventKind.ORDER_CREATED, EventKind.ORDER_CREATED, EventKind.OTHER]
