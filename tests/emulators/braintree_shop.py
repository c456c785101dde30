"""A shop that drives the emulator with the official SDK over real HTTP."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import braintree
import httpx

from tests.emulators.braintree.credentials import API_VERSION, Keys

KEYS = Keys()
TIMEOUT_SECONDS = 5.0
VISA = "fake-valid-visa-nonce"


@dataclass(slots=True)
class Shop:
    address: str
    sdk: braintree.BraintreeGateway
    http: httpx.Client
    """Without the SDK: for what it would not send, with the right keys."""

    def sale(self, amount: str = "10.00", nonce: str | None = VISA, *, submit: bool = True, **more: Any) -> Any:
        """The SDK's result. The order is another each time, so that nothing is a duplicate by chance."""
        asked: dict[str, Any] = {
            "amount": amount,
            "order_id": f"order-{time.monotonic_ns()}",
            "options": {"submit_for_settlement": submit},
        }
        if nonce is not None:
            asked["payment_method_nonce"] = nonce
        return self.sdk.transaction.sale(asked | more)

    def sold(self, amount: str = "10.00", nonce: str | None = VISA, **more: Any) -> Any:
        """The transaction of a sale that succeeds."""
        result = self.sale(amount, nonce, **more)
        assert result.is_success, result.message
        return result.transaction

    def settled(self, amount: str = "10.00", **more: Any) -> Any:
        return self.sdk.testing.settle_transaction(self.sold(amount, **more).id).transaction

    def customer_with(self, nonce: str = VISA, *, token: str | None = None) -> tuple[str, str]:
        """A new customer and a payment method's token."""
        customer = self.sdk.customer.create({"email": "ada@example.com"}).customer
        asked = {"customer_id": customer.id, "payment_method_nonce": nonce} | ({"token": token} if token else {})
        return customer.id, self.sdk.payment_method.create(asked).payment_method.token

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What only a test may do; without a body, what only a test may see."""
        url = f"/_control/{path}"
        answer = self.http.get(url) if body is None else self.http.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def misbehave(self, *rules: dict[str, Any], seed: int = 0) -> None:
        self.control("faults", {"rules": list(rules), "seed": seed})

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})

    def nonce(self, source: str = VISA, **more: Any) -> str:
        """What the page's Drop-in gives: a nonce that can be used once."""
        made: str = self.control("nonces", {"source": source, **more})["nonce"]
        return made

    def post(self, path: str, xml: str, **headers: str) -> httpx.Response:
        """A POST as it is written."""
        return self.http.post(
            f"/merchants/{KEYS.merchant_id}/{path}", content=xml, headers={"Content-Type": "application/xml", **headers}
        )


def codes(result: Any) -> list[str]:
    """Of the validation errors of a result, however deep they are."""
    assert not result.is_success
    return [error.code for error in result.errors.deep_errors]


def until(holds: Callable[[], bool]) -> None:
    """Wait until it does."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "It did not come true."
        time.sleep(0.02)


@contextmanager
def open_shop(address: str, **setup: Any) -> Iterator[Shop]:
    """A shop at an emulator that is served there, whose account is new and set up like this."""
    split = urlsplit(address)
    environment = braintree.Environment(
        "emulator", split.hostname, str(split.port), "http://localhost", is_ssl=False, ssl_certificate=None
    )
    sdk = braintree.BraintreeGateway(
        braintree.Configuration(
            environment, KEYS.merchant_id, KEYS.public_key, KEYS.private_key, timeout=TIMEOUT_SECONDS
        )
    )
    with httpx.Client(
        base_url=address,
        auth=(KEYS.public_key, KEYS.private_key),
        headers={"X-ApiVersion": API_VERSION},
        trust_env=False,
        timeout=TIMEOUT_SECONDS,
    ) as http:
        shop = Shop(address, sdk, http)
        shop.control("webhooks", {"endpoints": []})
        shop.control("reset", {"seed": 0, **setup})
        try:
            yield shop
        finally:
            sdk.config.close()
