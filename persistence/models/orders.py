"""What is bought."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.orders import OrderState
from domain.texts import EXTERNAL_ID_LENGTH
from persistence.fields import (
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
