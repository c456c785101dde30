"""Several open reviews of a charge, and what people decide about them."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0012_upkeep")]

    operations = [
        ops.CreateModel(
            name="Decision",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("kind", fields.CharField(max_length=40)),
                (
                    "charge",
                    fields.ForeignKeyField(
                        "paydesk.Charge",
                        source_field="charge_id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "refund",
                    fields.ForeignKeyField(
                        "paydesk.Refund",
                        source_field="refund_id",
                        null=True,
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reason", fields.CharField(null=True, max_length=40)),
                ("found", fields.CharField(null=True, max_length=40)),
                ("note", fields.TextField()),
                ("actor", fields.CharField(max_length=300)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "decisions",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(check="kind IN ('REVIEW_CLOSED', 'SETTLED')", name="decisions_kind_known"),
                    CheckConstraint(check="(kind = 'SETTLED') = (found IS NOT NULL)", name="decisions_say_what"),
                    CheckConstraint(
                        check="(kind = 'REVIEW_CLOSED') = (reason IS NOT NULL)", name="decisions_name_the_review"
                    ),
                ],
                "indexes": [Index(fields=["charge_id", "id"], name="decisions_charge_id_id")],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Charge",
            name="reviews",
            field=fields.JSONField(null=True),
        ),
    ]
