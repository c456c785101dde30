"""Anything by its id, and deletes, which are always refused."""

import pytest

from tests.schema.gateway import Shop
from tests.schema.invoiced import an_invoice

QUERY = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def one_of_each(shop: Shop, **customer: str) -> dict[str, str]:
    customer_id = await shop.customer(**customer)
    method_id = await shop.card(customer_id)
    product_id = await shop.product()
    price_id = await shop.price(product_id=product_id)
    order_id, charge_id = await shop.paid(customer_id)
    refund_id = await shop.refund(charge_id, 1)
    waiting = {"customerId": customer_id, "priceId": price_id}
    item = await shop.do("invoiceItemCreate", waiting, "invoiceItem { id }")
    story = await shop.execute(
        "query($id: ID!) { order(id: $id) { timeline(first: 1) { nodes { id } } } }", {"id": order_id}
    )
    return {
        "Customer": customer_id,
        "PaymentMethod": method_id,
        "Product": product_id,
        "Price": price_id,
        "Order": order_id,
        "Invoice": (await an_invoice(shop, customer_id)).id,
        "InvoiceItem": item["id"],
        "Charge": charge_id,
        "Refund": refund_id,
        "Event": story["order"]["timeline"]["nodes"][0]["id"],
    }


async def test_every_record_is_a_node(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ids = await one_of_each(shop)

    data = await shop.execute(QUERY, {"ids": list(ids.values())})

    assert data["nodes"] == [{"__typename": name, "id": record_id} for name, record_id in ids.items()]
    for name, record_id in ids.items():
        one = await shop.execute("query($id: ID!) { node(id: $id) { __typename id } }", {"id": record_id})
        assert one["node"] == {"__typename": name, "id": record_id}
    assert all(len(record_id) <= 36 and record_id == record_id.lower() for record_id in ids.values())


async def test_what_is_missing_is_null_in_its_place(shop: Shop) -> None:
    customer_id = await shop.customer()
    made_up = [
        "cus_none",
        "ord_" + customer_id[4:],
        "",
        "x",
        "cus_",
        customer_id.upper(),
        f" {customer_id}",
        "op_1",
        "💥",
    ]

    data = await shop.execute(QUERY, {"ids": [customer_id, *made_up, customer_id]})

    assert [node and node["id"] for node in data["nodes"]] == [customer_id, *[None] * len(made_up), customer_id]


async def test_at_most_a_hundred_records_are_asked_for_at_once(shop: Shop) -> None:
    assert (await shop.execute(QUERY, {"ids": ["x"] * 100}))["nodes"] == [None] * 100
    error = await shop.denied(QUERY, {"ids": ["x"] * 101})
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", "ids")


async def test_a_customer_sees_their_own_records_and_the_catalogue(shop: Shop) -> None:
    own = await one_of_each(shop, externalId="ada")
    foreign = await one_of_each(shop, externalId="grace")

    seen = await shop.execute(QUERY, {"ids": [*own.values(), *foreign.values()]}, as_=shop.person("ada"))

    names = [node and node["__typename"] for node in seen["nodes"]]
    assert names[: len(own)] == list(own)
    public = ("Product", "Price")
    assert names[len(own) :] == [name if name in public else None for name in foreign]


class TestDelete:
    async def test_no_record_is_ever_deleted_and_the_message_says_what_to_do(self, shop: Shop) -> None:
        instead = {
            "Product": "productArchive",
            "Price": "priceArchive",
            "Order": "orderCancel",
            "PaymentMethod": "paymentMethodDetach",
            "Invoice": "invoiceVoid",
            "InvoiceItem": "invoiceItemRemove",
            "Charge": "chargeRefund",
        }
        for name, record_id in (await one_of_each(shop)).items():
            refusal = await shop.refusal("recordDelete", {"id": record_id})
            assert (refusal["code"], refusal["path"]) == ("DELETE_NOT_ALLOWED", ["id"])
            assert instead.get(name, "") in refusal["message"]

    @pytest.mark.parametrize("record_id", ["cus_none", "op_none", "", "x", "💥", "ord_01k9z0000000000000000000zz"])
    async def test_what_is_missing_is_not_there_to_be_deleted(self, shop: Shop, record_id: str) -> None:
        assert await shop.refused("recordDelete", {"id": record_id}) == ("NOT_FOUND", "id")
