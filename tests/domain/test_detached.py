"""Work that was begun goes on, whatever becomes of the one who began it."""

import asyncio
import contextvars
import logging

import pytest

from domain.detached import Detached

connection: contextvars.ContextVar[str] = contextvars.ContextVar("connection")


class Work:
    """Waits until it is let go, and remembers that it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = False

    async def run(self) -> str:
        self.begun.set()
        await self.may_end.wait()
        self.ended = True
        return "done"


async def test_work_survives_the_cancellation_of_the_one_who_waits() -> None:
    detached, work = Detached(), Work()
    task = detached.spawn(work.run(), name="op_1")
    waiter = asyncio.create_task(detached.wait(task, at_most_seconds=60))
    await work.begun.wait()

    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not task.done()
    work.may_end.set()

    assert await task == "done"
    assert work.ended


async def test_work_goes_on_when_the_waiting_takes_too_long() -> None:
    detached, work = Detached(), Work()
    task = detached.spawn(work.run(), name="op_1")
    assert not await detached.wait(task, at_most_seconds=0.01)
    work.may_end.set()
    assert await detached.wait(task, at_most_seconds=60)
    assert task.result() == "done"


async def test_nothing_of_the_request_goes_along() -> None:
    async def look() -> str | None:
        return connection.get(None)

    token = connection.set("the request's")
    try:
        assert await Detached().spawn(look(), name="look") is None
        assert connection.get() == "the request's"
    finally:
        connection.reset(token)


async def test_shutting_down_lets_work_end() -> None:
    detached, work = Detached(), Work()
    detached.spawn(work.run(), name="op_1")
    drained = asyncio.create_task(detached.drain(grace_seconds=60))
    await work.begun.wait()
    work.may_end.set()
    assert await drained == 0
    assert work.ended


async def test_shutting_down_does_not_wait_for_ever_and_says_what_is_left() -> None:
    detached, stuck, quick = Detached(), Work(), Work()
    task = detached.spawn(stuck.run(), name="op_1")
    detached.spawn(quick.run(), name="op_2")
    quick.may_end.set()
    assert await detached.drain(grace_seconds=0.01) == 1
    assert task.cancelled()
    assert not stuck.ended
    assert quick.ended
    assert await detached.drain(grace_seconds=0.01) == 0


async def test_shutting_down_waits_for_what_the_work_began_while_it_ended() -> None:
    detached, first, second = Detached(), Work(), Work()

    async def lead_to_the_second() -> None:
        await first.run()
        detached.spawn(second.run(), name="op_2")

    detached.spawn(lead_to_the_second(), name="op_1")
    drained = asyncio.create_task(detached.drain(grace_seconds=60))
    await first.begun.wait()
    first.may_end.set()
    await second.begun.wait()
    assert not drained.done()
    second.may_end.set()
    assert await drained == 0
    assert second.ended


async def test_what_was_begun_meanwhile_has_no_time_of_its_own() -> None:
    detached, first, second = Detached(), Work(), Work()

    async def lead_to_the_second() -> None:
        await first.run()
        detached.spawn(second.run(), name="op_2")

    detached.spawn(lead_to_the_second(), name="op_1")
    first.may_end.set()
    assert await asyncio.wait_for(detached.drain(grace_seconds=0.05), timeout=10) == 1
    assert first.ended
    assert not second.ended


async def test_with_nothing_under_way_shutting_down_takes_no_time() -> None:
    assert await Detached().drain(grace_seconds=60) == 0


async def test_a_failure_is_logged_and_stays_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("the database is gone")

    detached, work = Detached(), Work()
    other = detached.spawn(work.run(), name="op_2")
    with caplog.at_level(logging.ERROR, logger="paydesk.detached"):
        task = detached.spawn(fail(), name="op_1")
        assert await detached.wait(task, at_most_seconds=60)
    assert isinstance(task.exception(), RuntimeError)
    assert ["op_1" in record.getMessage() for record in caplog.records] == [True]
    assert not other.done()
    work.may_end.set()
    assert await other == "done"
