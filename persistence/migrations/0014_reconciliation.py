"""What reconciliation finds, how far it has come, and which requests came out of a backup."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.guards import NeverChanged, NeverDeleted


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0013_decisions")]

    operations = [
        ops.CreateModel(
            name="Discrepancy",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("account", fields.CharField(max_length=100)),
                ("kind", fields.CharField(max_length=40)),
                ("subject", fields.CharField(max_length=255)),
                ("provider_ref", fields.CharField(null=True, max_length=255)),
                ("operation_id", fields.CharField(null=True, max_length=40)),
                ("order_id", fields.CharField(null=True, max_length=40)),
                ("charge_id", fields.CharField(null=True, max_length=40)),
                ("refund_id", fields.CharField(null=True, max_length=40)),
                ("here_amount", fields.BigIntField(null=True)),
                ("here_currency", fields.CharField(null=True, max_length=3)),
                ("there_amount", fields.BigIntField(null=True)),
                ("there_currency", fields.CharField(null=True, max_length=3)),
                ("here_state", fields.CharField(null=True, max_length=40)),
                ("there_outcome", fields.CharField(null=True, max_length=40)),
                ("livemode", fields.BooleanField()),
                ("state", fields.CharField(max_length=40)),
                ("note", fields.TextField(null=True)),
                ("closed_by", fields.TextField(null=True)),
                ("closed_at", fields.DatetimeField(null=True)),
                ("lifted", fields.BooleanField()),
                ("opened_at", fields.DatetimeField()),
                ("seen_at", fields.DatetimeField()),
            ],
            options={
                "table": "discrepancies",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("account", "kind", "subject"), name="discrepancies_subject"),
                    CheckConstraint(check="state IN ('OPEN', 'GONE', 'CLOSED')", name="discrepancies_state_known"),
                    CheckConstraint(
                        check="(state = 'OPEN') = (closed_at IS NULL)", name="discrepancies_closed_at_their_end"
                    ),
                    CheckConstraint(check="NOT lifted OR state = 'CLOSED'", name="discrepancies_lifted_when_closed"),
                ],
                "indexes": [
                    Index(fields=["state", "id"], name="discrepancies_state_id"),
                    Index(fields=["order_id", "id"], name="discrepancies_order_id_id"),
                    Index(fields=["charge_id", "id"], name="discrepancies_charge_id_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Reconciliation",
            fields=[
                ("account", fields.CharField(primary_key=True, max_length=100)),
                ("phase", fields.CharField(null=True, max_length=40)),
                ("since", fields.DatetimeField(null=True)),
                ("cursor", fields.TextField(null=True)),
                ("done", fields.IntField()),
                ("missed", fields.IntField()),
                ("incomplete", fields.IntField()),
                ("started_at", fields.DatetimeField(null=True)),
                ("moved_at", fields.DatetimeField(null=True)),
                ("compared_until", fields.DatetimeField(null=True)),
                ("finished_at", fields.DatetimeField(null=True)),
                ("recovering_since", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "reconciliations",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(
                        check="phase IN ('LISTING', 'CHARGES', 'REFUNDS', 'OPEN')", name="reconciliations_phase_known"
                    )
                ],
                "pk_attr": "account",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ReconciliationSighting",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True)),
                ("account", fields.CharField(max_length=100)),
                ("subject_id", fields.CharField(max_length=40)),
            ],
            options={
                "table": "reconciliation_sightings",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("account", "subject_id"), name="reconciliation_sightings_once")
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Operation", name="recovered_at", field=fields.DatetimeField(null=True)),
        ops.AddIndex(
            model_name="Charge", index=Index(fields=["account", "updated_at"], name="charges_account_updated_at")
        ),
        ops.AddIndex(
            model_name="Refund", index=Index(fields=["account", "updated_at"], name="refunds_account_updated_at")
        ),
        NeverDeleted("discrepancies"),
        NeverChanged("discrepancies", "id", "account", "kind", "subject"),
    ]
