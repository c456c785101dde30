"""What follows when an invoice is paid: it says so, and its subscription goes on."""

from datetime import datetime

from domain.clock import whole_seconds
from domain.events import EventKind
from domain.invoices import Invoice
from domain.jobs import JobKind
from domain.services import dunning, subscription_events
from domain.services.business_time import now_of
from domain.services.first_payments import with_its_card
from domain.services.invoice_events import tell
from domain.services.keeping import keep
from domain.services.locking import there
from domain.services.updates import apply_if_update
from domain.store import Transaction
from domain.subscriptions import SubscriptionState


async def pay(tx: Transaction, invoice: Invoice, *, actor: str, now: datetime) -> Invoice:
    """A locked invoice, and before it its subscription, where it is of one (see `lock_invoice`); `now` is real time."""
    told = now
    now = await now_of(tx, invoice.customer_id, now=now)
    paid = await tx.invoices.save(invoice.paid(now=now))
    await tell(tx, EventKind.INVOICE_PAID, paid, actor=actor, now=now, told=told)
    if paid.subscription_id is not None:
        now, told = whole_seconds(now), whole_seconds(told)
        await apply_if_update(tx, paid, paid.subscription_id, actor=actor, now=now, told=told)
        await go_on(tx, paid, paid.subscription_id, actor=actor, now=now, told=told)
    return paid


async def go_on(
    tx: Transaction, invoice: Invoice, subscription_id: str, *, actor: str, now: datetime, told: datetime
) -> None:
    """The invoice of a locked subscription asks for nothing any more, and that goes on unless another does."""
    before = there(await tx.subscriptions.get_for_update(subscription_id), subscription_id)
    owed = [each for each in await tx.invoices.open_of_subscription(before.id) if not before.is_update(each.id)]
    if owed and before.dunning is not None and _is_later(invoice, owed[0]):
        # What dunning is for is not paid yet, and has no more time because of this.
        return
    if owed and not before.is_ended:
        # The next one has its turn, and its customer the whole time for it.
        await dunning.try_now(tx, owed[0], now=now)
        after = before.dunned_anew(now=now)
    else:
        after = before.paid(now=now)
    if after is before:
        return
    if before.state is SubscriptionState.INCOMPLETE:
        after = await with_its_card(tx, after, invoice)
    await keep(tx, after, now=told)
    if after.state is not before.state:
        await subscription_events.tell(tx, EventKind.SUBSCRIPTION_ACTIVATED, after, actor=actor, now=now, told=told)
    if before.state is SubscriptionState.UNPAID and after.state is SubscriptionState.ACTIVE:
        # The invoice of the period that it is in was not opened: now it is.
        await tx.jobs.schedule(JobKind.COLLECT_SUBSCRIPTION, after.id, after_seconds=0)


def _is_later(invoice: Invoice, other: Invoice) -> bool:
    """In the order in which they are charged by themselves."""
    return (invoice.opened_at or invoice.created_at, invoice.id) > (other.opened_at or other.created_at, other.id)
