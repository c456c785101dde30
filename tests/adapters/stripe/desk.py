"""The adapter on the emulator, and somebody who asks it in few words."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from adapters.stripe import StripeProvider
from domain.clock import SystemClock
from domain.money import Money
from domain.provider import (
    AttachRequest,
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    CustomerRequest,
    Initiator,
    LookUp,
    Outcome,
    PaymentMethodResult,
    RefundRequest,
    RefundResult,
    VoidRequest,
)

SECRET_KEY = "sk_test_emulator"
PUBLISHABLE_KEY = "pk_test_emulator"
WEBHOOK_SECRETS = ("whsec_new", "whsec_old")
RETURN_URL = "https://shop.example/thanks"
TIMEOUT_SECONDS = 20.0
"""Generous: a test that waits for it says so by a time-out of its own."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Desk:
    address: str
    provider: StripeProvider
    http: httpx.AsyncClient
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

    async def attach(
        self, token: str = "pm_card_visa", *, return_url: str | None = None, payment_method_id: str | None = None
    ) -> PaymentMethodResult:
        return await self.provider.attach_payment_method(
            AttachRequest(
                payment_method_id=payment_method_id or f"pm_{next(self.numbers)}",
                customer_ref=self.customer_ref,
                token=token,
                return_url=return_url,
            )
        )

    async def card(self, token: str = "pm_card_visa") -> str:
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
        return_url: str | None = None,
        capture: CaptureMode = CaptureMode.AUTOMATIC,
    ) -> ChargeRequest:
        number = next(self.numbers)
        return ChargeRequest(
            operation_id=operation_id or f"op_{number}",
            charge_id=f"ch_{number}",
            amount=amount or Money(10_00, "USD"),
            customer_ref=self.customer_ref,
            payment_method_ref=card,
            token=token or (None if card else "pm_card_visa"),
            store_card=store_card,
            initiator=initiator,
            return_url=return_url,
            capture=capture,
            metadata={"paydesk_order": "ord_1", "paydesk_charge": f"ch_{number}"},
        )

    async def charge(self, amount: Money | None = None, **asked: Any) -> ChargeResult:
        return await self.provider.charge(self.charge_request(amount, **asked))

    async def paid(self, amount: Money | None = None, **asked: Any) -> str:
        made = await self.charge(amount, **asked)
        assert made.outcome is Outcome.SUCCEEDED
        assert made.charge_ref is not None
        return made.charge_ref

    async def held(self, amount: Money | None = None, **asked: Any) -> str:
        made = await self.charge(amount, capture=CaptureMode.MANUAL, **asked)
        assert made.outcome is Outcome.AUTHORIZED
        assert made.charge_ref is not None
        return made.charge_ref

    async def capture(self, charge_ref: str, amount: Money, *, operation_id: str | None = None) -> ChargeResult:
        wanted = operation_id or f"op_{next(self.numbers)}"
        return await self.provider.capture(CaptureRequest(operation_id=wanted, charge_ref=charge_ref, amount=amount))

    async def void(self, charge_ref: str, *, operation_id: str | None = None) -> ChargeResult:
        wanted = operation_id or f"op_{next(self.numbers)}"
        return await self.provider.void(VoidRequest(operation_id=wanted, charge_ref=charge_ref))

    async def refund(
        self, charge_ref: str, amount: Money, *, operation_id: str | None = None, reason: str | None = None
    ) -> RefundResult:
        number = next(self.numbers)
        return await self.provider.refund(
            RefundRequest(
                operation_id=operation_id or f"op_{number}",
                refund_id=f"rf_{number}",
                charge_ref=charge_ref,
                amount=amount,
                reason=reason,
            )
        )

    def look_up(self, operation_id: str, *, charge_ref: str | None = None) -> LookUp:
        return LookUp(
            operation_id=operation_id,
            customer_ref=self.customer_ref,
            charge_ref=charge_ref,
            not_before=datetime.now(UTC) - timedelta(seconds=1),
            initiator=Initiator.CUSTOMER,
            amount=None,
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

    async def authenticate(self, intent_ref: str, *, succeeded: bool = True) -> None:
        """What the customer does at the bank's page."""
        await self.control("authentications", {"intent": intent_ref, "succeeded": succeeded})

    async def requests(self, call: str | None = None) -> list[dict[str, Any]]:
        """What was asked of Stripe, in order."""
        asked = (await self.control("requests"))["requests"]
        return [each for each in asked if call is None or each["call"] == call]

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
