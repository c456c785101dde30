"""What services and workers may rely on when they enqueue and take jobs."""

import asyncio
from collections.abc import Sequence
from itertools import chain

import pytest

from domain.errors import InvalidInput
from domain.jobs import Job, JobKind
from domain.store import JobQueue, Store
from persistence.database import Database
from persistence.jobs import TortoiseJobQueue

LONG = 60.0
"""A lease that does not end during a test."""
SHORT = 0.4
"""A lease that ends while a test waits, and does not before on a busy machine."""


async def schedule(
    store: Store, *subject_ids: str, kind: JobKind = JobKind.RESOLVE_OPERATION, after: float = 0
) -> None:
    async with store.transaction() as tx:
        for subject_id in subject_ids:
            await tx.jobs.schedule(kind, subject_id, after_seconds=after)


async def claim(queue: JobQueue, *, limit: int = 10, lease: float = LONG) -> Sequence[Job]:
    return await queue.claim_due(limit=limit, lease_seconds=lease)


async def claim_one(queue: JobQueue, *, lease: float = LONG) -> Job:
    (job,) = await claim(queue, lease=lease)
    return job


async def test_a_job_is_taken_when_it_is_due(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    await schedule(store, "op_2", after=SHORT)
    await schedule(store, "op_3", after=LONG)

    first = await claim_one(queue)
    await asyncio.sleep(SHORT + 0.1)
    second = await claim_one(queue)

    assert (first.kind, first.subject_id, first.tries) == (JobKind.RESOLVE_OPERATION, "op_1", 1)
    assert second.subject_id == "op_2"
    assert await claim(queue) == []


async def test_what_is_due_longest_comes_first(store: Store, queue: JobQueue) -> None:
    for subject_id in ("op_1", "op_2", "op_3"):
        await schedule(store, subject_id)
        await asyncio.sleep(0.005)

    taken = await claim(queue, limit=2)

    assert {job.subject_id for job in taken} == {"op_1", "op_2"}


async def test_of_each_kind_no_more_is_taken_than_there_are_places(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1", "op_2", "op_3")
    await schedule(store, "chg_1", "chg_2", kind=JobKind.EXPIRE_CHARGE)
    await schedule(store, "ord_1", kind=JobKind.EXPIRE_ORDER)

    places = {JobKind.RESOLVE_OPERATION: 2, JobKind.EXPIRE_CHARGE: 5, JobKind.EXPIRE_ORDER: 0}
    taken = await queue.claim_due(limit=3, lease_seconds=LONG, places=places)
    left = await queue.claim_due(limit=10, lease_seconds=LONG, places=places)

    assert sorted(job.subject_id for job in taken) == ["chg_1", "op_1", "op_2"]
    assert sorted(job.subject_id for job in left) == ["chg_2", "op_3"]
    assert await queue.claim_due(limit=0, lease_seconds=LONG) == []


async def test_a_job_that_is_given_back_is_as_it_was(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    first = await claim_one(queue)

    await queue.release(first)
    second = await claim_one(queue)
    await queue.release(first)

    assert (first.tries, second.tries) == (1, 1)
    assert await claim(queue) == []


async def test_a_job_comes_with_its_commit_only(store: Store, queue: JobQueue) -> None:
    async def give_up() -> None:
        async with store.transaction() as tx:
            await tx.jobs.schedule(JobKind.EXPIRE_ORDER, "ord_1", after_seconds=0)
            raise InvalidInput("no", path=())

    with pytest.raises(InvalidInput):
        await give_up()

    assert await claim(queue) == []


@pytest.mark.fault("F47")
async def test_a_transaction_that_had_to_wait_gives_a_full_lease(store: Store, queue: JobQueue) -> None:
    async with store.transaction() as tx:
        await tx.facts.get("anything")
        await asyncio.sleep(SHORT + 0.1)
        await tx.jobs.schedule(JobKind.RESOLVE_OPERATION, "op_1", after_seconds=SHORT)

    assert await claim(queue) == []


async def test_there_is_one_job_for_a_subject(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1", after=LONG)
    await schedule(store, "op_1")
    await schedule(store, "op_1", kind=JobKind.EXPIRE_CHARGE)

    taken = await claim(queue)

    assert sorted(job.kind for job in taken) == [JobKind.EXPIRE_CHARGE, JobKind.RESOLVE_OPERATION]


async def test_a_cancelled_job_does_not_run(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1", "op_2")
    async with store.transaction() as tx:
        await tx.jobs.cancel(JobKind.RESOLVE_OPERATION, "op_1")
        await tx.jobs.cancel(JobKind.EXPIRE_CHARGE, "op_2")

    assert (await claim_one(queue)).subject_id == "op_2"


async def test_workers_take_each_job_once(store: Store, queue: JobQueue, database_url: str) -> None:
    subjects = [f"op_{number}" for number in range(60)]
    await schedule(store, *subjects)
    others = [await Database.open(database_url) for _ in range(2)]
    queues = [queue, *(TortoiseJobQueue(other) for other in others)]

    async def work(place: int) -> list[Job]:
        taken: list[Job] = []
        while jobs := await claim(queues[place % 3], limit=3):
            assert len(jobs) <= 3
            taken += jobs
            for job in jobs:
                await queues[place % 3].finish(job)
        return taken

    taken = list(chain.from_iterable(await asyncio.gather(*(work(place) for place in range(6)))))
    for other in others:
        await other.close()

    assert sorted(job.subject_id for job in taken) == sorted(subjects)
    assert {job.tries for job in taken} == {1}


async def test_a_finished_job_is_gone(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    await queue.finish(await claim_one(queue, lease=SHORT))
    await asyncio.sleep(SHORT + 0.1)

    assert await claim(queue) == []


async def test_the_job_of_a_dead_worker_is_taken_by_another(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    lost = await claim_one(queue, lease=SHORT)
    assert await claim(queue) == []
    await asyncio.sleep(SHORT + 0.1)

    taken_over = await claim_one(queue)

    assert (taken_over.id, taken_over.tries) == (lost.id, 2)
    assert taken_over.claim != lost.claim


async def test_a_worker_whose_lease_has_passed_ends_nothing(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    late = await claim_one(queue, lease=SHORT)
    await asyncio.sleep(SHORT + 0.1)
    current = await claim_one(queue, lease=SHORT)

    await queue.finish(late)
    await queue.retry(late, after_seconds=0, error="late")
    await queue.bury(late, error="late")
    assert await claim(queue) == []
    await asyncio.sleep(SHORT + 0.1)

    assert (await claim_one(queue)).id == current.id


async def test_a_job_that_is_scheduled_while_it_runs_runs_again(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    running = await claim_one(queue)
    await schedule(store, "op_1")

    await queue.finish(running)

    again = await claim_one(queue)
    assert (again.subject_id, again.tries) == ("op_1", 1)


async def test_a_failed_job_comes_back_later(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    await queue.retry(await claim_one(queue), after_seconds=SHORT, error="timeout\0\ud800")
    assert await claim(queue) == []
    await asyncio.sleep(SHORT + 0.1)

    assert (await claim_one(queue)).tries == 2


async def test_work_that_goes_on_counts_its_tries_too(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    await queue.retry(await claim_one(queue), after_seconds=0, error="timeout")
    await queue.retry(await claim_one(queue), after_seconds=0, error=None)

    assert (await claim_one(queue)).tries == 3


async def test_a_buried_job_rests_until_it_is_scheduled_anew(store: Store, queue: JobQueue) -> None:
    await schedule(store, "op_1")
    await queue.bury(await claim_one(queue, lease=SHORT), error="broken " * 1_000)
    await asyncio.sleep(SHORT + 0.1)
    assert await claim(queue) == []

    await schedule(store, "op_1")

    assert (await claim_one(queue)).tries == 1


@pytest.mark.fault("F48")
async def test_a_job_of_a_newer_version_is_left_to_it(store: Store, queue: JobQueue, database: Database) -> None:
    """And holds up none of those that are known, however long it has been due."""
    await schedule(store, "op_1", "op_2")
    async with database.transaction() as connection:
        await connection.execute("UPDATE jobs SET kind = 'SEND_INVOICE' WHERE subject_id = 'op_1'")

    assert [job.subject_id for job in await claim(queue)] == ["op_2"]
    assert await claim(queue) == []
    async with database.reader() as connection:
        (left,) = await connection.fetch_all("SELECT * FROM jobs WHERE kind = 'SEND_INVOICE'")
    assert (left["tries"], left["claim"]) == (0, None)
