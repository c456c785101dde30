# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Jobs that are not done, for those who look after them."""

from domain.jobs import JobKind, JobRecord
from domain.queries import OVERDUE_SECONDS, JobFilter
from persistence.database import Database
from persistence.job_records import KNOWN_JOBS, job_columns, job_record_from_row
from persistence.moments import in_seconds
from persistence.queries.listing import BY_TIME, NOTHING, Listing, Parameters, one_of
from persistence.queries.reads import ListingReads
from persistence.sql import Dialect


def _about(subject_id: str, parameters: Parameters) -> str:
    """Of an object; those of a charge, a refund or a dispute include those of its requests."""
    wanted = parameters.add(subject_id)
    return (
        f"(jobs.subject_id = {wanted} OR (jobs.kind = '{JobKind.RESOLVE_OPERATION}' AND jobs.subject_id IN ("
        f"SELECT operations.id FROM operations WHERE operations.charge_id = {wanted}"
        f" UNION ALL SELECT operations.id FROM operations WHERE operations.refund_id = {wanted}"
        f" UNION ALL SELECT operations.id FROM operations WHERE operations.dispute_id = {wanted})))"
    )


def _overdue(wanted: bool, parameters: Parameters) -> str:
    late = f"jobs.dead_at IS NULL AND jobs.run_at <= {in_seconds(str(-OVERDUE_SECONDS), parameters.dialect)}"
    return f"({late})" if wanted else f"NOT ({late})"


def job_listing(dialect: Dialect) -> Listing[JobRecord]:
    columns = job_columns(dialect)
    return Listing(
        table="jobs",
        columns=columns,
        record=job_record_from_row,
        sorts=BY_TIME,
        filters={
            "kinds": one_of("jobs.kind"),
            "states": one_of(columns["state"]),
            "subject_id": _about,
            "overdue": _overdue,
        },
        # No customer ever owns one.
        owner=lambda _customer_id, _parameters: NOTHING,
        relations={},
        known=KNOWN_JOBS,
    )


def jobs(database: Database) -> ListingReads[JobRecord, JobFilter]:
    return ListingReads(database, job_listing(database.dialect))
