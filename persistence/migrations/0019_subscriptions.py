"""Subscriptions, their periods, what they ask for, and the clocks that some customers live by.

The first issuer is made here, so that there is one from the first invoice on.
"""

# ruff: noqa: RUF012 - written by `write_migration`, in the shape that Tortoise reads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from persistence.editors import InsertOnly, PerDialect
from persistence.guards import FrozenWhenIssued, NeverChanged, NeverDeleted

_FIRST_ISSUER = """
INSERT INTO issuers (
    id, invoice_prefix, credit_note_prefix, next_invoice_number, next_credit_note_number, time_zone, dunning,
    on_trial_end_without_card, created_at, updated_at
) SELECT
    'iss_00000000000000000000000000', 'INV-', 'CRN-', 1, 1, 'UTC',
    '{"retries_after_seconds": [86400, 259200, 604800, 1209600], "ends_after_seconds": 1814400, "then": "CANCELED"}',
    'CANCEL', moment, moment
FROM (SELECT $NOW$ AS moment) AS made;
"""


class Migration(migrations.Migration):
    dependencies = [("paydesk", "0018_held_back")]

    operations = [
        ops.CreateModel(
            name="CustomerBalance",
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
                ("currency", fields.CharField(max_length=3)),
                ("amount", fields.BigIntField()),
            ],
            options={
                "table": "customer_balances",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("customer_id", "currency"), name="customer_balances_currency"),
                    CheckConstraint(check="length(currency) = 3", name="customer_balances_currency_has_three_letters"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Issuer",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("name", fields.CharField(null=True, max_length=200)),
                ("address", fields.JSONField(null=True)),
                ("tax_id", fields.TextField(null=True)),
                ("footer", fields.TextField(null=True)),
                ("invoice_prefix", fields.CharField(max_length=20)),
                ("credit_note_prefix", fields.CharField(max_length=20)),
                ("next_invoice_number", fields.BigIntField()),
                ("next_credit_note_number", fields.BigIntField()),
                ("time_zone", fields.CharField(max_length=64)),
                ("dunning", fields.JSONField()),
                ("on_trial_end_without_card", fields.CharField(max_length=40)),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "issuers",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(
                        check="next_invoice_number >= 1 AND next_credit_note_number >= 1",
                        name="issuers_numbers_positive",
                    ),
                    CheckConstraint(
                        check="on_trial_end_without_card IN ('CANCEL', 'PAST_DUE')", name="issuers_on_trial_end_known"
                    ),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Subscription",
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
                (
                    "issuer",
                    fields.ForeignKeyField(
                        "paydesk.Issuer",
                        source_field="issuer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(max_length=40)),
                ("currency", fields.CharField(max_length=3)),
                ("interval_unit", fields.CharField(max_length=40)),
                ("interval_count", fields.IntField()),
                ("time_zone", fields.CharField(max_length=64)),
                ("anchor_day", fields.IntField(null=True)),
                ("anchor_month", fields.IntField(null=True)),
                ("starts_at", fields.DatetimeField()),
                ("trial_ends_at", fields.DatetimeField(null=True)),
                ("periods_from", fields.DatetimeField()),
                ("period_number", fields.IntField(null=True)),
                ("period_starts_at", fields.DatetimeField(null=True)),
                ("period_ends_at", fields.DatetimeField(null=True)),
                ("period_whole_starts_at", fields.DatetimeField(null=True)),
                (
                    "payment_method",
                    fields.ForeignKeyField(
                        "paydesk.PaymentMethod",
                        source_field="payment_method_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("cancel_at", fields.DatetimeField(null=True)),
                ("cancel_reason", fields.CharField(null=True, max_length=40)),
                ("pause_behavior", fields.CharField(null=True, max_length=40)),
                ("paused_from", fields.DatetimeField(null=True)),
                ("paused_until", fields.DatetimeField(null=True)),
                ("pending_change", fields.JSONField(null=True)),
                ("pending_update", fields.JSONField(null=True)),
                ("dunning", fields.JSONField(null=True)),
                ("last_tried_at", fields.DatetimeField(null=True)),
                ("incomplete_expires_at", fields.DatetimeField(null=True)),
                ("due_at", fields.DatetimeField(null=True)),
                ("ended_at", fields.DatetimeField(null=True)),
                ("metadata", fields.JSONField()),
                ("version", fields.IntField()),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "subscriptions",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(
                        check="state IN ('SCHEDULED', 'TRIALING', 'INCOMPLETE', 'ACTIVE', 'PAST_DUE', 'UNPAID',"
                        " 'PAUSED', 'CANCELED', 'EXPIRED')",
                        name="subscriptions_state_known",
                    ),
                    CheckConstraint(check="length(currency) = 3", name="subscriptions_currency_has_three_letters"),
                    CheckConstraint(
                        check="interval_unit IN ('DAY', 'WEEK', 'MONTH', 'YEAR')",
                        name="subscriptions_interval_unit_known",
                    ),
                    CheckConstraint(check="interval_count >= 1", name="subscriptions_interval_count_positive"),
                    CheckConstraint(
                        check="anchor_month IS NULL OR anchor_day IS NOT NULL", name="subscriptions_anchor_is_whole"
                    ),
                    CheckConstraint(
                        check="(period_number IS NULL) = (period_starts_at IS NULL)"
                        " AND (period_number IS NULL) = (period_ends_at IS NULL)"
                        " AND (period_number IS NULL) = (period_whole_starts_at IS NULL)",
                        name="subscriptions_period_is_whole",
                    ),
                    CheckConstraint(
                        check="(pause_behavior IS NULL) = (paused_from IS NULL)", name="subscriptions_pause_is_whole"
                    ),
                    CheckConstraint(
                        check="pause_behavior IN ('CREDIT', 'PERIOD_END')", name="subscriptions_pause_behavior_known"
                    ),
                    CheckConstraint(
                        check="cancel_reason IN ('REQUESTED', 'NOT_PAID', 'NO_CARD')",
                        name="subscriptions_cancel_reason_known",
                    ),
                    CheckConstraint(
                        check="(state IN ('CANCELED', 'EXPIRED')) = (ended_at IS NOT NULL)",
                        name="subscriptions_ended_at_their_end",
                    ),
                    CheckConstraint(
                        check="ended_at IS NULL OR due_at IS NULL", name="subscriptions_nothing_due_after_their_end"
                    ),
                    CheckConstraint(check="version >= 1", name="subscriptions_version_positive"),
                ],
                "indexes": [
                    Index(fields=["customer_id", "id"], name="subscriptions_customer_id_id"),
                    Index(fields=["state", "id"], name="subscriptions_state_id"),
                    Index(fields=["due_at", "id"], name="subscriptions_due_at_id"),
                    Index(fields=["created_at", "id"], name="subscriptions_created_at_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Invoice",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "issuer",
                    fields.ForeignKeyField(
                        "paydesk.Issuer",
                        source_field="issuer_id",
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
                    "subscription",
                    fields.ForeignKeyField(
                        "paydesk.Subscription",
                        source_field="subscription_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("period_start", fields.DatetimeField(null=True)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "paydesk.Order",
                        source_field="order_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reason", fields.CharField(max_length=40)),
                ("state", fields.CharField(max_length=40)),
                ("currency", fields.CharField(max_length=3)),
                ("sequence", fields.BigIntField(null=True)),
                ("number", fields.CharField(null=True, max_length=40)),
                ("total", fields.BigIntField()),
                ("due", fields.BigIntField()),
                ("balance_applied", fields.BigIntField()),
                ("issued_by", fields.JSONField(null=True)),
                ("issued_to", fields.JSONField(null=True)),
                ("due_at", fields.DatetimeField(null=True)),
                ("next_try_at", fields.DatetimeField(null=True)),
                ("opened_at", fields.DatetimeField(null=True)),
                ("paid_at", fields.DatetimeField(null=True)),
                ("voided_at", fields.DatetimeField(null=True)),
                ("uncollectible_at", fields.DatetimeField(null=True)),
                ("metadata", fields.JSONField()),
                ("version", fields.IntField()),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "invoices",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(
                        fields=("issuer_id", "sequence"), name="invoices_sequence", condition="sequence IS NOT NULL"
                    ),
                    UniqueConstraint(
                        fields=("issuer_id", "number"), name="invoices_number", condition="number IS NOT NULL"
                    ),
                    UniqueConstraint(
                        fields=("order_id",), name="invoices_one_an_order", condition="order_id IS NOT NULL"
                    ),
                    UniqueConstraint(
                        fields=("subscription_id", "period_start"),
                        name="invoices_one_a_period",
                        condition="reason = 'PERIOD'",
                    ),
                    CheckConstraint(
                        check="state IN ('DRAFT', 'OPEN', 'PAID', 'VOID', 'UNCOLLECTIBLE')", name="invoices_state_known"
                    ),
                    CheckConstraint(
                        check="reason IN ('CREATE', 'PERIOD', 'CHANGE', 'CATCH_UP', 'CANCEL', 'ONE_OFF', 'ORDER')",
                        name="invoices_reason_known",
                    ),
                    CheckConstraint(check="length(currency) = 3", name="invoices_currency_has_three_letters"),
                    CheckConstraint(check="due >= 0", name="invoices_due_not_negative"),
                    CheckConstraint(check="(sequence IS NULL) = (number IS NULL)", name="invoices_number_is_whole"),
                    CheckConstraint(check="(state = 'DRAFT') = (number IS NULL)", name="invoices_numbered_when_opened"),
                    CheckConstraint(
                        check="(state = 'DRAFT') = (opened_at IS NULL)", name="invoices_opened_at_their_opening"
                    ),
                    CheckConstraint(
                        check="(state = 'PAID') = (paid_at IS NOT NULL)", name="invoices_paid_at_their_end"
                    ),
                    CheckConstraint(
                        check="(state = 'VOID') = (voided_at IS NOT NULL)", name="invoices_voided_at_their_end"
                    ),
                    CheckConstraint(
                        check="reason <> 'PERIOD' OR period_start IS NOT NULL",
                        name="invoices_period_has_a_subscription",
                    ),
                    CheckConstraint(check="version >= 1", name="invoices_version_positive"),
                ],
                "indexes": [
                    Index(fields=["customer_id", "id"], name="invoices_customer_id_id"),
                    Index(fields=["subscription_id", "id"], name="invoices_subscription_id_id"),
                    Index(fields=["state", "id"], name="invoices_state_id"),
                    Index(fields=["total", "id"], name="invoices_total_id"),
                    Index(fields=["created_at", "id"], name="invoices_created_at_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CreditNote",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "invoice",
                    fields.ForeignKeyField(
                        "paydesk.Invoice",
                        source_field="invoice_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "issuer",
                    fields.ForeignKeyField(
                        "paydesk.Issuer",
                        source_field="issuer_id",
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
                ("sequence", fields.BigIntField()),
                ("number", fields.CharField(max_length=40)),
                ("cause", fields.CharField(max_length=100)),
                ("lines", fields.JSONField()),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("reduces", fields.CharField(max_length=40)),
                ("livemode", fields.BooleanField()),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "credit_notes",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("issuer_id", "sequence"), name="credit_notes_sequence"),
                    UniqueConstraint(fields=("issuer_id", "number"), name="credit_notes_number"),
                    UniqueConstraint(fields=("cause",), name="credit_notes_cause"),
                    CheckConstraint(check="reduces IN ('DUE', 'BALANCE')", name="credit_notes_reduces_known"),
                    CheckConstraint(check="amount > 0", name="credit_notes_amount_positive"),
                    CheckConstraint(check="length(currency) = 3", name="credit_notes_currency_has_three_letters"),
                ],
                "indexes": [
                    Index(fields=["invoice_id", "id"], name="credit_notes_invoice_id_id"),
                    Index(fields=["customer_id", "id"], name="credit_notes_customer_id_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CustomerBalanceEntry",
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
                ("cause", fields.CharField(max_length=100)),
                ("reason", fields.CharField(max_length=40)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                (
                    "invoice",
                    fields.ForeignKeyField(
                        "paydesk.Invoice",
                        source_field="invoice_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "customer_balance_entries",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("cause",), name="customer_balance_entries_cause"),
                    CheckConstraint(check="amount <> 0", name="customer_balance_entries_amount_not_zero"),
                    CheckConstraint(
                        check="length(currency) = 3", name="customer_balance_entries_currency_has_three_letters"
                    ),
                ],
                "indexes": [
                    Index(fields=["customer_id", "id"], name="customer_balance_entries_customer_id_id"),
                    Index(fields=["invoice_id", "id"], name="customer_balance_entries_invoice_id_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SubscriptionItem",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "subscription",
                    fields.ForeignKeyField(
                        "paydesk.Subscription",
                        source_field="subscription_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("position", fields.IntField()),
                (
                    "price",
                    fields.ForeignKeyField(
                        "paydesk.Price",
                        source_field="price_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("quantity", fields.IntField()),
                ("removed_at", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "subscription_items",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("subscription_id", "position"), name="subscription_items_position"),
                    CheckConstraint(check="quantity >= 1", name="subscription_items_quantity_positive"),
                ],
                "indexes": [Index(fields=["price_id", "id"], name="subscription_items_price_id_id")],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="InvoiceItem",
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
                (
                    "subscription",
                    fields.ForeignKeyField(
                        "paydesk.Subscription",
                        source_field="subscription_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "invoice",
                    fields.ForeignKeyField(
                        "paydesk.Invoice",
                        source_field="invoice_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("cause", fields.CharField(max_length=100)),
                ("kind", fields.CharField(max_length=40)),
                (
                    "item",
                    fields.ForeignKeyField(
                        "paydesk.SubscriptionItem",
                        source_field="item_id",
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
                ("quantity", fields.IntField()),
                ("unit_amount", fields.BigIntField(null=True)),
                ("flat_amount", fields.BigIntField(null=True)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("period_start", fields.DatetimeField(null=True)),
                ("period_end", fields.DatetimeField(null=True)),
                ("created_at", fields.DatetimeField()),
            ],
            options={
                "table": "invoice_items",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("cause",), name="invoice_items_cause"),
                    CheckConstraint(
                        check="kind IN ('PERIOD', 'CREDIT', 'CHARGE', 'ONE_OFF', 'CARRIED_OVER')",
                        name="invoice_items_kind_known",
                    ),
                    CheckConstraint(check="quantity >= 1", name="invoice_items_quantity_positive"),
                    CheckConstraint(
                        check="(period_start IS NULL) = (period_end IS NULL)", name="invoice_items_period_is_whole"
                    ),
                    CheckConstraint(check="length(currency) = 3", name="invoice_items_currency_has_three_letters"),
                ],
                "indexes": [
                    Index(fields=["customer_id", "id"], name="invoice_items_customer_id_id"),
                    Index(fields=["subscription_id", "id"], name="invoice_items_subscription_id_id"),
                    Index(fields=["invoice_id", "id"], name="invoice_items_invoice_id_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="InvoiceLine",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                (
                    "invoice",
                    fields.ForeignKeyField(
                        "paydesk.Invoice",
                        source_field="invoice_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("position", fields.IntField()),
                ("kind", fields.CharField(max_length=40)),
                (
                    "item",
                    fields.ForeignKeyField(
                        "paydesk.SubscriptionItem",
                        source_field="item_id",
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
                ("quantity", fields.IntField()),
                ("unit_amount", fields.BigIntField(null=True)),
                ("flat_amount", fields.BigIntField(null=True)),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("period_start", fields.DatetimeField(null=True)),
                ("period_end", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "invoice_lines",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(
                        check="kind IN ('PERIOD', 'CREDIT', 'CHARGE', 'ONE_OFF', 'CARRIED_OVER')",
                        name="invoice_lines_kind_known",
                    ),
                    CheckConstraint(check="quantity >= 1", name="invoice_lines_quantity_positive"),
                    CheckConstraint(
                        check="(period_start IS NULL) = (period_end IS NULL)", name="invoice_lines_period_is_whole"
                    ),
                    CheckConstraint(check="length(currency) = 3", name="invoice_lines_currency_has_three_letters"),
                ],
                "indexes": [
                    Index(fields=["invoice_id", "position"], name="invoice_lines_invoice_id_position"),
                    Index(fields=["price_id", "id"], name="invoice_lines_price_id_id"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SubscriptionPeriod",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True)),
                (
                    "subscription",
                    fields.ForeignKeyField(
                        "paydesk.Subscription",
                        source_field="subscription_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.IntField()),
                ("starts_at", fields.DatetimeField()),
                ("ends_at", fields.DatetimeField()),
                ("whole_starts_at", fields.DatetimeField()),
                ("currency", fields.CharField(max_length=3)),
                ("rates", fields.JSONField()),
                (
                    "invoice",
                    fields.ForeignKeyField(
                        "paydesk.Invoice",
                        source_field="invoice_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "subscription_periods",
                "app": "paydesk",
                "constraints": [
                    UniqueConstraint(fields=("subscription_id", "starts_at"), name="subscription_periods_start"),
                    CheckConstraint(
                        check="ends_at > starts_at AND whole_starts_at <= starts_at",
                        name="subscription_periods_take_time",
                    ),
                    CheckConstraint(
                        check="length(currency) = 3", name="subscription_periods_currency_has_three_letters"
                    ),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TestClock",
            fields=[
                ("id", fields.CharField(primary_key=True, max_length=40)),
                ("name", fields.CharField(null=True, max_length=200)),
                ("stands_at", fields.DatetimeField()),
                ("state", fields.CharField(max_length=40)),
                ("target", fields.DatetimeField(null=True)),
                ("failure", fields.TextField(null=True)),
                ("created_at", fields.DatetimeField()),
                ("updated_at", fields.DatetimeField()),
            ],
            options={
                "table": "test_clocks",
                "app": "paydesk",
                "constraints": [
                    CheckConstraint(check="state IN ('READY', 'ADVANCING', 'FAILED')", name="test_clocks_state_known"),
                    CheckConstraint(check="(state = 'READY') = (target IS NULL)", name="test_clocks_go_somewhere"),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Customer",
            name="test_clock",
            field=fields.ForeignKeyField(
                "paydesk.TestClock",
                source_field="test_clock_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name=False,
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddIndex(
            model_name="Customer",
            index=Index(fields=["test_clock_id", "id"], name="customers_test_clock_id_id"),
        ),
        ops.AddField(
            model_name="Price",
            name="pricing_model",
            field=fields.CharField(db_default="PER_UNIT", max_length=40),
        ),
        ops.AddField(
            model_name="Price",
            name="tiers",
            field=fields.JSONField(null=True),
        ),
        ops.AddField(
            model_name="Price",
            name="trial_days",
            field=fields.IntField(null=True),
        ),
        ops.AddConstraint(
            model_name="Price",
            constraint=CheckConstraint(
                check="pricing_model IN ('PER_UNIT', 'FLAT', 'VOLUME', 'GRADUATED')", name="prices_pricing_model_known"
            ),
        ),
        ops.AddConstraint(
            model_name="Price",
            constraint=CheckConstraint(check="trial_days >= 1", name="prices_trial_days_positive"),
        ),
        # A price never changes its amount, whichever way it is written down.
        PerDialect(
            sqlite="DROP TRIGGER prices_never_changed;", postgres="DROP TRIGGER prices_never_changed ON prices;"
        ),
        NeverChanged(
            "prices",
            "product_id",
            "unit_amount",
            "currency",
            "interval_unit",
            "interval_count",
            "pricing_model",
            "tiers",
        ),
        # Whoever has a history in one time cannot have it in another.
        NeverChanged("customers", "test_clock_id"),
        NeverDeleted(
            "subscriptions",
            "subscription_items",
            "subscription_periods",
            "invoices",
            "invoice_items",
            "credit_notes",
            "customer_balances",
            "issuers",
            "test_clocks",
        ),
        InsertOnly("customer_balance_entries"),
        NeverChanged("subscriptions", "customer_id", "currency", "starts_at"),
        NeverChanged("subscription_items", "subscription_id"),
        NeverChanged(
            "subscription_periods", "subscription_id", "number", "starts_at", "ends_at", "whole_starts_at", "currency"
        ),
        NeverChanged("customer_balances", "customer_id", "currency"),
        NeverChanged("invoices", "customer_id", "subscription_id", "period_start", "order_id", "reason", "currency"),
        NeverChanged("invoice_items", "customer_id", "subscription_id", "cause", "amount", "currency"),
        NeverChanged(
            "credit_notes", "invoice_id", "issuer_id", "sequence", "number", "cause", "amount", "currency", "reduces"
        ),
        FrozenWhenIssued(),
        PerDialect(
            sqlite=_FIRST_ISSUER.replace("$NOW$", "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"),
            postgres=_FIRST_ISSUER.replace("'{", "CAST('{").replace("}',", "}' AS jsonb),").replace("$NOW$", "now()"),
        ),
    ]
