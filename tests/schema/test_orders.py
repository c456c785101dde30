"""Orders: lines while open, placed, paid, cancelled."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.schema.gateway import CHALLENGED, Shop, by_hand, money, new_key

ORDER = (
    "order { id state paymentState version externalId externalVersion metadata expiresAt placedAt completedAt "
    "canceledAt total { minorUnits currency } authorized { minorUnits } captured { minorUnits } "
    "refunded { minorUnits } customer { id } lines { id name quantity unitAmount { minorUnits } amount { minorUnits } "
    "product { id } price { id } } }"
)
LINE_MUTATIONS = ("orderAddLine", "orderUpdateLine", "orderRemoveLine", "orderPlace")


async def read(shop: Shop, order_id: str) -> dict[str, Any]:
    data = await shop.execute(
        "query($id: ID!) { " + ORDER.replace("order", "order(id: $id)", 1) + " }", {"id": order_id}
    )
    order: dict[str, Any] = data["order"]
    return order


async def line_of(shop: Shop, order_id: str) -> str:
    return str((await read(shop, order_id))["lines"][0]["id"])


async def test_an_order_is_made_with_lines_of_the_catalogue_and_by_hand(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.customer()
    product_id = await shop.product("Tea")
    price_id = await shop.price(7_50, product_id=product_id)
    deadline = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    sent = {
        "customerId": customer_id,
        "lines": [{"priceId": price_id, "quantity": 2}, by_hand(4_99, name="Postage")],
        "externalId": "web-1",
        "externalVersion": 3,
        "metadata": {"channel": "web"},
        "expiresAt": deadline.astimezone(timezone(timedelta(hours=1))).isoformat(),
    }
    made = await shop.do("orderCreate", sent, ORDER)

    assert (made["state"], made["paymentState"], made["version"]) == ("OPEN", "UNPAID", 1)
    assert made["total"] == money(19_99)
    assert made["customer"] == {"id": customer_id}
    assert (made["externalId"], made["externalVersion"], made["metadata"]) == ("web-1", 3, {"channel": "web"})
    assert made["expiresAt"] == deadline.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    tea, postage = made["lines"]
    assert (tea["name"], tea["quantity"], tea["unitAmount"], tea["amount"]) == (
        "Tea",
        2,
        {"minorUnits": 7_50},
        {"minorUnits": 15_00},
    )
    assert (tea["product"], tea["price"]) == ({"id": product_id}, {"id": price_id})
    assert (postage["name"], postage["product"], postage["price"]) == ("Postage", None, None)
    assert await read(shop, made["id"]) == made


async def test_lines_are_added_changed_and_removed_while_the_order_is_open(shop_on_both: Shop) -> None:
    shop = shop_on_both
    price_id = await shop.price(10_00)
    order_id = (await shop.do("orderCreate", {"customerId": await shop.customer(), "currency": "USD"}))["id"]
    assert (await read(shop, order_id))["total"] == money(0)

    added = await shop.do("orderAddLine", {"orderId": order_id, "priceId": price_id, "quantity": 3}, ORDER)
    assert (added["total"], added["version"]) == (money(30_00), 2)
    line_id = added["lines"][0]["id"]
    sent = {"orderId": order_id, "lineId": line_id, "quantity": 1_000_000}
    changed = await shop.do("orderUpdateLine", sent, ORDER)
    assert (changed["total"], changed["version"]) == (money(10_000_000_00), 3)
    same = await shop.do("orderUpdateLine", sent, ORDER)
    assert same == changed
    removed = await shop.do("orderRemoveLine", {"orderId": order_id, "lineId": line_id}, ORDER)
    assert (removed["lines"], removed["total"], removed["version"]) == ([], money(0), 4)

    assert await shop.kinds(order_id) == [
        "ORDER_CREATED",
        "ORDER_LINE_ADDED",
        "ORDER_LINE_UPDATED",
        "ORDER_LINE_REMOVED",
    ]


async def test_a_placed_order_stays_as_it_is(shop: Shop) -> None:
    order_id = await shop.order(await shop.customer())
    placed = await shop.do("orderPlace", {"orderId": order_id}, ORDER)
    line_id = placed["lines"][0]["id"]

    assert (placed["state"], placed["version"]) == ("PLACED", 2)
    assert placed["placedAt"]
    not_open = ("ORDER_NOT_OPEN", "orderId")
    assert await shop.refused("orderPlace", {"orderId": order_id}) == not_open
    assert await shop.refused("orderAddLine", {"orderId": order_id, **by_hand(1)}) == not_open
    update = {"orderId": order_id, "lineId": line_id, "quantity": 2}
    assert await shop.refused("orderUpdateLine", update) == not_open
    assert await shop.refused("orderRemoveLine", {"orderId": order_id, "lineId": line_id}) == not_open


async def test_an_order_with_nothing_to_pay_is_complete_when_it_is_placed(shop: Shop) -> None:
    order_id = await shop.order(await shop.customer(), 0)
    assert (await read(shop, order_id))["paymentState"] == "UNPAID"

    placed = await shop.do("orderPlace", {"orderId": order_id}, ORDER)

    assert (placed["state"], placed["paymentState"]) == ("COMPLETED", "PAID")
    assert placed["completedAt"]
    assert await shop.kinds(order_id) == ["ORDER_CREATED", "ORDER_PLACED", "ORDER_COMPLETED"]


async def test_an_empty_order_cannot_be_placed(shop: Shop) -> None:
    order = await shop.do("orderCreate", {"customerId": await shop.customer(), "currency": "USD"})
    assert await shop.refused("orderPlace", {"orderId": order["id"]}) == ("ORDER_EMPTY", "orderId")


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({"customerId": None}, ("INVALID_INPUT", "customerId")),
        ({"customerId": "cus_none"}, ("NOT_FOUND", "customerId")),
        ({"lines": []}, ("INVALID_INPUT", "currency")),
        ({"lines": [], "currency": "XXX"}, ("CURRENCY_UNKNOWN", "currency")),
        ({"currency": "EUR"}, ("CURRENCY_MISMATCH", "lines.0")),
        ({"lines": [by_hand(1, "USD"), by_hand(1, "EUR")]}, ("CURRENCY_MISMATCH", "lines.1")),
        ({"lines": [by_hand(1), {"priceId": "price_none"}]}, ("NOT_FOUND", "lines.1.priceId")),
        ({"lines": [{"quantity": 1}]}, ("INVALID_INPUT", "lines.0")),
        ({"lines": [{"name": "Tea"}]}, ("INVALID_INPUT", "lines.0")),
        ({"lines": [{"unitAmount": money(1)}]}, ("INVALID_INPUT", "lines.0")),
        ({"lines": [by_hand(-1)]}, ("INVALID_INPUT", "lines.0.unitAmount")),
        ({"lines": [by_hand(1, "ZZZ")]}, ("CURRENCY_UNKNOWN", "lines.0.unitAmount.currency")),
        ({"lines": [by_hand(1, name=" ")]}, ("INVALID_INPUT", "lines.0.name")),
        ({"lines": [by_hand(1, name="4242 4242 4242 4242")]}, ("CARD_NUMBER_REFUSED", "lines.0.name")),
        ({"lines": [by_hand(1, quantity=0)]}, ("INVALID_INPUT", "lines.0.quantity")),
        ({"lines": [by_hand(1, quantity=-1)]}, ("INVALID_INPUT", "lines.0.quantity")),
        ({"lines": [by_hand(1, quantity=1_000_001)]}, ("INVALID_INPUT", "lines.0.quantity")),
        ({"lines": [by_hand(2**53 - 1, quantity=2)]}, ("AMOUNT_NOT_REPRESENTABLE", "lines.0")),
        ({"lines": [by_hand(2**53 - 1), by_hand(1)]}, ("AMOUNT_NOT_REPRESENTABLE", "lines.1")),
        ({"lines": [by_hand(1)] * 501}, ("INVALID_INPUT", "lines")),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ("INVALID_INPUT", "expiresAt")),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, ("INVALID_INPUT", "expiresAt")),
        ({"externalId": "x" * 256}, ("INVALID_INPUT", "externalId")),
        ({"externalId": "4242424242424242"}, ("CARD_NUMBER_REFUSED", "externalId")),
        ({"metadata": {"k": "4242424242424242"}}, ("CARD_NUMBER_REFUSED", "metadata.k")),
    ],
)  # fmt: skip
async def test_what_no_order_can_be_is_refused(shop: Shop, input: dict[str, Any], refusal: tuple[str, str]) -> None:
    sent = {"customerId": await shop.customer(), "lines": [by_hand(1)], **input}
    assert await shop.refused("orderCreate", sent) == refusal


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({}, ("INVALID_INPUT", "")),
        ({"priceId": "price_none"}, ("NOT_FOUND", "priceId")),
        ({"name": "Tea", "unitAmount": money(1, "EUR")}, ("CURRENCY_MISMATCH", "")),
        ({"name": "Tea", "unitAmount": money(-1)}, ("INVALID_INPUT", "unitAmount")),
        ({"name": "Tea", "unitAmount": money(1), "quantity": 0}, ("INVALID_INPUT", "quantity")),
        ({"name": "Tea", "unitAmount": money(2**53 - 1)}, ("AMOUNT_NOT_REPRESENTABLE", "")),
        ({"name": "5555 5555 5555 4444", "unitAmount": money(1)}, ("CARD_NUMBER_REFUSED", "name")),
    ],
)
async def test_what_no_line_can_be_is_refused(shop: Shop, input: dict[str, Any], refusal: tuple[str, str]) -> None:
    order_id = await shop.order(await shop.customer())
    assert await shop.refused("orderAddLine", {"orderId": order_id, **input}) == refusal


async def test_a_price_and_a_line_by_hand_exclude_each_other(shop: Shop) -> None:
    order_id = await shop.order(await shop.customer())
    sent = {"orderId": order_id, "priceId": await shop.price(), "name": "Tea", "unitAmount": money(1)}
    assert await shop.refused("orderAddLine", sent) == ("INVALID_INPUT", "")


async def test_a_line_belongs_to_its_order(shop: Shop) -> None:
    customer_id = await shop.customer()
    order_id, other_id = await shop.order(customer_id), await shop.order(customer_id)
    foreign = {"orderId": order_id, "lineId": await line_of(shop, other_id)}

    assert await shop.refused("orderRemoveLine", foreign) == ("NOT_FOUND", "lineId")
    assert await shop.refused("orderUpdateLine", {**foreign, "quantity": 2}) == ("NOT_FOUND", "lineId")
    own = {"orderId": order_id, "lineId": await line_of(shop, order_id)}
    for quantity in (0, -5, 1_000_001):
        refusal = await shop.refused("orderUpdateLine", {**own, "quantity": quantity})
        assert refusal == ("INVALID_INPUT", "quantity")


async def test_an_external_id_belongs_to_one_order(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.customer()
    await shop.order(customer_id, externalId="web-1")

    sent = {"customerId": customer_id, "lines": [by_hand(1)], "externalId": "web-1"}
    assert await shop.refused("orderCreate", sent) == ("EXTERNAL_ID_TAKEN", "externalId")


@pytest.mark.parametrize("mutation", [*LINE_MUTATIONS, "orderCancel", "orderCharge"])
async def test_a_stale_version_changes_nothing(shop: Shop, mutation: str) -> None:
    order_id = await shop.order(await shop.buyer())
    more = {
        "orderAddLine": by_hand(1),
        "orderUpdateLine": {"lineId": await line_of(shop, order_id), "quantity": 2},
        "orderRemoveLine": {"lineId": await line_of(shop, order_id)},
        "orderCharge": {"idempotencyKey": new_key()},
    }.get(mutation, {})
    for version in (0, 2, -1, 2**31 - 1):
        refusal = await shop.refused(mutation, {"orderId": order_id, "version": version, **more})
        assert refusal == ("STALE_VERSION", "version")

    payload = await shop.mutate(mutation, {"orderId": order_id, "version": 1, **more})

    assert payload["userErrors"] == []
    assert (await read(shop, order_id))["version"] > 1


class TestIdempotency:
    async def test_an_order_is_made_once(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        sent = {"customerId": customer_id, "lines": [by_hand(1)], "idempotencyKey": new_key()}
        first = await shop.do("orderCreate", sent)
        await shop.do("orderPlace", {"orderId": first["id"]})

        again = await shop.do("orderCreate", sent, ORDER)

        assert (again["id"], again["state"]) == (first["id"], "PLACED")
        assert await shop.count("orders") == 1
        other = {**sent, "lines": [by_hand(2)]}
        assert await shop.refused("orderCreate", other) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")

    async def test_a_line_is_added_once(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.customer())
        sent = {"orderId": order_id, **by_hand(1), "version": 1, "idempotencyKey": new_key()}
        first = await shop.do("orderAddLine", sent, ORDER)

        again = await shop.do("orderAddLine", sent, ORDER)

        assert again == first
        assert len(again["lines"]) == 2
        other = {**sent, "quantity": 2}
        assert await shop.refused("orderAddLine", other) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")

    async def test_a_refused_line_burns_no_key(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.customer())
        key = new_key()
        await shop.refused("orderAddLine", {"orderId": order_id, **by_hand(1, "EUR"), "idempotencyKey": key})

        added = await shop.do("orderAddLine", {"orderId": order_id, **by_hand(1), "idempotencyKey": key}, ORDER)

        assert len(added["lines"]) == 2


class TestCancel:
    async def test_an_unpaid_order_can_be_called_off(self, shop: Shop) -> None:
        customer_id = await shop.buyer()
        for place in (False, True):
            order_id = await shop.order(customer_id)
            if place:
                await shop.do("orderPlace", {"orderId": order_id})
            canceled = await shop.do("orderCancel", {"orderId": order_id}, ORDER)

            assert (canceled["state"], canceled["paymentState"]) == ("CANCELED", "UNPAID")
            assert canceled["canceledAt"]
            charge = {"orderId": order_id, "idempotencyKey": new_key()}
            assert await shop.refused("orderCharge", charge) == ("ORDER_NOT_PAYABLE", "orderId")
            assert await shop.refused("orderCancel", {"orderId": order_id}) == ("ORDER_NOT_CANCELABLE", "orderId")
            assert await shop.refused("orderAddLine", {"orderId": order_id, **by_hand(1)}) == (
                "ORDER_NOT_OPEN",
                "orderId",
            )

    async def test_a_paid_order_cannot_be_called_off(self, shop: Shop) -> None:
        order_id, charge_id = await shop.paid(await shop.buyer())

        refusal = await shop.refusal("orderCancel", {"orderId": order_id})

        assert refusal["code"] == "ORDER_NOT_CANCELABLE"
        assert "chargeRefund" in refusal["message"]
        await shop.refund(charge_id, 20_00)
        assert await shop.refused("orderCancel", {"orderId": order_id}) == ("ORDER_NOT_CANCELABLE", "orderId")

    async def test_a_charge_that_waits_for_its_customer_is_ended_first(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer(CHALLENGED))
        charge = await shop.charge(order_id, returnUrl="https://shop.example/back")
        assert charge["state"] == "REQUIRES_ACTION"

        canceled = await shop.do("orderCancel", {"orderId": order_id}, "order { state charges { nodes { state } } }")

        assert canceled == {"state": "CANCELED", "charges": {"nodes": [{"state": "VOIDED"}]}}
        assert [charge.state for charge in shop.bank.charges] != ["captured"]
        assert await shop.kinds(order_id) == [
            "ORDER_CREATED",
            "ORDER_PLACED",
            "CHARGE_CREATED",
            "CHARGE_REQUIRES_ACTION",
            "CHARGE_VOID_REQUESTED",
            "CHARGE_VOIDED",
            "ORDER_CANCELED",
        ]

    async def test_a_charge_whose_outcome_is_unknown_stands_in_the_way(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer())
        shop.misbehave("charge#*=lose_answer")
        charge = await shop.charge(order_id)
        assert charge["state"] == "UNKNOWN"

        assert await shop.refused("orderCancel", {"orderId": order_id}) == ("CHARGE_IN_PROGRESS", "orderId")
        again = {"orderId": order_id, "idempotencyKey": new_key()}
        assert await shop.refused("orderCharge", again) == ("CHARGE_IN_PROGRESS", "orderId")


@pytest.mark.parametrize("mutation", [*LINE_MUTATIONS, "orderCancel", "orderCharge"])
async def test_a_missing_order_cannot_be_changed(shop: Shop, mutation: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "orderUpdateLine": {"lineId": "line_none", "quantity": 2},
        "orderRemoveLine": {"lineId": "line_none"},
        "orderCharge": {"idempotencyKey": new_key()},
        "orderAddLine": by_hand(1),
    }
    assert await shop.refused(mutation, {"orderId": "ord_none", **more.get(mutation, {})}) == ("NOT_FOUND", "orderId")


class TestReading:
    async def test_orders_are_filtered_by_state_payment_external_id_and_time(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        customer_id = await shop.buyer()
        open_ = await shop.order(customer_id, externalId="web-1")
        paid, _ = await shop.paid(customer_id)
        refunded, other_charge = await shop.paid(customer_id)
        await shop.refund(other_charge, 20_00)
        parted, third_charge = await shop.paid(customer_id)
        await shop.refund(third_charge, 1)
        canceled = await shop.order(customer_id)
        await shop.do("orderCancel", {"orderId": canceled})
        made = await created_at(shop, paid)

        async def found(filter: dict[str, Any]) -> list[str]:
            query = "query($filter: OrderFilterInput) { orders(filter: $filter, sort: OLDEST) { nodes { id } } }"
            data = await shop.execute(query, {"filter": filter})
            return [node["id"] for node in data["orders"]["nodes"]]

        assert await found({}) == [open_, paid, refunded, parted, canceled]
        assert await found({"states": ["OPEN"]}) == [open_]
        assert await found({"states": ["CANCELED", "COMPLETED"]}) == [paid, refunded, parted, canceled]
        assert await found({"states": []}) == [open_, paid, refunded, parted, canceled]
        assert await found({"paymentStates": ["PAID"]}) == [paid]
        assert await found({"paymentStates": ["REFUNDED", "PARTIALLY_REFUNDED"]}) == [refunded, parted]
        assert await found({"paymentStates": ["UNPAID"], "states": ["OPEN"]}) == [open_]
        assert await found({"paymentStates": ["DISPUTED"]}) == []
        assert await found({"externalId": "web-1"}) == [open_]
        assert await found({"created": {"before": made}}) == [open_]
        assert await found({"created": {"since": made}}) == [paid, refunded, parted, canceled]

    async def test_orders_are_sorted_by_total(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        cheap, dear, middle = [await shop.order(customer_id, total) for total in (1, 3, 2)]

        async def found(sort: str) -> list[str]:
            data = await shop.execute(
                "query($sort: OrderSort!) { orders(sort: $sort) { nodes { id } } }", {"sort": sort}
            )
            return [node["id"] for node in data["orders"]["nodes"]]

        assert await found("TOTAL_HIGHEST") == [dear, middle, cheap]
        assert await found("TOTAL_LOWEST") == [cheap, middle, dear]
        assert await found("NEWEST") == [middle, dear, cheap]
        assert await found("OLDEST") == [cheap, dear, middle]

    @pytest.mark.parametrize("sort", ["NEWEST", "OLDEST", "TOTAL_HIGHEST", "TOTAL_LOWEST"])
    async def test_a_list_is_walked_forwards_and_backwards(self, shop: Shop, sort: str) -> None:
        customer_id = await shop.customer()
        for total in (3, 1, 3, 2, 1):
            await shop.order(customer_id, total)
        query = (
            "query($first: Int, $after: String, $last: Int, $before: String, $sort: OrderSort!) "
            "{ orders(first: $first, after: $after, last: $last, before: $before, sort: $sort) "
            "{ nodes { id } edges { cursor node { id } } "
            "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
        )

        async def page(**arguments: Any) -> dict[str, Any]:
            orders: dict[str, Any] = (await shop.execute(query, {"sort": sort, **arguments}))["orders"]
            return orders

        whole = [node["id"] for node in (await page())["nodes"]]
        first = await page(first=2)
        second = await page(first=2, after=first["pageInfo"]["endCursor"])
        third = await page(first=2, after=second["pageInfo"]["endCursor"])
        assert [node["id"] for part in (first, second, third) for node in part["nodes"]] == whole
        assert [part["pageInfo"]["hasNextPage"] for part in (first, second, third)] == [True, True, False]
        assert [part["pageInfo"]["hasPreviousPage"] for part in (first, second, third)] == [False, True, True]
        assert first["edges"][1]["cursor"] == first["pageInfo"]["endCursor"]
        assert [edge["node"] for edge in second["edges"]] == second["nodes"]

        last = await page(last=2)
        before = await page(last=2, before=last["pageInfo"]["startCursor"])
        assert [node["id"] for part in (before, last) for node in part["nodes"]] == whole[1:]
        assert before["pageInfo"]["hasPreviousPage"] is True

    async def test_a_cursor_belongs_to_its_list_and_sorting(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.customer())
        query = (
            "query($sort: OrderSort! = NEWEST, $after: String) { orders(sort: $sort, after: $after) "
            "{ nodes { id } pageInfo { endCursor } } }"
        )
        cursors = {}
        for sort in ("NEWEST", "TOTAL_LOWEST"):
            cursors[sort] = (await shop.execute(query, {"sort": sort}))["orders"]["pageInfo"]["endCursor"]

        for sort, after in [("NEWEST", cursors["TOTAL_LOWEST"]), ("TOTAL_LOWEST", cursors["NEWEST"]), ("OLDEST", "!")]:
            error = await shop.denied(query, {"sort": sort, "after": after})
            assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", "after")
        assert (await shop.execute(query, {"after": cursors["NEWEST"]}))["orders"]["nodes"] == []
        assert order_id

    async def test_the_charges_of_an_order_are_filtered_and_sorted(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        bad, good = await shop.card(customer_id, "tok_chargeDeclined"), await shop.card(customer_id)
        order_id = await shop.order(customer_id)
        declined = (await shop.charge(order_id, paymentMethodId=bad))["id"]
        taken = (await shop.charge(order_id, paymentMethodId=good))["id"]

        async def found(arguments: str) -> list[str]:
            query = f"query($id: ID!) {{ order(id: $id) {{ charges{arguments} {{ nodes {{ id }} }} }} }}"
            data = await shop.execute(query, {"id": order_id})
            return [node["id"] for node in data["order"]["charges"]["nodes"]]

        assert await found("") == [taken, declined]
        assert await found("(sort: OLDEST)") == [declined, taken]
        assert await found("(filter: { states: [DECLINED] })") == [declined]
        assert await found("(filter: { inReview: true })") == []
        assert await found("(filter: { inReview: false }, last: 1)") == [declined]


async def created_at(shop: Shop, order_id: str) -> str:
    data = await shop.execute("query($id: ID!) { order(id: $id) { createdAt } }", {"id": order_id})
    return str(data["order"]["createdAt"])
