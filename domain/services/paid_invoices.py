"""What follows when an invoice is paid: it says so, and its subscription goes on."""

from datetime import datetime

from domain.events import EventKind, new_event
from domain.invoices import Invoice
from domain.services.business_time import now_of
from domain.services.invoice_events import tell
from domain.services.locking import there
from domain.store import Transaction


async def pay(tx: Transaction, invoice: Invoice, *, actor: str, now: datetime) -> None:
    """A locked invoice, and before it its subscription, where it is of one (see `lock_invoice`); `now` is real time."""
    told = now
    now = await now_of(tx, invoice.customer_id, now=now)
    paid = await tx.invoices.save(invoice.paid(now=now))
    await tell(tx, EventKind.INVOICE_PAID, paid, actor=actor, now=now, told=told)
    if paid.subscription_id is not None:
        await _go_on(tx, paid.subscription_id, actor=actor, now=now, told=told)


async def _go_on(tx: Transaction, subscription_id: str, *, actor: str, now: datetime, told: datetime) -> None:
    if await tx.invoices.open_of_subscription(subscription_id):
        return  # something is still owed
    before = there(await tx.subscriptions.get_for_update(subscription_id), subscription_id)
    after = before.paid(now=now)
    if after is before:
        return
    await tx.subscriptions.save(after)
    await tx.events.add(
        new_event(
            EventKind.SUBSCRIPTION_ACTIVATED,
            after.id,
            after.customer_id,
            actor=actor,
            livemode=after.livemode,
            now=told,
        )
    )
