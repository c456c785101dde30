"""Locks, in the one order in which they are taken: customer → subscription → order or invoice → payment method → charge
→ operation → refund or dispute → ledger → balance → issuer.

A client's key is claimed before all of them, or by whoever holds the order or invoice, whose rivals wait for it then.
"""

from typing import TypeVar

from domain.charges import Charge
from domain.errors import NotFound
from domain.invoices import Invoice, InvoiceState
from domain.orders import Order
from domain.payables import Payable
from domain.principals import Principal
from domain.services.business_time import clock_of
from domain.store import Transaction
from domain.subscriptions import Subscription

Row = TypeVar("Row")


async def lock_order(tx: Transaction, principal: Principal, order_id: str) -> Order:
    order = await tx.orders.get_for_update(order_id)
    if order is None or not principal.sees(order.customer_id):
        raise NotFound("order", path=("orderId",))
    await clock_of(tx, order.customer_id)  # who asks is refused while it is advanced
    return order


async def lock_subscription(tx: Transaction, principal: Principal, subscription_id: str) -> Subscription:
    subscription = await tx.subscriptions.get_for_update(subscription_id)
    if subscription is None or not principal.sees(subscription.customer_id):
        raise NotFound("subscription", path=("subscriptionId",))
    return subscription


async def lock_charge(tx: Transaction, principal: Principal, charge_id: str) -> tuple[Payable, Charge]:
    """The charge with what it pays, which is locked first; so the charge is read once to learn what that is."""
    known = await tx.charges.get(charge_id)
    if known is None or not principal.sees(known.customer_id):
        raise NotFound("charge", path=("chargeId",))
    payable = await lock_payable(tx, known)
    return payable, there(await tx.charges.get_for_update(charge_id), charge_id)


async def lock_payable(tx: Transaction, charge: Charge) -> Payable:
    """What a charge pays, which never changes; of a subscription's invoice, the subscription before it."""
    if charge.order_id is not None:
        return there(await tx.orders.get_for_update(charge.order_id), charge.order_id)
    return await lock_invoice(tx, charge.payable_id)


async def lock_own_invoice(tx: Transaction, principal: Principal, invoice_id: str) -> Invoice:
    """As `lock_invoice`, for somebody who may not see it; drafts are not there for customers."""
    known = await tx.invoices.get(invoice_id)
    is_seen = known is not None and principal.sees(known.customer_id)
    if known is None or not is_seen or (known.state is InvoiceState.DRAFT and principal.is_customer):
        raise NotFound("invoice", path=("invoiceId",))
    return await lock_invoice(tx, known.id)


async def lock_invoice(tx: Transaction, invoice_id: str) -> Invoice:
    """Of which subscription or order it is never changes, so that may be read without a lock."""
    known = there(await tx.invoices.get(invoice_id), invoice_id)
    if known.order_id is not None:
        there(await tx.orders.get_for_update(known.order_id), known.order_id)
    if known.subscription_id is not None:
        there(await tx.subscriptions.get_for_update(known.subscription_id), known.subscription_id)
    await clock_of(tx, known.customer_id)  # as for an order
    return there(await tx.invoices.get_for_update(invoice_id), invoice_id)


def there(row: Row | None, row_id: str) -> Row:
    """Rows of the money are never deleted: a missing one is a bug, and nothing may be booked on a guess."""
    if row is None:
        raise LookupError(f"{row_id} is referred to, but not there")
    return row
