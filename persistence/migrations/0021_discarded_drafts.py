"""Drafts of invoices that were discarded, and lines that wait for no invoice any more."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0020_charges_of_invoices_breaking")]

    operations = [
        ops.AddField(model_name="Invoice", name="discarded_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="InvoiceItem", name="removed_at", field=fields.DatetimeField(null=True)),
    ]
