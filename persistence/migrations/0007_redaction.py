"""Customers whose personal data was erased."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0006_key_rotation")]

    operations = [
        ops.AddField(model_name="Customer", name="redacted_at", field=fields.DatetimeField(null=True)),
    ]
