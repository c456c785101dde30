"""The worker: takes due jobs and does them, in this process or in one of its own.

Jobs run at least once. Each has its lease on the database's clock; a worker that dies leaves its jobs to the others
when the lease ends. On a stop it claims no more and finishes what it has; what has no time left to end goes
back at once.
"""

import asyncio
import contextvars
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.jobs import MOST_TRIES, Again, Job, JobKind
from domain.store import JobQueue

POLL_SECONDS = 0.5
"""How late a due job may begin. An empty poll is two indexed reads."""
JOBS_AT_ONCE = 8
"""Of those that may wait for a provider."""
MOST_OF_A_KIND = 5
"""While a provider is slow, a thousand webhooks leave places to the resolver, and the other way round."""
OWN_JOBS_AT_ONCE = 2
"""Of those that need the database alone; their places are their own, whatever a provider does."""
LONGEST_BACK_OFF_SECONDS = 3_600.0
RELEASE_SECONDS = 5.0
"""How long giving jobs back may take when the process ends; their leases end by themselves."""

_log = logging.getLogger("paydesk.worker")
_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class _Lane:
    kinds: frozenset[JobKind]
    at_once: int
    most_of_a_kind: int

    def places(self, busy: Mapping[JobKind, int]) -> dict[JobKind, int]:
        """How many jobs of each kind may begin now; together no more than `free`."""
        free = self.free(busy)
        return {kind: min(free, self.most_of_a_kind - busy.get(kind, 0)) for kind in sorted(self.kinds)}

    def free(self, busy: Mapping[JobKind, int]) -> int:
        return self.at_once - sum(busy.get(kind, 0) for kind in self.kinds)


_LANES: Final = (
    _Lane(frozenset(kind for kind in JobKind if kind.asks_provider), JOBS_AT_ONCE, MOST_OF_A_KIND),
    _Lane(frozenset(kind for kind in JobKind if not kind.asks_provider), OWN_JOBS_AT_ONCE, OWN_JOBS_AT_ONCE),
)


class Worker:
    def __init__(
        self, queue: JobQueue, run: Callable[[Job], Awaitable[Again | None]], *, longest_job_seconds: float
    ) -> None:
        """`longest_job_seconds` is when a job is cut off; the lease is longer, so that nobody else begins it before."""
        self._queue = queue
        self._run = run
        self._longest_job_seconds = longest_job_seconds
        self._lease_seconds = longest_job_seconds + 15
        self._working: dict[asyncio.Task[None], Job] = {}

    async def work(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then what was begun is finished. Cancelled, it gives back what it has."""
        try:
            while not stop.is_set():
                claimed = [job for lane in _LANES for job in await self._claim(lane)]
                for job in claimed:
                    self._begin(job)
                if not claimed:
                    await self._pause(stop)
            if self._working:
                await asyncio.wait(self._working)
        except asyncio.CancelledError:
            # No time is left. Others need not wait for the leases to end.
            await self._give_back()
            raise

    async def run_due(self) -> int:
        """Do everything that is due now, one after the other; how many jobs that was. For tests and tools."""
        done = 0
        while jobs := await self._queue.claim_due(limit=JOBS_AT_ONCE, lease_seconds=self._lease_seconds):
            for job in jobs:
                await self._do(job)
            done += len(jobs)
        return done

    async def _claim(self, lane: _Lane) -> list[Job]:
        busy = Counter(job.kind for job in self._working.values())
        try:
            return list(
                await self._queue.claim_due(
                    limit=lane.free(busy), lease_seconds=self._lease_seconds, places=lane.places(busy)
                )
            )
        except Exception:
            # The database is away; it will be asked again, and everything due is still due.
            _log.exception("could not look for jobs")
            return []

    def _begin(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(
            self._do(job), name=f"{job.kind} {job.subject_id}", context=contextvars.Context()
        )
        self._working[task] = job
        task.add_done_callback(self._working.pop)

    async def _pause(self, stop: asyncio.Event) -> None:
        """Until it is time to look again, a place is free, or it has to stop."""
        told = asyncio.get_running_loop().create_task(stop.wait(), context=contextvars.Context())
        await asyncio.wait({told, *self._working}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()

    async def _give_back(self) -> None:
        jobs = dict(self._working)
        for task in jobs:
            task.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                for job in jobs.values():
                    # What was ended in spite of it has lost its claim, and there is nothing to give back.
                    await self._queue.release(job)
        except Exception:
            # The process is ending: whatever it was must not keep it from that.
            _log.exception("jobs could not be given back; they are due when their leases end")

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
                _log.error("job %s of %s was given up after %d tries", job.kind, job.subject_id, job.tries)
                return
            await self._queue.retry(job, after_seconds=_back_off(job.tries), error=told)
            if job.tries >= MOST_TRIES:
                _log.error(
                    "job %s of %s is about money and keeps failing: %d tries", job.kind, job.subject_id, job.tries
                )
        except Exception:
            # Then the lease ends by itself, and the job is due again.
            _log.exception("could not put job %s of %s back", job.kind, job.subject_id)


def _back_off(tries: int) -> float:
    """2 s, 4 s, 8 s … up to an hour, half of it by chance, so that failed jobs do not come back as a crowd."""
    longest = min(2.0 ** min(tries, 12), LONGEST_BACK_OFF_SECONDS)
    return longest / 2 + _jitter.random() * longest / 2
