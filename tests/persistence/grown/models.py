from tortoise import fields
from tortoise.fields import OnDelete
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Box(Model):
    id = fields.CharField(max_length=40, primary_key=True)
    count = fields.BigIntField(default=0)
    note = fields.TextField(null=True)
    tags = fields.JSONField[dict[str, object]](default=dict)
    sealed = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    weight_grams = fields.BigIntField(db_default=0)

    class Meta:
        table = "sample_boxes"
        constraints = (CheckConstraint(name="sample_boxes_count_within", check="count BETWEEN 0 AND 1000"),)


class Label(Model):
    id = fields.CharField(max_length=40, primary_key=True)
    box: fields.ForeignKeyRelation[Box] = fields.ForeignKeyField("sample.Box", on_delete=OnDelete.RESTRICT)
    state = fields.CharField(max_length=20)

    class Meta:
        table = "sample_labels"
        indexes = (("box_id", "id"),)
        constraints = (
            CheckConstraint(name="sample_labels_state", check="state IN ('LIVE', 'OLD', 'LOST')"),
            UniqueConstraint(name="sample_labels_one_live", fields=("box_id",), condition="state = 'LIVE'"),
        )


class Entry(Model):
    id = fields.CharField(max_length=40, primary_key=True)
    amount = fields.BigIntField()

    class Meta:
        table = "sample_entries"
        constraints = (CheckConstraint(name="sample_entries_amount", check="amount <> 0"),)
