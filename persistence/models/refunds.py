"""Money that goes back."""

from tortoise.fields import BigIntField, BooleanField, DatetimeField, TextField
from tortoise.models import Model

from domain.provider import ExecutedAs
from domain.refunds import RefundState
from persistence.fields import (
    PAYS_ONE_THING,
    account,
    an_id,
    belongs_to,
    check,
    currency,
    index,
    one_of,
    ref,
    unique,
    word,
)


class Refund(Model):
    id = an_id()
    charge = belongs_to("Charge")
    order = belongs_to("Order", null=True)
    invoice = belongs_to("Invoice", null=True)
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
            index("refunds", "invoice_id", "id"),
            index("refunds", "customer_id", "id"),
            index("refunds", "state", "id"),
            index("refunds", "created_at", "id"),
            index("refunds", "account", "updated_at"),
        )
        constraints = (
            unique("refunds_ref", "account", "refund_ref", where="refund_ref IS NOT NULL"),
            check("refunds_of_one_thing", PAYS_ONE_THING),
            check("refunds_state_known", one_of("state", RefundState)),
            check("refunds_executed_as_known", one_of("executed_as", ExecutedAs)),
            check("refunds_currency_has_three_letters", "length(currency) = 3"),
            check("refunds_amount_positive", "amount > 0"),
        )
