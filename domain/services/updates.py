"""Changes that are made when they are paid (APPLY_ON_PAYMENT): their invoice is open, and nothing else has changed.

Paid, the change is made for the moment at which it was agreed upon, as the invoice says. Called off, or not paid in
time, nothing is left of it but the invoice, which is void.
"""

from dataclasses import replace
from datetime import datetime

from domain.changes import changed
from domain.events import EventKind
from domain.invoices import Invoice
from domain.services.locking import there
from domain.services.plans import plans_named
from domain.services.running import keep_change, running
from domain.services.subscription_events import tell
from domain.store import Transaction
from domain.subscriptions import Subscription


async def apply_if_update(
    tx: Transaction, invoice: Invoice, subscription_id: str, *, actor: str, now: datetime, told: datetime
) -> None:
    """A locked invoice is paid, of a locked subscription: where a change has waited for it, that is made."""
    subscription = there(await tx.subscriptions.get_for_update(subscription_id), subscription_id)
    if subscription.is_update(invoice.id):
        await apply_update(tx, subscription, invoice, actor=actor, now=now, told=told)


async def apply_update(
    tx: Transaction, subscription: Subscription, invoice: Invoice, *, actor: str, now: datetime, told: datetime
) -> Subscription:
    """Its invoice is paid, and the subscription locked; returns that as it is kept."""
    update = there(subscription.pending_update, f"the update of {subscription.id}")
    wanted = {item.price_id for item in update.items}
    present = {item.price_id for item in subscription.present_items}
    billed = await running(tx, subscription)
    made = changed(subscription, billed, update.items, await plans_named(tx, wanted | present), at=update.at)
    applied = replace(made.subscription, pending_update=None, updated_at=now)
    made = await keep_change(tx, replace(made, subscription=applied), told=told)
    if made.begun is not None:
        await tx.subscriptions.insert_period(replace(made.begun, invoice_id=invoice.id))
    await tell(tx, EventKind.SUBSCRIPTION_CHANGED, made.subscription, invoice.id, actor=actor, now=now, told=told)
    return made.subscription
