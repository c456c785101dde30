"""Requests say how a lost answer is found out: by their key, or by looking alone."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0009_first_use_of_a_secret")]

    operations = [
        ops.AddField(
            model_name="Operation",
            name="solved_by",
            # Requests from before were all sent to accounts that keep keys.
            field=fields.CharField(db_default="KEY", max_length=40),
        ),
        ops.AddConstraint(
            model_name="Operation",
            constraint=CheckConstraint(check="solved_by IN ('KEY', 'SEARCH')", name="operations_solved_by_known"),
        ),
    ]
