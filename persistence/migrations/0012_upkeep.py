"""Jobs and deliveries, for those who look after them: how they are found, and when a person had them repeated."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0011_returned_refunds")]

    operations = [
        ops.AddField(model_name="Job", name="retried_at", field=fields.DatetimeField(null=True)),
        ops.AddIndex(
            model_name="Job", index=Index(fields=["kind", "dead_at", "run_at"], name="jobs_kind_dead_at_run_at")
        ),
        ops.AddField(model_name="WebhookDelivery", name="replayed_at", field=fields.DatetimeField(null=True)),
        ops.AddIndex(
            model_name="WebhookDelivery",
            index=Index(fields=["subject_ref", "id"], name="webhook_deliveries_subject_ref_id"),
        ),
        ops.AddIndex(
            model_name="WebhookDelivery",
            index=Index(fields=["received_at", "id"], name="webhook_deliveries_received_at_id"),
        ),
    ]
