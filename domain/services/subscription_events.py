"""What is told of a subscription, whoever changed it."""

from datetime import datetime
from typing import Any

from domain.events import EventKind, new_event
from domain.store import Transaction
from domain.subscriptions import Subscription


async def tell(
    tx: Transaction,
    kind: EventKind,
    subscription: Subscription,
    *also: str,
    actor: str,
    now: datetime,
    told: datetime,
    **data: Any,
) -> None:
    """`also` are further subjects, such as its invoice. `now` is the time of the customer, who may live by a test
    clock; `told` the real one."""
    if now != told:
        data["businessTime"] = now.isoformat()
    await tx.events.add(
        new_event(
            kind,
            subscription.id,
            *also,
            subscription.customer_id,
            actor=actor,
            livemode=subscription.livemode,
            now=told,
            data={name: value for name, value in data.items() if value is not None},
        )
    )
