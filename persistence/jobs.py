"""The job table: what a transaction enqueues, and how workers take it.

All times are the database's own, computed by it in the statement, so the clocks of the machines that run workers do not
matter. A claimed job is hidden until its lease ends, because `run_at` is then the end of the lease; a worker that died
needs nobody to clean up after it.
"""

# ruff: noqa: S608 - what is put into the statements are the fragments below

import secrets
from collections.abc import Sequence
from typing import Final

from domain.ids import IdPrefix, new_id
from domain.jobs import Job, JobKind
from persistence.columns import storable
from persistence.connections import Connection, Row
from persistence.database import Database
from persistence.records import job_from_row
from persistence.session import Session
from persistence.sql import Dialect

_LONGEST_ERROR: Final = 2_000

_NOW: Final = {
    # Not now(), the start of the transaction: one that waited for a lock would shorten the lease by its wait.
    Dialect.POSTGRES: "clock_timestamp()",
    # SQLite counts milliseconds; the rest fills up the one width that stored instants have.
    Dialect.SQLITE: "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')",
}

# While a newer version runs beside this one there may be jobs that only it knows: they are left to it. To claim one and
# then not to know its name would hold up whatever was claimed with it, until the leases end, and then again.
_KNOWN: Final = "kind IN ('" + "', '".join(JobKind) + "')"

# A condition on it can use an index: unlike clock_timestamp() it stays the same for all rows of a statement.
_STATEMENT_NOW: Final = {**_NOW, Dialect.POSTGRES: "statement_timestamp()"}


def _in_seconds(placeholder: str, dialect: Dialect) -> str:
    if dialect is Dialect.POSTGRES:
        return f"clock_timestamp() + {placeholder}::float8 * interval '1 second'"
    return f"(strftime('%Y-%m-%dT%H:%M:%f', 'now', printf('%+.3f seconds', {placeholder})) || '000Z')"


class Jobs:
    """In a transaction: the job is there if and only if the commit is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def schedule(self, kind: JobKind, subject_id: str, *, after_seconds: float) -> None:
        """Whoever is at work on it at this moment loses the claim, so its end does not take the new schedule along."""
        now = _NOW[self._session.dialect]
        await self._session.execute(
            "INSERT INTO jobs (id, kind, subject_id, run_at, tries, created_at)"
            f" VALUES ($1, $2, $3, {_in_seconds('$4', self._session.dialect)}, 0, {now})"
            " ON CONFLICT (kind, subject_id) DO UPDATE"
            " SET run_at = excluded.run_at, tries = 0, claim = NULL, dead_at = NULL, last_error = NULL",
            new_id(IdPrefix.JOB),
            kind,
            subject_id,
            after_seconds,
        )

    async def cancel(self, kind: JobKind, subject_id: str) -> None:
        await self._session.execute("DELETE FROM jobs WHERE kind = $1 AND subject_id = $2", kind, subject_id)


class TortoiseJobQueue:
    """For workers, in any number of processes: every method is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due(self, *, limit: int, lease_seconds: float) -> Sequence[Job]:
        if not await self._is_any_due():
            return []
        claim = secrets.token_hex(16)

        async def work(connection: Connection) -> list[Row]:
            return await connection.fetch_all(_CLAIM[connection.dialect], limit, claim, lease_seconds)

        return [job_from_row(row) for row in await self._database.run(work)]

    async def finish(self, job: Job) -> None:
        await self._execute("DELETE FROM jobs WHERE id = $1 AND claim = $2", job.id, job.claim)

    async def retry(self, job: Job, *, after_seconds: float, error: str | None) -> None:
        await self._execute(
            f"UPDATE jobs SET run_at = {_in_seconds('$3', self._database.dialect)}, claim = NULL, last_error = $4"
            " WHERE id = $1 AND claim = $2",
            job.id,
            job.claim,
            after_seconds,
            storable(error and error[:_LONGEST_ERROR]),
        )

    async def bury(self, job: Job, *, error: str) -> None:
        await self._execute(
            f"UPDATE jobs SET dead_at = {_NOW[self._database.dialect]}, claim = NULL, last_error = $3"
            " WHERE id = $1 AND claim = $2",
            job.id,
            job.claim,
            storable(error[:_LONGEST_ERROR]),
        )

    async def _is_any_due(self) -> bool:
        """Idle workers ask all the time; this takes no lock and waits for no writer."""
        async with self._database.reader() as connection:
            return await connection.fetch_one(_ANY_DUE[connection.dialect]) is not None

    async def _execute(self, statement: str, *parameters: object) -> None:
        async def work(connection: Connection) -> int:
            return await connection.execute(statement, *parameters)

        await self._database.run(work)


_ANY_DUE: Final = {
    dialect: "SELECT 1 AS due FROM jobs"
    f" WHERE dead_at IS NULL AND run_at <= {_STATEMENT_NOW[dialect]} AND {_KNOWN} LIMIT 1"
    for dialect in Dialect
}

_CLAIM: Final = {
    # In a CTE that is computed once: as a plain subquery PostgreSQL may run it again, and lock more than the limit.
    Dialect.POSTGRES: f"""
        WITH due AS MATERIALIZED (
            SELECT id FROM jobs
            WHERE dead_at IS NULL AND run_at <= {_STATEMENT_NOW[Dialect.POSTGRES]} AND {_KNOWN}
            ORDER BY run_at LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        UPDATE jobs SET claim = $2, tries = tries + 1, run_at = {_in_seconds("$3", Dialect.POSTGRES)}
        FROM due WHERE jobs.id = due.id
        RETURNING jobs.id, jobs.kind, jobs.subject_id, jobs.tries, jobs.claim
    """,
    # Nobody else writes while this transaction is open, so what is due is still unclaimed when it is written.
    Dialect.SQLITE: f"""
        UPDATE jobs SET claim = $2, tries = tries + 1, run_at = {_in_seconds("$3", Dialect.SQLITE)}
        WHERE id IN (
            SELECT id FROM jobs
            WHERE dead_at IS NULL AND run_at <= {_STATEMENT_NOW[Dialect.SQLITE]} AND {_KNOWN}
            ORDER BY run_at LIMIT $1
        )
        RETURNING id, kind, subject_id, tries, claim
    """,
}
