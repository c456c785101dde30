"""Server keys that end, and that have two secrets for a while."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0005_audit")]

    operations = [
        ops.AddField(model_name="ApiKey", name="last4", field=fields.CharField(null=True, max_length=4)),
        ops.AddField(model_name="ApiKey", name="expires_at", field=fields.DatetimeField(null=True)),
        ops.AddField(
            model_name="ApiKey", name="previous_secret_hash", field=fields.CharField(null=True, max_length=64)
        ),
        ops.AddField(model_name="ApiKey", name="previous_ends_at", field=fields.DatetimeField(null=True)),
        ops.AddConstraint(
            model_name="ApiKey",
            constraint=UniqueConstraint(
                fields=("previous_secret_hash",),
                name="api_keys_previous_secret_hash",
                condition="previous_secret_hash IS NOT NULL",
            ),
        ),
    ]
