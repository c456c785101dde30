"""What a model cannot state: rows that stay, an index on an expression, and an order of texts."""

# ruff: noqa: RUF012 - the shape that Tortoise reads

from tortoise import migrations
from tortoise.migrations import operations as ops

from persistence.editors import InsertOnly, PerDialect
from persistence.guards import FrozenWhenPlaced, NeverChanged, NeverDecreased, NeverDeleted


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
        NeverChanged("prices", "product_id", "unit_amount", "currency", "interval_unit", "interval_count"),
        NeverChanged("payment_methods", "customer_id", "account"),
        NeverChanged("charges", "order_id", "customer_id", "amount", "currency", "account"),
        NeverDecreased("charges", "captured", "refunded"),
        NeverChanged("refunds", "charge_id", "currency", "account"),
        NeverChanged("operations", "kind", "charge_id", "account", "created_at"),
        FrozenWhenPlaced(),
        # Email addresses are compared without regard to case.
        ops.RunSQL("CREATE INDEX customers_email ON customers (lower(email), id)"),
        # What lists are sorted by goes by code point, as on SQLite, whatever the collation of the database is: a cursor
        # means the same on both, and the index outlives an upgrade of the system's locales.
        PerDialect(
            sqlite="",
            postgres=(
                'ALTER TABLE products ALTER COLUMN name TYPE VARCHAR(200) COLLATE "C";'
                ' ALTER TABLE provider_accounts ALTER COLUMN account TYPE VARCHAR(100) COLLATE "C";'
            ),
        ),
    ]
