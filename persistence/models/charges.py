"""Money that is taken, and what a person or a limit says of it."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, TextField
from tortoise.models import Model

from domain.charges import LIVE_STATES, ChargeState
from domain.decisions import DecisionKind
from domain.decline_limits import DeclineState
from domain.provider import CaptureMode
from persistence.fields import (
    ID_LENGTH,
    PAYS_ONE_THING,
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


class Charge(Model):
    id = an_id()
    order = belongs_to("Order", null=True)
    invoice = belongs_to("Invoice", null=True)
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
    # Charges from before disputes were followed.
    disputed = BigIntField(db_default=0)
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
            index("charges", "invoice_id", "id"),
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
            unique("charges_one_live_an_invoice", "invoice_id", where=one_of("state", sorted(LIVE_STATES))),
            unique("charges_ref", "account", "charge_ref", where="charge_ref IS NOT NULL"),
            check("charges_pay_one_thing", PAYS_ONE_THING),
            check("charges_state_known", one_of("state", ChargeState)),
            check("charges_currency_has_three_letters", "length(currency) = 3"),
            # No upper bound on what was captured: what the provider took is booked, whatever was asked for.
            check(
                "charges_amounts_not_negative",
                "amount >= 0 AND captured >= 0 AND refunded >= 0 AND refund_reserved >= 0",
            ),
            # No upper bound either: banks take money that went back already.
            check("charges_disputed_not_negative", "disputed >= 0"),
            check("charges_capture_mode_known", one_of("capture_mode", CaptureMode)),
            check("charges_capture_requested_positive", "capture_requested > 0 AND capture_requested <= authorized"),
            check("charges_captured_within_authorized", "captured <= authorized"),
            check("charges_refunds_within_captured", "refunded + refund_reserved <= captured"),
            check("charges_review_is_whole", "(review_since IS NULL) = (review_reason IS NULL)"),
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
