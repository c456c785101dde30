"""The invoice of an order, which says that it was paid: numbered in the commit that completes the order.

Nothing waits for it to be paid, and no balance is applied: the order's own charges have paid it. Orders that were
complete before there were invoices have none, for numbers follow the order of time.
"""

from collections.abc import Sequence
from datetime import datetime

from domain.events import Event, EventKind, new_event
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceLine, InvoiceReason, LineKind, Opening
from domain.issuers import DEFAULT_ISSUER_ID
from domain.money import Money
from domain.orders import Order, OrderLine
from domain.services.business_time import now_of
from domain.services.invoicing import numbered
from domain.services.locking import there
from domain.store import Transaction


async def complete(tx: Transaction, order: Order, *, before: Sequence[Event] = (), actor: str, now: datetime) -> Order:
    """A locked order that is complete, written down with its invoice; `now` is real time.

    `before` are what was to be told already. It locks the issuer, which is the last lock of a transaction.
    """
    completed = await tx.orders.save(order)
    customer = there(await tx.customers.get(order.customer_id), order.customer_id)
    local = now if customer.test_clock_id is None else await now_of(tx, customer.id, now=now)
    draft = _draft(completed, now=local)
    subjects = {
        EventKind.ORDER_COMPLETED: completed.id,
        EventKind.INVOICE_OPENED: draft.id,
        EventKind.INVOICE_PAID: draft.id,
    }
    told = [
        new_event(kind, subject, completed.customer_id, actor=actor, livemode=completed.livemode, now=now)
        for kind, subject in subjects.items()
    ]
    await tx.events.add(*before, *told)
    nothing = Money.zero(completed.currency)
    opening = Opening(total=draft.total, balance_before=nothing, due=nothing, balance_after=nothing)
    await tx.invoices.insert(await numbered(tx, draft, opening, customer, now=local, told=now))
    return completed


def _draft(order: Order, *, now: datetime) -> Invoice:
    nothing = Money.zero(order.currency)
    return Invoice(
        id=new_id(IdPrefix.INVOICE),
        issuer_id=DEFAULT_ISSUER_ID,
        customer_id=order.customer_id,
        order_id=order.id,
        reason=InvoiceReason.ORDER,
        currency=order.currency,
        lines=tuple(_line(line) for line in order.lines),
        due=nothing,
        balance_applied=nothing,
        livemode=order.livemode,
        created_at=now,
        updated_at=now,
    )


def _line(line: OrderLine) -> InvoiceLine:
    return InvoiceLine(
        id=new_id(IdPrefix.INVOICE_LINE),
        kind=LineKind.ONE_OFF,
        price_id=line.price_id,
        name=line.name,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        amount=line.amount,
    )
