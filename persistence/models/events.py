"""What happened, and the order in which it is told."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, TextField
from tortoise.models import Model

from persistence.fields import (
    ID_LENGTH,
    a_number_of_its_own,
    belongs_to,
    index,
    json,
    unique,
    word,
)


class Event(Model):
    position = BigIntField(primary_key=True)
    """In the order of writing. Not that of commits, so a reader that goes by `position > last` misses some; see
    `FeedEntry`.
    """
    id = CharField(max_length=ID_LENGTH, unique=True)
    kind = word()
    subject_ids = json()
    actor = TextField()
    data = json()
    livemode = BooleanField()
    created_at = DatetimeField()

    class Meta:
        table = "events"
        indexes = (index("events", "kind", "id"),)


class EventSubject(Model):
    id = a_number_of_its_own()
    event = belongs_to("Event", to_field="id")
    subject_id = CharField(max_length=ID_LENGTH)

    class Meta:
        table = "event_subjects"
        constraints = (unique("event_subjects_once", "subject_id", "event_id"),)


class FeedEntry(Model):
    # The events once more, in the order of their commits. Rows come by a trigger of `events`, never by hand.
    position = BigIntField(primary_key=True, generated=False)
    """Of the event."""
    sequence = BigIntField(null=True)
    """1, 2, 3 … in an order in which nothing is ever committed behind what was read. None until it is numbered, which
    on PostgreSQL is after the commit (`feed.numbering`), on SQLite in it.
    """

    class Meta:
        table = "event_feed"
        constraints = (
            unique("event_feed_sequence", "sequence"),
            # Holds what waits for its number, and is therefore nearly empty.
            unique("event_feed_waiting", "position", where="sequence IS NULL"),
        )
