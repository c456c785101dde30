"""What a model cannot state: rows that stay, and an index on an expression."""

# ruff: noqa: RUF012 - the shape that Tortoise reads

from tortoise import migrations
from tortoise.migrations import operations as ops

from persistence.editors import InsertOnly
from persistence.guards import FrozenWhenPlaced, NeverDeleted


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0001_tables")]

    operations = [
        InsertOnly("ledger_entries"),
        InsertOnly("events"),
        InsertOnly("event_subjects"),
        NeverDeleted(
            "customers",
            "products",
            "prices",
            "payment_methods",
            "orders",
            "charges",
            "refunds",
            "operations",
        ),
        FrozenWhenPlaced(),
        # Email addresses are compared without regard to case.
        ops.RunSQL("CREATE INDEX customers_email ON customers (lower(email), id)"),
    ]
