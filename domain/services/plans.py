"""Reading prices with the names of their products, as a period is billed by them."""

from collections.abc import Iterable

from domain.billing import Plan, Plans
from domain.errors import NotFound, ProductArchived
from domain.services.locking import there
from domain.store import Transaction
from domain.subscriptions import Subscription


async def plans_of(tx: Transaction, subscription: Subscription) -> Plans:
    """Of its present items. That one is offered no longer is nothing to those who have it."""
    return await plans_named(tx, (item.price_id for item in subscription.present_items))


async def plans_named(tx: Transaction, price_ids: Iterable[str]) -> Plans:
    """Prices that are known to be there."""
    return {price_id: await _plan(tx, price_id) for price_id in sorted(set(price_ids))}


async def offered_plan(tx: Transaction, price_id: str) -> Plan:
    """One that somebody chooses now; refused, under `priceId`, where it is not offered to subscribers."""
    price = await tx.prices.get(price_id)
    if price is None:
        raise NotFound("price", path=("priceId",))
    price.check_subscribable()
    product = there(await tx.products.get(price.product_id), price.product_id)
    if product.archived_at:
        raise ProductArchived(path=("priceId",))
    return Plan(price, product.name)


async def _plan(tx: Transaction, price_id: str) -> Plan:
    price = there(await tx.prices.get(price_id), price_id)
    return Plan(price, there(await tx.products.get(price.product_id), price.product_id).name)
