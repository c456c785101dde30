"""What went back may come back: a refund that had succeeded can fail."""

# ruff: noqa: RUF012 - the shape that Tortoise reads

from tortoise import migrations

from persistence.guards import RefundedMayComeBack


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0010_solved_by")]

    operations = [RefundedMayComeBack()]
