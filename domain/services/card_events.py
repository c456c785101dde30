"""What is told of a payment method, whoever changed it."""

from datetime import datetime

from domain.events import EventKind, new_event
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.store import Transaction

STATE_EVENTS: dict[PaymentMethodState, EventKind] = {
    PaymentMethodState.ACTIVE: EventKind.PAYMENT_METHOD_ATTACHED,
    PaymentMethodState.REQUIRES_ACTION: EventKind.PAYMENT_METHOD_REQUIRES_ACTION,
    PaymentMethodState.FAILED: EventKind.PAYMENT_METHOD_FAILED,
    PaymentMethodState.DETACHED: EventKind.PAYMENT_METHOD_DETACHED,
}


async def tell(tx: Transaction, kind: EventKind, method: PaymentMethod, *, actor: str, now: datetime) -> None:
    await tx.events.add(new_event(kind, method.id, method.customer_id, actor=actor, livemode=method.livemode, now=now))
