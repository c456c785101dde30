from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("sample", "0001_initial")]  # noqa: RUF012 - the same

    initial = False

    operations = [  # noqa: RUF012 - Tortoise reads a class attribute
        ops.RemoveConstraint(
            model_name="Box",
            name="sample_boxes_count_from_zero",
            fields=None,
        ),
        ops.AddField(
            model_name="Box",
            name="weight_grams",
            field=fields.BigIntField(db_default=0),
        ),
        ops.AddConstraint(
            model_name="Box",
            constraint=CheckConstraint(check="count BETWEEN 0 AND 1000", name="sample_boxes_count_within"),
        ),
        ops.AddConstraint(
            model_name="Entry",
            constraint=CheckConstraint(check="amount <> 0", name="sample_entries_amount"),
        ),
        ops.RemoveConstraint(
            model_name="Label",
            name="sample_labels_state",
            fields=None,
        ),
        ops.AddConstraint(
            model_name="Label",
            constraint=CheckConstraint(check="state IN ('LIVE', 'OLD', 'LOST')", name="sample_labels_state"),
        ),
    ]
