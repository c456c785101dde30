"""The catalogue: products and prices, made, changed, archived, never deleted."""

from typing import Any

import pytest

from tests.schema.gateway import ADMIN, Shop, by_hand, money, new_key

PRODUCT = "product { id name description metadata archivedAt createdAt updatedAt }"
PRICE = "price { id type nickname archivedAt interval { unit count } amount { minorUnits currency } product { id } }"


async def test_a_product_is_made_and_read(shop_on_both: Shop) -> None:
    shop = shop_on_both
    sent = {"name": " Tea ", "description": "Green,\nand loose.", "metadata": {"sku": "T-1"}}
    made = await shop.do("productCreate", sent, PRODUCT)

    assert made["id"].startswith("prod_")
    assert (made["name"], made["description"], made["metadata"]) == ("Tea", "Green,\nand loose.", {"sku": "T-1"})
    assert made["archivedAt"] is None
    fields = PRODUCT.removeprefix("product ")
    data = await shop.execute("query($id: ID!) { product(id: $id) " + fields + " }", {"id": made["id"]})
    assert data["product"] == made


async def test_an_update_changes_what_it_names(shop: Shop) -> None:
    made = await shop.do("productCreate", {"name": "Tea", "description": "Green", "metadata": {"sku": "1"}})
    renamed = await shop.do("productUpdate", {"productId": made["id"], "name": "Green tea"}, PRODUCT)
    assert (renamed["name"], renamed["description"], renamed["metadata"]) == ("Green tea", "Green", {"sku": "1"})

    emptied = await shop.do("productUpdate", {"productId": made["id"], "description": None, "metadata": None}, PRODUCT)
    assert (emptied["name"], emptied["description"], emptied["metadata"]) == ("Green tea", None, {})
    assert await shop.kinds(made["id"]) == ["PRODUCT_CREATED", "PRODUCT_UPDATED", "PRODUCT_UPDATED"]


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({"name": " "}, ("INVALID_INPUT", "name")),
        ({"name": "x" * 201}, ("INVALID_INPUT", "name")),
        ({"name": "Tea", "description": "x" * 5001}, ("INVALID_INPUT", "description")),
        ({"name": "4242424242424242"}, ("CARD_NUMBER_REFUSED", "name")),
        ({"name": "Tea", "description": "pay 4242 4242 4242 4242"}, ("CARD_NUMBER_REFUSED", "description")),
        ({"name": "Tea", "metadata": {"k": "4242424242424242"}}, ("CARD_NUMBER_REFUSED", "metadata.k")),
    ],
)
async def test_what_no_product_can_have_is_refused(shop: Shop, input: dict[str, Any], refusal: tuple[str, str]) -> None:
    product_id = await shop.product()

    assert await shop.refused("productCreate", input) == refusal
    assert await shop.refused("productUpdate", {"productId": product_id, **input}) == refusal


async def test_a_name_can_be_changed_but_not_taken_away(shop: Shop) -> None:
    product_id = await shop.product()
    assert await shop.refused("productUpdate", {"productId": product_id, "name": None}) == ("INVALID_INPUT", "name")


async def test_an_archived_product_is_no_longer_sold(shop: Shop) -> None:
    product_id = await shop.product()
    price_id = await shop.price(product_id=product_id)
    customer_id = await shop.customer()
    order_id = await shop.order(customer_id, lines=[{"priceId": price_id}])

    archived = await shop.do("productArchive", {"productId": product_id}, PRODUCT)
    again = await shop.do("productArchive", {"productId": product_id}, PRODUCT)

    assert archived["archivedAt"]
    assert again == archived
    assert await shop.kinds(product_id) == ["PRODUCT_CREATED", "PRICE_CREATED", "PRODUCT_ARCHIVED"]
    add = {"orderId": order_id, "priceId": price_id}
    assert await shop.refused("orderAddLine", add) == ("PRODUCT_ARCHIVED", "priceId")
    create = {"customerId": customer_id, "lines": [{"priceId": price_id}]}
    assert await shop.refused("orderCreate", create) == ("PRODUCT_ARCHIVED", "lines.0.priceId")
    refusal = await shop.refused("priceCreate", {"productId": product_id, "amount": money(1)})
    assert refusal == ("PRODUCT_ARCHIVED", "productId")


async def test_a_renamed_product_keeps_its_name_on_old_orders(shop: Shop) -> None:
    product_id = await shop.product("Tea")
    order_id = await shop.order(
        await shop.customer(), lines=[{"priceId": await shop.price(product_id=product_id), "quantity": 2}]
    )
    await shop.do("productUpdate", {"productId": product_id, "name": "Coffee"})

    query = "query($id: ID!) { order(id: $id) { lines { name product { name } } } }"
    data = await shop.execute(query, {"id": order_id})

    assert data["order"]["lines"] == [{"name": "Tea", "product": {"name": "Coffee"}}]


class TestPrices:
    async def test_a_price_is_due_once_or_again_and_again(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        product_id = await shop.product()
        once = await shop.do("priceCreate", {"productId": product_id, "amount": money(1999), "nickname": "list"}, PRICE)
        quarterly = {"unit": "MONTH", "count": 3}
        sent = {"productId": product_id, "amount": money(500, "JPY"), "interval": quarterly}
        often = await shop.do("priceCreate", sent, PRICE)

        assert (once["type"], once["interval"], once["nickname"]) == ("ONE_TIME", None, "list")
        assert once["amount"] == money(1999)
        assert once["product"] == {"id": product_id}
        assert (often["type"], often["interval"], often["amount"]) == ("RECURRING", quarterly, money(500, "JPY"))
        fields = PRICE.removeprefix("price ")
        data = await shop.execute("query($id: ID!) { price(id: $id) " + fields + " }", {"id": often["id"]})
        assert data["price"] == often

    async def test_what_is_free_may_have_a_price(self, shop: Shop) -> None:
        made = await shop.do("priceCreate", {"productId": await shop.product(), "amount": money(0)}, PRICE)
        assert made["amount"] == money(0)

    @pytest.mark.parametrize(
        ("input", "refusal"),
        [
            ({"amount": money(-1)}, ("INVALID_INPUT", "amount.minorUnits")),
            ({"amount": money(1, "XXX")}, ("CURRENCY_UNKNOWN", "amount.currency")),
            ({"amount": money(1, "ZZZ")}, ("CURRENCY_UNKNOWN", "amount.currency")),
            ({"amount": money(1), "interval": {"unit": "DAY", "count": 0}}, ("INVALID_INPUT", "interval.count")),
            ({"amount": money(1), "interval": {"unit": "YEAR", "count": 4}}, ("INVALID_INPUT", "interval.count")),
            ({"amount": money(1), "interval": {"unit": "MONTH", "count": -1}}, ("INVALID_INPUT", "interval.count")),
            ({"amount": money(1), "nickname": "x" * 201}, ("INVALID_INPUT", "nickname")),
            ({"amount": money(1), "nickname": "4242424242424242"}, ("CARD_NUMBER_REFUSED", "nickname")),
            ({"amount": money(1), "productId": "prod_none"}, ("NOT_FOUND", "productId")),
        ],
    )
    async def test_what_no_price_can_be_is_refused(
        self, shop: Shop, input: dict[str, Any], refusal: tuple[str, str]
    ) -> None:
        assert await shop.refused("priceCreate", {"productId": await shop.product(), **input}) == refusal

    async def test_an_archived_price_is_no_longer_offered(self, shop: Shop) -> None:
        price_id = await shop.price()
        order_id = await shop.order(await shop.customer())

        archived = await shop.do("priceArchive", {"priceId": price_id}, PRICE)
        again = await shop.do("priceArchive", {"priceId": price_id}, PRICE)

        assert archived["archivedAt"]
        assert again == archived
        assert await shop.kinds(price_id) == ["PRICE_CREATED", "PRICE_ARCHIVED"]
        add = {"orderId": order_id, "priceId": price_id}
        assert await shop.refused("orderAddLine", add) == ("PRICE_ARCHIVED", "priceId")

    async def test_an_order_takes_no_recurring_price(self, shop: Shop) -> None:
        sent = {"productId": await shop.product(), "amount": money(1), "interval": {"unit": "MONTH"}}
        price = await shop.do("priceCreate", sent)
        order_id = await shop.order(await shop.customer())

        add = {"orderId": order_id, "priceId": price["id"]}
        assert await shop.refused("orderAddLine", add) == ("PRICE_NOT_ONE_TIME", "priceId")

    async def test_the_nickname_is_for_staff(self, shop: Shop) -> None:
        sent = {"productId": await shop.product(), "amount": money(1), "nickname": "what we pay ourselves"}
        price = await shop.do("priceCreate", sent)
        query = "query($id: ID!) { price(id: $id) { nickname } }"

        assert (await shop.execute(query, price))["price"]["nickname"] == "what we pay ourselves"
        assert (await shop.execute(query, price, as_=shop.person("ada")))["price"]["nickname"] is None


@pytest.mark.parametrize("mutation", ["productUpdate", "productArchive", "priceArchive"])
async def test_what_is_missing_cannot_be_changed(shop: Shop, mutation: str) -> None:
    field = "priceId" if mutation == "priceArchive" else "productId"
    assert await shop.refused(mutation, {field: "prod_none"}) == ("NOT_FOUND", field)


@pytest.mark.parametrize("mutation", ["productCreate", "priceCreate"])
async def test_a_key_makes_one_record(shop: Shop, mutation: str) -> None:
    sent: dict[str, Any] = {"name": "Tea"} if mutation == "productCreate" else {"productId": await shop.product()}
    other = {"name": "Coffee"} if mutation == "productCreate" else {"amount": money(2)}
    sent |= {"idempotencyKey": new_key()} | ({} if mutation == "productCreate" else {"amount": money(1)})

    first = await shop.do(mutation, sent)
    assert await shop.do(mutation, sent) == first
    assert await shop.refused(mutation, sent | other) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")


class TestReading:
    async def test_the_catalogue_is_filtered_and_sorted(self, shop: Shop) -> None:
        tea, apple, zebra = [await shop.product(name) for name in ("tea", "Apple", "Zebra")]
        await shop.do("productArchive", {"productId": zebra})

        async def found(**arguments: Any) -> list[str]:
            query = (
                "query($filter: ProductFilterInput, $sort: ProductSort! = NEWEST) "
                "{ products(filter: $filter, sort: $sort) { nodes { id } } }"
            )
            data = await shop.execute(query, arguments, as_=shop.person("ada"))
            return [node["id"] for node in data["products"]["nodes"]]

        assert await found() == [zebra, apple, tea]
        assert await found(sort="OLDEST") == [tea, apple, zebra]
        assert await found(filter={"archived": False}) == [apple, tea]
        assert await found(filter={"archived": True}) == [zebra]
        assert sorted(await found(sort="NAME")) == sorted([apple, tea, zebra])

    async def test_the_prices_of_a_product_are_filtered(self, shop: Shop) -> None:
        product_id = await shop.product()
        usd = await shop.price(1, "USD", product_id=product_id)
        eur = await shop.price(1, "EUR", product_id=product_id)
        sent = {"productId": product_id, "amount": money(1, "EUR"), "interval": {"unit": "YEAR"}}
        yearly = (await shop.do("priceCreate", sent))["id"]
        await shop.do("priceArchive", {"priceId": usd})
        await shop.price(1, "USD")

        async def found(filter: dict[str, Any]) -> list[str]:
            query = (
                "query($id: ID!, $filter: PriceFilterInput) "
                "{ product(id: $id) { prices(filter: $filter) { nodes { id } } } }"
            )
            data = await shop.execute(query, {"id": product_id, "filter": filter})
            return [node["id"] for node in data["product"]["prices"]["nodes"]]

        assert await found({}) == [yearly, eur, usd]
        assert await found({"currency": "EUR"}) == [yearly, eur]
        assert await found({"currency": "EUR", "type": "ONE_TIME"}) == [eur]
        assert await found({"archived": True}) == [usd]

    async def test_the_story_of_a_product_is_for_servers_and_staff(self, shop: Shop) -> None:
        """Who changed a price when is not for everybody who may read the price."""
        product_id = await shop.product()
        query = "query($id: ID!) { product(id: $id) { timeline { nodes { kind actor } } } }"

        seen = (await shop.execute(query, {"id": product_id}, as_=shop.person("ada")))["product"]["timeline"]["nodes"]

        assert seen == []
        assert (await shop.execute(query, {"id": product_id}, as_=ADMIN))["product"]["timeline"]["nodes"] != []

    async def test_a_line_by_hand_has_neither_product_nor_price(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.customer(), lines=[by_hand(5)])
        query = "query($id: ID!) { order(id: $id) { lines { name product { id } price { id } } } }"

        data = await shop.execute(query, {"id": order_id})

        assert data["order"]["lines"] == [{"name": "Tea", "product": None, "price": None}]
