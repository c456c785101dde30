"""The tables, with the constraints that a model can state."""

# ruff: noqa: E501, RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.fields import ExactJSONField


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Customer",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("external_id", fields.CharField(null=True, max_length=255)),
                ("email", fields.CharField(null=True, max_length=255)),
                ("name", fields.CharField(null=True, max_length=200)),
                ("billing_address", fields.JSONField(null=True)),
                ("shipping_address", fields.JSONField(null=True)),
                ("metadata", fields.JSONField()),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "customers",
                "constraints": [UniqueConstraint(fields=("external_id",), name="customers_external_id")],
                "indexes": [Index(fields=["created_at", "id"], name="customers_created_at_id")],
            },
        ),
        ops.CreateModel(
            name="ProviderAccount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True)),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "paydesk.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=100)),
                ("customer_ref", fields.CharField(max_length=255)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "provider_accounts",
                "constraints": [
                    UniqueConstraint(fields=("customer_id", "account"), name="provider_accounts_customer"),
                    UniqueConstraint(fields=("account", "customer_ref"), name="provider_accounts_ref"),
                ],
            },
        ),
        ops.CreateModel(
            name="Product",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("name", fields.CharField(max_length=200)),
                ("description", fields.TextField(null=True)),
                ("metadata", fields.JSONField()),
                ("archived_at", fields.DatetimeField(null=True)),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={"table": "products", "indexes": [Index(fields=["name", "id"], name="products_name_id")]},
        ),
        ops.CreateModel(
            name="Price",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
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
                ("nickname", fields.TextField(null=True)),
                ("unit_amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("interval_unit", fields.CharField(null=True, max_length=40)),
                ("interval_count", fields.IntField(null=True)),
                ("archived_at", fields.DatetimeField(null=True)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "prices",
                "constraints": [
                    CheckConstraint(check="unit_amount >= 0", name="prices_unit_amount_not_negative"),
                    CheckConstraint(check="length(currency) = 3", name="prices_currency_has_three_letters"),
                    CheckConstraint(
                        check="(interval_unit IS NULL) = (interval_count IS NULL)", name="prices_interval_is_whole"
                    ),
                    CheckConstraint(
                        check="interval_unit IN ('DAY', 'WEEK', 'MONTH', 'YEAR')", name="prices_interval_unit_known"
                    ),
                    CheckConstraint(check="interval_count >= 1", name="prices_interval_count_positive"),
                ],
                "indexes": [Index(fields=["product_id", "id"], name="prices_product_id_id")],
            },
        ),
        ops.CreateModel(
            name="PaymentMethod",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "paydesk.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=100)),
                ("state", fields.CharField(max_length=40)),
                ("token", fields.TextField(null=True)),
                ("payment_method_ref", fields.CharField(null=True, max_length=255)),
                ("card_brand", fields.CharField(null=True, max_length=40)),
                ("card_last4", fields.CharField(null=True, max_length=4)),
                ("card_expiry_month", fields.IntField(null=True)),
                ("card_expiry_year", fields.IntField(null=True)),
                ("next_action", fields.JSONField(null=True)),
                ("decline_code", fields.CharField(null=True, max_length=40)),
                ("failure_message", fields.TextField(null=True)),
                ("return_url", fields.TextField(null=True)),
                ("make_default", fields.BooleanField()),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "payment_methods",
                "constraints": [
                    UniqueConstraint(
                        fields=("account", "payment_method_ref"),
                        name="payment_methods_ref",
                        condition="payment_method_ref IS NOT NULL AND state NOT IN ('DETACHED', 'FAILED')",
                    ),
                    CheckConstraint(
                        check="state IN ('PENDING', 'REQUIRES_ACTION', 'ACTIVE', 'FAILED', 'DETACHED')",
                        name="payment_methods_state_known",
                    ),
                    CheckConstraint(
                        check="(card_brand IS NULL) = (card_last4 IS NULL) AND (card_brand IS NULL) = (card_expiry_month IS NULL) AND (card_brand IS NULL) = (card_expiry_year IS NULL)",
                        name="payment_methods_card_is_whole",
                    ),
                ],
                "indexes": [Index(fields=["customer_id", "id"], name="payment_methods_customer_id_id")],
            },
        ),
        # Customers and payment methods name one another, so this column comes when both tables are there.
        ops.AddField(
            model_name="Customer",
            name="default_payment_method",
            field=fields.ForeignKeyField(
                "paydesk.PaymentMethod",
                source_field="default_payment_method_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name=False,
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.CreateModel(
            name="Order",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "paydesk.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(max_length=40)),
                ("currency", fields.CharField(max_length=3)),
                ("total", fields.BigIntField()),
                ("version", fields.IntField()),
                ("external_id", fields.CharField(null=True, max_length=255)),
                ("external_version", fields.BigIntField(null=True)),
                ("metadata", fields.JSONField()),
                ("expires_at", fields.DatetimeField(null=True)),
                ("placed_at", fields.DatetimeField(null=True)),
                ("completed_at", fields.DatetimeField(null=True)),
                ("canceled_at", fields.DatetimeField(null=True)),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "orders",
                "constraints": [
                    UniqueConstraint(
                        fields=("external_id",), name="orders_external_id", condition="external_id IS NOT NULL"
                    ),
                    CheckConstraint(
                        check="state IN ('OPEN', 'PLACED', 'COMPLETED', 'CANCELED', 'EXPIRED')",
                        name="orders_state_known",
                    ),
                    CheckConstraint(check="total >= 0", name="orders_total_not_negative"),
                    CheckConstraint(check="length(currency) = 3", name="orders_currency_has_three_letters"),
                    CheckConstraint(check="version >= 1", name="orders_version_positive"),
                ],
                "indexes": [
                    Index(fields=["customer_id", "id"], name="orders_customer_id_id"),
                    Index(fields=["state", "id"], name="orders_state_id"),
                    Index(fields=["total", "id"], name="orders_total_id"),
                    Index(fields=["created_at", "id"], name="orders_created_at_id"),
                ],
            },
        ),
        ops.CreateModel(
            name="OrderLine",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "paydesk.Order",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("position", fields.IntField()),
                (
                    "product",
                    fields.ForeignKeyField(
                        "paydesk.Product",
                        source_field="product_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "price",
                    fields.ForeignKeyField(
                        "paydesk.Price",
                        source_field="price_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.TextField()),
                ("unit_amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("quantity", fields.IntField()),
            ],
            options={
                "table": "order_lines",
                "constraints": [
                    CheckConstraint(check="unit_amount >= 0", name="order_lines_unit_amount_not_negative"),
                    CheckConstraint(check="quantity >= 1", name="order_lines_quantity_positive"),
                    CheckConstraint(check="length(currency) = 3", name="order_lines_currency_has_three_letters"),
                ],
                "indexes": [
                    Index(fields=["order_id", "position"], name="order_lines_order_id_position"),
                    Index(fields=["product_id", "id"], name="order_lines_product_id_id"),
                    Index(fields=["price_id", "id"], name="order_lines_price_id_id"),
                ],
            },
        ),
        ops.CreateModel(
            name="Charge",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "paydesk.Order",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "paydesk.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "payment_method",
                    fields.ForeignKeyField(
                        "paydesk.PaymentMethod",
                        source_field="payment_method_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=100)),
                ("charge_ref", fields.CharField(null=True, max_length=255)),
                ("state", fields.CharField(max_length=40)),
                ("initiator", fields.CharField(max_length=40)),
                ("currency", fields.CharField(max_length=3)),
                ("amount", fields.BigIntField()),
                ("authorized", fields.BigIntField()),
                ("captured", fields.BigIntField()),
                ("refunded", fields.BigIntField()),
                ("refund_reserved", fields.BigIntField()),
                ("return_url", fields.TextField(null=True)),
                ("next_action", fields.JSONField(null=True)),
                ("action_expires_at", fields.DatetimeField(null=True)),
                ("decline_code", fields.CharField(null=True, max_length=40)),
                ("failure_code", fields.CharField(null=True, max_length=40)),
                ("issuer_code", fields.TextField(null=True)),
                ("provider_code", fields.TextField(null=True)),
                ("provider_message", fields.TextField(null=True)),
                ("next_check_at", fields.DatetimeField(null=True)),
                ("review_since", fields.DatetimeField(null=True)),
                ("review_reason", fields.CharField(null=True, max_length=40)),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "charges",
                "constraints": [
                    UniqueConstraint(
                        fields=("order_id",),
                        name="charges_one_live_an_order",
                        condition="state IN ('AUTHORIZED', 'PENDING', 'REQUIRES_ACTION', 'UNKNOWN')",
                    ),
                    UniqueConstraint(
                        fields=("account", "charge_ref"), name="charges_ref", condition="charge_ref IS NOT NULL"
                    ),
                    CheckConstraint(
                        check="state IN ('PENDING', 'REQUIRES_ACTION', 'AUTHORIZED', 'SUCCEEDED', 'DECLINED', 'FAILED', 'VOIDED', 'EXPIRED', 'UNKNOWN')",
                        name="charges_state_known",
                    ),
                    CheckConstraint(check="length(currency) = 3", name="charges_currency_has_three_letters"),
                    CheckConstraint(
                        check="amount >= 0 AND captured >= 0 AND refunded >= 0 AND refund_reserved >= 0",
                        name="charges_amounts_not_negative",
                    ),
                    CheckConstraint(check="captured <= authorized", name="charges_captured_within_authorized"),
                    CheckConstraint(
                        check="refunded + refund_reserved <= captured", name="charges_refunds_within_captured"
                    ),
                    CheckConstraint(
                        check="(review_since IS NULL) = (review_reason IS NULL)", name="charges_review_is_whole"
                    ),
                ],
                "indexes": [
                    Index(fields=["order_id", "id"], name="charges_order_id_id"),
                    Index(fields=["customer_id", "id"], name="charges_customer_id_id"),
                    Index(fields=["payment_method_id", "id"], name="charges_payment_method_id_id"),
                    Index(fields=["state", "id"], name="charges_state_id"),
                    Index(fields=["amount", "id"], name="charges_amount_id"),
                    Index(fields=["review_since", "id"], name="charges_review_since_id"),
                    Index(fields=["created_at", "id"], name="charges_created_at_id"),
                ],
            },
        ),
        ops.CreateModel(
            name="Refund",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "charge",
                    fields.ForeignKeyField(
                        "paydesk.Charge",
                        source_field="charge_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "order",
                    fields.ForeignKeyField(
                        "paydesk.Order",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "paydesk.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=100)),
                ("refund_ref", fields.CharField(null=True, max_length=255)),
                ("state", fields.CharField(max_length=40)),
                ("executed_as", fields.CharField(max_length=40)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("reason", fields.CharField(null=True, max_length=40)),
                ("note", fields.TextField(null=True)),
                ("failure_code", fields.CharField(null=True, max_length=40)),
                ("provider_code", fields.TextField(null=True)),
                ("provider_message", fields.TextField(null=True)),
                ("next_check_at", fields.DatetimeField(null=True)),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "refunds",
                "constraints": [
                    UniqueConstraint(
                        fields=("account", "refund_ref"), name="refunds_ref", condition="refund_ref IS NOT NULL"
                    ),
                    CheckConstraint(
                        check="state IN ('PENDING', 'REQUIRES_ACTION', 'SUCCEEDED', 'FAILED', 'CANCELED', 'UNKNOWN')",
                        name="refunds_state_known",
                    ),
                    CheckConstraint(check="executed_as IN ('REFUND', 'VOID')", name="refunds_executed_as_known"),
                    CheckConstraint(check="length(currency) = 3", name="refunds_currency_has_three_letters"),
                    CheckConstraint(check="amount > 0", name="refunds_amount_positive"),
                ],
                "indexes": [
                    Index(fields=["charge_id", "id"], name="refunds_charge_id_id"),
                    Index(fields=["order_id", "id"], name="refunds_order_id_id"),
                    Index(fields=["customer_id", "id"], name="refunds_customer_id_id"),
                    Index(fields=["state", "id"], name="refunds_state_id"),
                    Index(fields=["created_at", "id"], name="refunds_created_at_id"),
                ],
            },
        ),
        ops.CreateModel(
            name="Operation",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("kind", fields.CharField(max_length=40)),
                (
                    "charge",
                    fields.ForeignKeyField(
                        "paydesk.Charge",
                        source_field="charge_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "refund",
                    fields.ForeignKeyField(
                        "paydesk.Refund",
                        source_field="refund_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=100)),
                ("request", ExactJSONField()),
                ("on_session", fields.BooleanField()),
                ("void_purpose", fields.CharField(null=True, max_length=40)),
                ("first_sent_at", fields.DatetimeField()),
                ("tries", fields.IntField()),
                ("sends", fields.IntField()),
                ("empty_looks", fields.IntField()),
                ("outcome", fields.CharField(null=True, max_length=40)),
                ("answer", fields.JSONField(null=True)),
                ("finished_at", fields.DatetimeField(null=True)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "operations",
                "constraints": [
                    UniqueConstraint(
                        fields=("charge_id",),
                        name="operations_one_unfinished_a_charge",
                        condition="finished_at IS NULL AND refund_id IS NULL",
                    ),
                    UniqueConstraint(
                        fields=("refund_id",),
                        name="operations_one_unfinished_a_refund",
                        condition="finished_at IS NULL AND refund_id IS NOT NULL",
                    ),
                    CheckConstraint(
                        check="kind IN ('CHARGE', 'CONTINUE', 'VOID', 'REFUND')", name="operations_kind_known"
                    ),
                    CheckConstraint(
                        check="(kind = 'REFUND') = (refund_id IS NOT NULL)", name="operations_refunds_name_theirs"
                    ),
                ],
                "indexes": [
                    Index(fields=["charge_id", "id"], name="operations_charge_id_id"),
                    Index(fields=["refund_id", "id"], name="operations_refund_id_id"),
                ],
            },
        ),
        ops.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("cause", fields.CharField(max_length=100)),
                ("account", fields.CharField(max_length=40)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                (
                    "charge",
                    fields.ForeignKeyField(
                        "paydesk.Charge",
                        source_field="charge_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "refund",
                    fields.ForeignKeyField(
                        "paydesk.Refund",
                        source_field="refund_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "ledger_entries",
                "constraints": [
                    UniqueConstraint(fields=("cause", "account"), name="ledger_entries_cause"),
                    CheckConstraint(
                        check="account IN ('PROVIDER_CLEARING', 'PAYMENTS', 'REFUNDS')",
                        name="ledger_entries_account_known",
                    ),
                    CheckConstraint(check="length(currency) = 3", name="ledger_entries_currency_has_three_letters"),
                    CheckConstraint(check="amount <> 0", name="ledger_entries_amount_not_zero"),
                ],
                "indexes": [
                    Index(fields=["charge_id", "id"], name="ledger_entries_charge_id_id"),
                    Index(fields=["refund_id", "id"], name="ledger_entries_refund_id_id"),
                ],
            },
        ),
        ops.CreateModel(
            name="Event",
            fields=[
                ("position", fields.BigIntField(generated=True, primary_key=True)),
                ("id", fields.CharField(unique=True, max_length=40)),
                ("kind", fields.CharField(max_length=40)),
                ("subject_ids", fields.JSONField()),
                ("actor", fields.TextField()),
                ("data", fields.JSONField()),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "events",
                "indexes": [Index(fields=["kind", "id"], name="events_kind_id")],
                "pk_attr": "position",
            },
        ),
        ops.CreateModel(
            name="EventSubject",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True)),
                (
                    "event",
                    fields.ForeignKeyField(
                        "paydesk.Event",
                        source_field="event_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("subject_id", fields.CharField(max_length=40)),
            ],
            options={
                "table": "event_subjects",
                "constraints": [UniqueConstraint(fields=("subject_id", "event_id"), name="event_subjects_once")],
            },
        ),
        ops.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True)),
                ("principal", fields.CharField(max_length=300)),
                ("mutation", fields.CharField(max_length=100)),
                ("key", fields.CharField(max_length=255)),
                ("fingerprint", fields.CharField(max_length=64)),
                ("object_id", fields.CharField(max_length=40)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "idempotency_keys",
                "constraints": [UniqueConstraint(fields=("principal", "mutation", "key"), name="idempotency_keys_key")],
                "indexes": [
                    Index(fields=["object_id"], name="idempotency_keys_object_id"),
                    Index(fields=["created_at"], name="idempotency_keys_created_at"),
                ],
            },
        ),
        ops.CreateModel(
            name="Job",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("kind", fields.CharField(max_length=40)),
                ("subject_id", fields.CharField(max_length=40)),
                ("run_at", fields.DatetimeField()),
                ("tries", fields.IntField()),
                ("claim", fields.CharField(null=True, max_length=64)),
                ("dead_at", fields.DatetimeField(null=True)),
                ("last_error", fields.TextField(null=True)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "jobs",
                "constraints": [UniqueConstraint(fields=("kind", "subject_id"), name="jobs_subject")],
                "indexes": [Index(fields=["dead_at", "run_at"], name="jobs_dead_at_run_at")],
            },
        ),
        ops.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("account", fields.CharField(max_length=100)),
                ("event_key", fields.CharField(max_length=255)),
                ("kind", fields.TextField()),
                ("subject", fields.CharField(max_length=40)),
                ("subject_ref", fields.TextField(null=True)),
                ("operation_id", fields.TextField(null=True)),
                ("livemode", fields.BooleanField()),
                ("payload", fields.JSONField()),
                ("state", fields.CharField(max_length=40)),
                ("occurred_at", fields.DatetimeField()),
                ("received_at", fields.DatetimeField()),
                ("ended_at", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "webhook_deliveries",
                "constraints": [
                    UniqueConstraint(fields=("account", "event_key"), name="webhook_deliveries_event"),
                    CheckConstraint(
                        check="state IN ('STORED', 'APPLIED', 'IGNORED', 'PARKED')",
                        name="webhook_deliveries_state_known",
                    ),
                ],
                "indexes": [Index(fields=["state", "id"], name="webhook_deliveries_state_id")],
            },
        ),
        ops.CreateModel(
            name="ApiKey",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("name", fields.TextField()),
                ("secret_hash", fields.CharField(max_length=64)),
                ("permissions", fields.JSONField()),
                ("last_used_at", fields.DatetimeField(null=True)),
                ("revoked_at", fields.DatetimeField(null=True)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "api_keys",
                "constraints": [UniqueConstraint(fields=("secret_hash",), name="api_keys_secret_hash")],
            },
        ),
        ops.CreateModel(
            name="Fact",
            fields=[
                ("name", fields.CharField(primary_key=True, max_length=100)),
                ("value", fields.TextField()),
            ],
            options={"table": "facts", "pk_attr": "name"},
        ),
    ]
