"""Cards: handed over as tokens, chosen, removed; never seen as numbers."""

import json
from typing import Any

import pytest

from tests.schema.gateway import CHALLENGED, DECLINED, VISA, Shop, new_key

CARD = (
    "paymentMethod { id state isDefault account declineCode message card { brand last4 expiryMonth expiryYear } "
    "nextAction { __typename } customer { id } createdAt updatedAt } customer { id defaultPaymentMethod { id } }"
)


async def test_a_card_is_stored_by_its_token(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.customer(name="Ada")
    payload = await shop.mutate("paymentMethodAttach", {"customerId": customer_id, "token": "tok_amex"}, CARD)

    method = payload["paymentMethod"]
    assert payload["userErrors"] == []
    assert (method["state"], method["account"], method["isDefault"]) == ("ACTIVE", "fake", True)
    assert (method["card"]["brand"], method["card"]["last4"]) == ("AMERICAN_EXPRESS", "0005")
    assert method["customer"] == {"id": customer_id}
    assert payload["customer"]["defaultPaymentMethod"] == {"id": method["id"]}
    assert [known.payment_method_ids for known in shop.bank.customers] == [(method["id"],)]
    assert await shop.kinds(method["id"]) == [
        "PAYMENT_METHOD_REQUESTED",
        "PAYMENT_METHOD_ATTACHED",
        "CUSTOMER_UPDATED",
    ]


async def test_the_first_card_is_the_default_and_others_when_they_are_meant_to(shop: Shop) -> None:
    customer_id = await shop.customer()
    first = await shop.card(customer_id)
    second = await shop.card(customer_id)
    third = await shop.card(customer_id, makeDefault=True)

    assert await default_of(shop, customer_id) == third
    chosen = await shop.mutate("paymentMethodSetDefault", {"paymentMethodId": second}, CARD)
    assert chosen["paymentMethod"]["isDefault"] is True
    assert chosen["customer"]["defaultPaymentMethod"] == {"id": second}
    data = await shop.execute("query($id: ID!) { node(id: $id) { ... on PaymentMethod { isDefault } } }", {"id": first})
    assert data["node"] == {"isDefault": False}


async def test_a_refused_token_leaves_a_failed_card(shop: Shop) -> None:
    customer_id = await shop.customer()
    payload = await shop.mutate("paymentMethodAttach", {"customerId": customer_id, "token": "tok_unheard_of"}, CARD)

    assert payload["userErrors"] == []
    assert payload["paymentMethod"]["state"] == "FAILED"
    assert payload["paymentMethod"]["message"]
    assert payload["paymentMethod"]["card"] is None
    assert payload["customer"]["defaultPaymentMethod"] is None
    failed = payload["paymentMethod"]["id"]
    unusable = ("PAYMENT_METHOD_NOT_USABLE", "paymentMethodId")
    assert await shop.refused("paymentMethodSetDefault", {"paymentMethodId": failed}) == unusable
    order_id = await shop.order(customer_id)
    charge = {"orderId": order_id, "paymentMethodId": failed, "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", charge) == unusable


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({"customerId": "cus_none"}, ("NOT_FOUND", "customerId")),
        ({"customerId": None}, ("NOT_FOUND", "customerId")),
        ({"token": ""}, ("INVALID_INPUT", "token")),
        ({"token": "x" * 501}, ("INVALID_INPUT", "token")),
        ({"token": "4242424242424242"}, ("CARD_NUMBER_REFUSED", "token")),
        ({"token": "4242 4242 4242 4242 12/34 123"}, ("CARD_NUMBER_REFUSED", "token")),
        ({"returnUrl": "https://elsewhere.example/"}, ("RETURN_URL_NOT_ALLOWED", "returnUrl")),
        ({"idempotencyKey": ""}, ("INVALID_INPUT", "idempotencyKey")),
    ],
)
async def test_what_cannot_be_attached_is_refused(shop: Shop, input: dict[str, Any], refusal: tuple[str, str]) -> None:
    sent = {"customerId": await shop.customer(), "token": VISA, **input}
    assert await shop.refused("paymentMethodAttach", sent) == refusal


async def test_a_key_stores_one_card(shop: Shop) -> None:
    customer_id = await shop.customer()
    sent = {"customerId": customer_id, "token": VISA, "idempotencyKey": new_key()}
    first = await shop.do("paymentMethodAttach", sent)

    again = await shop.mutate("paymentMethodAttach", sent, CARD)

    assert (again["paymentMethod"]["id"], again["paymentMethod"]["state"]) == (first["id"], "ACTIVE")
    refusal = await shop.refused("paymentMethodAttach", {**sent, "token": DECLINED})
    assert refusal == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")
    assert [known.payment_method_ids for known in shop.bank.customers] == [(first["id"],)]


async def test_a_card_that_was_never_sent_has_failed_and_its_key_is_free_again(shop: Shop) -> None:
    customer_id = await shop.customer()
    sent = {"customerId": customer_id, "token": VISA, "idempotencyKey": new_key()}
    shop.misbehave("attach_payment_method#1=refuse")
    failed = await shop.do("paymentMethodAttach", sent, CARD)
    assert failed["state"] == "FAILED"

    again = await shop.do("paymentMethodAttach", sent, CARD)

    assert again["state"] == "ACTIVE"
    assert again["id"] != failed["id"]


async def test_a_card_whose_answer_was_lost_is_pending(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#1=lose_answer")
    pending = await shop.do("paymentMethodAttach", {"customerId": customer_id, "token": VISA}, CARD)

    assert pending["state"] == "PENDING"
    assert await default_of(shop, customer_id) is None
    charge = {"orderId": await shop.order(customer_id), "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", charge) == ("PAYMENT_METHOD_MISSING", "paymentMethodId")


class TestDetach:
    async def test_a_removed_card_is_never_charged_again(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        customer_id = await shop.customer()
        method_id = await shop.card(customer_id)
        _, charge_id = await shop.paid(customer_id)

        detached = await shop.mutate("paymentMethodDetach", {"paymentMethodId": method_id}, CARD)
        again = await shop.mutate("paymentMethodDetach", {"paymentMethodId": method_id}, CARD)

        assert detached["paymentMethod"]["state"] == "DETACHED"
        assert detached["paymentMethod"]["isDefault"] is False
        assert detached["paymentMethod"]["card"]["last4"] == "4242"
        assert detached["customer"]["defaultPaymentMethod"] is None
        assert again == detached
        assert [known.payment_method_ids for known in shop.bank.customers] == [()]
        charge = {"orderId": await shop.order(customer_id), "idempotencyKey": new_key()}
        assert await shop.refused("orderCharge", charge) == ("PAYMENT_METHOD_MISSING", "paymentMethodId")
        named = {**charge, "paymentMethodId": method_id}
        assert await shop.refused("orderCharge", named) == ("PAYMENT_METHOD_NOT_USABLE", "paymentMethodId")
        unusable = await shop.refused("paymentMethodSetDefault", {"paymentMethodId": method_id})
        assert unusable == ("PAYMENT_METHOD_NOT_USABLE", "paymentMethodId")
        assert (await shop.refund(charge_id, 20_00)).startswith("ref_")

    async def test_a_card_that_a_payment_waits_for_cannot_be_removed(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        method_id = await shop.card(customer_id, CHALLENGED)
        await shop.charge(await shop.order(customer_id), returnUrl="https://shop.example/")

        refusal = await shop.refused("paymentMethodDetach", {"paymentMethodId": method_id})

        assert refusal == ("PAYMENT_METHOD_IN_USE", "paymentMethodId")

    async def test_a_card_is_removed_though_the_provider_cannot_be_reached(self, shop: Shop) -> None:
        """From then on it is never charged; that the provider forgets it too is a job that goes on."""
        customer_id = await shop.customer()
        method_id = await shop.card(customer_id)
        shop.misbehave("detach_payment_method#1=refuse")

        assert (await shop.do("paymentMethodDetach", {"paymentMethodId": method_id}, CARD))["state"] == "DETACHED"

        assert [known.payment_method_ids for known in shop.bank.customers] == [(method_id,)]
        assert "FORGET_PAYMENT_METHOD" in str((await shop.contents())["jobs"])
        charge = {"orderId": await shop.order(customer_id), "idempotencyKey": new_key(), "paymentMethodId": method_id}
        assert await shop.refused("orderCharge", charge) == ("PAYMENT_METHOD_NOT_USABLE", "paymentMethodId")


@pytest.mark.parametrize("mutation", ["paymentMethodDetach", "paymentMethodSetDefault"])
async def test_a_missing_card_cannot_be_changed(shop: Shop, mutation: str) -> None:
    assert await shop.refused(mutation, {"paymentMethodId": "pm_none"}) == ("NOT_FOUND", "paymentMethodId")


class TestClientSession:
    SESSION = "clientSession { secret publishableKey tokenizerUrl expiresAt } provider"

    async def test_a_card_is_taken_in_by_the_providers_own_form(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        payload = await shop.mutate("clientSessionCreate", {"customerId": customer_id}, self.SESSION)
        session = payload["clientSession"]
        card = {"number": "4000 0566 5566 5556", "expMonth": 12, "expYear": 2040, "cvc": "123"}
        answer = await shop.client.post(session["tokenizerUrl"], json=card)
        assert answer.status_code == 201

        stored = await shop.do(
            "paymentMethodAttach", {"customerId": customer_id, "token": answer.json()["token"]}, CARD
        )

        assert payload["provider"] == "fake"
        assert stored["card"] == {"brand": "VISA", "last4": "5556", "expiryMonth": 12, "expiryYear": 2040}
        assert "4000056655665556" not in json.dumps(await shop.contents(), default=str)

    async def test_a_customer_means_themselves(self, shop: Shop) -> None:
        await shop.customer(externalId="ada")
        payload = await shop.mutate("clientSessionCreate", {}, self.SESSION, as_=shop.person("ada"))
        assert payload["clientSession"]["secret"]

    async def test_a_server_says_whose_form_it_is(self, shop: Shop) -> None:
        for customer_id in (None, "cus_none"):
            refusal = await shop.refused("clientSessionCreate", {"customerId": customer_id})
            assert refusal == ("NOT_FOUND", "customerId")

    async def test_no_form_is_opened_while_the_provider_cannot_be_reached(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        shop.misbehave("ensure_customer#1=refuse; client_session#1=refuse")
        refusal = await shop.refused("clientSessionCreate", {"customerId": customer_id})
        assert refusal == ("PROVIDER_UNAVAILABLE", "")


async def test_a_customers_cards_are_filtered_by_state(shop: Shop) -> None:
    customer_id = await shop.customer()
    kept, gone = await shop.card(customer_id), await shop.card(customer_id)
    await shop.do("paymentMethodDetach", {"paymentMethodId": gone})

    async def found(arguments: str) -> list[str]:
        query = f"query($id: ID!) {{ customer(id: $id) {{ paymentMethods{arguments} {{ nodes {{ id }} }} }} }}"
        data = await shop.execute(query, {"id": customer_id})
        return [node["id"] for node in data["customer"]["paymentMethods"]["nodes"]]

    assert await found("") == [gone, kept]
    assert await found("(filter: { states: [ACTIVE] })") == [kept]
    assert await found("(filter: { states: [DETACHED, FAILED] })") == [gone]
    assert await found("(last: 1, sort: OLDEST)") == [gone]


async def test_a_card_of_another_customer_cannot_pay(shop: Shop) -> None:
    customer_id = await shop.customer()
    foreign = await shop.card(await shop.customer())
    charge = {"orderId": await shop.order(customer_id), "paymentMethodId": foreign, "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", charge) == ("NOT_FOUND", "paymentMethodId")


async def default_of(shop: Shop, customer_id: str) -> str | None:
    query = "query($id: ID!) { customer(id: $id) { defaultPaymentMethod { id } } }"
    method = (await shop.execute(query, {"id": customer_id}))["customer"]["defaultPaymentMethod"]
    return method["id"] if method else None
