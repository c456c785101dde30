from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.editors import InsertOnly


class Migration(migrations.Migration):
    initial = True

    operations = [  # noqa: RUF012 - Tortoise reads a class attribute
        ops.CreateModel(
            name="Box",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("count", fields.BigIntField(default=0)),
                ("note", fields.TextField(null=True, unique=False)),
                ("tags", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("sealed", fields.BooleanField(default=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sample_boxes",
                "app": "sample",
                "constraints": [CheckConstraint(check="count >= 0", name="sample_boxes_count_from_zero")],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Entry",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("amount", fields.BigIntField()),
            ],
            options={"table": "sample_entries", "app": "sample", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Label",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "box",
                    fields.ForeignKeyField(
                        "sample.Box",
                        source_field="box_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(max_length=20)),
            ],
            options={
                "table": "sample_labels",
                "app": "sample",
                "constraints": [
                    CheckConstraint(check="state IN ('LIVE', 'OLD')", name="sample_labels_state"),
                    UniqueConstraint(fields=("box_id",), name="sample_labels_one_live", condition="state = 'LIVE'"),
                ],
                "indexes": [Index(fields=["box_id", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        InsertOnly("sample_entries"),
    ]
