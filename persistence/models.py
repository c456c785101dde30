"""The tables, as Tortoise knows them, and the rules that the database itself holds.

A change here wants a migration (see `migrate`; a test compares the two). Triggers are in the migrations alone, because
a model cannot say them: no row of a billing table is ever deleted, and the ledger and the events only ever grow.

Texts have a length where an index wants one. The lists of words in the CHECKs come from the domain's enums; words that
grow often (kinds of events, reasons of declines) are left free.
"""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.charges import LIVE_STATES, ChargeState
from domain.decisions import DecisionKind
from domain.decline_limits import DeclineState
from domain.discrepancies import DiscrepancyState
from domain.ledger import LedgerAccount
from domain.operations import OperationKind, SolvedBy
from domain.orders import OrderState
from domain.payment_methods import PaymentMethodState
from domain.principals import PrincipalKind
from domain.products import IntervalUnit
from domain.provider import CaptureMode, ExecutedAs
from domain.reconciliation import Phase
from domain.refunds import RefundState
from domain.search import FINGERPRINT_LENGTH
from domain.texts import EXTERNAL_ID_LENGTH, NAME_LENGTH
from domain.webhooks import KEPT_STATES
from persistence.fields import (
    ID_LENGTH,
    ExactJSONField,
    a_number_of_its_own,
    account,
    an_id,
    belongs_to,
    check,
    currency,
    index,
    json,
    one_of,
    ref,
    unique,
    word,
)


class Customer(Model):
    id = an_id()
    external_id = CharField(max_length=EXTERNAL_ID_LENGTH, null=True)
    email = CharField(max_length=255, null=True)
    name = CharField(max_length=NAME_LENGTH, null=True)
    billing_address = json(null=True)
    shipping_address = json(null=True)
    metadata = json()
    default_payment_method = belongs_to("PaymentMethod", null=True)
    redacted_at = DatetimeField(null=True)
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "customers"
        indexes = (index("customers", "created_at", "id"),)
        constraints = (unique("customers_external_id", "external_id"),)


class ProviderAccount(Model):
    id = a_number_of_its_own()
    customer = belongs_to("Customer")
    account = account()
    customer_ref = ref()
    created_at = DatetimeField()

    class Meta:
        table = "provider_accounts"
        constraints = (
            unique("provider_accounts_customer", "customer_id", "account"),
            unique("provider_accounts_ref", "account", "customer_ref"),
        )


class Product(Model):
    id = an_id()
    name = CharField(max_length=NAME_LENGTH)
    description = TextField(null=True)
    images = json(db_default="[]")
    metadata = json()
    archived_at = DatetimeField(null=True)
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "products"
        indexes = (index("products", "name", "id"),)


# `search` has what a model cannot say: the full-text index over these words.
class ProductSearch(Model):
    number = BigIntField(primary_key=True)
    product = belongs_to("Product")
    title = CharField(max_length=FINGERPRINT_LENGTH)
    name = TextField()
    description = TextField()

    class Meta:
        table = "product_search"
        constraints = (unique("product_search_product", "product_id"),)


class Price(Model):
    id = an_id()
    product = belongs_to("Product")
    nickname = TextField(null=True)
    unit_amount = BigIntField()
    currency = currency()
    interval_unit = word(null=True)
    interval_count = IntField(null=True)
    archived_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "prices"
        indexes = (index("prices", "product_id", "id"),)
        constraints = (
            check("prices_unit_amount_not_negative", "unit_amount >= 0"),
            check("prices_currency_has_three_letters", "length(currency) = 3"),
            check("prices_interval_is_whole", "(interval_unit IS NULL) = (interval_count IS NULL)"),
            check("prices_interval_unit_known", one_of("interval_unit", IntervalUnit)),
            check("prices_interval_count_positive", "interval_count >= 1"),
        )


class PaymentMethod(Model):
    id = an_id()
    customer = belongs_to("Customer")
    account = account()
    state = word()
    token = TextField(null=True)
    payment_method_ref = ref(null=True)
    card_brand = word(null=True)
    card_last4 = CharField(max_length=4, null=True)
    card_expiry_month = IntField(null=True)
    card_expiry_year = IntField(null=True)
    card_fingerprint = CharField(max_length=255, null=True)
    next_action = json(null=True)
    decline_code = word(null=True)
    failure_message = TextField(null=True)
    return_url = TextField(null=True)
    make_default = BooleanField()
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "payment_methods"
        indexes = (index("payment_methods", "customer_id", "id"),)
        constraints = (
            # A card that was detached, or refused, may be attached again under the same reference.
            unique(
                "payment_methods_ref",
                "account",
                "payment_method_ref",
                where="payment_method_ref IS NOT NULL AND state NOT IN ('DETACHED', 'FAILED')",
            ),
            check("payment_methods_state_known", one_of("state", PaymentMethodState)),
            check(
                "payment_methods_card_is_whole",
                "(card_brand IS NULL) = (card_last4 IS NULL) AND (card_brand IS NULL) = (card_expiry_month IS NULL)"
                " AND (card_brand IS NULL) = (card_expiry_year IS NULL)",
            ),
        )


class Order(Model):
    id = an_id()
    customer = belongs_to("Customer")
    state = word()
    currency = currency()
    total = BigIntField()
    version = IntField()
    external_id = CharField(max_length=EXTERNAL_ID_LENGTH, null=True)
    external_version = BigIntField(null=True)
    metadata = json()
    expires_at = DatetimeField(null=True)
    placed_at = DatetimeField(null=True)
    completed_at = DatetimeField(null=True)
    canceled_at = DatetimeField(null=True)
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "orders"
        indexes = (
            index("orders", "customer_id", "id"),
            index("orders", "state", "id"),
            index("orders", "total", "id"),
            index("orders", "created_at", "id"),
        )
        constraints = (
            unique("orders_external_id", "external_id", where="external_id IS NOT NULL"),
            check("orders_state_known", one_of("state", OrderState)),
            check("orders_total_not_negative", "total >= 0"),
            check("orders_currency_has_three_letters", "length(currency) = 3"),
            check("orders_version_positive", "version >= 1"),
        )


class OrderLine(Model):
    id = an_id()
    order = belongs_to("Order")
    position = IntField()
    product = belongs_to("Product", null=True)
    price = belongs_to("Price", null=True)
    name = TextField()
    unit_amount = BigIntField()
    currency = currency()
    quantity = IntField()

    class Meta:
        table = "order_lines"
        indexes = (
            index("order_lines", "order_id", "position"),
            index("order_lines", "product_id", "id"),
            index("order_lines", "price_id", "id"),
        )
        constraints = (
            check("order_lines_unit_amount_not_negative", "unit_amount >= 0"),
            check("order_lines_quantity_positive", "quantity >= 1"),
            check("order_lines_currency_has_three_letters", "length(currency) = 3"),
        )


class Charge(Model):
    id = an_id()
    order = belongs_to("Order")
    customer = belongs_to("Customer")
    payment_method = belongs_to("PaymentMethod")
    account = account()
    charge_ref = ref(null=True)
    state = word()
    initiator = word()
    # Charges from before captures by hand were captured as soon as the bank agreed.
    capture_mode = word(db_default=CaptureMode.AUTOMATIC.value)
    currency = currency()
    amount = BigIntField()
    authorized = BigIntField()
    capture_requested = BigIntField(null=True)
    void_requested_at = DatetimeField(null=True)
    captured = BigIntField()
    refunded = BigIntField()
    refund_reserved = BigIntField()
    return_url = TextField(null=True)
    next_action = json(null=True)
    action_expires_at = DatetimeField(null=True)
    capture_before = DatetimeField(null=True)
    decline_code = word(null=True)
    failure_code = word(null=True)
    issuer_code = TextField(null=True)
    provider_code = TextField(null=True)
    provider_message = TextField(null=True)
    next_check_at = DatetimeField(null=True)
    # Of the review that waits longest; lists are filtered by it.
    review_since = DatetimeField(null=True)
    review_reason = word(null=True)
    # All open ones; none in rows from before there could be several, whose one is in the columns above.
    reviews = json(null=True)
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "charges"
        indexes = (
            index("charges", "order_id", "id"),
            index("charges", "customer_id", "id"),
            index("charges", "payment_method_id", "id"),
            index("charges", "state", "id"),
            index("charges", "amount", "id"),
            index("charges", "review_since", "id"),
            index("charges", "created_at", "id"),
            index("charges", "account", "updated_at"),
        )
        constraints = (
            unique("charges_one_live_an_order", "order_id", where=one_of("state", sorted(LIVE_STATES))),
            unique("charges_ref", "account", "charge_ref", where="charge_ref IS NOT NULL"),
            check("charges_state_known", one_of("state", ChargeState)),
            check("charges_currency_has_three_letters", "length(currency) = 3"),
            # No upper bound on what was captured: what the provider took is booked, whatever was asked for.
            check(
                "charges_amounts_not_negative",
                "amount >= 0 AND captured >= 0 AND refunded >= 0 AND refund_reserved >= 0",
            ),
            check("charges_capture_mode_known", one_of("capture_mode", CaptureMode)),
            check("charges_capture_requested_positive", "capture_requested > 0 AND capture_requested <= authorized"),
            check("charges_captured_within_authorized", "captured <= authorized"),
            check("charges_refunds_within_captured", "refunded + refund_reserved <= captured"),
            check("charges_review_is_whole", "(review_since IS NULL) = (review_reason IS NULL)"),
        )


class Refund(Model):
    id = an_id()
    charge = belongs_to("Charge")
    order = belongs_to("Order")
    customer = belongs_to("Customer")
    account = account()
    refund_ref = ref(null=True)
    state = word()
    executed_as = word()
    amount = BigIntField()
    currency = currency()
    reason = word(null=True)
    note = TextField(null=True)
    failure_code = word(null=True)
    provider_code = TextField(null=True)
    provider_message = TextField(null=True)
    next_check_at = DatetimeField(null=True)
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "refunds"
        indexes = (
            index("refunds", "charge_id", "id"),
            index("refunds", "order_id", "id"),
            index("refunds", "customer_id", "id"),
            index("refunds", "state", "id"),
            index("refunds", "created_at", "id"),
            index("refunds", "account", "updated_at"),
        )
        constraints = (
            unique("refunds_ref", "account", "refund_ref", where="refund_ref IS NOT NULL"),
            check("refunds_state_known", one_of("state", RefundState)),
            check("refunds_executed_as_known", one_of("executed_as", ExecutedAs)),
            check("refunds_currency_has_three_letters", "length(currency) = 3"),
            check("refunds_amount_positive", "amount > 0"),
        )


class Operation(Model):
    id = an_id()
    kind = word()
    charge = belongs_to("Charge")
    refund = belongs_to("Refund", null=True)
    account = account()
    request = ExactJSONField()
    on_session = BooleanField()
    # Requests from before were all sent to accounts that keep keys.
    solved_by = word(db_default=SolvedBy.KEY.value)
    void_purpose = word(null=True)
    first_sent_at = DatetimeField()
    tries = IntField()
    sends = IntField()
    empty_looks = IntField()
    recovered_at = DatetimeField(null=True)
    outcome = word(null=True)
    # `raw` in the domain, which is a method of every Tortoise model.
    answer = json(null=True)
    finished_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "operations"
        indexes = (index("operations", "charge_id", "id"), index("operations", "refund_id", "id"))
        constraints = (
            unique(
                "operations_one_unfinished_a_charge", "charge_id", where="finished_at IS NULL AND refund_id IS NULL"
            ),
            unique(
                "operations_one_unfinished_a_refund", "refund_id", where="finished_at IS NULL AND refund_id IS NOT NULL"
            ),
            check("operations_kind_known", one_of("kind", OperationKind)),
            check("operations_solved_by_known", one_of("solved_by", SolvedBy)),
            check("operations_refunds_name_theirs", "(kind = 'REFUND') = (refund_id IS NOT NULL)"),
        )


class Decision(Model):
    id = an_id()
    kind = word()
    charge = belongs_to("Charge")
    refund = belongs_to("Refund", null=True)
    reason = word(null=True)
    found = word(null=True)
    note = TextField()
    actor = CharField(max_length=300)
    created_at = DatetimeField()

    class Meta:
        table = "decisions"
        indexes = (index("decisions", "charge_id", "id"),)
        constraints = (
            check("decisions_kind_known", one_of("kind", DecisionKind)),
            check("decisions_say_what", "(kind = 'SETTLED') = (found IS NOT NULL)"),
            check("decisions_name_the_review", "(kind = 'REVIEW_CLOSED') = (reason IS NOT NULL)"),
        )


class LedgerEntry(Model):
    id = an_id()
    cause = CharField(max_length=100)
    account = word()
    amount = BigIntField()
    currency = currency()
    charge = belongs_to("Charge")
    refund = belongs_to("Refund", null=True)
    livemode = BooleanField()
    created_at = DatetimeField()

    class Meta:
        table = "ledger_entries"
        indexes = (index("ledger_entries", "charge_id", "id"), index("ledger_entries", "refund_id", "id"))
        constraints = (
            unique("ledger_entries_cause", "cause", "account"),
            check("ledger_entries_account_known", one_of("account", LedgerAccount)),
            check("ledger_entries_currency_has_three_letters", "length(currency) = 3"),
            check("ledger_entries_amount_not_zero", "amount <> 0"),
        )


class Event(Model):
    position = BigIntField(primary_key=True)
    """In the order of writing. Not that of commits, so a reader that goes by `position > last` misses some; see
    `FeedEntry`.
    """
    id = CharField(max_length=ID_LENGTH, unique=True)
    kind = word()
    subject_ids = json()
    actor = TextField()
    data = json()
    livemode = BooleanField()
    created_at = DatetimeField()

    class Meta:
        table = "events"
        indexes = (index("events", "kind", "id"),)


class EventSubject(Model):
    id = a_number_of_its_own()
    event = belongs_to("Event", to_field="id")
    subject_id = CharField(max_length=ID_LENGTH)

    class Meta:
        table = "event_subjects"
        constraints = (unique("event_subjects_once", "subject_id", "event_id"),)


class FeedEntry(Model):
    # The events once more, in the order of their commits. Rows come by a trigger of `events`, never by hand.
    position = BigIntField(primary_key=True, generated=False)
    """Of the event."""
    sequence = BigIntField(null=True)
    """1, 2, 3 … in an order in which nothing is ever committed behind what was read. None until it is numbered, which
    on PostgreSQL is after the commit (`feed.numbering`), on SQLite in it.
    """

    class Meta:
        table = "event_feed"
        constraints = (
            unique("event_feed_sequence", "sequence"),
            # Holds what waits for its number, and is therefore nearly empty.
            unique("event_feed_waiting", "position", where="sequence IS NULL"),
        )


class IdempotencyKey(Model):
    id = a_number_of_its_own()
    principal = CharField(max_length=300)
    mutation = CharField(max_length=100)
    key = CharField(max_length=255)
    fingerprint = CharField(max_length=64)
    object_id = CharField(max_length=ID_LENGTH)
    created_at = DatetimeField()

    class Meta:
        table = "idempotency_keys"
        indexes = (index("idempotency_keys", "object_id"), index("idempotency_keys", "created_at"))
        constraints = (unique("idempotency_keys_key", "principal", "mutation", "key"),)


class Decline(Model):
    id = a_number_of_its_own()
    subject = CharField(max_length=80)
    """A customer, a payment method, or a network of the internet."""
    cause = CharField(max_length=ID_LENGTH)
    state = word()
    counted_at = DatetimeField()
    kept_until = DatetimeField()

    class Meta:
        table = "declines"
        indexes = (
            index("declines", "subject", "counted_at"),
            index("declines", "cause"),
            index("declines", "kept_until"),
        )
        constraints = (check("declines_state_known", one_of("state", DeclineState)),)


class Job(Model):
    id = an_id()
    kind = word()
    subject_id = CharField(max_length=ID_LENGTH)
    run_at = DatetimeField()
    """On the database's clock, like all times here. While a job is claimed: when its lease ends."""
    tries = IntField()
    claim = CharField(max_length=64, null=True)
    dead_at = DatetimeField(null=True)
    last_error = TextField(null=True)
    retried_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "jobs"
        indexes = (index("jobs", "dead_at", "run_at"), index("jobs", "kind", "dead_at", "run_at"))
        constraints = (unique("jobs_subject", "kind", "subject_id"),)


class WebhookDelivery(Model):
    id = an_id()
    account = account()
    event_key = ref()
    kind = TextField()
    subject = word()
    subject_ref = TextField(null=True)
    operation_id = TextField(null=True)
    livemode = BooleanField()
    payload = json()
    state = word()
    occurred_at = DatetimeField()
    received_at = DatetimeField()
    ended_at = DatetimeField(null=True)
    replayed_at = DatetimeField(null=True)

    class Meta:
        table = "webhook_deliveries"
        indexes = (
            index("webhook_deliveries", "state", "id"),
            index("webhook_deliveries", "subject_ref", "id"),
            index("webhook_deliveries", "received_at", "id"),
        )
        constraints = (
            unique("webhook_deliveries_event", "account", "event_key"),
            check("webhook_deliveries_state_known", one_of("state", KEPT_STATES)),
        )


class ApiKey(Model):
    id = an_id()
    name = TextField()
    secret_hash = CharField(max_length=64)
    last4 = CharField(max_length=4, null=True)
    permissions = json()
    expires_at = DatetimeField(null=True)
    previous_secret_hash = CharField(max_length=64, null=True)
    previous_ends_at = DatetimeField(null=True)
    last_used_at = DatetimeField(null=True)
    secret_used_at = DatetimeField(null=True)
    revoked_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "api_keys"
        constraints = (
            unique("api_keys_secret_hash", "secret_hash"),
            unique("api_keys_previous_secret_hash", "previous_secret_hash", where="previous_secret_hash IS NOT NULL"),
        )


class Discrepancy(Model):
    id = an_id()
    account = account()
    kind = word()
    subject = ref()
    provider_ref = ref(null=True)
    operation_id = CharField(max_length=ID_LENGTH, null=True)
    # Ours, but not always there: no foreign keys.
    order_id = CharField(max_length=ID_LENGTH, null=True)
    charge_id = CharField(max_length=ID_LENGTH, null=True)
    refund_id = CharField(max_length=ID_LENGTH, null=True)
    here_amount = BigIntField(null=True)
    here_currency = CharField(max_length=3, null=True)
    there_amount = BigIntField(null=True)
    there_currency = CharField(max_length=3, null=True)
    here_state = word(null=True)
    there_outcome = word(null=True)
    livemode = BooleanField()
    state = word()
    note = TextField(null=True)
    closed_by = TextField(null=True)
    closed_at = DatetimeField(null=True)
    lifted = BooleanField()
    opened_at = DatetimeField()
    seen_at = DatetimeField()

    class Meta:
        table = "discrepancies"
        indexes = (
            index("discrepancies", "state", "id"),
            index("discrepancies", "order_id", "id"),
            index("discrepancies", "charge_id", "id"),
        )
        constraints = (
            unique("discrepancies_subject", "account", "kind", "subject"),
            check("discrepancies_state_known", one_of("state", DiscrepancyState)),
            check("discrepancies_closed_at_their_end", "(state = 'OPEN') = (closed_at IS NULL)"),
            check("discrepancies_lifted_when_closed", "NOT lifted OR state = 'CLOSED'"),
        )


class Reconciliation(Model):
    account = CharField(max_length=100, primary_key=True)
    phase = word(null=True)
    since = DatetimeField(null=True)
    cursor = TextField(null=True)
    done = IntField()
    missed = IntField()
    incomplete = IntField()
    started_at = DatetimeField(null=True)
    moved_at = DatetimeField(null=True)
    compared_until = DatetimeField(null=True)
    finished_at = DatetimeField(null=True)
    recovering_since = DatetimeField(null=True)

    class Meta:
        table = "reconciliations"
        constraints = (check("reconciliations_phase_known", one_of("phase", Phase)),)


class ReconciliationSighting(Model):
    # What of ours the run under way has seen in the provider's list.
    id = a_number_of_its_own()
    account = account()
    subject_id = CharField(max_length=ID_LENGTH)

    class Meta:
        table = "reconciliation_sightings"
        constraints = (unique("reconciliation_sightings_once", "account", "subject_id"),)


class AuditEntry(Model):
    id = an_id()
    actor = CharField(max_length=300)
    actor_kind = word()
    role = word(null=True)
    action = CharField(max_length=100)
    changes = json()
    request_id = CharField(max_length=64, null=True)
    created_at = DatetimeField()

    class Meta:
        table = "audit_entries"
        indexes = (
            index("audit_entries", "actor", "id"),
            index("audit_entries", "action", "id"),
            index("audit_entries", "created_at", "id"),
        )
        constraints = (check("audit_entries_actor_kind_known", one_of("actor_kind", PrincipalKind)),)


class AuditSubject(Model):
    id = a_number_of_its_own()
    entry = belongs_to("AuditEntry")
    subject_id = CharField(max_length=ID_LENGTH)

    class Meta:
        table = "audit_subjects"
        constraints = (unique("audit_subjects_once", "subject_id", "entry_id"),)


class Fact(Model):
    name = CharField(max_length=100, primary_key=True)
    value = TextField()

    class Meta:
        table = "facts"
