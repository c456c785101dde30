"""The adapter on the emulator, and somebody who asks it in few words."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import braintree
import httpx

from adapters.braintree import BraintreeProvider
from domain.clock import SystemClock
from domain.money import Money
from domain.provider import (
    AttachRequest,
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
    CustomerRequest,
    Initiator,
    LookUp,
    Outcome,
    PaymentMethodResult,
    RefundRequest,
    RefundResult,
    VoidRequest,
)
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
class Desk:
    address: str
    provider: BraintreeProvider
    http: httpx.AsyncClient
    gateway: braintree.BraintreeGateway
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    customer_ref: str = ""

    # --- asking -----------------------------------------------------------------------------------------------------

    async def customer(self, customer_id: str = "cus_1") -> str:
        made = await self.provider.ensure_customer(
            CustomerRequest(customer_id=customer_id, email="ann@example.org", name="Ann")
        )
        assert made.outcome is Outcome.SUCCEEDED
        assert made.customer_ref is not None
        return made.customer_ref

    async def attach(self, token: str = VISA, *, payment_method_id: str | None = None) -> PaymentMethodResult:
        return await self.provider.attach_payment_method(
            AttachRequest(
                payment_method_id=payment_method_id or f"pm_{next(self.numbers)}",
                customer_ref=self.customer_ref,
                token=token,
                return_url=None,
            )
        )

    async def card(self, token: str = VISA) -> str:
        stored = await self.attach(token)
        assert stored.outcome is Outcome.SUCCEEDED
        assert stored.payment_method_ref is not None
        return stored.payment_method_ref

    def charge_request(
        self,
        amount: Money | None = None,
        *,
        card: str | None = None,
        token: str | None = None,
        store_card: bool = False,
        operation_id: str | None = None,
        initiator: Initiator = Initiator.CUSTOMER,
        capture: CaptureMode = CaptureMode.AUTOMATIC,
        is_keyed: bool = True,
    ) -> ChargeRequest:
        number = next(self.numbers)
        return ChargeRequest(
            operation_id=operation_id or f"op_{number}",
            charge_id=f"ch_{number}",
            amount=amount or Money(10_00, "USD"),
            customer_ref=self.customer_ref,
            payment_method_ref=card,
            token=token or (None if card else VISA),
            store_card=store_card,
            initiator=initiator,
            return_url=None,
            capture=capture,
            metadata={"paydesk_order": "ord_1", "paydesk_charge": f"ch_{number}"},
            is_keyed=is_keyed,
        )

    async def charge(self, amount: Money | None = None, **asked: Any) -> ChargeResult:
        return await self.provider.charge(self.charge_request(amount, **asked))

    async def paid(self, amount: Money | None = None, **asked: Any) -> str:
        made = await self.charge(amount, **asked)
        assert made.outcome is Outcome.SUCCEEDED, made
        assert made.charge_ref is not None
        return made.charge_ref

    async def settled(self, amount: Money | None = None, **asked: Any) -> str:
        charge_ref = await self.paid(amount, **asked)
        await self.advance(days=2)
        return charge_ref

    async def held(self, amount: Money | None = None, **asked: Any) -> str:
        made = await self.charge(amount, capture=CaptureMode.MANUAL, **asked)
        assert made.outcome is Outcome.AUTHORIZED, made
        assert made.charge_ref is not None
        return made.charge_ref

    async def capture(
        self, charge_ref: str, amount: Money, *, operation_id: str | None = None, is_keyed: bool = True
    ) -> ChargeResult:
        wanted = operation_id or f"op_{next(self.numbers)}"
        return await self.provider.capture(
            CaptureRequest(operation_id=wanted, charge_ref=charge_ref, amount=amount, is_keyed=is_keyed)
        )

    async def void(self, charge_ref: str, *, operation_id: str | None = None, is_keyed: bool = True) -> ChargeResult:
        wanted = operation_id or f"op_{next(self.numbers)}"
        return await self.provider.void(VoidRequest(operation_id=wanted, charge_ref=charge_ref, is_keyed=is_keyed))

    async def refund(
        self, charge_ref: str, amount: Money, *, operation_id: str | None = None, is_keyed: bool = True
    ) -> RefundResult:
        number = next(self.numbers)
        return await self.provider.refund(
            RefundRequest(
                operation_id=operation_id or f"op_{number}",
                refund_id=f"rf_{number}",
                charge_ref=charge_ref,
                amount=amount,
                reason=None,
                is_keyed=is_keyed,
            )
        )

    async def proceed(
        self, charge: ChargeRequest, token: str | None, *, operation_id: str | None = None, is_keyed: bool = True
    ) -> ChargeResult:
        """What the gateway asks for after the customer acted."""
        wanted = operation_id or f"op_{next(self.numbers)}"
        return await self.provider.continue_charge(
            ContinueRequest(operation_id=wanted, charge_ref=None, token=token, charge=charge, is_keyed=is_keyed)
        )

    def look_up(
        self,
        operation_id: str,
        *,
        charge_ref: str | None = None,
        initiator: Initiator = Initiator.CUSTOMER,
        amount: Money | None = None,
        not_before: datetime | None = None,
    ) -> LookUp:
        return LookUp(
            operation_id=operation_id,
            customer_ref=self.customer_ref,
            charge_ref=charge_ref,
            not_before=not_before or datetime.now(UTC) - timedelta(seconds=1),
            initiator=initiator,
            amount=amount,
        )

    # --- the other side -----------------------------------------------------------------------------------------------

    async def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What only a test may do; without a body, what only a test may see."""
        url = f"/_control/{path}"
        answer = await (self.http.get(url) if body is None else self.http.post(url, json=body))
        assert answer.is_success, answer.text
        return answer.json()

    async def misbehave(self, *rules: dict[str, Any]) -> None:
        await self.control("faults", {"rules": list(rules), "seed": 0})

    async def advance(self, **by: float) -> None:
        await self.control("clock", {"advance_seconds": timedelta(**by).total_seconds()})

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

    async def requests(self, *calls: str) -> list[dict[str, Any]]:
        """What was asked of Braintree, in order."""
        asked = (await self.control("requests"))["requests"]
        return [each for each in asked if not calls or each["call"] in calls]

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
        desk = Desk(address, provider, http, _gateway(address))
        await desk.set_up()
        yield desk
