"""A cancelled task leaves no trace: no lock, no connection, no half of a transaction.

Stock Tortoise fails each of these: one aborted request wedges SQLite for ever, as many as its pool is large wedge
PostgreSQL.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from persistence.database import Database
from persistence.failures import DatabaseUnavailable
from persistence.sql import Dialect
from tests.persistence.interruptions import at_every_await
from tests.persistence.sample import SAMPLE
from tests.persistence.sample.rows import add_boxes, count_of

RANDOM_CANCELLATIONS = 5_000
AT_ONCE = 20


@pytest.fixture
async def boxes(sample_url: str) -> AsyncIterator[Database]:
    """Two boxes that every transaction fills alike, and a pool that is smaller than the crowd."""
    options = "?pool_size=5" if sample_url.startswith("postgres") else "?readers=2"
    database = await Database.open(sample_url + options, app=SAMPLE)
    await add_boxes(database, "left", "right")
    yield database
    await database.close()


async def fill_both(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE sample_boxes SET count = count + 1 WHERE id = 'left'")
        await asyncio.sleep(0)
        await connection.execute("UPDATE sample_boxes SET count = count + 1 WHERE id = 'right'")


async def fill_both_and_fail(database: Database) -> None:
    with suppress(IntegrityError):
        async with database.transaction() as connection:
            await connection.execute("UPDATE sample_boxes SET count = count + 1 WHERE id = 'left'")
            await connection.execute("UPDATE sample_boxes SET count = -1 WHERE id = 'right'")


async def fill_both_by_savepoint(database: Database) -> None:
    async with database.transaction() as connection:
        async with connection.savepoint():
            await connection.execute("UPDATE sample_boxes SET count = count + 1 WHERE id = 'left'")
        await connection.execute("UPDATE sample_boxes SET count = count + 1 WHERE id = 'right'")


async def look(database: Database) -> None:
    async with database.reader() as connection:
        await connection.fetch_all("SELECT count FROM sample_boxes")
        await connection.fetch_all("SELECT count FROM sample_boxes")


WORKS = [fill_both, fill_both_and_fail, fill_both_by_savepoint, look]


@pytest.mark.fault("F45")
@pytest.mark.parametrize("work", WORKS)
async def test_a_cancellation_at_any_await_leaves_nothing_behind(
    boxes: Database, work: Callable[[Database], Coroutine[Any, Any, None]]
) -> None:
    awaits = 0

    async for number in at_every_await(lambda: work(boxes)):
        awaits = number
        await assert_healthy(boxes)

    # Begin, two statements, the end; fewer would mean that the cancellations missed the work.
    assert awaits >= 3


@pytest.mark.fault("F45")
async def test_five_thousand_random_cancellations_leave_nothing_behind(boxes: Database) -> None:
    chance = random.Random(20260301)
    outcomes = {"done": 0, "cancelled": 0}
    longest_seconds = 0.004

    async def one(number: int) -> None:
        task = asyncio.create_task(WORKS[number % len(WORKS)](boxes))
        await let_it_run_for_a_while(chance, longest_seconds)
        task.cancel()
        if chance.random() < 0.3:
            # A second one arrives while the first is being dealt with.
            await let_it_run_for_a_while(chance, longest_seconds)
            task.cancel()
        try:
            await task
            outcomes["done"] += 1
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1

    for start in range(0, RANDOM_CANCELLATIONS, AT_ONCE):
        done_before = outcomes["done"]
        await asyncio.gather(*(one(number) for number in range(start, start + AT_ONCE)))
        if outcomes["done"] == done_before:
            # A busy machine: all were cancelled early, and the later places of the work would never be met.
            longest_seconds *= 1.5
    await assert_healthy(boxes)

    assert sum(outcomes.values()) == RANDOM_CANCELLATIONS
    assert outcomes["cancelled"] > RANDOM_CANCELLATIONS / 10
    assert outcomes["done"] > RANDOM_CANCELLATIONS / 100


async def test_waiting_in_line_can_be_cancelled(boxes: Database) -> None:
    async with boxes.transaction():
        waiting = [asyncio.create_task(fill_both(boxes)) for _ in range(30)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    if boxes.dialect is Dialect.SQLITE:
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    await assert_healthy(boxes)


async def test_a_timeout_around_a_transaction_is_a_timeout(boxes: Database) -> None:
    async def dawdle() -> None:
        async with asyncio.timeout(0.05), boxes.transaction() as connection:
            await connection.execute("UPDATE sample_boxes SET count = count + 1 WHERE id = 'left'")
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await dawdle()

    await assert_healthy(boxes)


async def test_closing_during_a_crowd_ends(boxes: Database) -> None:
    crowd = [asyncio.create_task(fill_both(boxes)) for _ in range(30)]
    await asyncio.sleep(0.01)

    async with asyncio.timeout(5):
        await boxes.close()
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)

    unexpected = [outcome for outcome in outcomes if not isinstance(outcome, DatabaseUnavailable | None)]
    assert unexpected == []


async def let_it_run_for_a_while(chance: random.Random, longest_seconds: float) -> None:
    if chance.random() < 0.5:
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(chance.random() * longest_seconds)


async def assert_healthy(database: Database) -> None:
    """The next transaction works at once, everything was given back, and both boxes hold the same."""
    assert database.idle
    async with asyncio.timeout(2):
        await fill_both(database)
        await look(database)
    assert database.idle
    assert await count_of(database, "left") == await count_of(database, "right")
    if database.dialect is Dialect.POSTGRES:
        async with database.reader() as connection:
            rows = await connection.fetch_all(
                "SELECT state, query FROM pg_stat_activity "
                "WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            )
        assert rows == []
