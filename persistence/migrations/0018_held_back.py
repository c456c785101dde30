"""Requests that a provider will take later only: nothing of them was sent that could act."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0017_disputes_breaking")]

    operations = [
        ops.AddField(
            model_name="Operation",
            name="is_held_back",
            field=fields.BooleanField(db_default=False),
        ),
    ]
