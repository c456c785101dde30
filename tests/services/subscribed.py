"""Subscriptions as they are once they have begun, and what time makes of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.clock import whole_seconds
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice
from domain.issuers import DEFAULT_ISSUER_ID
from domain.products import Interval, IntervalUnit, Price, Product
from domain.services.keeping import keep
from domain.services.locking import there
from domain.store import Transaction
from domain.subscriptions import BilledPeriod, Subscription, SubscriptionItem, SubscriptionState
from persistence.store import TortoiseStore
from tests.services.shop import Shop, usd

MONTHLY = Interval(IntervalUnit.MONTH, 1)
DAILY = Interval(IntervalUnit.DAY, 1)


async def subscribed(
    shop: Shop,
    state: SubscriptionState = SubscriptionState.ACTIVE,
    *,
    token: str | None = "tok_visa",
    customer_id: str | None = None,
    interval: Interval = MONTHLY,
    amount: int = 20_00,
    **fields: Any,
) -> Subscription:
    """Of a new customer with this card; one that has begun is in its first period, which was billed before."""
    if customer_id is None:
        customer_id = await shop.customer()
        if token is not None:
            await shop.card(customer_id, token)
    now = whole_seconds(shop.clock.now())
    product = Product(id=new_id(IdPrefix.PRODUCT), name="Plan", created_at=now, updated_at=now)
    price = Price(
        id=new_id(IdPrefix.PRICE),
        product_id=product.id,
        nickname=None,
        unit_amount=usd(amount),
        interval=interval,
        created_at=now,
    )
    subscription = Subscription(
        id=new_id(IdPrefix.SUBSCRIPTION),
        customer_id=customer_id,
        issuer_id=DEFAULT_ISSUER_ID,
        state=state,
        currency="USD",
        interval=interval,
        starts_at=now,
        periods_from=fields.get("trial_ends_at") or fields.get("starts_at") or now,
        items=(SubscriptionItem(id=new_id(IdPrefix.SUBSCRIPTION_ITEM), price_id=price.id, quantity=1),),
        livemode=False,
        created_at=now,
        updated_at=now,
    )
    subscription = replace(subscription, **fields)
    has_begun = state not in (SubscriptionState.SCHEDULED, SubscriptionState.TRIALING)
    if has_begun and subscription.period is None:
        subscription = replace(subscription, period=subscription.schedule.first())
    async with shop.store.transaction() as tx:
        await tx.products.insert(product)
        await tx.prices.insert(price)
        await keep_begun(tx, subscription, now=now)
    return subscription


async def keep_begun(tx: Transaction, subscription: Subscription, *, now: datetime) -> None:
    await keep(tx, subscription, now=now)
    if subscription.period is not None:
        billed = BilledPeriod(subscription_id=subscription.id, period=subscription.period, rates={}, currency="USD")
        await tx.subscriptions.insert_period(billed)


async def behind(shop: Shop, customer_id: str, *, days: float = 32, **fields: Any) -> Subscription:
    """One whose renewal is due, of which nobody has thought yet."""
    began = whole_seconds(shop.clock.now()) - timedelta(days=days)
    return await subscribed(shop, customer_id=customer_id, starts_at=began, **fields)


async def as_it_is(shop: Shop, subscription: Subscription) -> Subscription:
    async with TortoiseStore(shop.database).reading() as tx:
        return there(await tx.subscriptions.get(subscription.id), subscription.id)


async def periods_of(shop: Shop, subscription: Subscription) -> Sequence[BilledPeriod]:
    async with TortoiseStore(shop.database).reading() as tx:
        return await tx.subscriptions.periods(subscription.id)


async def invoices_of(shop: Shop, subscription: Subscription) -> list[Invoice]:
    """In the order in which they were made."""
    rows = await shop.rows("SELECT id FROM invoices WHERE subscription_id = $1 ORDER BY id", subscription.id)
    async with TortoiseStore(shop.database).reading() as tx:
        return [there(await tx.invoices.get(row["id"]), row["id"]) for row in rows]


def at(subscription: Subscription) -> datetime:
    """When its next period begins."""
    assert subscription.period is not None
    return subscription.period.end
