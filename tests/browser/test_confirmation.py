"""3D Secure in a real browser: the customer confirms, or refuses, and comes back to the shop."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "artifacts"


@pytest.mark.parametrize(
    ("button", "told", "state", "payment_state"),
    [("Confirm", "succeeded", "SUCCEEDED", "PAID"), ("Refuse", "failed", "DECLINED", "UNPAID")],
)
def test_a_customer_answers_and_comes_back(
    chromium: Browser, gateway: str, button: str, told: str, state: str, payment_state: str
) -> None:
    shop_page = f"{gateway}/healthz"  # stands for the page of a shop: it only has to be there
    shop = Shop(gateway)
    charge = shop.charge_that_waits(return_url=shop_page)
    page = chromium.new_page(viewport={"width": 420, "height": 640})

    page.goto(charge["nextAction"]["url"])
    expect(page.get_by_text("$20.00").or_(page.get_by_text("20.00 USD"))).to_be_visible()
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "confirmation.png")
    page.get_by_role("button", name=button).click()
    page.wait_for_url(f"{shop_page}?*")

    query = parse_qs(urlsplit(page.url).query)
    assert (query["redirect_status"], query["charge"]) == ([told], [charge["id"]])
    done = shop.do("chargeContinue", "charge { state } order { paymentState }", chargeId=charge["id"], **key(button))
    assert (done["charge"]["state"], done["order"]["paymentState"]) == (state, payment_state)
    page.close()


class Shop:
    """A backend of a shop, with the token that the development gateway gives to whoever opens its page."""

    def __init__(self, address: str) -> None:
        page = httpx.get(f"{address}/graphql", headers={"Accept": "text/html"}, trust_env=False).text
        token = page.partition('"token": "')[2].partition('"')[0]
        assert token, "the page of a development gateway holds a token"
        self._address = f"{address}/graphql"
        self._headers = {"Authorization": f"Bearer {token}"}

    def charge_that_waits(self, *, return_url: str) -> dict[str, Any]:
        made = self.do(
            "customerCreateWithPaymentMethod", "customer { id }", name="Hedy Lamarr", token="tok_threeDSecureRequired"
        )
        order = self.do(
            "orderCreate",
            "order { id }",
            customerId=made["customer"]["id"],
            lines=[{"name": "Two hours", "unitAmount": {"minorUnits": 20_00, "currency": "USD"}}],
        )
        wanted = "charge { id state nextAction { ... on RedirectAction { url } } }"
        order_id = order["order"]["id"]
        charged = self.do("orderCharge", wanted, orderId=order_id, returnUrl=return_url, **key(order_id))
        assert charged["charge"]["state"] == "REQUIRES_ACTION"
        charge: dict[str, Any] = charged["charge"]
        return charge

    def do(self, mutation: str, wanted: str, **fields: Any) -> dict[str, Any]:
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {wanted} userErrors {{ message }} }} }}"
        body = {"query": document, "variables": {"input": fields}}
        answer = httpx.post(self._address, json=body, headers=self._headers, trust_env=False).json()
        assert "errors" not in answer, answer
        payload: dict[str, Any] = answer["data"][mutation]
        assert payload["userErrors"] == []
        return payload


def key(name: str) -> dict[str, str]:
    return {"idempotencyKey": f"browser-{name}"}
