"""The worker and its leases: a job outlives the process that had it, and a claim that has passed ends nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from adapters.worker import LONGEST_BACK_OFF_SECONDS, Worker, _back_off
from domain.jobs import MOST_TRIES, Again, Job, JobKind
from persistence.database import Database
from persistence.jobs import TortoiseJobQueue
from persistence.store import TortoiseStore

KIND = JobKind.APPLY_WEBHOOK
Run = Callable[[Job], Awaitable[Again | None]]


class Desk:
    """A job table, and what was done at it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.done: list[str] = []
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    def worker(self, run: Run | None = None) -> Worker:
        return Worker(TortoiseJobQueue(self.database), run or self.do, longest_job_seconds=30)

    async def do(self, job: Job) -> Again | None:
        self.done.append(job.subject_id)
        return None

    async def do_slowly(self, job: Job) -> Again | None:
        self.begun.set()
        await self.may_end.wait()
        return await self.do(job)

    async def fail(self, _job: Job) -> Again | None:
        raise ValueError("it does not work")

    async def schedule(self, subject_id: str) -> None:
        async with TortoiseStore(self.database).transaction() as tx:
            await tx.jobs.schedule(KIND, subject_id, after_seconds=0)

    async def end_leases(self) -> None:
        async with self.database.transaction() as connection:
            await connection.execute("UPDATE jobs SET run_at = created_at WHERE dead_at IS NULL")

    async def rows(self) -> list[dict[str, object]]:
        async with self.database.reader() as connection:
            return await connection.fetch_all("SELECT * FROM jobs")


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_a_job_is_one_worker_s_for_the_time_of_its_lease(desk: Desk) -> None:
    await desk.schedule("a")
    first = asyncio.create_task(desk.worker(desk.do_slowly).run_due())
    await desk.begun.wait()

    assert await desk.worker().run_due() == 0

    desk.may_end.set()
    assert await first == 1
    assert desk.done == ["a"]


@pytest.mark.fault("F6")
async def test_a_job_whose_worker_died_is_done_by_another(desk: Desk) -> None:
    await desk.schedule("a")
    dying = asyncio.create_task(desk.worker(desk.do_slowly).run_due())
    await desk.begun.wait()
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert [row["claim"] is not None for row in await desk.rows()] == [True]

    await desk.end_leases()

    assert await desk.worker().run_due() == 1
    assert (desk.done, await desk.rows()) == (["a"], [])


@pytest.mark.fault("F47")
async def test_a_worker_whose_lease_has_passed_ends_nothing(desk: Desk) -> None:
    """It slept; another took the job, and its failure put it back. The sleeper's success must not remove it."""
    await desk.schedule("a")
    sleeper = asyncio.create_task(desk.worker(desk.do_slowly).run_due())
    await desk.begun.wait()
    await desk.end_leases()
    assert await desk.worker(desk.fail).run_due() == 1

    desk.may_end.set()
    await sleeper

    (row,) = await desk.rows()
    assert (row["last_error"], row["tries"]) == ("ValueError: it does not work", 2)


async def test_a_job_that_is_scheduled_while_it_runs_runs_again(desk: Desk) -> None:
    await desk.schedule("a")

    async def schedule_once_more(job: Job) -> Again | None:
        if not desk.done:
            await desk.schedule("a")
        return await desk.do(job)

    assert await desk.worker(schedule_once_more).run_due() == 2
    assert (desk.done, await desk.rows()) == (["a", "a"], [])


async def test_what_was_put_aside_lives_again_when_it_is_scheduled(desk: Desk) -> None:
    await desk.schedule("a")
    for _ in range(MOST_TRIES):
        await desk.end_leases()
        await desk.worker(desk.fail).run_due()
    assert [row["dead_at"] is not None for row in await desk.rows()] == [True]

    await desk.schedule("a")

    assert await desk.worker().run_due() == 1
    assert await desk.rows() == []


@pytest.mark.parametrize("tries", [1, 2, 5, 12, 20, 1_000])
def test_pauses_grow_to_an_hour_and_never_come_as_a_crowd(tries: int) -> None:
    longest = min(2.0 ** min(tries, 12), LONGEST_BACK_OFF_SECONDS)

    pauses = [_back_off(tries) for _ in range(200)]

    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(set(pauses)) > 100
