"""The job table: what a transaction enqueues, and how workers take it.

All times are the database's own, computed by it in the statement, so the clocks of the machines that run workers do not
matter. A claimed job is hidden until its lease ends, because `run_at` is then the end of the lease; a worker that died
needs nobody to clean up after it.
"""

# ruff: noqa: S608 - what is put into the statements are the fragments below

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from domain.ids import IdPrefix, new_id
from domain.jobs import Job, JobKind, JobRecord
from persistence import models
from persistence.columns import optional, storable
from persistence.connections import Connection, Row
from persistence.database import Database
from persistence.job_records import KNOWN_JOBS, job_columns, job_record_from_row
from persistence.moments import NOW, STATEMENT_NOW, in_seconds
from persistence.records import job_from_row
from persistence.session import Session
from persistence.sql import Dialect, any_of

_LONGEST_ERROR: Final = 2_000


class Jobs:
    """In a transaction: the job is there if and only if the commit is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def schedule(self, kind: JobKind, subject_id: str, *, after_seconds: float) -> None:
        """Whoever is at work on it at this moment loses the claim, so its end does not take the new schedule along."""
        now = NOW[self._session.dialect]
        await self._session.execute(
            "INSERT INTO jobs (id, kind, subject_id, run_at, tries, created_at)"
            f" VALUES ($1, $2, $3, {in_seconds('$4', self._session.dialect)}, 0, {now})"
            " ON CONFLICT (kind, subject_id) DO UPDATE"
            " SET run_at = excluded.run_at, tries = 0, claim = NULL, dead_at = NULL, last_error = NULL",
            new_id(IdPrefix.JOB),
            kind,
            subject_id,
            after_seconds,
        )

    async def cancel(self, kind: JobKind, subject_id: str) -> None:
        await self._session.execute("DELETE FROM jobs WHERE kind = $1 AND subject_id = $2", kind, subject_id)

    async def get(self, job_id: str) -> JobRecord | None:
        return await self._record(job_id)

    async def get_for_update(self, job_id: str) -> JobRecord | None:
        if await self._session.locked_row(models.Job, "id = $1", job_id) is None:
            return None
        return await self._record(job_id)

    async def save(self, job: JobRecord) -> None:
        """What a person changes; whoever is at work on it at this moment loses the claim."""
        await self._session.execute(
            "UPDATE jobs SET run_at = $2, tries = $3, dead_at = $4, retried_at = $5, claim = NULL WHERE id = $1",
            job.id,
            job.run_at,
            job.tries,
            job.dead_at,
            job.retried_at,
        )

    async def _record(self, job_id: str) -> JobRecord | None:
        columns = job_columns(self._session.dialect)
        listed = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
        rows = await self._session.found(f"SELECT {listed} FROM jobs WHERE jobs.id = $1 AND {KNOWN_JOBS}", job_id)
        return optional(job_record_from_row, rows[0] if rows else None)


class TortoiseJobQueue:
    """For workers, in any number of processes: every method is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due(
        self, *, limit: int, lease_seconds: float, places: Mapping[JobKind, int] | None = None
    ) -> Sequence[Job]:
        # Named one by one: while a newer version runs beside this one there may be jobs that it alone knows. Claiming
        # one and not knowing its name would hold up what was claimed with it, until the leases end, and again.
        chosen = dict.fromkeys(JobKind, limit) if places is None else {kind: n for kind, n in places.items() if n > 0}
        if limit <= 0 or not await self._is_any_due(list(chosen)):
            return []
        claim = secrets.token_hex(16)

        async def work(connection: Connection) -> list[Row]:
            return await connection.fetch_all(_CLAIM[connection.dialect], limit, claim, lease_seconds, chosen)

        return [job_from_row(row) for row in await self._database.run(work)]

    async def finish(self, job: Job) -> None:
        await self._execute("DELETE FROM jobs WHERE id = $1 AND claim = $2", job.id, job.claim)

    async def retry(self, job: Job, *, after_seconds: float, error: str | None) -> None:
        await self._execute(
            f"UPDATE jobs SET run_at = {in_seconds('$3', self._database.dialect)}, claim = NULL, last_error = $4"
            " WHERE id = $1 AND claim = $2",
            job.id,
            job.claim,
            after_seconds,
            storable(error and error[:_LONGEST_ERROR]),
        )

    async def bury(self, job: Job, *, error: str) -> None:
        await self._execute(
            f"UPDATE jobs SET dead_at = {NOW[self._database.dialect]}, claim = NULL, last_error = $3"
            " WHERE id = $1 AND claim = $2",
            job.id,
            job.claim,
            storable(error[:_LONGEST_ERROR]),
        )

    async def release(self, job: Job) -> None:
        await self._execute(
            f"UPDATE jobs SET run_at = {NOW[self._database.dialect]}, tries = tries - 1, claim = NULL"
            " WHERE id = $1 AND claim = $2",
            job.id,
            job.claim,
        )

    async def _is_any_due(self, kinds: Sequence[JobKind]) -> bool:
        """Idle workers ask all the time; this takes no lock and waits for no writer."""
        async with self._database.reader() as connection:
            return await connection.fetch_one(_ANY_DUE[connection.dialect], kinds) is not None

    async def _execute(self, statement: str, *parameters: object) -> None:
        async def work(connection: Connection) -> int:
            return await connection.execute(statement, *parameters)

        await self._database.run(work)


_DUE: Final = {dialect: f"dead_at IS NULL AND run_at <= {STATEMENT_NOW[dialect]}" for dialect in Dialect}

_ANY_DUE: Final = {
    dialect: f"SELECT 1 AS due FROM jobs WHERE {_DUE[dialect]} AND {any_of('kind', '$1', dialect)} LIMIT 1"
    for dialect in Dialect
}

_CLAIM: Final = {
    # In CTEs that are computed once: as a plain subquery PostgreSQL may run it again, and lock more than the limit.
    # What is locked and not taken, because other kinds were due longer, is free again with the commit.
    Dialect.POSTGRES: f"""
        WITH due AS MATERIALIZED (
            SELECT candidate.id, candidate.run_at
            FROM jsonb_each_text($4::jsonb) AS room (kind, places) CROSS JOIN LATERAL (
                SELECT id, run_at FROM jobs
                WHERE jobs.kind = room.kind AND {_DUE[Dialect.POSTGRES]}
                ORDER BY run_at LIMIT room.places::bigint
                FOR UPDATE SKIP LOCKED
            ) AS candidate
        ), taken AS MATERIALIZED (SELECT id FROM due ORDER BY run_at LIMIT $1)
        UPDATE jobs SET claim = $2, tries = tries + 1, run_at = {in_seconds("$3", Dialect.POSTGRES)}
        FROM taken WHERE jobs.id = taken.id
        RETURNING jobs.id, jobs.kind, jobs.subject_id, jobs.tries, jobs.claim
    """,
    # Nobody else writes while this transaction is open, so what is due is still unclaimed when it is written. SQLite
    # has no LATERAL: each kind is a part of the statement, and one without places has none.
    Dialect.SQLITE: f"""
        UPDATE jobs SET claim = $2, tries = tries + 1, run_at = {in_seconds("$3", Dialect.SQLITE)}
        WHERE id IN (
            SELECT id FROM ({
        " UNION ALL ".join(
            f"SELECT * FROM (SELECT id, run_at FROM jobs WHERE kind = '{kind}' AND {_DUE[Dialect.SQLITE]}"
            f" ORDER BY run_at LIMIT COALESCE(json_extract($4, '$.{kind}'), 0))"
            for kind in JobKind
        )
    }) ORDER BY run_at LIMIT $1
        )
        RETURNING id, kind, subject_id, tries, claim
    """,
}
