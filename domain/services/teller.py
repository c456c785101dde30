"""The teller: the only place where a request is handed to a provider.

Whatever comes back, and whatever does not come back in time, is an outcome. No transaction is open here.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from domain.deployment import Deployment, Providers
from domain.operations import Operation, SolvedBy, restored
from domain.provider import (
    AttachRequest,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    ClientSession,
    ContinueRequest,
    CustomerRequest,
    CustomerResult,
    LookUp,
    Outcome,
    PaymentMethodResult,
    PaymentProvider,
    ProviderAction,
    RefundRequest,
    RefundResult,
    Refusal,
    VoidRequest,
)

_log = logging.getLogger("paydesk.teller")

Answer = TypeVar("Answer")

_GRACE_SECONDS = 5.0
"""An adapter ends its own requests; this much later it is taken for hanging, and the outcome for unknown."""


class NothingHeard(Exception):
    """The provider was asked and gave no usable answer: for a job this is a failed try, repeated with back-off."""


class Teller:
    def __init__(self, *, providers: Providers, deployment: Deployment) -> None:
        self._providers = providers
        self._seconds = deployment.provider_timeout_seconds + _GRACE_SECONDS

    def require_support(self, account: str, action: ProviderAction) -> None:
        self._providers.require_support(account, action)

    def provider(self, account: str) -> PaymentProvider:
        return self._providers.require(account)

    def solves(self, account: str) -> SolvedBy:
        """How the next request to this account will be solved, should its answer be lost."""
        return SolvedBy.SEARCH if self.provider(account).key_lifetime is None else SolvedBy.KEY

    async def send_charge(self, operation: Operation) -> ChargeResult:
        """Send a CHARGE, CONTINUE, CAPTURE or VOID exactly as it was written down."""
        asked = _send(self.provider(operation.account), operation)
        return await self._bounded(asked, else_=_CHARGE_UNKNOWN, about=operation.id)

    async def send_refund(self, operation: Operation) -> RefundResult:
        request = restored(operation)
        if not isinstance(request, RefundRequest):
            raise TypeError(f"{operation.id} is not a refund")
        asked = self.provider(operation.account).refund(request)
        return await self._bounded(asked, else_=_REFUND_UNKNOWN, about=operation.id)

    async def fetch_charge(self, account: str, charge_ref: str) -> ChargeResult:
        asked = self.provider(account).fetch_charge(charge_ref=charge_ref)
        return await self._bounded(asked, else_=_CHARGE_UNKNOWN, about=charge_ref)

    async def fetch_refund(self, account: str, refund_ref: str) -> RefundResult:
        asked = self.provider(account).fetch_refund(refund_ref=refund_ref)
        return await self._bounded(asked, else_=_REFUND_UNKNOWN, about=refund_ref)

    async def find_charge(self, account: str, look_up: LookUp) -> ChargeResult | None:
        """None only when the provider has answered that it knows of nothing."""
        asked = self.provider(account).find_charge(look_up)
        return await self._bounded(asked, else_=_CHARGE_UNKNOWN, about=look_up.operation_id)

    async def find_refund(self, account: str, look_up: LookUp) -> RefundResult | None:
        asked = self.provider(account).find_refund(look_up)
        return await self._bounded(asked, else_=_REFUND_UNKNOWN, about=look_up.operation_id)

    # --- cards ------------------------------------------------------------------------------------------------------

    async def ensure_customer(self, account: str, request: CustomerRequest) -> CustomerResult:
        asked = self.provider(account).ensure_customer(request)
        return await self._bounded(asked, else_=_CUSTOMER_UNKNOWN, about=request.customer_id)

    async def forget_customer(self, account: str, customer_ref: str) -> CustomerResult:
        asked = self.provider(account).forget_customer(customer_ref=customer_ref)
        return await self._bounded(asked, else_=_CUSTOMER_UNKNOWN, about=customer_ref)

    async def client_session(self, account: str, customer_ref: str) -> ClientSession | Refusal:
        asked = self.provider(account).client_session(customer_ref=customer_ref)
        return await self._bounded(asked, else_=_NO_ANSWER, about=customer_ref)

    async def attach(self, account: str, request: AttachRequest) -> PaymentMethodResult:
        asked = self.provider(account).attach_payment_method(request)
        return await self._bounded(asked, else_=_METHOD_UNKNOWN, about=request.payment_method_id)

    async def detach(self, account: str, payment_method_ref: str) -> PaymentMethodResult:
        asked = self.provider(account).detach_payment_method(payment_method_ref=payment_method_ref)
        return await self._bounded(asked, else_=_METHOD_UNKNOWN, about=payment_method_ref)

    async def fetch_payment_method(self, account: str, payment_method_ref: str) -> PaymentMethodResult:
        asked = self.provider(account).fetch_payment_method(payment_method_ref=payment_method_ref)
        return await self._bounded(asked, else_=_METHOD_UNKNOWN, about=payment_method_ref)

    async def _bounded(self, asked: Awaitable[Answer], *, else_: Answer, about: str) -> Answer:
        """The answer; `else_` when the adapter hangs or breaks the promise of the port not to raise."""
        try:
            async with asyncio.timeout(self._seconds):
                return await asked
        except Exception:
            # An adapter that raises has a bug, but money may have moved: the bug is logged, the outcome is unknown.
            _log.exception("no usable answer about %s", about)
            return else_


_NO_ANSWER = Refusal(message="the provider gave no usable answer")
_CHARGE_UNKNOWN = ChargeResult(outcome=Outcome.UNKNOWN, refusal=_NO_ANSWER)
_CUSTOMER_UNKNOWN = CustomerResult(outcome=Outcome.UNKNOWN, refusal=_NO_ANSWER)
_METHOD_UNKNOWN = PaymentMethodResult(outcome=Outcome.UNKNOWN, refusal=_NO_ANSWER)
_REFUND_UNKNOWN = RefundResult(outcome=Outcome.UNKNOWN, refusal=_NO_ANSWER)


async def _send(provider: PaymentProvider, operation: Operation) -> ChargeResult:
    request = restored(operation)
    match request:
        case ChargeRequest():
            return await provider.charge(request)
        case ContinueRequest():
            return await provider.continue_charge(request)
        case CaptureRequest():
            return await provider.capture(request)
        case VoidRequest():
            return await provider.void(request)
        case RefundRequest():
            raise TypeError(f"{operation.id} is a refund")
