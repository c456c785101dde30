"""An adapter on an emulator, and somebody who asks it in few words: what is the same at every provider."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar, Generic, TypeVar

import httpx

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
    PaymentProvider,
    RefundRequest,
    RefundResult,
    VoidRequest,
)

Provider = TypeVar("Provider", bound=PaymentProvider)


@dataclass
class AnyDesk(Generic[Provider]):
    VISA: ClassVar[str]
    """A token of the provider's card form, for a card that pays."""

    address: str
    provider: Provider
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
        self, token: str | None = None, *, return_url: str | None = None, payment_method_id: str | None = None
    ) -> PaymentMethodResult:
        return await self.provider.attach_payment_method(
            AttachRequest(
                payment_method_id=payment_method_id or f"pm_{next(self.numbers)}",
                customer_ref=self.customer_ref,
                token=token or self.VISA,
                return_url=return_url,
            )
        )

    async def card(self, token: str | None = None) -> str:
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
        is_keyed: bool = True,
    ) -> ChargeRequest:
        number = next(self.numbers)
        return ChargeRequest(
            operation_id=operation_id or f"op_{number}",
            charge_id=f"ch_{number}",
            amount=amount or Money(10_00, "USD"),
            customer_ref=self.customer_ref,
            payment_method_ref=card,
            token=token or (None if card else self.VISA),
            store_card=store_card,
            initiator=initiator,
            return_url=return_url,
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
        self,
        charge_ref: str,
        amount: Money,
        *,
        operation_id: str | None = None,
        reason: str | None = None,
        is_keyed: bool = True,
    ) -> RefundResult:
        number = next(self.numbers)
        return await self.provider.refund(
            RefundRequest(
                operation_id=operation_id or f"op_{number}",
                refund_id=f"rf_{number}",
                charge_ref=charge_ref,
                amount=amount,
                reason=reason,
                is_keyed=is_keyed,
            )
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

    async def requests(self, *calls: str) -> list[dict[str, Any]]:
        """What was asked of the provider, in order."""
        asked = (await self.control("requests"))["requests"]
        return [each for each in asked if not calls or each["call"] in calls]
