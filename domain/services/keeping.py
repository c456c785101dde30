"""Keeping a subscription: whoever writes one down sees to it in the same commit that time goes on for it."""

from datetime import datetime

from domain.jobs import JobKind
from domain.store import Transaction
from domain.subscriptions import Subscription


async def keep(tx: Transaction, subscription: Subscription, *, now: datetime) -> Subscription:
    """Write it down, a new one or one that is locked, with a job for when something is due; it under its next version.

    `now` is real time. Of customers who live by a test clock there is no job: whoever moves the clock does what is due.
    """
    if subscription.version == 1 and await tx.subscriptions.get(subscription.id) is None:
        await tx.subscriptions.insert(subscription)
        kept = subscription
    else:
        kept = await tx.subscriptions.save(subscription)
    due_at = kept.due_at
    if due_at is None or await tx.test_clocks.of_customer(kept.customer_id) is not None:
        await tx.jobs.cancel(JobKind.BILL_SUBSCRIPTION, kept.id)
    else:
        seconds = max((due_at - now).total_seconds(), 0)
        await tx.jobs.schedule(JobKind.BILL_SUBSCRIPTION, kept.id, after_seconds=seconds)
    return kept
