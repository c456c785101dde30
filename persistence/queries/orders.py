# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Orders as they are read, with what their charges add up to, and their lines."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.charges import ChargeState
from domain.orders import OrderLine, OrderState, PaymentState
from domain.queries import OrderFilter, OrderSort, OrderView, Relation
from persistence.columns import Row, document, money
from persistence.database import Database
from persistence.mapping import order_line_from_row
from persistence.queries.listing import (
    BY_TIME,
    ID,
    Key,
    Link,
    Listing,
    Sorting,
    before,
    columns_of,
    equals,
    not_before,
    one_of,
)
from persistence.queries.reads import ListingReads, rows_by_parent
from persistence.sql import boolean, instant, optional_instant

_HELD: Final = (
    f"SUM(CASE WHEN charges.state = '{ChargeState.AUTHORIZED}' THEN charges.authorized - charges.captured ELSE 0 END)"
)
"""What charges hold without having taken it."""
_CAPTURED: Final = "SUM(charges.captured)"
_REFUNDED: Final = "SUM(charges.refunded)"
_DISPUTED: Final = "SUM(charges.disputed)"


def _of_charges(expression: str) -> str:
    return f"(SELECT {expression} FROM charges WHERE charges.order_id = orders.id)"


def _amount(total: str) -> str:
    # PostgreSQL adds bigints up to a numeric, and of no rows both make NULL.
    return _of_charges(f"CAST(COALESCE({total}, 0) AS BIGINT)")


_KEPT: Final = "SUM(charges.captured - charges.refunded)"

PAYMENT_STATE: Final = _of_charges(
    f"CASE WHEN {_DISPUTED} <> 0 THEN '{PaymentState.DISPUTED}'"
    f" WHEN {_CAPTURED} <> 0 AND {_KEPT} <= 0 THEN '{PaymentState.REFUNDED}'"
    f" WHEN {_KEPT} > orders.total THEN '{PaymentState.OVERPAID}'"
    f" WHEN COALESCE({_KEPT}, 0) = orders.total AND orders.placed_at IS NOT NULL THEN '{PaymentState.PAID}'"
    f" WHEN {_REFUNDED} <> 0 THEN '{PaymentState.PARTIALLY_REFUNDED}'"
    f" WHEN {_CAPTURED} <> 0 THEN '{PaymentState.PARTIALLY_PAID}'"
    f" WHEN {_HELD} <> 0 THEN '{PaymentState.AUTHORIZED}'"
    f" ELSE '{PaymentState.UNPAID}' END"
)
"""`domain.orders.payment_state` word for word, as one look at the order's charges."""


def order_view_from_row(row: Row) -> OrderView:
    return OrderView(
        id=row["id"],
        customer_id=row["customer_id"],
        state=OrderState(row["state"]),
        payment_state=PaymentState(row["payment_state"]),
        total=money(row, "total"),
        authorized=money(row, "authorized"),
        captured=money(row, "captured"),
        refunded=money(row, "refunded"),
        version=row["version"],
        external_id=row["external_id"],
        external_version=row["external_version"],
        metadata=document(row["metadata"]),
        expires_at=optional_instant(row["expires_at"]),
        placed_at=optional_instant(row["placed_at"]),
        completed_at=optional_instant(row["completed_at"]),
        canceled_at=optional_instant(row["canceled_at"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


_BY_TOTAL: Final = (Key("total", int), ID)

ORDERS: Final[Listing[OrderView]] = Listing(
    table="orders",
    columns={
        **columns_of(
            "orders",
            "id customer_id state total currency version external_id external_version metadata expires_at placed_at"
            " completed_at canceled_at livemode created_at updated_at",
        ),
        "payment_state": PAYMENT_STATE,
        "authorized": _amount(_HELD),
        "captured": _amount(_CAPTURED),
        "refunded": _amount(_REFUNDED),
    },
    record=order_view_from_row,
    sorts={
        **BY_TIME,
        OrderSort.TOTAL_HIGHEST: Sorting(_BY_TOTAL, descending=True),
        OrderSort.TOTAL_LOWEST: Sorting(_BY_TOTAL, descending=False),
    },
    filters={
        "states": one_of("orders.state"),
        "payment_states": one_of(PAYMENT_STATE),
        "customer_id": equals("orders.customer_id"),
        "external_id": equals("orders.external_id"),
        "created_from": not_before("orders.created_at"),
        "created_before": before("orders.created_at"),
    },
    owner=equals("orders.customer_id"),
    relations={Relation.CUSTOMER: Link("orders.customer_id")},
)

_LINES: Final = columns_of("order_lines", "order_id position id product_id price_id name unit_amount currency quantity")


def orders(database: Database) -> ListingReads[OrderView, OrderFilter]:
    return ListingReads(database, ORDERS)


async def lines_of_orders(database: Database, order_ids: Sequence[str]) -> Mapping[str, Sequence[OrderLine]]:
    rows_of = await rows_by_parent(
        database,
        table="order_lines",
        columns=_LINES,
        parent="order_id",
        order="order_lines.position",
        parent_ids=order_ids,
    )
    return {order_id: [order_line_from_row(row) for row in rows] for order_id, rows in rows_of.items()}
