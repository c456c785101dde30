# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""The timelines. An event has many parents, its subjects, which stand in a table of their own."""

from typing import Final

from domain.events import Event
from domain.queries import EventFilter, Relation
from persistence.database import Database
from persistence.mapping import event_from_row
from persistence.queries.listing import BY_TIME, Link, Listing, Parameters, columns_of, one_of
from persistence.queries.reads import ListingReads


def _concerns(customer_id: str, parameters: Parameters) -> str:
    """Not EXISTS: SQLite would then walk the events of everybody to find those of one customer."""
    return (
        "events.id IN (SELECT concerned.event_id FROM event_subjects AS concerned"
        f" WHERE concerned.subject_id = {parameters.add(customer_id)})"
    )


EVENTS: Final[Listing[Event]] = Listing(
    table="events",
    columns=columns_of("events", "id kind subject_ids actor data livemode created_at"),
    record=event_from_row,
    sorts=BY_TIME,
    filters={"kinds": one_of("events.kind")},
    owner=_concerns,
    relations={
        Relation.SUBJECT: Link(
            "subject.subject_id",
            join="JOIN event_subjects AS subject ON subject.event_id = events.id",
            id="subject.event_id",
        ),
    },
)


def events(database: Database) -> ListingReads[Event, EventFilter]:
    return ListingReads(database, EVENTS)
