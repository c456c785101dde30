"""Of a key's present secret, when it was first used. Those in use by then tell with their next use."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0008_product_search")]

    operations = [
        ops.AddField(model_name="ApiKey", name="secret_used_at", field=fields.DatetimeField(null=True)),
    ]
