"""The period in which a subscription stands, and writing down what `domain.changes` has made of both."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.changes import Changed
from domain.invoices import InvoiceLine, PendingLine
from domain.services.keeping import keep
from domain.services.locking import there
from domain.store import Transaction
from domain.subscriptions import BilledPeriod, Subscription


async def running(tx: Transaction, subscription: Subscription) -> BilledPeriod | None:
    """The period in which it stands, as it is billed; None before the first."""
    if subscription.period is None:
        return None
    start = subscription.period.start
    return there(await tx.subscriptions.period(subscription.id, start), f"the period of {subscription.id} from {start}")


async def keep_change(tx: Transaction, made: Changed, *, told: datetime) -> Changed:
    """The subscription and the period that was running; the one that begins is written with its invoice."""
    if made.billed is not None:
        await tx.subscriptions.save_period(made.billed)
    return replace(made, subscription=await keep(tx, made.subscription, now=told))


async def let_wait(
    tx: Transaction, subscription: Subscription, lines: Sequence[InvoiceLine], *, cause: str, now: datetime
) -> None:
    """For the next invoice of this subscription. `cause` is of one change: each of its lines has a name in it."""
    if lines:
        await tx.invoices.add_waiting_lines(
            [
                PendingLine(
                    line=line,
                    customer_id=subscription.customer_id,
                    subscription_id=subscription.id,
                    cause=f"{cause}:{place}",
                    created_at=now,
                )
                for place, line in enumerate(lines)
            ]
        )


def cause_of(subscription: Subscription) -> str:
    """Names what was done to it with the save of this version, which happens once."""
    return f"{subscription.id}:{subscription.version}"
