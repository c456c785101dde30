"""A shop that drives the emulator with the official SDK over real HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import stripe
from stripe.params import PaymentIntentCreateParams

from tests.emulators.stripe.account import API_VERSION
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.server import Emulator

KEYS = Keys()
RETURN_URL = "https://shop.example/thanks?order=1"
TIMEOUT_SECONDS = 5.0
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

# Its figures would travel with every request, and are none of these tests' business.
stripe.enable_telemetry = False


@dataclass(slots=True)
class Shop:
    address: str
    emulator: Emulator
    sdk: stripe.StripeClient
    http: httpx.AsyncClient
    """Without the SDK: for what it would not send, with the secret key and the pinned version."""

    async def pay(
        self,
        card: str = "pm_card_visa",
        amount: int = 10_00,
        currency: str = "usd",
        *,
        key: str | None = None,
        **more: Any,
    ) -> stripe.PaymentIntent:
        """A PaymentIntent, created and confirmed, and booked at once: nothing happens to it a moment later."""
        asked: dict[str, Any] = {
            "amount": amount,
            "currency": currency,
            "payment_method": card,
            "confirm": True,
            "return_url": RETURN_URL,
            "capture_method": "automatic",
        }
        params: PaymentIntentCreateParams = asked | more  # type: ignore[assignment]  # what a test asks for
        return await self.sdk.v1.payment_intents.create_async(params, {"idempotency_key": key} if key else {})

    async def authorize(self, amount: int = 10_00, **more: Any) -> stripe.PaymentIntent:
        return await self.pay(amount=amount, capture_method="manual", **more)

    async def customer_with(self, card: str = "pm_card_visa") -> tuple[str, str]:
        """A new customer and an attached payment method."""
        customer = await self.sdk.v1.customers.create_async({"email": "ada@example.com"})
        method = await self.sdk.v1.payment_methods.attach_async(card, {"customer": customer.id})
        return customer.id, method.id

    async def intent(self, id: str) -> stripe.PaymentIntent:
        return await self.sdk.v1.payment_intents.retrieve_async(id, {"expand": ["latest_charge"]})

    async def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """A POST as it is written, with further headers (`idempotency_key="k"`)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/v1/{path}", data=form, headers=named)

    async def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What only a test may do; without a body, what only a test may see."""
        url = f"/_control/{path}"
        answer = await (self.http.get(url) if body is None else self.http.post(url, json=body))
        assert answer.is_success, answer.text
        return answer.json()

    async def misbehave(self, *rules: dict[str, Any], seed: int = 0) -> None:
        await self.control("faults", {"rules": list(rules), "seed": seed})

    async def advance(self, seconds: float) -> None:
        await self.control("clock", {"advance_seconds": seconds})

    async def authenticate(self, intent: Any, *, succeeded: bool = True) -> None:
        """What the customer does at the bank's page."""
        await self.control("authentications", {"intent": intent.id, "succeeded": succeeded})

    async def until_delivered(self) -> None:
        """Wait until no webhook waits any more."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await self.control("webhooks"))["waiting"]:
                await asyncio.sleep(0.02)

    async def event_types(self) -> list[str]:
        """Of everything that happened, in order."""
        events = await self.sdk.v1.events.list_async({"limit": 100})
        return [event.type for event in reversed(events.data)]


@asynccontextmanager
async def open_shop(address: str, emulator: Emulator) -> AsyncIterator[Shop]:
    """A shop at an emulator that is served there, whose account is new."""
    headers = {"Authorization": f"Bearer {KEYS.secret}", "Stripe-Version": API_VERSION}
    # There is no TLS on loopback, and reading every authority's certificate takes longer than a test.
    transport = stripe.HTTPXClient(timeout=TIMEOUT_SECONDS, verify_ssl_certs=False)
    sdk = stripe.StripeClient(KEYS.secret, base_addresses={"api": address}, http_client=transport)
    async with httpx.AsyncClient(
        base_url=address, headers=headers, trust_env=False, timeout=TIMEOUT_SECONDS, verify=_NO_TLS
    ) as http:
        shop = Shop(address, emulator, sdk, http)
        await shop.control("reset", {"seed": 0})
        try:
            yield shop
        finally:
            await transport.close_async()  # type: ignore[no-untyped-call]  # the SDK has no type hint of it
