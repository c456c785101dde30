"""A provider that is watched: it notes what it was asked, and lets a test stand between the gateway and the bank."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from domain.money import Money
from domain.provider import (
    AcceptRequest,
    AttachRequest,
    Capability,
    CaptureRequest,
    ChangesPage,
    ChargeRequest,
    ChargeResult,
    ClientSession,
    ContinueRequest,
    CustomerRequest,
    CustomerResult,
    DisputeResult,
    EvidenceRequest,
    LookUp,
    PaymentMethodResult,
    PaymentProvider,
    RefundRequest,
    RefundResult,
    Refusal,
    VoidRequest,
    WebhookEvent,
)

Ask = Callable[[], Awaitable[Any]]
Between = Callable[[Any, Ask], Awaitable[Any]]
"""Gets what was asked and the way to the bank; what it returns is what the gateway hears."""


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    asked: Any


class WatchedProvider:
    """Passes every call on to the provider inside. `between` stands in the way of one kind of call, or of `*` all."""

    def __init__(self, inner: PaymentProvider) -> None:
        self._inner = inner
        self.calls: list[Call] = []
        self.between: dict[str, Between] = {}
        self.livemode_shown: bool | None = None
        self.currencies_shown: frozenset[str] | None = inner.currencies
        self.least_shown: dict[str, Money] = {}
        self.key_lifetime_shown: timedelta | None = inner.key_lifetime
        self.look_up_lag_shown: float | None = inner.look_up_lag_seconds

    def names(self) -> list[str]:
        """What was asked, in order."""
        return [call.name for call in self.calls]

    def asked(self, name: str) -> list[Any]:
        return [call.asked for call in self.calls if call.name == name]

    async def _pass(self, name: str, asked: Any, ask: Ask) -> Any:
        self.calls.append(Call(name, asked))
        between = self.between.get(name) or self.between.get("*")
        return await (between(asked, ask) if between else ask())

    # --- the port ---------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def livemode(self) -> bool:
        return self._inner.livemode if self.livemode_shown is None else self.livemode_shown

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        return self._inner.capabilities

    @property
    def currencies(self) -> frozenset[str] | None:
        return self.currencies_shown

    def least_amount(self, currency: str) -> Money:
        return self.least_shown.get(currency) or self._inner.least_amount(currency)

    @property
    def key_lifetime(self) -> timedelta | None:
        return self.key_lifetime_shown

    @property
    def look_up_lag_seconds(self) -> float | None:
        return self.look_up_lag_shown

    async def check(self) -> str | None:
        return await self._inner.check()

    async def client_session(self, *, customer_ref: str) -> ClientSession | Refusal:
        told = await self._pass(
            "client_session", customer_ref, lambda: self._inner.client_session(customer_ref=customer_ref)
        )
        return cast("ClientSession | Refusal", told)

    async def ensure_customer(self, request: CustomerRequest) -> CustomerResult:
        told = await self._pass("ensure_customer", request, lambda: self._inner.ensure_customer(request))
        return cast("CustomerResult", told)

    async def forget_customer(self, *, customer_ref: str) -> CustomerResult:
        told = await self._pass(
            "forget_customer", customer_ref, lambda: self._inner.forget_customer(customer_ref=customer_ref)
        )
        return cast("CustomerResult", told)

    async def attach_payment_method(self, request: AttachRequest) -> PaymentMethodResult:
        told = await self._pass("attach_payment_method", request, lambda: self._inner.attach_payment_method(request))
        return cast("PaymentMethodResult", told)

    async def detach_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        told = await self._pass(
            "detach_payment_method",
            payment_method_ref,
            lambda: self._inner.detach_payment_method(payment_method_ref=payment_method_ref),
        )
        return cast("PaymentMethodResult", told)

    async def fetch_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        told = await self._pass(
            "fetch_payment_method",
            payment_method_ref,
            lambda: self._inner.fetch_payment_method(payment_method_ref=payment_method_ref),
        )
        return cast("PaymentMethodResult", told)

    async def charge(self, request: ChargeRequest) -> ChargeResult:
        return cast("ChargeResult", await self._pass("charge", request, lambda: self._inner.charge(request)))

    async def continue_charge(self, request: ContinueRequest) -> ChargeResult:
        told = await self._pass("continue_charge", request, lambda: self._inner.continue_charge(request))
        return cast("ChargeResult", told)

    async def capture(self, request: CaptureRequest) -> ChargeResult:
        return cast("ChargeResult", await self._pass("capture", request, lambda: self._inner.capture(request)))

    async def void(self, request: VoidRequest) -> ChargeResult:
        return cast("ChargeResult", await self._pass("void", request, lambda: self._inner.void(request)))

    async def refund(self, request: RefundRequest) -> RefundResult:
        return cast("RefundResult", await self._pass("refund", request, lambda: self._inner.refund(request)))

    async def fetch_charge(self, *, charge_ref: str) -> ChargeResult:
        told = await self._pass("fetch_charge", charge_ref, lambda: self._inner.fetch_charge(charge_ref=charge_ref))
        return cast("ChargeResult", told)

    async def fetch_refund(self, *, refund_ref: str) -> RefundResult:
        told = await self._pass("fetch_refund", refund_ref, lambda: self._inner.fetch_refund(refund_ref=refund_ref))
        return cast("RefundResult", told)

    async def fetch_dispute(self, *, dispute_ref: str) -> DisputeResult:
        told = await self._pass(
            "fetch_dispute", dispute_ref, lambda: self._inner.fetch_dispute(dispute_ref=dispute_ref)
        )
        return cast("DisputeResult", told)

    async def submit_evidence(self, request: EvidenceRequest) -> DisputeResult:
        told = await self._pass("submit_evidence", request, lambda: self._inner.submit_evidence(request))
        return cast("DisputeResult", told)

    async def accept_dispute(self, request: AcceptRequest) -> DisputeResult:
        told = await self._pass("accept_dispute", request, lambda: self._inner.accept_dispute(request))
        return cast("DisputeResult", told)

    async def find_charge(self, look_up: LookUp) -> ChargeResult | None:
        told = await self._pass("find_charge", look_up, lambda: self._inner.find_charge(look_up))
        return cast("ChargeResult | None", told)

    async def find_refund(self, look_up: LookUp) -> RefundResult | None:
        told = await self._pass("find_refund", look_up, lambda: self._inner.find_refund(look_up))
        return cast("RefundResult | None", told)

    async def changes(self, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        asked = {"since": since, "cursor": cursor}
        told = await self._pass("changes", asked, lambda: self._inner.changes(since=since, cursor=cursor))
        return cast("ChangesPage", told)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return self._inner.verify_webhook(headers, body)

    def webhook_challenge(self, query: Mapping[str, str]) -> str | None:
        return self._inner.webhook_challenge(query)

    async def close(self) -> None:
        await self._inner.close()
