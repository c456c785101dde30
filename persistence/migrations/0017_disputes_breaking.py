"""Disputes: what banks take back, and the requests by which they are answered.

The version before would read requests of a kind and entries of an account that it does not know.
"""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.guards import NeverChanged, NeverDeleted


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0016_new_cards")]

    operations = [
        ops.CreateModel(
            name="Dispute",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "charge",
                    fields.ForeignKeyField(
                        "paydesk.Charge", source_field="charge_id", related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "order",
                    fields.ForeignKeyField(
                        "paydesk.Order", source_field="order_id", related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "paydesk.Customer", source_field="customer_id", related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("account", fields.CharField(max_length=100)),
                ("dispute_ref", fields.CharField(max_length=255)),
                ("state", fields.CharField(max_length=40)),
                ("is_inquiry", fields.BooleanField()),
                ("reason", fields.CharField(max_length=40)),
                ("scheme_code", fields.TextField(null=True)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("respond_by", fields.DatetimeField(null=True)),
                ("evidence", fields.JSONField()),
                ("evidence_requested_at", fields.DatetimeField(null=True)),
                ("evidence_sent_at", fields.DatetimeField(null=True)),
                ("acceptance_requested_at", fields.DatetimeField(null=True)),
                ("accepted_at", fields.DatetimeField(null=True)),
                ("movements", fields.IntField()),
                ("next_check_at", fields.DatetimeField(null=True)),
                ("opened_at", fields.DatetimeField()),
                ("seen_at", fields.DatetimeField()),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "disputes",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("account", "dispute_ref"), name="disputes_ref"),
                    CheckConstraint(
                        check="state IN ('NEEDS_RESPONSE', 'UNDER_REVIEW', 'WON', 'LOST', 'ACCEPTED')",
                        name="disputes_state_known",
                    ),
                    CheckConstraint(check="length(currency) = 3", name="disputes_currency_has_three_letters"),
                    CheckConstraint(check="amount >= 0", name="disputes_amount_not_negative"),
                    CheckConstraint(
                        check="evidence_requested_at IS NULL OR acceptance_requested_at IS NULL",
                        name="disputes_one_response",
                    ),
                ],
                "indexes": [
                    Index(fields=["charge_id", "id"], name="disputes_charge_id_id"),
                    Index(fields=["customer_id", "id"], name="disputes_customer_id_id"),
                    Index(fields=["state", "id"], name="disputes_state_id"),
                    Index(fields=["respond_by", "id"], name="disputes_respond_by_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        # Charges from before disputes were followed.
        ops.AddField(model_name="Charge", name="disputed", field=fields.BigIntField(db_default=0)),
        ops.AddConstraint(
            model_name="Charge",
            constraint=CheckConstraint(check="disputed >= 0", name="charges_disputed_not_negative"),
        ),
        ops.RemoveConstraint(model_name="LedgerEntry", name="ledger_entries_account_known"),
        ops.AddField(
            model_name="LedgerEntry",
            name="dispute",
            field=fields.ForeignKeyField(
                "paydesk.Dispute",
                source_field="dispute_id",
                null=True,
                related_name=False,
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddIndex(
            model_name="LedgerEntry", index=Index(fields=["dispute_id", "id"], name="ledger_entries_dispute_id_id")
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="account IN ('PROVIDER_CLEARING', 'PAYMENTS', 'REFUNDS', 'DISPUTES')",
                name="ledger_entries_account_known",
            ),
        ),
        ops.RemoveConstraint(model_name="Operation", name="operations_one_unfinished_a_charge"),
        ops.RemoveConstraint(model_name="Operation", name="operations_kind_known"),
        ops.AddField(
            model_name="Operation",
            name="dispute",
            field=fields.ForeignKeyField(
                "paydesk.Dispute",
                source_field="dispute_id",
                null=True,
                related_name=False,
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddIndex(model_name="Operation", index=Index(fields=["dispute_id", "id"], name="operations_dispute_id_id")),
        ops.AddConstraint(
            model_name="Operation",
            constraint=UniqueConstraint(
                fields=("charge_id",),
                name="operations_one_unfinished_a_charge",
                condition="finished_at IS NULL AND refund_id IS NULL AND dispute_id IS NULL",
            ),
        ),
        ops.AddConstraint(
            model_name="Operation",
            constraint=UniqueConstraint(
                fields=("dispute_id",),
                name="operations_one_unfinished_a_dispute",
                condition="finished_at IS NULL AND dispute_id IS NOT NULL",
            ),
        ),
        ops.AddConstraint(
            model_name="Operation",
            constraint=CheckConstraint(
                check="kind IN ('CHARGE', 'CONTINUE', 'CAPTURE', 'VOID', 'REFUND',"
                " 'SUBMIT_EVIDENCE', 'ACCEPT_DISPUTE')",
                name="operations_kind_known",
            ),
        ),
        ops.AddConstraint(
            model_name="Operation",
            constraint=CheckConstraint(
                check="(kind IN ('SUBMIT_EVIDENCE', 'ACCEPT_DISPUTE')) = (dispute_id IS NOT NULL)",
                name="operations_responses_name_their_dispute",
            ),
        ),
        NeverDeleted("disputes"),
        NeverChanged("disputes", "charge_id", "order_id", "customer_id", "account", "dispute_ref", "currency"),
    ]
