"""A charge may pay an invoice, and then it has no order; nor have its refunds and disputes.

The version before looks for the order of every charge that it meets.
"""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.editors import PerDialect
from persistence.guards import NeverChanged

_ONE_THING = "(order_id IS NULL) <> (invoice_id IS NULL)"


def _order() -> Any:
    return fields.ForeignKeyField(
        "paydesk.Order", source_field="order_id", null=True, related_name=False, on_delete=OnDelete.RESTRICT
    )


def _invoice() -> Any:
    return fields.ForeignKeyField(
        "paydesk.Invoice", source_field="invoice_id", null=True, related_name=False, on_delete=OnDelete.RESTRICT
    )


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0019_subscriptions")]

    operations = [
        # SQLite replaces a table by a copy of it, and reads the triggers of all others meanwhile: this one is of
        # charges and looks at refunds.
        PerDialect(sqlite="DROP TRIGGER charges_refunded_stands;", postgres="SELECT 1;"),
        ops.AddField(model_name="Charge", name="invoice", field=_invoice()),
        ops.AlterField(model_name="Charge", name="order", field=_order()),
        ops.AddConstraint(
            model_name="Charge", constraint=CheckConstraint(check=_ONE_THING, name="charges_pay_one_thing")
        ),
        ops.AddConstraint(
            model_name="Charge",
            constraint=UniqueConstraint(
                fields=("invoice_id",),
                name="charges_one_live_an_invoice",
                condition="state IN ('AUTHORIZED', 'PENDING', 'REQUIRES_ACTION', 'UNKNOWN')",
            ),
        ),
        ops.AddIndex(model_name="Charge", index=Index(fields=["invoice_id", "id"], name="charges_invoice_id_id")),
        ops.AddField(model_name="Refund", name="invoice", field=_invoice()),
        ops.AlterField(model_name="Refund", name="order", field=_order()),
        ops.AddConstraint(
            model_name="Refund", constraint=CheckConstraint(check=_ONE_THING, name="refunds_of_one_thing")
        ),
        ops.AddIndex(model_name="Refund", index=Index(fields=["invoice_id", "id"], name="refunds_invoice_id_id")),
        ops.AddField(model_name="Dispute", name="invoice", field=_invoice()),
        ops.AlterField(model_name="Dispute", name="order", field=_order()),
        ops.AddConstraint(
            model_name="Dispute", constraint=CheckConstraint(check=_ONE_THING, name="disputes_of_one_thing")
        ),
        ops.AddField(model_name="Discrepancy", name="invoice_id", field=fields.CharField(null=True, max_length=40)),
        ops.AddIndex(
            model_name="Discrepancy", index=Index(fields=["invoice_id", "id"], name="discrepancies_invoice_id_id")
        ),
        PerDialect(
            sqlite="""
                CREATE TRIGGER charges_refunded_stands BEFORE UPDATE ON charges
                    WHEN NEW.refunded < OLD.refunded AND NEW.refunded <> (
                        SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge_id = NEW.id AND state = 'SUCCEEDED'
                    )
                    BEGIN SELECT RAISE(ABORT, 'refunded of charges decreases to what its refunds say'); END;
            """,
            postgres="SELECT 1;",
        ),
        PerDialect(
            sqlite="DROP TRIGGER charges_never_changed;", postgres="DROP TRIGGER charges_never_changed ON charges;"
        ),
        NeverChanged("charges", "order_id", "invoice_id", "customer_id", "amount", "currency", "account"),
    ]
