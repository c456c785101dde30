# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Audit entries, found by who, what and when, and by the records that they are about."""

from typing import Final

from domain.audit import AuditEntry
from domain.queries import AuditFilter
from persistence.database import Database
from persistence.queries.listing import BY_TIME, NOTHING, Listing, Parameters, before, columns_of, equals, not_before
from persistence.queries.reads import ListingReads
from persistence.records import audit_entry_from_row


def _about(subject_id: str, parameters: Parameters) -> str:
    return (
        "audit_entries.id IN (SELECT about.entry_id FROM audit_subjects AS about"
        f" WHERE about.subject_id = {parameters.add(subject_id)})"
    )


AUDIT_ENTRIES: Final[Listing[AuditEntry]] = Listing(
    table="audit_entries",
    columns=columns_of("audit_entries", "id actor actor_kind role action changes request_id created_at"),
    record=audit_entry_from_row,
    sorts=BY_TIME,
    filters={
        "actor": equals("audit_entries.actor"),
        "action": equals("audit_entries.action"),
        "subject_id": _about,
        "created_from": not_before("audit_entries.created_at"),
        "created_before": before("audit_entries.created_at"),
    },
    # No customer ever owns one.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={},
)


def audit_entries(database: Database) -> ListingReads[AuditEntry, AuditFilter]:
    return ListingReads(database, AUDIT_ENTRIES)
