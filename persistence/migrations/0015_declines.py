"""What was declined is counted, by card, customer and address, so that nobody tries out cards."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0014_reconciliation")]

    operations = [
        # Those that are stored already have none, and count each for itself.
        ops.AddField(
            model_name="PaymentMethod",
            name="card_fingerprint",
            field=fields.CharField(null=True, max_length=255),
        ),
        ops.CreateModel(
            name="Decline",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("subject", fields.CharField(max_length=80)),
                ("cause", fields.CharField(max_length=40)),
                ("state", fields.CharField(max_length=40)),
                ("counted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("kept_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "declines",
                "app": "paydesk",
                "indexes": [
                    Index(fields=["subject", "counted_at"], name="declines_subject_counted_at"),
                    Index(fields=["cause"], name="declines_cause"),
                    Index(fields=["kept_until"], name="declines_kept_until"),
                ],
                "constraints": [
                    CheckConstraint(
                        check="state IN ('ASKED', 'TAKEN_ON', 'DECLINED', 'FINAL')", name="declines_state_known"
                    ),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
