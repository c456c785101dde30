"""Prices to subscribe to, and subscriptions, in few words."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.customers import Customer
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.pricing import PricingModel
from domain.principals import Principal
from domain.products import Interval, IntervalUnit, Price, Product
from domain.provider import Initiator
from domain.services.charges import NewCard
from domain.services.locking import there
from domain.services.subscriptions import CreateSubscription, PreviewedSubscription, WantedPrice, WantedSubscription
from domain.subscriptions import Subscription
from domain.test_clocks import TestClock
from tests.services.shop import SHOP, Shop, usd

MONTHLY = Interval(IntervalUnit.MONTH, 1)
YEARLY = Interval(IntervalUnit.YEAR, 1)


async def a_plan(
    shop: Shop,
    amount: int | Money = 20_00,
    interval: Interval | None = MONTHLY,
    *,
    name: str = "Plan",
    product_id: str | None = None,
    **fields: Any,
) -> Price:
    """A recurring price, of a new product unless one is named."""
    now = shop.clock.now()
    price = Price(
        id=new_id(IdPrefix.PRICE),
        product_id=product_id or new_id(IdPrefix.PRODUCT),
        nickname=None,
        unit_amount=amount if isinstance(amount, Money) else usd(amount),
        interval=interval,
        created_at=now,
        **fields,
    )
    if price.pricing_model in (PricingModel.VOLUME, PricingModel.GRADUATED):
        price = replace(price, unit_amount=price.pricing.amount(1))
    async with shop.store.transaction() as tx:
        if product_id is None:
            await tx.products.insert(Product(id=price.product_id, name=name, created_at=now, updated_at=now))
        await tx.prices.insert(price)
    return price


def wanted(customer_id: str | None, *items: Price | tuple[Price, int], **fields: Any) -> WantedSubscription:
    pairs = [(item, 1) if isinstance(item, Price) else item for item in items]
    return WantedSubscription(
        customer_id=customer_id,
        items=[WantedPrice(price_id=price.id, quantity=quantity) for price, quantity in pairs],
        **fields,
    )


async def subscribe(
    shop: Shop,
    what: WantedSubscription,
    *,
    key: str | None = None,
    principal: Principal = SHOP,
    initiator: Initiator = Initiator.CUSTOMER,
    new_card: NewCard | None = None,
) -> Subscription:
    """As it stands when the mutation has answered."""
    subscription_id = await shop.subscriptions.create(
        principal,
        CreateSubscription(
            wanted=what,
            new_card=new_card,
            initiator=initiator,
            return_url=None,
            request=shop.request("subscriptionCreate", key, {"items": len(what.items)}, principal=principal),
        ),
    )
    return await subscription_of(shop, subscription_id)


async def preview(shop: Shop, what: WantedSubscription, *, principal: Principal = SHOP) -> PreviewedSubscription:
    return await shop.subscriptions.preview(principal, what)


async def subscription_of(shop: Shop, subscription_id: str) -> Subscription:
    async with shop.store.reading() as tx:
        return there(await tx.subscriptions.get(subscription_id), subscription_id)


async def on_a_clock(shop: Shop, moment: datetime, token: str | None = "tok_visa") -> str:
    """A customer who lives at this moment, whatever time it is for others, and has this card."""
    now = shop.clock.now()
    clock = TestClock(id=new_id(IdPrefix.TEST_CLOCK), name=None, now=moment, created_at=now, updated_at=now)
    customer = Customer(
        id=new_id(IdPrefix.CUSTOMER),
        external_id=None,
        email=None,
        name=None,
        test_clock_id=clock.id,
        livemode=False,
        created_at=now,
        updated_at=now,
    )
    async with shop.store.transaction() as tx:
        await tx.test_clocks.insert(clock)
        await tx.customers.insert(customer)
    if token is not None:
        await shop.card(customer.id, token)
    return customer.id
