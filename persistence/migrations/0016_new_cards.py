"""A charge may bring a card that is not stored: with it, or never."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0015_declines")]

    operations = [
        ops.AddField(
            model_name="PaymentMethod",
            name="storing",
            # Those from before were all stored before they were charged.
            field=fields.CharField(db_default="BY_ITSELF", max_length=40),
        ),
        ops.AddConstraint(
            model_name="PaymentMethod",
            constraint=CheckConstraint(
                check="storing IN ('BY_ITSELF', 'WITH_CHARGE', 'NEVER')", name="payment_methods_storing_known"
            ),
        ),
    ]
