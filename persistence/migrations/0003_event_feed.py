"""The events in the order of their commits, for those who follow them."""

# ruff: noqa: RUF012 - the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

from persistence.guards import EventsAreNumbered, NeverDeleted


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0002_guards")]

    operations = [
        ops.CreateModel(
            name="FeedEntry",
            fields=[
                ("position", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("sequence", fields.BigIntField(null=True)),
            ],
            options={
                "table": "event_feed",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("sequence",), name="event_feed_sequence"),
                    UniqueConstraint(fields=("position",), name="event_feed_waiting", condition="sequence IS NULL"),
                ],
                "pk_attr": "position",
            },
            bases=["Model"],
        ),
        EventsAreNumbered(),
        NeverDeleted("event_feed"),
    ]
