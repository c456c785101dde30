"""The adapter on the emulator, and somebody who asks it in few words."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import braintree
import httpx

from adapters.braintree import BraintreeProvider
from domain.clock import SystemClock
from domain.money import Money
from domain.provider import (
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
)
from tests.adapters.desk import AnyDesk
from tests.emulators.braintree.credentials import Keys

KEYS = Keys()
VISA = "fake-valid-visa-nonce"
MERCHANT_ACCOUNTS = {
    "USD": "usd_account",
    "EUR": "eur_account",
    "GBP": "gbp_account",
    "JPY": "jpy_account",
    "KWD": "kwd_account",
}
TIMEOUT_SECONDS = 20.0
"""Generous: a test that waits for it says so by a time-out of its own."""
LAG = timedelta(seconds=60)
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Desk(AnyDesk[BraintreeProvider]):
    VISA = VISA

    gateway: braintree.BraintreeGateway = field(kw_only=True)

    # --- asking -----------------------------------------------------------------------------------------------------

    async def settled(self, amount: Money | None = None, **asked: Any) -> str:
        charge_ref = await self.paid(amount, **asked)
        await self.advance(days=2)
        return charge_ref

    async def proceed(
        self, charge: ChargeRequest, token: str | None, *, operation_id: str | None = None, is_keyed: bool = True
    ) -> ChargeResult:
        """What the gateway asks for after the customer acted."""
        wanted = operation_id or f"op_{next(self.numbers)}"
        return await self.provider.continue_charge(
            ContinueRequest(operation_id=wanted, charge_ref=None, token=token, charge=charge, is_keyed=is_keyed)
        )

    # --- the other side -----------------------------------------------------------------------------------------------

    async def set_up(self, **options: Any) -> None:
        """An account that is new, and set up like this."""
        await self.control("reset", {"seed": 0, **options})
        self.customer_ref = await self.customer()

    async def nonce(self, source: str = VISA, **more: Any) -> str:
        """What the page's Drop-in gives: a nonce that can be used once."""
        made: str = (await self.control("nonces", {"source": source, **more}))["nonce"]
        return made

    async def asks(self, card: str, *, when: str = "always") -> None:
        """The issuer of this card wants its customers to authenticate."""
        await self.control("issuers", {"card": card, "asks": when})

    async def sales(self) -> list[dict[str, Any]]:
        """What was really held or taken, whoever knows of it."""
        found: list[dict[str, Any]] = (await self.control("truth"))["sales"]
        return [each for each in found if each["authorized"] != "0.00"]

    async def refunds(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.control("truth"))["refunds"]
        return found

    async def sdk(self, ask: Callable[[braintree.BraintreeGateway], Any]) -> Any:
        """What somebody else does with the same account: at the Control Panel, or as a test of the sandbox."""
        return await asyncio.to_thread(ask, self.gateway)


@asynccontextmanager
async def provider_at(address: str, **asked: Any) -> AsyncIterator[BraintreeProvider]:
    """The adapter, as a process of its own would have it."""
    given: dict[str, Any] = {
        "merchant_id": KEYS.merchant_id,
        "public_key": KEYS.public_key,
        "private_key": KEYS.private_key,
        "livemode": False,
        "merchant_accounts": MERCHANT_ACCOUNTS,
        "clock": SystemClock(),
        "look_up_lag_seconds": LAG.total_seconds(),
        "timeout_seconds": TIMEOUT_SECONDS,
    }
    provider = BraintreeProvider(api_base=address, **(given | asked))
    try:
        yield provider
    finally:
        await provider.close()


def _gateway(address: str) -> braintree.BraintreeGateway:
    """The SDK as it comes."""
    split = urlsplit(address)
    environment = braintree.Environment("emulator", split.hostname, str(split.port), "", False, None)
    return braintree.BraintreeGateway(
        braintree.Configuration(environment, KEYS.merchant_id, KEYS.public_key, KEYS.private_key)
    )


@asynccontextmanager
async def open_desk(address: str) -> AsyncIterator[Desk]:
    async with (
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=TIMEOUT_SECONDS, verify=_NO_TLS) as http,
        provider_at(address) as provider,
    ):
        desk = Desk(address, provider, http, gateway=_gateway(address))
        await desk.set_up()
        yield desk
