"""Locks, in the one order in which they are taken: customer → order → payment method → charge → operation → refund
or dispute → ledger.

A client's key is claimed before all of them, or by whoever holds the order, whose rivals wait for the order then.
"""

from typing import TypeVar

from domain.charges import Charge
from domain.errors import NotFound
from domain.orders import Order
from domain.principals import Principal
from domain.store import Transaction

Row = TypeVar("Row")


async def lock_order(tx: Transaction, principal: Principal, order_id: str) -> Order:
    order = await tx.orders.get_for_update(order_id)
    if order is None or not principal.sees(order.customer_id):
        raise NotFound("order", path=("orderId",))
    return order


async def lock_charge(tx: Transaction, principal: Principal, charge_id: str) -> tuple[Order, Charge]:
    """The charge with its order, which is locked first; so the charge is read once to learn which order that is."""
    known = await tx.charges.get(charge_id)
    if known is None or not principal.sees(known.customer_id):
        raise NotFound("charge", path=("chargeId",))
    order = there(await tx.orders.get_for_update(known.order_id), known.order_id)
    return order, there(await tx.charges.get_for_update(charge_id), charge_id)


def there(row: Row | None, row_id: str) -> Row:
    """Rows of the money are never deleted: a missing one is a bug, and nothing may be booked on a guess."""
    if row is None:
        raise LookupError(f"{row_id} is referred to, but not there")
    return row
