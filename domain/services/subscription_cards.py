"""Which card a subscription is charged with. What it owes is charged with the new one at once."""

from collections.abc import Sequence
from dataclasses import replace

from domain.events import EventKind
from domain.idempotency import KeyedRequest
from domain.invoices import Invoice
from domain.operations import Operation
from domain.principals import Principal
from domain.services import card_changes
from domain.services.charges import usable_method
from domain.services.collecting import Collecting
from domain.services.keeping import keep
from domain.services.managing import Asked, Managing
from domain.services.subscription_events import tell
from domain.store import Transaction
from domain.subscriptions import Subscription, SubscriptionState
from domain.wishes import Wish, check_may


class SubscriptionCardService:
    def __init__(self, *, managing: Managing, collecting: Collecting) -> None:
        self._managing = managing
        self._collecting = collecting

    async def choose(
        self,
        principal: Principal,
        subscription_id: str,
        payment_method_id: str | None,
        *,
        version: int | None,
        request: KeyedRequest | None,
    ) -> str:
        """None: the customer's default, whichever that is when it is charged."""

        async def act(tx: Transaction, subscription: Subscription, asked: Asked) -> Sequence[Operation]:
            check_may(subscription, Wish.SET_PAYMENT_METHOD)
            owed = await _oldest_owed(tx, subscription)
            if payment_method_id is not None:
                await usable_method(tx, subscription.customer_id, payment_method_id)
            if payment_method_id == subscription.payment_method_id:
                return ()
            chosen = replace(subscription, payment_method_id=payment_method_id, updated_at=asked.now)
            chosen = await keep(tx, chosen, now=asked.told)
            kind, also = EventKind.SUBSCRIPTION_CHANGED, (payment_method_id,) if payment_method_id else ()
            await tell(tx, kind, chosen, *also, actor=asked.actor, now=asked.now, told=asked.told)
            return () if owed is None else await self._charge(tx, chosen, owed, asked)

        return await self._managing.manage(principal, subscription_id, act, version=version, request=request)

    async def _charge(
        self, tx: Transaction, subscription: Subscription, owed: Invoice, asked: Asked
    ) -> Sequence[Operation]:
        if any(charge.is_live for charge in await tx.charges.of_invoice(owed.id)):
            # It may be that it is paid just now. What only waits for its customer is called off first.
            await card_changes.retry(tx, subscription.id)
            return ()
        method = await self._collecting.method_of(tx, subscription)
        stepped = await self._collecting.collect(
            tx, subscription, owed, method, actor=asked.actor, now=asked.now, told=asked.told
        )
        if stepped.subscription is not subscription:
            await keep(tx, stepped.subscription, now=asked.told)
        return stepped.operations


async def _oldest_owed(tx: Transaction, subscription: Subscription) -> Invoice | None:
    """Locked, before any card. What was never paid for is not owed, nor is a change that is made when it is paid."""
    if subscription.state not in (SubscriptionState.PAST_DUE, SubscriptionState.UNPAID):
        return None
    for invoice in await tx.invoices.open_of_subscription(subscription.id):
        if not subscription.is_update(invoice.id):
            return await tx.invoices.get_for_update(invoice.id)
    return None
