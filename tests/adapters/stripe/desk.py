"""The adapter on the emulator, and somebody who asks it in few words."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from adapters.stripe import StripeProvider
from domain.clock import SystemClock
from tests.adapters.desk import AnyDesk

SECRET_KEY = "sk_test_emulator"
PUBLISHABLE_KEY = "pk_test_emulator"
WEBHOOK_SECRETS = ("whsec_new", "whsec_old")
RETURN_URL = "https://shop.example/thanks"
TIMEOUT_SECONDS = 20.0
"""Generous: a test that waits for it says so by a time-out of its own."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Desk(AnyDesk[StripeProvider]):
    VISA = "pm_card_visa"

    # --- the other side -----------------------------------------------------------------------------------------------

    async def authenticate(self, intent_ref: str, *, succeeded: bool = True) -> None:
        """What the customer does at the bank's page."""
        await self.control("authentications", {"intent": intent_ref, "succeeded": succeeded})

    async def api(self, path: str) -> Any:
        """An object as Stripe has it, for what the port does not show."""
        answer = await self.http.get(f"/v1/{path}", headers={"Authorization": f"Bearer {SECRET_KEY}"})
        return answer.json()


@asynccontextmanager
async def provider_at(address: str, **asked: Any) -> AsyncIterator[StripeProvider]:
    """The adapter, as a process of its own would have it."""
    given: dict[str, Any] = {
        "clock": SystemClock(),
        "webhook_secrets": WEBHOOK_SECRETS,
        "publishable_key": PUBLISHABLE_KEY,
        "timeout_seconds": TIMEOUT_SECONDS,
    }
    secret_key = asked.pop("secret_key", SECRET_KEY)
    provider = StripeProvider(secret_key, api_base=address, **(given | asked))
    try:
        yield provider
    finally:
        await provider.close()


@asynccontextmanager
async def open_desk(address: str) -> AsyncIterator[Desk]:
    async with (
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=TIMEOUT_SECONDS, verify=_NO_TLS) as http,
        provider_at(address) as provider,
    ):
        desk = Desk(address, provider, http)
        await desk.control("reset", {"seed": 0})
        desk.customer_ref = await desk.customer()
        yield desk
