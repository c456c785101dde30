"""Entities with whatever a test does not care about filled in, and the values that many tests draw from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from domain.charges import Charge
from domain.ids import IdPrefix, new_id
from domain.money import MAXIMUM_MINOR_UNITS, Money
from domain.operations import MoneyRequest, Operation, OperationKind, stored
from domain.orders import Order, OrderLine
from domain.payment_methods import PaymentMethod
from domain.products import Price, Product
from domain.provider import Initiator, RedirectAction, VoidRequest
from domain.refunds import Refund

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=5)

many = settings(derandomize=True, deadline=None, max_examples=60)
"""The same examples in every run: a red test is red again. Slow machines are not a failure."""

PAGE_OF_THE_BANK = RedirectAction("https://bank.example/3ds", LATER)

minor_units = st.integers(-MAXIMUM_MINOR_UNITS, MAXIMUM_MINOR_UNITS)
currencies = st.sampled_from(["USD", "EUR", "JPY", "KWD", "ISK", "UGX", "MGA", "CLF"])


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


def new_line(unit_amount: int | Money = 10_00, quantity: int = 1, **fields: Any) -> OrderLine:
    amount = unit_amount if isinstance(unit_amount, Money) else usd(unit_amount)
    defaults: dict[str, Any] = {"product_id": None, "price_id": None, "name": "Tea"}
    return OrderLine(id=new_id(IdPrefix.ORDER_LINE), unit_amount=amount, quantity=quantity, **(defaults | fields))


def new_order(*lines: OrderLine, **fields: Any) -> Order:
    defaults: dict[str, Any] = {
        "id": new_id(IdPrefix.ORDER),
        "customer_id": new_id(IdPrefix.CUSTOMER),
        "currency": "USD",
        "lines": lines,
        "livemode": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Order(**(defaults | fields))


def new_charge(amount: int = 100, **fields: Any) -> Charge:
    defaults: dict[str, Any] = {
        "id": new_id(IdPrefix.CHARGE),
        "order_id": new_id(IdPrefix.ORDER),
        "customer_id": new_id(IdPrefix.CUSTOMER),
        "payment_method_id": new_id(IdPrefix.PAYMENT_METHOD),
        "account": "fake",
        "initiator": Initiator.CUSTOMER,
        "amount": usd(amount),
        "authorized": usd(0),
        "captured": usd(0),
        "refunded": usd(0),
        "refund_reserved": usd(0),
        "disputed": usd(0),
        "livemode": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Charge(**(defaults | fields))


def new_refund(amount: int = 100, **fields: Any) -> Refund:
    defaults: dict[str, Any] = {
        "id": new_id(IdPrefix.REFUND),
        "charge_id": new_id(IdPrefix.CHARGE),
        "order_id": new_id(IdPrefix.ORDER),
        "customer_id": new_id(IdPrefix.CUSTOMER),
        "account": "fake",
        "amount": usd(amount),
        "livemode": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Refund(**(defaults | fields))


def new_method(**fields: Any) -> PaymentMethod:
    defaults: dict[str, Any] = {
        "id": new_id(IdPrefix.PAYMENT_METHOD),
        "customer_id": new_id(IdPrefix.CUSTOMER),
        "account": "fake",
        "token": "tok_visa",
        "livemode": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return PaymentMethod(**(defaults | fields))


def new_product(**fields: Any) -> Product:
    defaults: dict[str, Any] = {"id": new_id(IdPrefix.PRODUCT), "name": "Tea", "created_at": NOW, "updated_at": NOW}
    return Product(**(defaults | fields))


def new_price(**fields: Any) -> Price:
    defaults: dict[str, Any] = {
        "id": new_id(IdPrefix.PRICE),
        "product_id": new_id(IdPrefix.PRODUCT),
        "nickname": None,
        "unit_amount": usd(10_00),
        "interval": None,
        "created_at": NOW,
    }
    return Price(**(defaults | fields))


def new_operation(
    kind: OperationKind = OperationKind.VOID, about: MoneyRequest | None = None, **fields: Any
) -> Operation:
    operation_id = about.operation_id if about else new_id(IdPrefix.OPERATION)
    defaults: dict[str, Any] = {
        "id": operation_id,
        "kind": kind,
        "charge_id": new_id(IdPrefix.CHARGE),
        "account": "fake",
        "request": stored(about or VoidRequest(operation_id=operation_id, charge_ref="ch_1")),
        "on_session": False,
        "first_sent_at": NOW,
        "created_at": NOW,
    }
    return Operation(**(defaults | fields))
