import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from adapters.fake import Bank, fake_routes
from domain.provider import Card, CardBrand, Outcome
from tests.adapters.fake.helpers import Shop

REAL_LOOKING = "4539578763621486"


@pytest.fixture
async def browser(bank: Bank) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=fake_routes(bank)))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.test") as client:
        yield client


def card(**other: Any) -> dict[str, Any]:
    return {"number": "4242 4242 4242 4242", "expMonth": 11, "expYear": 2026, "cvc": "123"} | other


def is_kept(text: str, folder: Path) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.iterdir())


async def test_a_test_card_becomes_a_token_that_is_good_for_one_method(
    quick_shop: Shop, browser: httpx.AsyncClient
) -> None:
    answer = await browser.post("/fake/tokens", json=card())

    assert answer.status_code == 201
    assert (answer.json()["brand"], answer.json()["last4"]) == ("VISA", "4242")
    token = answer.json()["token"]
    attached = await quick_shop.attach(token, payment_method_id="pm_1")
    assert attached.card == Card(CardBrand.VISA, "4242", 11, 2026)
    assert await quick_shop.attach(token, payment_method_id="pm_1") == attached
    other = await quick_shop.attach(token, payment_method_id="pm_2")
    assert other.outcome is Outcome.FAILED
    assert other.refusal is not None
    assert other.refusal.provider_code == "token_used"


async def test_a_minted_token_behaves_as_its_card(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/fake/tokens", json=card(number="4000000000009995", expYear="30", expMonth="4"))

    charge = await quick_shop.charge(answer.json()["token"])

    assert charge.refusal is not None
    assert charge.refusal.provider_code == "insufficient_funds"


async def test_an_unlisted_number_is_neither_kept_nor_logged_nor_repeated(
    bank: Bank, browser: httpx.AsyncClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = await browser.post("/fake/tokens", json=card(number=REAL_LOOKING))

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "number_not_listed"
    assert REAL_LOOKING not in answer.text + caplog.text
    bank.close()
    assert not is_kept(REAL_LOOKING, tmp_path)


async def test_a_listed_number_is_not_kept_either(bank: Bank, browser: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await browser.post("/fake/tokens", json=card())).status_code == 201

    bank.close()
    assert not is_kept("4242424242424242", tmp_path)
    assert is_kept("visa", tmp_path)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"expMonth": 10}, "card_expired"),
        ({"expYear": 2025}, "card_expired"),
        ({"expMonth": 13}, "expiry_invalid"),
        ({"expMonth": True}, "expiry_invalid"),
        ({"expYear": 9.5}, "expiry_invalid"),
        ({"expYear": 10**30}, "expiry_invalid"),
        ({"cvc": 123}, "cvc_invalid"),
        ({"cvc": "12"}, "cvc_invalid"),
        ({"cvc": "١٢٣"}, "cvc_invalid"),
        ({"number": 4242424242424242}, "number_not_listed"),
        ({"number": None}, "number_not_listed"),
    ],
)
async def test_a_card_that_cannot_be_is_told_why(browser: httpx.AsyncClient, other: dict[str, Any], code: str) -> None:
    answer = await browser.post("/fake/tokens", content=json.dumps(card(**other)))

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b"[" * 2000, b'{"number": NaN}'])
async def test_nonsense_is_refused_in_words(browser: httpx.AsyncClient, body: bytes) -> None:
    answer = await browser.post("/fake/tokens", content=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "body_invalid")


async def test_a_card_has_an_end(browser: httpx.AsyncClient) -> None:
    assert (await browser.post("/fake/tokens", content=b" " * 10_000)).status_code == 413


async def test_a_page_of_any_origin_may_ask(browser: httpx.AsyncClient) -> None:
    asked = await browser.options(
        "/fake/tokens", headers={"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
    )
    answered = await browser.post("/fake/tokens", json=card(), headers={"Origin": "http://localhost:5173"})

    assert asked.status_code == 204
    assert asked.headers["access-control-allow-headers"] == "Content-Type"
    assert answered.headers["access-control-allow-origin"] == "*"
