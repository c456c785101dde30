"""The webhook receiver with Braintree behind it: its challenge, 400, 200 after the commit, and what is then done."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette

from adapters.http import webhook_routes
from adapters.settings import PLAIN, Settings
from server import Gateway, gateway
from tests.adapters.braintree.books import Books
from tests.adapters.braintree.deliveries import delivery, notification, transaction
from tests.adapters.braintree.desk import KEYS, MERCHANT_ACCOUNTS

SETTLED = notification("transaction_settled", transaction(id="4dyrjrgn", type="sale", order_id="op_1"))


@pytest.fixture
async def running(books: Books, database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    given_settings = Settings.model_validate(
        {
            "environment": "sandbox",
            "provider": "braintree",
            "database_url": database_url,
            "braintree": {
                PLAIN: {
                    "merchant_id": KEYS.merchant_id,
                    "public_key": KEYS.public_key,
                    "private_key": KEYS.private_key,
                    "merchant_accounts": ",".join(f"{name}:{id}" for name, id in MERCHANT_ACCOUNTS.items()),
                    "base_url": books.shop.address,
                }
            },
        }
    )
    async with gateway(given_settings) as opened:
        yield opened


@pytest.fixture
async def client(running: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[*webhook_routes(running.webhooks)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as opened:
        yield opened


async def deliver(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post("/webhooks/braintree", content=body, headers=form)


def signed(document: str) -> bytes:
    return delivery(document, public_key=KEYS.public_key, private_key=KEYS.private_key)


async def test_an_end_point_is_registered_by_its_answer_to_a_challenge(books: Books, client: httpx.AsyncClient) -> None:
    asked = "20f9f8ed05f77439fe955c977e4c8a53"
    answer = await client.get("/webhooks/braintree", params={"bt_challenge": asked})
    assert (answer.status_code, answer.text) == (200, books.shop.sdk.webhook_notification.verify(asked))
    assert (await client.get("/webhooks/braintree", params={"bt_challenge": "sign this"})).status_code == 400


async def test_a_good_delivery_is_stored_before_it_is_answered_and_once(
    client: httpx.AsyncClient, running: Gateway
) -> None:
    answers = [await deliver(client, signed(SETTLED)) for _ in range(2)]
    assert [(each.status_code, each.json()["repeated"]) for each in answers] == [(200, False), (200, True)]
    assert await running.worker.run_due() == 1, "its job was stored with it"


async def test_what_the_account_tells_of_itself_is_stored(
    books: Books, client: httpx.AsyncClient, running: Gateway
) -> None:
    books.shop.control("webhooks", {"endpoints": [{"url": None}]})
    books.disputed()
    for kept in books.shop.control("collected", {})["deliveries"]:
        body = urlencode({name: kept[name] for name in ("bt_signature", "bt_payload")}).encode()
        assert (await deliver(client, body)).json() == {"received": True, "repeated": False}
    assert await running.worker.run_due() == 1


async def test_what_braintree_did_not_sign_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, running: Gateway
) -> None:
    forged = delivery(SETTLED, public_key=KEYS.public_key, private_key="nobodys")
    for body in (b"", b"{}", forged, signed("no notification"), signed(notification("check", ""))):
        answer = await deliver(client, body)
        assert (answer.status_code, answer.json()) == (400, {"error": "not accepted"})
    assert await running.worker.run_due() == 0


async def test_what_could_not_be_stored_has_to_come_again(client: httpx.AsyncClient, running: Gateway) -> None:
    await running.database.close()
    answer = await deliver(client, signed(SETTLED))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
