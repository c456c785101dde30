"""Records for the tests of the reads, written straight into the tables that the migrations made."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.charges import Charge, ChargeState
from domain.customers import Customer, ProviderAccount
from domain.events import Event, EventKind, new_event
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.orders import Order, OrderLine, OrderState
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.products import Interval, Price, Product
from domain.provider import Card, CardBrand, Initiator
from domain.queries import Viewer
from domain.refunds import Refund
from persistence import mapping, search
from persistence.connections import Connection
from persistence.sql import Json

NOON = datetime(2026, 3, 1, 12, 0, 0, 123400, tzinfo=UTC)
EVERYBODY = Viewer(sees_all=True)
NOBODY = Viewer(sees_all=False)


def eyes_of(customer: Customer) -> Viewer:
    return Viewer(sees_all=False, customer_id=customer.id)


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


# --- entities, with whatever a test does not care about filled in -----------------------------------------------------


def new_customer(**fields: Any) -> Customer:
    defaults: dict[str, Any] = {"external_id": None, "email": None, "name": None, **_times()}
    return Customer(id=new_id(IdPrefix.CUSTOMER), livemode=False, **(defaults | fields))


def new_product(**fields: Any) -> Product:
    return Product(id=new_id(IdPrefix.PRODUCT), **({"name": "Tea"} | _times() | fields))


def new_price(product: Product, *, interval: Interval | None = None, **fields: Any) -> Price:
    defaults: dict[str, Any] = {"nickname": None, "unit_amount": usd(5_00), "created_at": NOON}
    return Price(id=new_id(IdPrefix.PRICE), product_id=product.id, interval=interval, **(defaults | fields))


def new_line(unit_amount: int = 10_00, quantity: int = 1, **fields: Any) -> OrderLine:
    defaults: dict[str, Any] = {"product_id": None, "price_id": None, "name": "Tea"}
    return OrderLine(
        id=new_id(IdPrefix.ORDER_LINE), unit_amount=usd(unit_amount), quantity=quantity, **(defaults | fields)
    )


def new_order(customer: Customer, *, total: int = 10_00, **fields: Any) -> Order:
    defaults: dict[str, Any] = {"currency": "USD", "lines": (new_line(total),) if total else (), **_times()}
    return Order(id=new_id(IdPrefix.ORDER), customer_id=customer.id, livemode=False, **(defaults | fields))


def new_card(customer: Customer, **fields: Any) -> PaymentMethod:
    defaults: dict[str, Any] = {
        "account": "fake",
        "state": PaymentMethodState.ACTIVE,
        "token": None,
        "payment_method_ref": new_id(IdPrefix.PAYMENT_METHOD),
        "card": Card(CardBrand.VISA, "4242", 12, 2031),
        **_times(),
    }
    return PaymentMethod(
        id=new_id(IdPrefix.PAYMENT_METHOD), customer_id=customer.id, livemode=False, **(defaults | fields)
    )


def new_charge(order: Order, card: PaymentMethod, **fields: Any) -> Charge:
    defaults: dict[str, Any] = {
        "state": ChargeState.SUCCEEDED,
        "initiator": Initiator.CUSTOMER,
        "amount": usd(10_00),
        "authorized": usd(10_00),
        "captured": usd(10_00),
        "refunded": usd(0),
        "refund_reserved": usd(0),
        "disputed": usd(0),
        **_times(),
    }
    return Charge(
        id=new_id(IdPrefix.CHARGE),
        order_id=order.id,
        customer_id=order.customer_id,
        payment_method_id=card.id,
        account="fake",
        livemode=False,
        **(defaults | fields),
    )


def new_refund(charge: Charge, **fields: Any) -> Refund:
    return Refund(
        id=new_id(IdPrefix.REFUND),
        charge_id=charge.id,
        order_id=charge.order_id,
        customer_id=charge.customer_id,
        account="fake",
        livemode=False,
        **({"amount": usd(1_00)} | _times() | fields),
    )


def new_story(kind: EventKind, *subject_ids: str) -> Event:
    return new_event(kind, *subject_ids, actor="staff:ada", livemode=False, now=NOON, data={"amount": 5})


def _times() -> dict[str, Any]:
    return {"created_at": NOON, "updated_at": NOON + timedelta(hours=1)}


# --- rows -------------------------------------------------------------------------------------------------------------


async def write(connection: Connection, *records: object) -> None:
    for record in records:
        for table, columns in _rows(record):
            await insert(connection, table, columns)
        if isinstance(record, Product):
            spellings = search.spelling_rows(search.spellings_of(search.search_columns(record)))
            await connection.execute(search.ADD_SPELLINGS[connection.dialect], spellings)
        if isinstance(record, Order):
            # Lines are taken by open orders only.
            await connection.execute("UPDATE orders SET state = $1 WHERE id = $2", record.state, record.id)


def _rows(record: object) -> Iterable[tuple[str, Mapping[str, Any]]]:
    match record:
        case Customer():
            yield "customers", mapping.customer_to_row(record)
        case ProviderAccount():
            yield "provider_accounts", mapping.provider_account_to_row(record)
        case Product():
            yield "products", mapping.product_to_row(record)
            yield "product_search", search.search_columns(record)
        case Price():
            yield "prices", mapping.price_to_row(record)
        case PaymentMethod():
            yield "payment_methods", mapping.payment_method_to_row(record)
        case Order():
            yield "orders", mapping.order_to_row(record) | {"state": OrderState.OPEN}
            for position, line in enumerate(record.lines):
                yield "order_lines", mapping.order_line_to_row(line, order_id=record.id, position=position)
        case Charge():
            yield "charges", mapping.charge_to_row(record)
        case Refund():
            yield "refunds", mapping.refund_to_row(record)
        case Event():
            yield "events", mapping.event_to_row(record)
            for subject_id in record.subject_ids:
                yield "event_subjects", {"event_id": record.id, "subject_id": subject_id}
        case _:
            raise TypeError(f"there is no table for {type(record).__name__}")


async def insert(connection: Connection, table: str, columns: Mapping[str, Any]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *_values(list(columns.values()))
    )


def _values(values: Sequence[Any]) -> Iterable[object]:
    return (Json(value) if isinstance(value, (dict, list)) else value for value in values)
