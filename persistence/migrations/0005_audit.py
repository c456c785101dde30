"""What the staff changed: written once, and never touched again."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.editors import InsertOnly


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0004_captures")]

    operations = [
        ops.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("actor", fields.CharField(max_length=300)),
                ("actor_kind", fields.CharField(max_length=40)),
                ("role", fields.CharField(null=True, max_length=40)),
                ("action", fields.CharField(max_length=100)),
                ("changes", fields.JSONField()),
                ("request_id", fields.CharField(null=True, max_length=64)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "audit_entries",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(
                        check="actor_kind IN ('SERVER', 'STAFF', 'CUSTOMER', 'ANONYMOUS', 'OPERATOR')",
                        name="audit_entries_actor_kind_known",
                    )
                ],
                "indexes": [
                    Index(fields=["actor", "id"], name="audit_entries_actor_id"),
                    Index(fields=["action", "id"], name="audit_entries_action_id"),
                    Index(fields=["created_at", "id"], name="audit_entries_created_at_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditSubject",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True)),
                (
                    "entry",
                    fields.ForeignKeyField(
                        "paydesk.AuditEntry", source_field="entry_id", related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("subject_id", fields.CharField(max_length=40)),
            ],
            options={
                "table": "audit_subjects",
                "app": "paydesk",
                "constraints": [UniqueConstraint(fields=("subject_id", "entry_id"), name="audit_subjects_once")],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        InsertOnly("audit_entries"),
        InsertOnly("audit_subjects"),
    ]
