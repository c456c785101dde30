"""What a customer has, for how long, and the clocks that some of them live by."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.products import IntervalUnit
from domain.subscriptions import ENDED_STATES, CancelReason, PauseBehavior, SubscriptionState
from domain.test_clocks import ClockState
from domain.texts import NAME_LENGTH
from persistence.fields import (
    a_number_of_its_own,
    an_id,
    belongs_to,
    check,
    currency,
    index,
    json,
    one_of,
    unique,
    word,
)


class Subscription(Model):
    id = an_id()
    customer = belongs_to("Customer")
    issuer = belongs_to("Issuer")
    state = word()
    currency = currency()
    interval_unit = word()
    interval_count = IntField()
    time_zone = CharField(max_length=64)
    anchor_day = IntField(null=True)
    anchor_month = IntField(null=True)
    starts_at = DatetimeField()
    trial_ends_at = DatetimeField(null=True)
    periods_from = DatetimeField()
    period_number = IntField(null=True)
    period_starts_at = DatetimeField(null=True)
    period_ends_at = DatetimeField(null=True)
    period_whole_starts_at = DatetimeField(null=True)
    payment_method = belongs_to("PaymentMethod", null=True)
    cancel_at = DatetimeField(null=True)
    cancel_reason = word(null=True)
    pause_behavior = word(null=True)
    paused_from = DatetimeField(null=True)
    paused_until = DatetimeField(null=True)
    pending_change = json(null=True)
    pending_update = json(null=True)
    dunning = json(null=True)
    last_tried_at = DatetimeField(null=True)
    incomplete_expires_at = DatetimeField(null=True)
    # `next_due` in the domain, for whoever looks for what is due.
    due_at = DatetimeField(null=True)
    ended_at = DatetimeField(null=True)
    metadata = json()
    version = IntField()
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "subscriptions"
        indexes = (
            index("subscriptions", "customer_id", "id"),
            index("subscriptions", "state", "id"),
            index("subscriptions", "due_at", "id"),
            index("subscriptions", "created_at", "id"),
        )
        constraints = (
            check("subscriptions_state_known", one_of("state", SubscriptionState)),
            check("subscriptions_currency_has_three_letters", "length(currency) = 3"),
            check("subscriptions_interval_unit_known", one_of("interval_unit", IntervalUnit)),
            check("subscriptions_interval_count_positive", "interval_count >= 1"),
            check("subscriptions_anchor_is_whole", "anchor_month IS NULL OR anchor_day IS NOT NULL"),
            check(
                "subscriptions_period_is_whole",
                "(period_number IS NULL) = (period_starts_at IS NULL)"
                " AND (period_number IS NULL) = (period_ends_at IS NULL)"
                " AND (period_number IS NULL) = (period_whole_starts_at IS NULL)",
            ),
            check("subscriptions_pause_is_whole", "(pause_behavior IS NULL) = (paused_from IS NULL)"),
            check("subscriptions_pause_behavior_known", one_of("pause_behavior", PauseBehavior)),
            check("subscriptions_cancel_reason_known", one_of("cancel_reason", CancelReason)),
            check(
                "subscriptions_ended_at_their_end",
                f"({one_of('state', sorted(ENDED_STATES))}) = (ended_at IS NOT NULL)",
            ),
            check("subscriptions_nothing_due_after_their_end", "ended_at IS NULL OR due_at IS NULL"),
            check("subscriptions_version_positive", "version >= 1"),
        )


class SubscriptionItem(Model):
    id = an_id()
    subscription = belongs_to("Subscription")
    position = IntField()
    price = belongs_to("Price")
    quantity = IntField()
    removed_at = DatetimeField(null=True)

    class Meta:
        table = "subscription_items"
        indexes = (index("subscription_items", "price_id", "id"),)
        constraints = (
            unique("subscription_items_position", "subscription_id", "position"),
            check("subscription_items_quantity_positive", "quantity >= 1"),
        )


class SubscriptionPeriod(Model):
    id = a_number_of_its_own()
    subscription = belongs_to("Subscription")
    # Not unique: a change of the interval begins to count anew.
    number = IntField()
    starts_at = DatetimeField()
    ends_at = DatetimeField()
    whole_starts_at = DatetimeField()
    currency = currency()
    rates = json()
    invoice = belongs_to("Invoice", null=True)

    class Meta:
        table = "subscription_periods"
        constraints = (
            # Nobody is billed twice for one time, whoever comes second.
            unique("subscription_periods_start", "subscription_id", "starts_at"),
            check("subscription_periods_take_time", "ends_at > starts_at AND whole_starts_at <= starts_at"),
            check("subscription_periods_currency_has_three_letters", "length(currency) = 3"),
        )


class TestClock(Model):
    id = an_id()
    name = CharField(max_length=NAME_LENGTH, null=True)
    # `now` in the domain, which is a function of SQL.
    stands_at = DatetimeField()
    state = word()
    target = DatetimeField(null=True)
    failure = TextField(null=True)
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "test_clocks"
        constraints = (
            check("test_clocks_state_known", one_of("state", ClockState)),
            check("test_clocks_go_somewhere", "(state = 'READY') = (target IS NULL)"),
        )


class CustomerBalance(Model):
    id = a_number_of_its_own()
    customer = belongs_to("Customer")
    currency = currency()
    # Above zero we owe the customer. The sum of the entries.
    amount = BigIntField()

    class Meta:
        table = "customer_balances"
        constraints = (
            unique("customer_balances_currency", "customer_id", "currency"),
            check("customer_balances_currency_has_three_letters", "length(currency) = 3"),
        )


class CustomerBalanceEntry(Model):
    id = an_id()
    customer = belongs_to("Customer")
    cause = CharField(max_length=100)
    reason = word()
    amount = BigIntField()
    currency = currency()
    invoice = belongs_to("Invoice", null=True)
    note = TextField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "customer_balance_entries"
        indexes = (
            index("customer_balance_entries", "customer_id", "id"),
            index("customer_balance_entries", "invoice_id", "id"),
        )
        constraints = (
            unique("customer_balance_entries_cause", "cause"),
            check("customer_balance_entries_amount_not_zero", "amount <> 0"),
            check("customer_balance_entries_currency_has_three_letters", "length(currency) = 3"),
        )
