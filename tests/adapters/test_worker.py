"""The worker: what is due is done at least once, and nothing that fails holds up the rest."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.worker import JOBS_AT_ONCE, MOST_OF_A_KIND, Worker
from domain.jobs import MOST_TRIES, Again, Job, JobKind
from persistence.connections import Connection
from persistence.database import Database, database_now
from persistence.jobs import TortoiseJobQueue
from persistence.sql import Dialect, instant
from persistence.store import TortoiseStore

KIND = JobKind.APPLY_WEBHOOK
Run = Callable[[Job], Awaitable[Again | None]]

_AN_HOUR_AGO = {
    Dialect.POSTGRES: "now() - interval '1 hour'",
    Dialect.SQLITE: "'2000-01-01T00:00:00.000000Z'",
}


class Log:
    """What was run, in the order in which it began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []

    async def run(self, job: Job) -> Again | None:
        self.begun.append(job.subject_id)
        self.ended.append(job.subject_id)
        return None


@pytest.fixture
def log() -> Log:
    return Log()


def worker_of(database: Database, run: Run, *, longest_job_seconds: float = 30) -> Worker:
    return Worker(TortoiseJobQueue(database), run, longest_job_seconds=longest_job_seconds)


async def schedule(database: Database, *subject_ids: str, kind: JobKind = KIND, after: float = 0) -> None:
    async with TortoiseStore(database).transaction() as tx:
        for subject_id in subject_ids:
            await tx.jobs.schedule(kind, subject_id, after_seconds=after)


async def jobs_of(database: Database) -> dict[str, dict[str, Any]]:
    async with database.reader() as connection:
        rows = await connection.fetch_all("SELECT subject_id, tries, last_error, dead_at FROM jobs")
    return {row["subject_id"]: dict(row) for row in rows}


async def make_due(database: Database, *, tries: int = 1) -> None:
    async def work(connection: Connection) -> int:
        moment = _AN_HOUR_AGO[connection.dialect]
        return await connection.execute(f"UPDATE jobs SET run_at = {moment}, tries = $1", tries)

    await database.run(work)


async def fill(database: Database) -> list[str]:
    """As many jobs as a worker does at once, of kinds that may wait for a provider."""
    webhooks = [f"whd_{number}" for number in range(MOST_OF_A_KIND)]
    operations = [f"op_{number}" for number in range(JOBS_AT_ONCE - MOST_OF_A_KIND)]
    await schedule(database, *webhooks)
    await schedule(database, *operations, kind=JobKind.RESOLVE_OPERATION)
    return webhooks + operations


@asynccontextmanager
async def at_work(worker: Worker) -> AsyncIterator[asyncio.Event]:
    """The worker beside the test, and how it is told to stop; leaving waits for its end."""
    stop = asyncio.Event()
    working = asyncio.create_task(worker.work(stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await working


# --- what is due ----------------------------------------------------------------------------------------------------


async def test_a_job_that_is_done_is_gone(database: Database, log: Log) -> None:
    await schedule(database, "whd_1", "whd_2")
    await schedule(database, "whd_later", after=600)

    done = await worker_of(database, log.run).run_due()

    assert (done, sorted(log.ended)) == (2, ["whd_1", "whd_2"])
    assert list(await jobs_of(database)) == ["whd_later"]


async def test_more_jobs_than_fit_at_once_are_done_all_the_same(database: Database, log: Log) -> None:
    subjects = [f"whd_{number:02}" for number in range(2 * JOBS_AT_ONCE + 1)]
    await schedule(database, *subjects)

    assert await worker_of(database, log.run).run_due() == len(subjects)
    assert sorted(log.ended) == subjects


async def test_a_job_whose_work_is_not_over_comes_back_and_has_not_failed(database: Database) -> None:
    async def run(_job: Job) -> Again:
        return Again(600)

    await schedule(database, "whd_1")
    await worker_of(database, run).run_due()

    job = (await jobs_of(database))["whd_1"]
    assert (job["tries"], job["last_error"], job["dead_at"]) == (1, None, None)
    assert await worker_of(database, run).run_due() == 0


# --- what fails -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F37")
async def test_a_job_that_fails_is_tried_later_and_holds_up_no_other(
    database: Database, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(job: Job) -> Again | None:
        if job.subject_id == "whd_bad":
            raise LookupError("not there")
        return await log.run(job)

    await schedule(database, "whd_bad", "whd_good")
    await worker_of(database, run).run_due()

    left = await jobs_of(database)
    assert (list(left), log.ended) == (["whd_bad"], ["whd_good"])
    assert (left["whd_bad"]["tries"], left["whd_bad"]["last_error"]) == (1, "LookupError: not there")
    assert f"job {KIND} of whd_bad failed (try 1)" in caplog.messages


@pytest.mark.fault("F37")
async def test_what_fails_too_often_is_put_aside_for_a_person(
    database: Database, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(_job: Job) -> Again | None:
        raise LookupError("never there")

    await schedule(database, "whd_1")
    await make_due(database, tries=MOST_TRIES - 1)
    await worker_of(database, run).run_due()
    await make_due(database)

    assert (await jobs_of(database))["whd_1"]["dead_at"] is not None
    told = f"job APPLY_WEBHOOK of whd_1 was given up after {MOST_TRIES} tries"
    assert ("paydesk.worker", logging.ERROR, told) in caplog.record_tuples
    assert await worker_of(database, log.run).run_due() == 0


async def test_what_is_about_money_is_never_given_up(
    database: Database, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(_job: Job) -> Again | None:
        raise LookupError("the database is older than the code")

    await schedule(database, "op_1", kind=JobKind.RESOLVE_OPERATION)
    await make_due(database, tries=MOST_TRIES * 10)
    await worker_of(database, run).run_due()
    await make_due(database)

    told = f"job RESOLVE_OPERATION of op_1 is about money and keeps failing: {MOST_TRIES * 10 + 1} tries"
    assert ("paydesk.worker", logging.ERROR, told) in caplog.record_tuples
    assert await worker_of(database, log.run).run_due() == 1
    assert log.ended == ["op_1"]


@pytest.mark.parametrize("dialect", [Dialect.SQLITE])
@pytest.mark.parametrize("kind", JobKind)
async def test_after_so_many_failures_only_what_is_about_money_comes_back(
    database: Database, log: Log, kind: JobKind
) -> None:
    async def run(_job: Job) -> Again | None:
        raise LookupError("never there")

    await schedule(database, "x", kind=kind)
    for tries, goes_on in ((MOST_TRIES - 1, True), (MOST_TRIES, kind.is_about_money)):
        await make_due(database, tries=tries - 1)
        await worker_of(database, run).run_due()
        left = (await jobs_of(database))["x"]
        assert (left["tries"], left["dead_at"] is None) == (tries, goes_on)

    await make_due(database)
    assert await worker_of(database, log.run).run_due() == (1 if kind.is_about_money else 0)


@pytest.mark.parametrize("dialect", [Dialect.SQLITE])
@pytest.mark.parametrize(
    ("tries", "longest_seconds"), [(1, 2), (2, 4), (5, 32), (11, 2_048), (12, 3_600), (20, 3_600), (100_000, 3_600)]
)
async def test_the_more_often_it_failed_the_longer_it_waits_up_to_an_hour(
    database: Database, tries: int, longest_seconds: int
) -> None:
    async def run(_job: Job) -> Again | None:
        raise LookupError("not there")

    # Never given up, and so there is no number of tries that does not occur.
    subjects = [f"op_{number}" for number in range(8)]
    await schedule(database, *subjects, kind=JobKind.RESOLVE_OPERATION)
    await make_due(database, tries=tries - 1)
    before = datetime.now(UTC)
    await worker_of(database, run).run_due()
    after = datetime.now(UTC)

    async with database.reader() as connection:
        times = [instant(row["run_at"]) for row in await connection.fetch_all("SELECT run_at FROM jobs")]
    # The clock of the database has milliseconds, rounded either way.
    slack = timedelta(milliseconds=2)
    assert min(times) >= before + timedelta(seconds=longest_seconds / 2) - slack
    assert max(times) <= after + timedelta(seconds=longest_seconds) + slack
    # Half of it is chance: what failed together does not come back together.
    assert max(times) - min(times) > timedelta(seconds=longest_seconds / 50)


async def test_nobody_else_begins_a_job_before_it_is_cut_off(database: Database) -> None:
    hidden_for: list[float] = []

    async def run(_job: Job) -> Again | None:
        async with database.reader() as connection:
            (row,) = await connection.fetch_all("SELECT run_at FROM jobs")
            now = await database_now(connection)
        hidden_for.append((instant(row["run_at"]) - now).total_seconds())
        return None

    await schedule(database, "whd_1")
    await worker_of(database, run, longest_job_seconds=300).run_due()

    assert hidden_for[0] > 300 + 5


async def test_a_job_that_hangs_is_cut_off_and_tried_later(database: Database) -> None:
    async def run(_job: Job) -> Again | None:
        await asyncio.Event().wait()
        return None

    await schedule(database, "whd_1")
    await worker_of(database, run, longest_job_seconds=0.05).run_due()

    assert (await jobs_of(database))["whd_1"]["last_error"].startswith("TimeoutError")


# --- beside the gateway ---------------------------------------------------------------------------------------------


async def test_what_becomes_due_is_begun_without_being_told(database: Database) -> None:
    done = asyncio.Event()

    async def run(_job: Job) -> Again | None:
        done.set()
        return None

    async with at_work(worker_of(database, run)):
        await schedule(database, "whd_1")
        async with asyncio.timeout(10):
            await done.wait()


@pytest.mark.fault("F46")
async def test_a_worker_that_is_told_to_stop_finishes_what_it_has_and_begins_nothing(database: Database) -> None:
    # With both hands full, so that it is not asking for more at the very moment of the stop.
    at_once = await fill(database)
    begun, ended, all_begun, go_on = set[str](), set[str](), asyncio.Event(), asyncio.Event()

    async def run(job: Job) -> Again | None:
        begun.add(job.subject_id)
        if len(begun) == JOBS_AT_ONCE:
            all_begun.set()
        await go_on.wait()
        ended.add(job.subject_id)
        return None

    async with at_work(worker_of(database, run)) as stop:
        async with asyncio.timeout(10):
            await all_begun.wait()
        stop.set()
        await schedule(database, "whd_late")
        go_on.set()

    assert begun == ended == set(at_once)
    assert list(await jobs_of(database)) == ["whd_late"]


async def test_jobs_run_side_by_side_up_to_a_number(database: Database) -> None:
    at_once, most = 0, 0
    enough = asyncio.Event()

    async def run(_job: Job) -> Again | None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if at_once == JOBS_AT_ONCE:
            enough.set()
        await enough.wait()
        at_once -= 1
        return None

    await fill(database)
    await schedule(database, *(f"chg_{number}" for number in range(3)), kind=JobKind.WATCH_CHARGE)
    async with at_work(worker_of(database, run)), asyncio.timeout(10):
        await enough.wait()
        while await jobs_of(database):
            await asyncio.sleep(0.02)

    assert most == JOBS_AT_ONCE


async def test_one_kind_that_waits_for_a_provider_leaves_places_to_the_others(database: Database) -> None:
    """A hundred webhooks of a slow provider, and then the resolver has something to do."""
    begun: list[str] = []
    resolved, go_on = asyncio.Event(), asyncio.Event()

    async def run(job: Job) -> Again | None:
        begun.append(job.subject_id)
        if job.kind is JobKind.RESOLVE_OPERATION:
            resolved.set()
        else:
            await go_on.wait()
        return None

    await schedule(database, *(f"whd_{number:02}" for number in range(30)))
    async with at_work(worker_of(database, run)), asyncio.timeout(10):
        while len(begun) < MOST_OF_A_KIND:
            await asyncio.sleep(0.01)
        await schedule(database, "op_1", kind=JobKind.RESOLVE_OPERATION)
        await resolved.wait()
        assert sum(subject_id.startswith("whd_") for subject_id in begun) == MOST_OF_A_KIND
        go_on.set()


async def test_what_asks_no_provider_waits_for_none(database: Database) -> None:
    begun: set[str] = set()
    forgotten, go_on = asyncio.Event(), asyncio.Event()

    async def run(job: Job) -> Again | None:
        begun.add(job.subject_id)
        if job.kind is JobKind.FORGET_KEYS:
            forgotten.set()
        else:
            await go_on.wait()
        return None

    waiting = await fill(database)
    async with at_work(worker_of(database, run)), asyncio.timeout(10):
        while begun != set(waiting):
            await asyncio.sleep(0.01)
        await schedule(database, "all", kind=JobKind.FORGET_KEYS)
        await forgotten.wait()
        go_on.set()


@pytest.mark.fault("F46")
async def test_a_worker_without_time_gives_back_what_it_has(database: Database, log: Log) -> None:
    """Another does it at once, with as many tries before it as there were."""
    begun = asyncio.Event()

    async def run(_job: Job) -> Again | None:
        begun.set()
        await asyncio.Event().wait()
        return None

    await schedule(database, "whd_1")
    working = asyncio.create_task(worker_of(database, run).work(asyncio.Event()))
    async with asyncio.timeout(10):
        await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert (await jobs_of(database))["whd_1"]["tries"] == 0
    assert await worker_of(database, log.run).run_due() == 1
    assert log.ended == ["whd_1"]


class Away(TortoiseJobQueue):
    """The database does not answer the first question."""

    asked = 0

    async def claim_due(
        self, *, limit: int, lease_seconds: float, places: Mapping[JobKind, int] | None = None
    ) -> Sequence[Job]:
        self.asked += 1
        if self.asked == 1:
            raise ConnectionResetError("gone")
        return await super().claim_due(limit=limit, lease_seconds=lease_seconds, places=places)


async def test_a_database_that_is_away_for_a_while_ends_no_worker(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "paydesk.worker")
    done = asyncio.Event()

    async def run(_job: Job) -> Again | None:
        done.set()
        return None

    await schedule(database, "whd_1")
    async with at_work(Worker(Away(database), run, longest_job_seconds=30)), asyncio.timeout(10):
        await done.wait()

    assert "could not look for jobs" in caplog.messages


async def test_two_workers_never_do_one_job_twice(database: Database, log: Log) -> None:
    subjects = [f"whd_{number:02}" for number in range(30)]
    await schedule(database, *subjects)

    counts = await asyncio.gather(*(worker_of(database, log.run).run_due() for _ in range(2)))

    assert sum(counts) == 30
    assert sorted(log.begun) == subjects
