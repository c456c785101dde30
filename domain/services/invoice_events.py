"""What is told of an invoice, whoever changed it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.events import EventKind, new_event
from domain.invoices import Invoice
from domain.store import Transaction


async def tell(
    tx: Transaction,
    kind: EventKind,
    invoice: Invoice,
    *,
    of_a_draft: bool = False,
    actor: str,
    now: datetime,
    told: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """`now` is the time of the customer, who may live by a test clock; `told` the real one.

    What happens to a draft that is written down is not told to its customer, who does not see it.
    """
    whose = None if of_a_draft else invoice.customer_id
    subjects = [each for each in (invoice.id, invoice.subscription_id, invoice.order_id, whose) if each is not None]
    data = {**(data or {}), **({} if now == told else {"businessTime": now.isoformat()})}
    await tx.events.add(new_event(kind, *subjects, actor=actor, livemode=invoice.livemode, now=told, data=data))
