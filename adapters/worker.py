"""The worker: takes due jobs and does them, in this process or in one of its own.

Jobs run at least once. Each has its lease on the database's clock; a worker that dies leaves its jobs to the others
when the lease ends. On a stop it claims no more and finishes what it has.
"""

import asyncio
import contextvars
import logging
import random
from collections.abc import Awaitable, Callable

from domain.jobs import Again, Job
from domain.store import JobQueue

POLL_SECONDS = 0.5
"""How late a due job may begin. An empty poll is one indexed read."""
JOBS_AT_ONCE = 8
MOST_TRIES = 20
"""With the back-off below, half a day of failures; then a person has to look."""
LONGEST_BACK_OFF_SECONDS = 3_600.0

_log = logging.getLogger("paydesk.worker")
_jitter = random.SystemRandom()


class Worker:
    def __init__(
        self, queue: JobQueue, run: Callable[[Job], Awaitable[Again | None]], *, longest_job_seconds: float
    ) -> None:
        """`longest_job_seconds` is when a job is cut off; the lease is longer, so that nobody else begins it before."""
        self._queue = queue
        self._run = run
        self._longest_job_seconds = longest_job_seconds
        self._lease_seconds = longest_job_seconds + 15
        self._working: set[asyncio.Task[None]] = set()

    async def work(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then what was begun is finished."""
        while not stop.is_set():
            claimed = await self._claim()
            for job in claimed:
                task = asyncio.get_running_loop().create_task(
                    self._do(job), name=f"{job.kind} {job.subject_id}", context=contextvars.Context()
                )
                self._working.add(task)
                task.add_done_callback(self._working.discard)
            if not claimed:
                await _sleep(POLL_SECONDS, stop)
        try:
            if self._working:
                await asyncio.wait(self._working)
        except asyncio.CancelledError:
            # No time is left: what is cut off here is due again when its lease ends.
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)
            raise

    async def run_due(self) -> int:
        """Do everything that is due now, one after the other; how many jobs that was. For tests and tools."""
        done = 0
        while jobs := await self._queue.claim_due(limit=JOBS_AT_ONCE, lease_seconds=self._lease_seconds):
            for job in jobs:
                await self._do(job)
            done += len(jobs)
        return done

    async def _claim(self) -> list[Job]:
        free = JOBS_AT_ONCE - len(self._working)
        if free <= 0:
            return []
        try:
            return list(await self._queue.claim_due(limit=free, lease_seconds=self._lease_seconds))
        except Exception:
            # The database is away; it will be asked again, and everything due is still due.
            _log.exception("could not look for jobs")
            return []

    async def _do(self, job: Job) -> None:
        try:
            async with asyncio.timeout(self._longest_job_seconds):
                again = await self._run(job)
            if again is None:
                await self._queue.finish(job)
            else:
                await self._queue.retry(job, after_seconds=again.after_seconds, error=None)
        except Exception as error:
            # Whatever it is, the other jobs go on, and this one is tried again.
            _log.exception("job %s of %s failed (try %d)", job.kind, job.subject_id, job.tries)
            await self._failed(job, error)

    async def _failed(self, job: Job, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"[:500]
        try:
            if job.tries >= MOST_TRIES and not job.kind.is_about_money:
                await self._queue.bury(job, error=told)
            else:
                await self._queue.retry(job, after_seconds=_back_off(job.tries), error=told)
        except Exception:
            # Then the lease ends by itself, and the job is due again.
            _log.exception("could not put job %s of %s back", job.kind, job.subject_id)


def _back_off(tries: int) -> float:
    """2 s, 4 s, 8 s … up to an hour, half of it by chance, so that failed jobs do not come back as a crowd."""
    longest = min(2.0 ** min(tries, 12), LONGEST_BACK_OFF_SECONDS)
    return longest / 2 + _jitter.random() * longest / 2


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
