"""The catalogue: products and prices, made, changed, archived, never deleted."""

from typing import Any

import pytest

from domain.principals import Permission
from schema.http.cost import SEARCH_COST
from tests.schema.gateway import ADMIN, Shop, by_hand, money, new_key

PRODUCT = "product { id name description images { url alternativeText } metadata archivedAt createdAt updatedAt }"
MONEY = "{ minorUnits currency }"
PRICING = f"{{ id pricingModel trialDays amount {MONEY} tiers {{ upTo unitAmount {MONEY} flatAmount {MONEY} }} }}"
TIER = {"unitAmount": money(5)}
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


async def test_a_product_has_images_in_their_order(shop_on_both: Shop) -> None:
    shop = shop_on_both
    select = "product { id name images { url alternativeText } }"
    tin = {"url": "https://shop.example/tin.webp", "alternativeText": " A tin "}
    leaf = {"url": "https://shop.example/leaf.webp"}
    made = await shop.do("productCreate", {"name": "Tea", "images": [tin, leaf]}, select)
    assert made["images"] == [tin | {"alternativeText": "A tin"}, leaf | {"alternativeText": None}]

    renamed = await shop.do("productUpdate", {"productId": made["id"], "name": "Green tea"}, select)
    assert renamed["images"] == made["images"]
    turned = await shop.do("productUpdate", {"productId": made["id"], "images": [leaf, tin]}, select)
    assert turned["images"] == made["images"][::-1]
    nothings: list[list[Any] | None] = [None, []]
    for nothing in nothings:
        bare = await shop.do("productUpdate", {"productId": made["id"], "images": nothing}, select)
        assert bare["images"] == []
    assert (await shop.do("productCreate", {"name": "Tea"}, select))["images"] == []


@pytest.mark.parametrize(
    ("images", "refusal"),
    [
        ([{"url": "https://a.example/1"}, {"url": "http://a.example/2"}], ("INVALID_INPUT", "images.1.url")),
        ([{"url": "shop://tea"}], ("INVALID_INPUT", "images.0.url")),
        ([{"url": "https://a.example/\u202e"}], ("INVALID_INPUT", "images.0.url")),
        ([{"url": "https://a.example/4242424242424242"}], ("CARD_NUMBER_REFUSED", "images.0.url")),
        (
            [{"url": "https://a.example/1", "alternativeText": "4242 4242 4242 4242"}],
            ("CARD_NUMBER_REFUSED", "images.0.alternativeText"),
        ),
        (
            [{"url": "https://a.example/1", "alternativeText": "x" * 201}],
            ("INVALID_INPUT", "images.0.alternativeText"),
        ),
        ([{"url": f"https://a.example/{number}"} for number in range(9)], ("INVALID_INPUT", "images")),
    ],
)
async def test_what_no_image_can_be_is_refused(
    shop: Shop, images: list[dict[str, str]], refusal: tuple[str, str]
) -> None:
    product_id = await shop.product()

    assert await shop.refused("productCreate", {"name": "Tea", "images": images}) == refusal
    assert await shop.refused("productUpdate", {"productId": product_id, "images": images}) == refusal


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

    async def test_a_recurring_price_may_be_flat_or_have_tiers_and_be_tried_first(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        product_id = await shop.product()
        monthly = {"productId": product_id, "interval": {"unit": "MONTH"}}
        tiers = [
            {"upTo": 5, "unitAmount": money(1000)},
            {"upTo": 20, "unitAmount": money(800), "flatAmount": money(1500)},
            {"unitAmount": money(600)},
        ]

        flat = await shop.do(
            "priceCreate", monthly | {"amount": money(4900), "pricingModel": "FLAT"}, f"price {PRICING}"
        )
        volume = monthly | {"tiers": tiers, "pricingModel": "VOLUME", "trialDays": 14}
        tiered = await shop.do("priceCreate", volume, f"price {PRICING}")

        assert (flat["pricingModel"], flat["amount"], flat["tiers"], flat["trialDays"]) == (
            "FLAT",
            money(4900),
            [],
            None,
        )
        assert (tiered["pricingModel"], tiered["trialDays"]) == ("VOLUME", 14)
        assert tiered["amount"] == money(1000)  # of a quantity of one
        assert tiered["tiers"] == [
            {"upTo": 5, "unitAmount": money(1000), "flatAmount": money(0)},
            {"upTo": 20, "unitAmount": money(800), "flatAmount": money(1500)},
            {"upTo": None, "unitAmount": money(600), "flatAmount": money(0)},
        ]
        data = await shop.execute(
            "query($id: ID!) { price(id: $id) { pricingModel tiers { upTo } } }", {"id": tiered["id"]}
        )
        assert data["price"] == {"pricingModel": "VOLUME", "tiers": [{"upTo": 5}, {"upTo": 20}, {"upTo": None}]}

    @pytest.mark.parametrize(
        ("input", "refusal"),
        [
            ({}, ("INVALID_INPUT", "amount")),
            ({"pricingModel": "FLAT"}, ("INVALID_INPUT", "amount")),
            ({"amount": money(1), "tiers": [TIER]}, ("INVALID_INPUT", "tiers")),
            ({"amount": money(1), "tiers": [TIER], "pricingModel": "VOLUME"}, ("INVALID_INPUT", "amount")),
            ({"pricingModel": "GRADUATED"}, ("INVALID_INPUT", "tiers")),
            ({"pricingModel": "VOLUME", "tiers": [TIER, TIER]}, ("INVALID_INPUT", "tiers.0.upTo")),
            ({"pricingModel": "VOLUME", "tiers": [{"unitAmount": money(-1)}]}, ("INVALID_INPUT", "tiers.0.unitAmount")),
            (
                {"pricingModel": "VOLUME", "tiers": [TIER | {"flatAmount": money(1, "EUR")}]},
                ("CURRENCY_MISMATCH", "tiers.0.flatAmount"),
            ),
            (
                {"pricingModel": "VOLUME", "tiers": [{"unitAmount": money(1, "ZZZ")}]},
                ("CURRENCY_UNKNOWN", "tiers.0.unitAmount.currency"),
            ),
            (
                {"pricingModel": "VOLUME", "tiers": [{"unitAmount": money(2**53 - 1), "flatAmount": money(1)}]},
                ("INVALID_INPUT", "tiers.0"),
            ),
            ({"amount": money(1), "trialDays": 0}, ("INVALID_INPUT", "trialDays")),
            ({"amount": money(1), "trialDays": 731}, ("INVALID_INPUT", "trialDays")),
            ({"amount": money(1), "trialDays": 1, "interval": None}, ("INVALID_INPUT", "trialDays")),
            ({"amount": money(1), "pricingModel": "FLAT", "interval": None}, ("INVALID_INPUT", "pricingModel")),
            (
                {"pricingModel": "GRADUATED", "tiers": [TIER], "interval": None},
                ("INVALID_INPUT", "pricingModel"),
            ),
        ],
    )
    async def test_what_no_recurring_price_can_be_is_refused(
        self, shop: Shop, input: dict[str, Any], refusal: tuple[str, str]
    ) -> None:
        sent = {"productId": await shop.product(), "interval": {"unit": "MONTH"}, **input}
        assert await shop.refused("priceCreate", sent) == refusal

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


class TestSearching:
    QUERY = """
      query($search: String, $filter: ProductFilterInput, $sort: ProductSort! = RELEVANCE, $first: Int,
            $after: String, $last: Int, $before: String) {
        products(search: $search, filter: $filter, sort: $sort, first: $first, after: $after, last: $last,
                 before: $before) {
          nodes { id name } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
      }
    """

    async def names(self, shop: Shop, *, as_: str | None = ADMIN, **arguments: Any) -> list[str]:
        data = await shop.execute(self.QUERY, _without_none(arguments), as_=as_)
        return [node["name"] for node in data["products"]["nodes"]]

    async def test_the_best_come_first_and_the_rest_page_by_page(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        for name in ("Tea", "Green tea", "Teapot", "Coffee", "Mate"):
            description = "Better than tea" if name == "Coffee" else None
            await shop.do("productCreate", {"name": name, "description": description})
        expected = ["Tea", "Green tea", "Teapot", "Coffee"]

        assert await self.names(shop, search="tea") == expected
        assert await self.names(shop, search="TEAS") == ["Green tea", "Tea", "Coffee"]
        assert await self.names(shop, search="cofffee") == ["Coffee"]
        assert await self.names(shop, search="tea", sort="RELEVANCE") == expected
        assert await self.names(shop, search="tea", sort="NEWEST") == ["Coffee", "Teapot", "Green tea", "Tea"]
        assert await self.names(shop, search="tea", sort="OLDEST") == ["Tea", "Green tea", "Teapot", "Coffee"]
        assert await self.names(shop, search="tea", sort="NAME") == sorted(expected)
        for sort in (None, "NEWEST", "OLDEST", "NAME"):
            assert await self.walked(shop, "first", search="tea", sort=sort) == await self.names(
                shop, search="tea", sort=sort
            )
            assert await self.walked(shop, "last", search="tea", sort=sort) == await self.names(
                shop, search="tea", sort=sort
            )

    async def walked(self, shop: Shop, way: str, **arguments: Any) -> list[str]:
        names: list[str] = []
        cursor = None
        while True:
            beside = {"after" if way == "first" else "before": cursor}
            page = (await shop.execute(self.QUERY, _without_none({way: 1, **beside, **arguments})))["products"]
            found = [node["name"] for node in page["nodes"]]
            names = names + found if way == "first" else found + names
            if not page["pageInfo"]["hasNextPage" if way == "first" else "hasPreviousPage"]:
                return names
            cursor = page["pageInfo"]["endCursor" if way == "first" else "startCursor"]

    async def test_without_words_there_is_no_search(self, shop: Shop) -> None:
        tea, coffee = await shop.product("Tea"), await shop.product("Coffee")
        assert tea < coffee
        for nothing in (None, "", " \n"):
            for sort in (None, "RELEVANCE", "NEWEST"):
                assert await self.names(shop, search=nothing, sort=sort) == ["Coffee", "Tea"]
        for signs in ("!!", "☕", '"', "*"):
            assert await self.names(shop, search=signs) == []

    async def test_a_filter_holds_in_what_is_found(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        once, often, gone, free = [await shop.product(f"Tea {name}") for name in ("once", "often", "gone", "unpriced")]
        await shop.price(1, "EUR", product_id=once)
        await shop.do("priceCreate", {"productId": often, "amount": money(1, "USD"), "interval": {"unit": "MONTH"}})
        await shop.price(1, "USD", product_id=gone)
        await shop.do("productArchive", {"productId": gone})
        await shop.do("priceArchive", {"priceId": await shop.price(1, "JPY", product_id=free)})

        for filter, expected in [
            ({"available": True}, ["often", "once"]),
            ({"available": False}, ["unpriced", "gone"]),
            ({"type": "ONE_TIME"}, ["gone", "once"]),
            ({"type": "RECURRING"}, ["often"]),
            ({"type": "RECURRING", "currency": "EUR"}, []),
            ({"currency": "USD"}, ["gone", "often"]),
            ({"currency": "USD", "available": True}, ["often"]),
            ({"currency": "JPY"}, []),
            ({"archived": True}, ["gone"]),
        ]:
            wanted = [f"Tea {name}" for name in expected]
            assert await self.names(shop, search="tea", filter=filter) == wanted, filter
            assert await self.names(shop, filter=filter) == wanted, filter

    async def test_a_search_shows_each_principal_what_the_catalogue_shows_them(self, shop: Shop) -> None:
        await shop.product("Tea")
        await shop.do("productArchive", {"productId": await shop.product("Old tea")})
        catalogue = "{ products { nodes { id } } }"
        search = '{ products(search: "tea", sort: NEWEST) { nodes { id } } }'
        server = await shop.server(Permission.CATALOGUE_READ)
        blind = await shop.server(Permission.RECORDS_READ)

        for principal in (ADMIN, server, shop.person("ada"), shop.person("bob", role="support")):
            seen = await shop.execute(search, as_=principal)
            assert seen == await shop.execute(catalogue, as_=principal)
            assert len(seen["products"]["nodes"]) == 2
        for nobody in (None, blind):
            refusals = [await shop.denied(query, as_=nobody) for query in (search, catalogue)]
            assert refusals[0]["extensions"]["code"] == refusals[1]["extensions"]["code"]

    async def test_a_cursor_of_another_search_is_refused(self, shop: Shop) -> None:
        for name in ("Tea one", "Tea two"):
            await shop.product(name)
        page = (await shop.execute(self.QUERY, {"search": "Tea", "first": 1}))["products"]
        cursor = page["pageInfo"]["endCursor"]

        assert await self.names(shop, search=" TEA ", after=cursor) == ["Tea one"]
        for other in (
            {"search": "one", "after": cursor},
            {"search": "Tea", "sort": "NEWEST", "after": cursor},
            {"search": "Tea", "sort": "NAME", "after": cursor},
            {"after": cursor},
            {"sort": "RELEVANCE", "after": cursor},
            {"search": "one", "last": 1, "before": cursor},
        ):
            error = await shop.denied(self.QUERY, other)
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert "another sorting or search" in error["message"]

    async def test_a_search_too_long_is_refused_in_words(self, shop: Shop) -> None:
        error = await shop.denied(self.QUERY, {"search": "tea " * 51})

        assert error["extensions"] == error["extensions"] | {"code": "BAD_USER_INPUT", "argument": "search"}
        assert error["message"] == "A search can have 200 characters at most."


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


def _without_none(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


async def test_a_search_costs_more_than_a_list(shop: Shop) -> None:
    async def cost(query: str) -> int:
        body = (await shop.send(query, as_=ADMIN)).json()
        return int(body["extensions"]["cost"]["requested"])

    plain = await cost("{ products(first: 5) { nodes { id } } }")
    assert await cost('{ products(first: 5, search: "tea") { nodes { id } } }') == plain + SEARCH_COST
