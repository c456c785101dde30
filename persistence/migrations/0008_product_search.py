"""Products are found by their texts and have images. Those that are there already are indexed."""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

from persistence.guards import NeverDeleted
from persistence.search import IndexAnew, SearchTables


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0007_redaction")]

    operations = [
        ops.CreateModel(
            name="ProductSearch",
            fields=[
                ("number", fields.BigIntField(generated=True, primary_key=True)),
                (
                    "product",
                    fields.ForeignKeyField(
                        "paydesk.Product",
                        source_field="product_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("title", fields.CharField(max_length=16)),
                ("name", fields.TextField()),
                ("description", fields.TextField()),
            ],
            options={
                "table": "product_search",
                "constraints": [UniqueConstraint(fields=("product_id",), name="product_search_product")],
            },
        ),
        SearchTables(),
        NeverDeleted("product_search"),
        IndexAnew(),
        ops.AddField(
            model_name="Product",
            name="images",
            field=fields.JSONField(db_default="[]", encoder=JSON_DUMPS, decoder=loads),
        ),
    ]
