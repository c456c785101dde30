"""Money that banks take back."""

from tortoise.fields import BigIntField, BooleanField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.provider import DisputeState
from persistence.fields import (
    PAYS_ONE_THING,
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


class Dispute(Model):
    id = an_id()
    charge = belongs_to("Charge")
    order = belongs_to("Order", null=True)
    invoice = belongs_to("Invoice", null=True)
    customer = belongs_to("Customer")
    account = account()
    dispute_ref = ref()
    state = word()
    is_inquiry = BooleanField()
    reason = word()
    scheme_code = TextField(null=True)
    amount = BigIntField()
    currency = currency()
    respond_by = DatetimeField(null=True)
    evidence = json()
    evidence_requested_at = DatetimeField(null=True)
    evidence_sent_at = DatetimeField(null=True)
    acceptance_requested_at = DatetimeField(null=True)
    accepted_at = DatetimeField(null=True)
    movements = IntField()
    next_check_at = DatetimeField(null=True)
    opened_at = DatetimeField()
    seen_at = DatetimeField()
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "disputes"
        indexes = (
            index("disputes", "charge_id", "id"),
            index("disputes", "customer_id", "id"),
            index("disputes", "state", "id"),
            index("disputes", "respond_by", "id"),
        )
        constraints = (
            unique("disputes_ref", "account", "dispute_ref"),
            check("disputes_of_one_thing", PAYS_ONE_THING),
            check("disputes_state_known", one_of("state", DisputeState)),
            check("disputes_currency_has_three_letters", "length(currency) = 3"),
            check("disputes_amount_not_negative", "amount >= 0"),
            check("disputes_one_response", "evidence_requested_at IS NULL OR acceptance_requested_at IS NULL"),
        )
