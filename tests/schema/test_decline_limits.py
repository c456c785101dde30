"""Limits on declined payments, as clients meet them: whose address counts, and what they are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from persistence.sql import Dialect
from schema.inputs import values_of
from schema.payment_methods import PaymentMethodAttachInput
from server import application
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import DECLINED, Json, Shop, new_key, open_shop, settings_for

HERE, ELSEWHERE = "8.8.8.8", "2a00:1450:4001:82b::1"
NEXT_DOOR = "2a00:1450:4001:82b:ffff::2"
"""As ELSEWHERE for all that can be told: one customer of a network has so many addresses."""


@asynccontextmanager
async def asking_from(shop: Shop, address: str) -> AsyncIterator[Shop]:
    """The same gateway over a connection from there."""
    transport = httpx.ASGITransport(application(shop.running), client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        yield Shop(shop.running, client)


async def pay(shop: Shop, order_id: str, *, as_: str, **input: Any) -> Json:
    sent = {"orderId": order_id, "idempotencyKey": new_key(), **input}
    return await shop.mutate(
        "orderCharge", sent, "charge { state } userErrors { code path retryAfterSeconds }", as_=as_
    )


async def test_a_card_that_is_declined_too_often_is_refused_with_a_time(shop: Shop) -> None:
    buyer = await shop.buyer(DECLINED, externalId="ada")
    order_id = await shop.order(buyer)
    for _ in range(10):
        assert (await pay(shop, order_id, as_=shop.person("ada")))["charge"]["state"] == "DECLINED"

    sent = {"orderId": order_id, "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", sent) == ("TOO_MANY_DECLINES", "paymentMethodId")
    (error,) = (await pay(shop, order_id, as_=shop.person("ada")))["userErrors"]
    assert 86_000 < error["retryAfterSeconds"] <= 86_400


async def test_cards_that_cannot_be_stored_are_refused_in_the_end(shop: Shop) -> None:
    customer = await shop.customer()
    for _ in range(10):
        await shop.card(customer, "tok_none")
    sent = {"customerId": customer, "token": "tok_visa"}
    assert await shop.refused("paymentMethodAttach", sent) == ("TOO_MANY_DECLINES", "")


async def test_a_customer_is_counted_where_their_connection_comes_from(shop: Shop) -> None:
    """Many customers at one address, each of them within the limits."""

    async def decline(number: int, *, times: int) -> Json:
        order_id = await shop.order(await shop.buyer(DECLINED, externalId=f"c{number}"))
        async with asking_from(shop, ELSEWHERE if number % 2 else NEXT_DOOR) as there:
            answers = [await pay(there, order_id, as_=shop.person(f"c{number}")) for _ in range(times)]
        return answers[-1]

    for number in range(5):
        assert (await decline(number, times=6))["charge"]["state"] == "DECLINED"
    (error,) = (await decline(5, times=1))["userErrors"]
    assert (error["code"], error["path"]) == ("TOO_MANY_DECLINES", [])
    assert 3_000 < error["retryAfterSeconds"] <= 3_600

    last = await shop.order(await shop.buyer(DECLINED, externalId="last"))
    async with asking_from(shop, HERE) as elsewhere:
        assert (await pay(elsewhere, last, as_=shop.person("last")))["charge"]["state"] == "DECLINED"


async def test_a_backend_says_where_its_customer_is(shop: Shop) -> None:
    orders = [await shop.order(await shop.buyer(DECLINED)) for _ in range(4)]
    for number in range(30):
        await pay(shop, orders[number % 3], as_="Bearer " + "a" * 40, clientAddress=HERE)
    sent = {"orderId": orders[3], "idempotencyKey": new_key(), "clientAddress": HERE}
    assert await shop.refused("orderCharge", sent) == ("TOO_MANY_DECLINES", "")
    assert await shop.refused("customerCreateWithPaymentMethod", {"token": "tok_visa", "clientAddress": HERE}) == (
        "TOO_MANY_DECLINES",
        "",
    )
    assert (await shop.charge(orders[3], clientAddress="10.0.0.7"))["state"] == "DECLINED"


async def test_too_much_at_once_is_refused_for_a_moment(tmp_path: Path, new_database_url: NewDatabaseUrl) -> None:
    limits = {"declines_of_customer": 1, "declines_of_address": 1, "refused_cards_of_customer": 1}
    async with open_shop(settings_for(tmp_path, new_database_url(Dialect.SQLITE), **limits)) as shop:
        ada = await shop.buyer()
        orders = [await shop.order(ada) for _ in range(2)]
        shop.misbehave("charge#1=lose_answer; attach_payment_method#*=lose_answer")
        assert (await shop.charge(orders[0]))["state"] == "UNKNOWN"
        sent = {"orderId": orders[1], "idempotencyKey": new_key()}
        assert await shop.refused("orderCharge", sent) == ("TOO_MANY_AT_ONCE", "")

        await shop.card(ada)
        card = {"customerId": ada, "token": "tok_visa"}
        assert await shop.refused("paymentMethodAttach", card) == ("TOO_MANY_AT_ONCE", "")

        customer = {"token": "tok_visa", "clientAddress": HERE}
        await shop.mutate("customerCreateWithPaymentMethod", customer, "paymentMethod { state }")
        refused = await shop.refused("customerCreateWithPaymentMethod", customer)
        assert refused == ("TOO_MANY_AT_ONCE", "")


async def test_an_address_has_to_be_one_and_a_customer_has_none_to_give(shop: Shop) -> None:
    ada = await shop.buyer(externalId="ada")
    for mutation, sent in {
        "orderCharge": {"orderId": await shop.order(ada), "idempotencyKey": new_key()},
        "paymentMethodAttach": {"token": "tok_visa", "customerId": ada},
    }.items():
        assert await shop.refused(mutation, {**sent, "clientAddress": "shop.example"}) == (
            "INVALID_INPUT",
            "clientAddress",
        )
        refused = await shop.refused(mutation, {**sent, "clientAddress": HERE}, as_=shop.person("ada"))
        assert refused == ("PERMISSION_DENIED", "clientAddress")


async def test_a_retry_from_another_network_is_the_same_request(shop: Shop) -> None:
    order_id, key = await shop.order(await shop.buyer()), new_key()
    first = await shop.charge(order_id, idempotencyKey=key, clientAddress=HERE)
    assert await shop.charge(order_id, idempotencyKey=key, clientAddress=ELSEWHERE) == first
    sent = PaymentMethodAttachInput(token="tok_visa", client_address=HERE, idempotency_key=key)
    assert values_of(sent) == {"token": "tok_visa", "make_default": False}
