"""Jobs, for those who look after them: what was given up, or would come back later, is tried at once."""

from dataclasses import dataclass

from domain.clock import Clock
from domain.errors import JobRunning, NotFound
from domain.idempotency import KeyedRequest
from domain.principals import Permission, Principal
from domain.services.keyed import claim
from domain.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryJob:
    job_id: str
    request: KeyedRequest | None = None


class JobService:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def retry(self, principal: Principal, command: RetryJob) -> str:
        """Make it due at once, with all its tries before it; its id. NotFound also when it is done by now."""
        principal.require(Permission.UPKEEP_WRITE)
        now = self._clock.now()
        async with self._store.transaction() as tx:
            if await claim(tx, command.request, command.job_id, now=now):
                return command.job_id
            job = await tx.jobs.get_for_update(command.job_id)
            if job is None:
                raise NotFound("job", path=("jobId",))
            if job.is_claimed:
                raise JobRunning
            await tx.jobs.save(job.retried(now=now))
        return job.id
