"""Changing subscriptions in few words."""

from datetime import datetime
from typing import Any

from domain.changes import ChangePolicy, ChangeTime, ItemChange, Proration, Undoable
from domain.invoices import Invoice
from domain.principals import Principal
from domain.products import Price
from domain.services.changing import ChangeSubscription, PreviewedChange, WantedChange
from domain.services.ending import CancelSubscription
from domain.services.locking import there
from domain.services.pausing import PauseSubscription
from domain.subscriptions import BilledPeriod, PauseBehavior, Subscription
from tests.services.shop import SHOP, Shop
from tests.services.subscribing import a_plan, subscribe, subscription_of, wanted

NOW, PERIOD_END = ChangeTime.NOW, ChangeTime.PERIOD_END
APPLY_NOW, APPLY_ON_PAYMENT = ChangePolicy.APPLY_NOW, ChangePolicy.APPLY_ON_PAYMENT
CREATE, NONE, INVOICE_NOW = Proration.CREATE, Proration.NONE, Proration.INVOICE_NOW


async def subscribed_to(
    shop: Shop, *items: Price | tuple[Price, int], token: str | None = "tok_visa", **fields: Any
) -> Subscription:
    """A new customer with this card; to a plan of 20.00 a month where nothing else is named."""
    customer_id = await shop.customer()
    if token is not None:
        await shop.card(customer_id, token)
    plans = items or (await a_plan(shop),)
    return await subscribe(shop, wanted(customer_id, *plans, **fields))


def to(subscription: Subscription, price: Price | None = None, quantity: int | None = None) -> ItemChange:
    """Its first item has this price, or quantity."""
    item = subscription.present_items[0]
    return ItemChange(item_id=item.id, price_id=price.id if price else None, quantity=quantity)


def change_of(subscription: Subscription, *items: ItemChange, **how: Any) -> WantedChange:
    return WantedChange(subscription_id=subscription.id, items=items, **how)


async def change(
    shop: Shop,
    subscription: Subscription,
    *items: ItemChange,
    principal: Principal = SHOP,
    key: str | None = None,
    version: int | None = None,
    **how: Any,
) -> Subscription:
    """As it stands when the mutation has answered."""
    change_ = change_of(subscription, *items, **how)
    values = {"subscription": subscription.id, "items": len(items)}
    request = shop.request("subscriptionChange", key, values, principal=principal)
    await shop.changes.change(principal, ChangeSubscription(wanted=change_, version=version, request=request))
    return await subscription_of(shop, subscription.id)


async def preview(
    shop: Shop, subscription: Subscription, *items: ItemChange, principal: Principal = SHOP, **how: Any
) -> PreviewedChange:
    return await shop.changes.preview(principal, change_of(subscription, *items, **how))


async def cancel(
    shop: Shop,
    subscription: Subscription,
    when: ChangeTime = NOW,
    *,
    credit: bool = False,
    principal: Principal = SHOP,
) -> Subscription:
    request = shop.request("subscriptionCancel", None, {"subscription": subscription.id}, principal=principal)
    command = CancelSubscription(subscription_id=subscription.id, when=when, credit=credit, request=request)
    await shop.endings.cancel(principal, command)
    return await subscription_of(shop, subscription.id)


async def pause(
    shop: Shop,
    subscription: Subscription,
    behavior: PauseBehavior = PauseBehavior.CREDIT,
    *,
    until: datetime | None = None,
    principal: Principal = SHOP,
) -> Subscription:
    await shop.pauses.pause(
        principal, PauseSubscription(subscription_id=subscription.id, behavior=behavior, until=until)
    )
    return await subscription_of(shop, subscription.id)


async def resume(shop: Shop, subscription: Subscription, *, principal: Principal = SHOP) -> Subscription:
    request = shop.request("subscriptionResume", None, {"subscription": subscription.id}, principal=principal)
    await shop.pauses.resume(principal, subscription.id, version=None, request=request)
    return await subscription_of(shop, subscription.id)


async def undo(shop: Shop, subscription: Subscription, what: Undoable, *, principal: Principal = SHOP) -> Subscription:
    await shop.undoing.undo(principal, subscription.id, what, version=None)
    return await subscription_of(shop, subscription.id)


async def choose_card(
    shop: Shop, subscription: Subscription, payment_method_id: str | None, *, principal: Principal = SHOP
) -> Subscription:
    await shop.subscription_cards.choose(principal, subscription.id, payment_method_id, version=None, request=None)
    return await subscription_of(shop, subscription.id)


# --- what there is ----------------------------------------------------------------------------------------------------


async def invoices_of(shop: Shop, subscription: Subscription) -> list[Invoice]:
    """Oldest first."""
    rows = await shop.rows("SELECT id FROM invoices WHERE subscription_id = $1 ORDER BY id", subscription.id)
    async with shop.store.reading() as tx:
        return [there(await tx.invoices.get(row["id"]), row["id"]) for row in rows]


async def latest_invoice(shop: Shop, subscription: Subscription) -> Invoice:
    return (await invoices_of(shop, subscription))[-1]


async def periods_of(shop: Shop, subscription: Subscription) -> list[BilledPeriod]:
    async with shop.store.reading() as tx:
        return list(await tx.subscriptions.periods(subscription.id))


async def balance_of(shop: Shop, subscription: Subscription) -> int:
    async with shop.store.reading() as tx:
        return (await tx.balances.get(subscription.customer_id, subscription.currency)).minor_units


async def waiting_for(shop: Shop, subscription: Subscription) -> list[int]:
    async with shop.store.reading() as tx:
        lines = await tx.invoices.waiting_lines(
            subscription.customer_id, subscription.currency, subscription_id=subscription.id
        )
    return [each.line.amount.minor_units for each in lines]


def amounts(invoice: Invoice) -> list[int]:
    return [line.amount.minor_units for line in invoice.lines]
