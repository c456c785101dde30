"""Calling an open invoice off, and with it the change that was to be made when it is paid.

What the balance has paid of it is there again. Money that arrives for it after all is for a person to look at.
"""

from dataclasses import replace
from datetime import datetime

from domain.balances import BalanceReason, entry
from domain.changes import Undoable
from domain.charges import ChargeState
from domain.errors import ChargeInProgress
from domain.events import EventKind
from domain.invoices import Invoice
from domain.services.invoice_events import tell
from domain.services.locking import there
from domain.services.settlement import charges_of, give_up_others
from domain.services.subscription_events import tell as tell_of_subscription
from domain.store import Transaction
from domain.subscriptions import Subscription


async def check_undisturbed(tx: Transaction, invoice: Invoice, *, path: str) -> None:
    """ChargeInProgress while nobody knows whether it is being paid. What waits for its customer is in nobody's way."""
    for charge in await charges_of(tx, invoice):
        if charge.is_live and charge.state is not ChargeState.REQUIRES_ACTION:
            raise ChargeInProgress(path=(path,))


async def call_off(tx: Transaction, invoice: Invoice, *, actor: str, now: datetime, told: datetime) -> Invoice:
    """A locked invoice that is open; a payment that waits for its customer is given up with it."""
    await give_up_others(tx, invoice, now=told)
    voided = await tx.invoices.save(invoice.voided(now=now))
    if not voided.balance_applied.is_zero:
        await tx.balances.get_for_update(voided.customer_id, voided.currency)
        cause = f"invoice:{voided.id}:voided"
        back = entry(
            voided.customer_id,
            voided.balance_applied,
            BalanceReason.APPLIED,
            cause=cause,
            invoice_id=voided.id,
            now=told,
        )
        await tx.balances.add(back)
    await tell(tx, EventKind.INVOICE_VOIDED, voided, actor=actor, now=now, told=told)
    return voided


async def drop_update(
    tx: Transaction, subscription: Subscription, *, patient: bool, actor: str, now: datetime, told: datetime
) -> Subscription:
    """Call its invoice off; the subscription is left to be kept. Where nobody knows yet whether it is paid, a `patient`
    caller is refused (ChargeInProgress), and time goes on."""
    update = there(subscription.pending_update, f"the update of {subscription.id}")
    invoice = there(await tx.invoices.get_for_update(update.invoice_id), update.invoice_id)
    if patient:
        await check_undisturbed(tx, invoice, path="subscriptionId")
    await call_off(tx, invoice, actor=actor, now=now, told=told)
    dropped = replace(subscription, pending_update=None, updated_at=now)
    kind, what = EventKind.SUBSCRIPTION_UNDONE, Undoable.CHANGE
    await tell_of_subscription(tx, kind, dropped, invoice.id, actor=actor, now=now, told=told, what=what)
    return dropped
