"""What was said of an amount that was put into a balance by hand."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0021_discarded_drafts")]

    operations = [
        ops.AddField(model_name="CustomerBalanceEntry", name="note", field=fields.TextField(null=True, unique=False)),
    ]
