"""The catalogue: one record for one request, and nothing that is archived is sold."""

import pytest

from domain.errors import IdempotencyConflict, NotFound, PriceArchived, PriceNotOneTime, ProductArchived
from domain.principals import customer
from domain.products import Interval, IntervalUnit, ProductChanges
from domain.services.orders import NewLine
from domain.services.products import CreatePrice, CreateProduct
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, Shop, at_once, usd


async def product(shop: Shop, name: str = "Tea", key: str | None = None) -> str:
    request = shop.request("productCreate", key, {"name": name}) if key else None
    return await shop.products.create(SHOP, CreateProduct(fields=ProductChanges(name=name), request=request))


async def price(
    shop: Shop, product_id: str, amount: int = 10_00, *, interval: Interval | None = None, key: str | None = None
) -> str:
    request = shop.request("priceCreate", key, {"product": product_id, "amount": amount}) if key else None
    return await shop.products.create_price(
        SHOP,
        CreatePrice(product_id=product_id, amount=usd(amount), interval=interval, nickname=None, request=request),
    )


async def test_one_key_at_once_makes_one_product_and_one_price(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]

    made = await at_once(*(product(shop, key="k") for _ in range(5) for shop in shops))
    assert len(set(made)) == 1
    prices = await at_once(*(price(shop, made[0], key="k") for _ in range(5) for shop in shops))
    assert len(set(prices)) == 1

    assert len(await shops[0].rows("SELECT id FROM products")) == 1
    assert len(await shops[0].rows("SELECT id FROM prices")) == 1
    assert await shops[0].events(made[0]) == ["PRODUCT_CREATED", "PRICE_CREATED"]


async def test_a_key_with_other_input_is_refused(shop: Shop) -> None:
    product_id = await product(shop, key="k")
    await price(shop, product_id, key="l")

    with pytest.raises(IdempotencyConflict):
        await product(shop, "Coffee", key="k")
    with pytest.raises(IdempotencyConflict):
        await price(shop, product_id, 11_00, key="l")


async def test_a_refused_price_burns_no_key(shop: Shop) -> None:
    with pytest.raises(NotFound):
        await price(shop, "prod_00000000000000000000000000", key="k")
    assert await shop.rows("SELECT key FROM idempotency_keys") == []


async def test_an_order_keeps_what_was_sold(shop: Shop) -> None:
    product_id = await product(shop)
    price_id = await price(shop, product_id)
    order_id = await shop.order_of(await shop.customer(), lines=[NewLine(price_id=price_id, quantity=2)])

    await shop.products.update(SHOP, product_id, ProductChanges(name="Coffee"))
    await shop.products.archive(SHOP, product_id)

    order = await shop.order_row(order_id)
    assert [(line.name, line.unit_amount, line.quantity) for line in order.lines] == [("Tea", usd(10_00), 2)]


async def test_what_is_archived_or_recurring_is_not_ordered(shop: Shop) -> None:
    customer_id, product_id = await shop.customer(), await product(shop)
    sold, ended = await price(shop, product_id), await price(shop, product_id)
    monthly = await price(shop, product_id, interval=Interval(IntervalUnit.MONTH, 1))
    await shop.products.archive_price(SHOP, ended)

    with pytest.raises(PriceArchived):
        await shop.order_of(customer_id, lines=[NewLine(price_id=ended, quantity=1)])
    with pytest.raises(PriceNotOneTime):
        await shop.order_of(customer_id, lines=[NewLine(price_id=monthly, quantity=1)])
    await shop.products.archive(SHOP, product_id)
    with pytest.raises(ProductArchived):
        await shop.order_of(customer_id, lines=[NewLine(price_id=sold, quantity=1)])
    with pytest.raises(ProductArchived):
        await price(shop, product_id)
    assert await shop.rows("SELECT id FROM orders") == []


async def test_archiving_at_once_is_told_once(shop: Shop) -> None:
    product_id = await product(shop)
    price_id = await price(shop, product_id)

    await at_once(*(shop.products.archive_price(SHOP, price_id) for _ in range(4)))
    await at_once(*(shop.products.archive(SHOP, product_id) for _ in range(4)))

    assert (await shop.events(price_id)).count("PRICE_ARCHIVED") == 1
    assert (await shop.events(product_id)).count("PRODUCT_ARCHIVED") == 1


async def test_a_customer_orders_by_price_and_never_by_amount(shop: Shop) -> None:
    customer_id = await shop.customer()
    buyer = customer("42", customer_id)
    price_id = await price(shop, await product(shop))

    order_id = await shop.order_of(customer_id, lines=[NewLine(price_id=price_id, quantity=1)])
    with pytest.raises(Exception, match="Only a server"):
        await shop.orders.add_line(
            buyer, order_id, NewLine(name="Tea", unit_amount=usd(1), quantity=1), version=None, request=None
        )

    assert (await shop.order_row(order_id)).total == usd(10_00)
