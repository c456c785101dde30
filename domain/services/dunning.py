"""Dunning: what becomes of a subscription whose invoice could not be charged, and when that is tried again.

A decline of the bank begins it or goes on with it, and so does a card that is missing. That a provider was away is
neither: nobody has asked the bank, so it costs the customer none of their tries, and the charge is only put off.

`next_try_at` of an invoice is what happens: the retry of the schedule, or when a charge that was put off is made. It is
None while a charge is under way, while an older invoice has its turn, and where only the customer can help.
"""

from datetime import datetime, timedelta

from domain.declines import DeclineCode
from domain.dunning import AfterDunning, Dunning
from domain.events import EventKind
from domain.invoices import Invoice
from domain.jobs import JobKind
from domain.services import invoice_events, subscription_events
from domain.services.locking import there
from domain.services.steps import Stepped
from domain.store import Transaction
from domain.subscriptions import CancelReason, Subscription

SOONEST_SECONDS = 60.0
LATEST_SECONDS = 3_600.0
"""What is put off again and again waits twice as long each time: an outage of minutes costs minutes, and an hour more
means little to a charge that could not be made for two."""


async def go_on(
    tx: Transaction,
    subscription: Subscription,
    invoice: Invoice,
    code: DeclineCode | None,
    *,
    tried: bool,
    actor: str,
    now: datetime,
    told: datetime,
) -> Subscription:
    """An open invoice of a locked subscription is not paid; both are locked. The subscription is left to be kept.

    `code` is what the bank said, None where there was no card; `tried` whether a bank was asked at all.
    """
    if not subscription.may_be_past_due:
        await try_at(tx, invoice, None, now=now)
        return subscription
    before = subscription.dunning
    if before is None:
        issuer = there(await tx.issuers.get(subscription.issuer_id), subscription.issuer_id)
        dunning = Dunning(policy=issuer.dunning, since=now, code=code)
    else:
        dunning = Dunning(policy=before.policy, since=before.since, code=code)
    tried_at = now if tried else subscription.last_tried_at
    after = subscription.past_due(dunning, tried_at=tried_at, now=now)
    next_try_at = dunning.next_try(last_tried_at=tried_at or dunning.since)
    await try_at(tx, invoice, next_try_at, now=now)
    if after.state is not subscription.state:
        kind = EventKind.SUBSCRIPTION_PAST_DUE
        await subscription_events.tell(
            tx, kind, after, invoice.id, actor=actor, now=now, told=told, endsAt=dunning.ends_at.isoformat()
        )
    return after


async def put_off(
    tx: Transaction, invoice: Invoice, *, at_least_seconds: float = 0.0, now: datetime, told: datetime
) -> None:
    """Charge a locked invoice of a subscription later, in real time: it waits for a provider, or for one of us.

    A customer whose time stands still has their next try now, whenever the job comes to it.
    """
    if invoice.subscription_id is None:
        return
    waited = (invoice.next_try_at - invoice.updated_at).total_seconds() if invoice.next_try_at else 0.0
    seconds = max(min(max(2 * waited, SOONEST_SECONDS), LATEST_SECONDS), at_least_seconds)
    await try_at(tx, invoice, now + timedelta(seconds=seconds) if now == told else now, now=now)
    await tx.jobs.schedule(JobKind.COLLECT_SUBSCRIPTION, invoice.subscription_id, after_seconds=seconds)


async def try_now(tx: Transaction, invoice: Invoice, *, now: datetime) -> None:
    """Charge a locked invoice of a subscription as soon as a worker is free: nothing is in its way any more."""
    if invoice.subscription_id is None:
        return
    await try_at(tx, invoice, now, now=now)
    await tx.jobs.schedule(JobKind.COLLECT_SUBSCRIPTION, invoice.subscription_id, after_seconds=0)


async def end(
    tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
) -> Stepped:
    """END_DUNNING: by policy. While a charge may still pay it, nobody can say that it is not paid."""
    owed = await tx.invoices.open_of_subscription(subscription.id)
    for invoice in owed:
        for charge in await tx.charges.of_invoice(invoice.id):
            if charge.is_live:
                return Stepped(subscription=subscription, waits_for=charge.id)
    if subscription.dunning is None or not owed:
        # Somebody has called off what was owed.
        return Stepped(subscription=subscription.paid(now=now))
    if subscription.dunning.policy.then is AfterDunning.UNPAID:
        for invoice in owed:
            await try_at(tx, invoice, None, now=now)
        unpaid = subscription.unpaid(now=now)
        await subscription_events.tell(tx, EventKind.SUBSCRIPTION_UNPAID, unpaid, actor=actor, now=now, told=told)
        return Stepped(subscription=unpaid)
    for invoice in owed:
        await give_up(tx, invoice, actor=actor, now=now, told=told)
    canceled = subscription.canceled(CancelReason.NOT_PAID, now=now)
    await subscription_events.tell(
        tx,
        EventKind.SUBSCRIPTION_CANCELED,
        canceled,
        actor=actor,
        now=now,
        told=told,
        reason=canceled.cancel_reason,
    )
    return Stepped(subscription=canceled)


async def give_up(tx: Transaction, invoice: Invoice, *, actor: str, now: datetime, told: datetime) -> None:
    """Nobody expects an open invoice to be paid any more."""
    given_up = await tx.invoices.save((await _locked(tx, invoice)).uncollectible(now=now))
    await invoice_events.tell(tx, EventKind.INVOICE_UNCOLLECTIBLE, given_up, actor=actor, now=now, told=told)


async def try_at(tx: Transaction, invoice: Invoice, next_try_at: datetime | None, *, now: datetime) -> Invoice:
    """Have an open invoice say when it is charged by itself."""
    if invoice.next_try_at == next_try_at:
        return invoice
    locked = await _locked(tx, invoice)
    return await tx.invoices.save(locked.tried_at(next_try_at, now=now))


async def leave(tx: Transaction, subscription: Subscription, *, now: datetime) -> None:
    """A locked subscription has ended, and with it its dunning: what is still owed is not tried again by itself."""
    for invoice in await tx.invoices.open_of_subscription(subscription.id):
        await try_at(tx, invoice, None, now=now)


async def _locked(tx: Transaction, invoice: Invoice) -> Invoice:
    """Under the lock of its subscription nobody else has changed it; but by its own lock it is charged, too."""
    return there(await tx.invoices.get_for_update(invoice.id), invoice.id)
