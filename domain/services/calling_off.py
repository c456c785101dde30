"""Calling an open invoice off, and with it the change that was to be made when it is paid.

Nobody has lost anything by it: what the balance has paid of it is there again, and lines that had waited for it wait
for the next one. Money that arrives for it after all is for a person to look at.
"""

from dataclasses import replace
from datetime import datetime

from domain.balances import BalanceReason, entry, voided_cause
from domain.changes import Undoable
from domain.charges import ChargeState
from domain.errors import ChargeInProgress
from domain.events import EventKind
from domain.ids import IdPrefix, new_id
from domain.invoices import CreditReduces, Invoice, PendingLine
from domain.money import Money
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
    """A locked invoice that is open; a payment that waits for its customer is given up with it.

    What becomes of its subscription is for whoever calls. `now` is the customer's time, `told` the real one.
    """
    await give_up_others(tx, invoice, now=told)
    voided = await tx.invoices.save(invoice.voided(now=now))
    notes = await tx.invoices.credit_notes(voided.id)
    given = (note.amount for note in notes if note.reduces is CreditReduces.BALANCE)
    # Credit notes may have given a part of it back already.
    amount = voided.balance_applied - Money.total(given, currency=voided.currency)
    if not amount.is_zero:
        await tx.balances.get_for_update(voided.customer_id, voided.currency)
        back = entry(
            voided.customer_id,
            amount,
            BalanceReason.APPLIED,
            cause=voided_cause(voided.id),
            invoice_id=voided.id,
            now=told,
        )
        await tx.balances.insert(back)
    taken = await tx.invoices.taken_lines(invoice.id)
    if taken:
        await tx.invoices.add_waiting_lines([await _again(tx, line, voided, now=now) for line in taken])
    await tell(tx, EventKind.INVOICE_VOIDED, voided, actor=actor, now=now, told=told)
    return voided


async def _again(tx: Transaction, taken: PendingLine, invoice: Invoice, *, now: datetime) -> PendingLine:
    """Under an id of its own: the one that was taken stands on the invoice for ever."""
    whose = taken.subscription_id
    if whose is not None and there(await tx.subscriptions.get(whose), whose).is_ended:
        # Its subscription has no further invoice; its customer may.
        whose = None
    return replace(
        taken,
        line=replace(taken.line, id=new_id(IdPrefix.INVOICE_LINE)),
        subscription_id=whose,
        cause=f"{invoice.id}:voided:{taken.id}",
        invoice_id=None,
        created_at=now,
    )


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
    return await without_update(tx, subscription, invoice, actor=actor, now=now, told=told)


async def without_update(
    tx: Transaction, subscription: Subscription, invoice: Invoice, *, actor: str, now: datetime, told: datetime
) -> Subscription:
    """Nobody will pay the invoice that its change waits for; the subscription is left to be kept."""
    dropped = replace(subscription, pending_update=None, updated_at=now)
    kind, what = EventKind.SUBSCRIPTION_UNDONE, Undoable.CHANGE
    await tell_of_subscription(tx, kind, dropped, invoice.id, actor=actor, now=now, told=told, what=what)
    return dropped
