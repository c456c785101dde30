"""Charges that hold an amount first, and take it by a capture."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0003_event_feed")]

    operations = [
        ops.AddField(
            model_name="Charge",
            name="capture_mode",
            # Charges from before were captured as soon as the bank agreed.
            field=fields.CharField(db_default="AUTOMATIC", max_length=40),
        ),
        ops.AddField(model_name="Charge", name="capture_requested", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Charge", name="void_requested_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Charge", name="capture_before", field=fields.DatetimeField(null=True)),
        ops.AddConstraint(
            model_name="Charge",
            constraint=CheckConstraint(
                check="capture_mode IN ('AUTOMATIC', 'MANUAL')", name="charges_capture_mode_known"
            ),
        ),
        ops.AddConstraint(
            model_name="Charge",
            constraint=CheckConstraint(
                check="capture_requested > 0 AND capture_requested <= authorized",
                name="charges_capture_requested_positive",
            ),
        ),
        ops.RemoveConstraint(model_name="Operation", name="operations_kind_known"),
        ops.AddConstraint(
            model_name="Operation",
            constraint=CheckConstraint(
                check="kind IN ('CHARGE', 'CONTINUE', 'CAPTURE', 'VOID', 'REFUND')", name="operations_kind_known"
            ),
        ),
    ]
