"""What was scheduled for a moment that has come: the part of `Billing`'s table that people have put there."""

from dataclasses import replace
from datetime import datetime

from domain.changes import changed_at_end
from domain.events import EventKind
from domain.services.calling_off import drop_update
from domain.services.ending import Ending
from domain.services.locking import there
from domain.services.pausing import Pausing
from domain.services.plans import plans_named
from domain.services.steps import Handlers, Stepped
from domain.services.subscription_events import tell
from domain.store import Transaction
from domain.subscriptions import DueKind, Subscription


def handlers(*, ending: Ending, pausing: Pausing) -> Handlers:
    return {
        DueKind.CANCEL: ending.end,
        DueKind.END_DUNNING: ending.end_unpaid,
        DueKind.DROP_UPDATE: _drop_update,
        DueKind.RESUME: pausing.go_on,
        DueKind.PAUSE: pausing.begin,
        DueKind.CHANGE: _change,
    }


async def _change(
    tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
) -> Stepped:
    """CHANGE: a period, a trial or the time before it is over, and what follows is billed as it is to be."""
    wanted = there(subscription.pending_change, f"the change of {subscription.id}").items
    plans = await plans_named(tx, (item.price_id for item in wanted))
    made = changed_at_end(subscription, wanted, plans, at=at).subscription
    made = replace(made, pending_change=None, updated_at=now)
    await tell(tx, EventKind.SUBSCRIPTION_CHANGED, made, actor=actor, now=now, told=told)
    return Stepped(subscription=made)


async def _drop_update(
    tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
) -> Stepped:
    """DROP_UPDATE: it was not paid in time. Should the money come yet, a person looks at it."""
    dropped = await drop_update(tx, subscription, patient=False, actor=actor, now=now, told=told)
    return Stepped(subscription=dropped)
