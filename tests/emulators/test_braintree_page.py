"""What a page does with its client token: the client API, without the merchant's keys."""

import base64
import json
from typing import Any

import httpx
import pytest

from tests.emulators.braintree_shop import Shop, codes

_CARD = {"number": "4111111111111111", "expirationMonth": "11", "expirationYear": "2030", "cvv": "200"}


class _Page:
    def __init__(self, bt: Shop, **asked: Any) -> None:
        told = json.loads(base64.b64decode(bt.sdk.client_token.generate(asked)))
        self.fingerprint, self.url = told["authorizationFingerprint"], told["clientApiUrl"]

    def adds(self, **card: Any) -> httpx.Response:
        body = {"creditCard": _CARD | card, "authorizationFingerprint": self.fingerprint}
        return httpx.post(f"{self.url}/v1/payment_methods/credit_cards", json=body, trust_env=False)

    def nonce(self, **card: Any) -> str:
        nonce: str = self.adds(**card).json()["creditCards"][0]["nonce"]
        return nonce

    def gets(self, path: str) -> httpx.Response:
        query = {"authorizationFingerprint": self.fingerprint}
        return httpx.get(f"{self.url}/v1/{path}", params=query, trust_env=False)


def test_a_page_makes_a_nonce_that_pays_once(bt: Shop) -> None:
    nonce = _Page(bt).nonce(billingAddress={"postalCode": "20000"})

    sold = bt.sold(nonce=nonce)

    assert (sold.credit_card_details.last_4, sold.cvv_response_code) == ("1111", "N")
    assert sold.avs_postal_code_response_code == "N"
    assert codes(bt.sale(nonce=nonce)) == ["91564"]


def test_a_card_that_is_added_for_a_customer_is_in_the_vault_unless_it_is_not_to_be_validated(bt: Shop) -> None:
    customer = bt.sdk.customer.create().customer
    page = _Page(bt, customer_id=customer.id)

    kept, loose = page.adds(), page.adds(options={"validate": False})

    assert (kept.status_code, loose.status_code) == (201, 202)
    assert len(bt.sdk.customer.find(customer.id).credit_cards) == 1
    found = bt.sdk.credit_card.from_nonce(kept.json()["creditCards"][0]["nonce"])
    assert found.customer_id == customer.id
    methods = page.gets("payment_methods.json").json()["paymentMethods"]
    assert [method["details"]["lastFour"] for method in methods] == ["1111"]
    assert bt.sold(nonce=methods[0]["nonce"]).credit_card_details.token == found.token


def test_the_token_says_what_is_done_with_its_cards(bt: Shop) -> None:
    customer = bt.sdk.customer.create().customer
    verifying = _Page(bt, customer_id=customer.id, options={"verify_card": True, "make_default": True})

    declined = verifying.adds(number="4000111111111115")
    verifying.adds()
    verifying.adds(number="4005519200000004")

    assert declined.status_code == 422
    cards = {card.last_4: card.default for card in bt.sdk.customer.find(customer.id).credit_cards}
    assert cards == {"1111": False, "0004": True}


def test_a_page_is_told_what_is_wrong_where(bt: Shop) -> None:
    refused = _Page(bt).adds(number="4111111111111112", expirationMonth="13")

    assert refused.status_code == 422
    card = refused.json()["fieldErrors"][0]
    assert card["field"] == "credit_card"
    assert {each["code"] for each in card["fieldErrors"]} == {"81715", "81712"}


@pytest.mark.parametrize("days", [0, 2])
def test_a_fingerprint_is_needed_and_does_not_last(bt: Shop, days: int) -> None:
    page = _Page(bt)
    if days:
        bt.advance(days * 24 * 3600)
    else:
        page.fingerprint = "nobodys"

    assert page.adds().status_code == 401
    assert page.gets("configuration").status_code == 401


def test_a_page_of_any_origin_learns_where_it_is(bt: Shop) -> None:
    page = _Page(bt, merchant_account_id="eur_account")

    told = page.gets("configuration")
    asked_before = httpx.options(f"{page.url}/v1/payment_methods/credit_cards", trust_env=False)

    assert told.json()["merchantAccountId"] == "eur_account"
    assert told.json()["clientApiUrl"] == page.url == f"{bt.address}/merchants/emulated_merchant/client_api"
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert asked_before.headers["Access-Control-Allow-Headers"] == "Content-Type"
