"""A card that was not there before: what waits for money is charged with it at once.

The subscriptions are not locked here, for cards come after them in the order of locks. The job that is left behind
finds out which of their invoices were not tried with this card.
"""

from domain.jobs import JobKind
from domain.store import Transaction
from domain.subscriptions import SubscriptionState

_MAY_WAIT = (
    SubscriptionState.INCOMPLETE,
    SubscriptionState.ACTIVE,
    SubscriptionState.PAST_DUE,
    SubscriptionState.UNPAID,
)


async def retry_with_default(tx: Transaction, customer_id: str) -> None:
    """The customer's default card is another one: for all of their subscriptions that have none of their own, or none
    that may be charged."""
    for subscription in await tx.subscriptions.of_customer(customer_id):
        if subscription.state in _MAY_WAIT:
            await retry(tx, subscription.id)


async def retry(tx: Transaction, subscription_id: str) -> None:
    """This subscription has another card."""
    await tx.jobs.schedule(JobKind.COLLECT_SUBSCRIPTION, subscription_id, after_seconds=0)
