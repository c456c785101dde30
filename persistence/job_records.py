# ruff: noqa: S608 - every name in the SQL is ours
"""A job as it is read: what its row means at this moment of the database's clock."""

from collections.abc import Mapping
from typing import Final

from domain.jobs import MOST_TRIES, JobKind, JobRecord, JobState
from persistence.columns import Row
from persistence.fields import one_of
from persistence.moments import STATEMENT_NOW
from persistence.sql import Dialect, boolean, instant, optional_instant

IS_FAILING: Final = f"(jobs.tries >= {MOST_TRIES} AND jobs.last_error IS NOT NULL)"
"""Waiting for a provider is not failing, and leaves no error behind."""

KNOWN_JOBS: Final = one_of("jobs.kind", sorted(JobKind))
"""Of a newer version that runs beside this one there may be others. They are for its workers and its staff."""

_STATE: Final = (
    f"CASE WHEN jobs.dead_at IS NOT NULL THEN '{JobState.DEAD}' WHEN {IS_FAILING} THEN '{JobState.FAILING}'"
    f" ELSE '{JobState.WAITING}' END"
)
_ABOUT: Final = (
    f"CASE WHEN jobs.kind = '{JobKind.RESOLVE_OPERATION}' THEN COALESCE((SELECT COALESCE(operations.refund_id,"
    " operations.dispute_id, operations.charge_id) FROM operations WHERE operations.id = jobs.subject_id),"
    " jobs.subject_id) ELSE jobs.subject_id END"
)


def job_columns(dialect: Dialect) -> Mapping[str, str]:
    own = "id kind subject_id run_at tries last_error dead_at retried_at created_at"
    return {
        **{name: f"jobs.{name}" for name in own.split()},
        "about_id": _ABOUT,
        "state": _STATE,
        "is_claimed": f"(jobs.claim IS NOT NULL AND jobs.dead_at IS NULL AND jobs.run_at > {STATEMENT_NOW[dialect]})",
    }


def job_record_from_row(row: Row) -> JobRecord:
    return JobRecord(
        id=row["id"],
        kind=JobKind(row["kind"]),
        subject_id=row["subject_id"],
        about_id=row["about_id"],
        state=JobState(row["state"]),
        is_claimed=boolean(row["is_claimed"]),
        run_at=instant(row["run_at"]),
        tries=row["tries"],
        last_error=row["last_error"],
        dead_at=optional_instant(row["dead_at"]),
        retried_at=optional_instant(row["retried_at"]),
        created_at=instant(row["created_at"]),
    )
