"""`PaymentProvider` on the fake bank, in process or over HTTP."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import orjson

from adapters.fake import reading, webhooks
from adapters.fake.bank import Bank
from adapters.fake.reading import Verdict
from adapters.fake.wires import DEFAULT_TIMEOUT_SECONDS, AnswerLost, HttpWire, InProcessWire, NotSent, Wire
from domain.clock import Clock
from domain.errors import AmountNotRepresentable
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
    Outcome,
    PaymentMethodResult,
    ProviderAction,
    RefundRequest,
    RefundResult,
    Refusal,
    Support,
    VoidRequest,
    WebhookEvent,
)

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_CAPABILITIES = tuple(Capability(action, Support.NATIVE) for action in ProviderAction)

_KEY_LIFETIME = timedelta(hours=23)
"""The bank forgets no key; this is as much as may be relied on at the strictest of real providers."""

_GONE = ("payment_method_detached", "payment_method_missing")


class FakeProvider:
    """One account at the fake bank. `in_process` and `over_http` make one; what differs is the wire alone."""

    name = "fake"
    livemode = False
    capabilities = _CAPABILITIES

    def __init__(
        self,
        wire: Wire,
        *,
        clock: Clock,
        webhook_secrets: Sequence[str],
        keeps_keys: bool = True,
        least_amounts: Mapping[str, int] | None = None,
    ) -> None:
        if not all(webhook_secrets):
            raise ValueError("An empty webhook secret would let everybody in.")
        self._wire = wire
        self._clock = clock
        self._keeps_keys = keeps_keys
        self._least_amounts = dict(least_amounts or {})
        self._webhook_secrets = tuple(webhook_secrets)

    @classmethod
    def in_process(
        cls,
        bank: Bank,
        *,
        clock: Clock,
        webhook_secrets: Sequence[str] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> "FakeProvider":
        """On a bank in this process; without other secrets, webhooks are checked with the bank's own."""
        secrets = (bank.webhook_secret,) if webhook_secrets is None else webhook_secrets
        wire = InProcessWire(bank, timeout_seconds=timeout_seconds)
        return cls(
            wire, clock=clock, webhook_secrets=secrets, keeps_keys=bank.keeps_keys, least_amounts=bank.least_amounts
        )

    @classmethod
    def over_http(
        cls,
        url: str,
        *,
        api_key: str,
        clock: Clock,
        webhook_secrets: Sequence[str],
        keeps_keys: bool = True,
        least_amounts: Mapping[str, int] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> "FakeProvider":
        """On a bank that `paydesk fake-provider` serves at `url`."""
        wire = HttpWire(url, api_key=api_key, timeout_seconds=timeout_seconds)
        return cls(
            wire, clock=clock, webhook_secrets=webhook_secrets, keeps_keys=keeps_keys, least_amounts=least_amounts
        )

    @property
    def currencies(self) -> frozenset[str] | None:
        return None

    def least_amount(self, currency: str) -> Money:
        return Money(self._least_amounts.get(currency, 0), currency)

    @property
    def key_lifetime(self) -> timedelta | None:
        return _KEY_LIFETIME if self._keeps_keys else None

    @property
    def look_up_lag_seconds(self) -> float | None:
        return self._wire.look_up_lag_seconds

    async def check(self) -> str | None:
        told = await self._ask("fetch_charge", {"charge_ref": "none"}, reading.charge)
        if isinstance(told, Verdict) and _code(told.refusal) != "charge_missing":
            return told.refusal.message
        return None

    # --- customers and cards ----------------------------------------------------------------------------------------

    async def client_session(self, *, customer_ref: str) -> ClientSession | Refusal:
        told = await self._ask("client_session", {"customer_ref": customer_ref}, reading.client_session)
        return told.refusal if isinstance(told, Verdict) else told

    async def ensure_customer(self, request: CustomerRequest) -> CustomerResult:
        body = {
            "customer_id": request.customer_id,
            "customer_ref": None,
            "email": request.email,
            "name": request.name,
        }
        told = await self._ask("ensure_customer", body, reading.customer)
        if isinstance(told, Verdict):
            return CustomerResult(outcome=told.outcome, refusal=told.refusal)
        return told

    async def forget_customer(self, *, customer_ref: str) -> CustomerResult:
        told = await self._ask("forget_customer", {"customer_ref": customer_ref}, reading.customer)
        if not isinstance(told, Verdict):
            return told
        if _code(told.refusal) == "customer_missing":
            return CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=customer_ref)
        return CustomerResult(outcome=told.outcome, refusal=told.refusal)

    async def attach_payment_method(self, request: AttachRequest) -> PaymentMethodResult:
        body = {
            "payment_method_id": request.payment_method_id,
            "customer_ref": request.customer_ref,
            "token": request.token,
            "return_url": request.return_url,
        }
        return _method_result(await self._ask("attach_payment_method", body, reading.payment_method))

    async def detach_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        told = await self._ask(
            "detach_payment_method", {"payment_method_ref": payment_method_ref}, reading.payment_method
        )
        if _code(told.refusal) in _GONE:
            return PaymentMethodResult(outcome=Outcome.SUCCEEDED, payment_method_ref=payment_method_ref)
        if isinstance(told, Verdict):
            return _method_result(told)
        return _method_result(reading.UNREADABLE)

    async def fetch_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        told = await self._look_up(
            "fetch_payment_method", {"payment_method_ref": payment_method_ref}, reading.payment_method
        )
        result = _method_result(told)
        return replace(result, gone=_code(result.refusal) in _GONE)

    # --- money ------------------------------------------------------------------------------------------------------

    async def charge(self, request: ChargeRequest) -> ChargeResult:
        amount = _bank_amount(request.amount)
        if isinstance(amount, Verdict):
            return _charge_result(amount)
        body = {
            "operation_id": request.operation_id,
            "charge_id": request.charge_id,
            "amount": amount,
            "currency": request.amount.currency,
            "customer_ref": request.customer_ref,
            "payment_method_ref": request.payment_method_ref,
            "initiator": request.initiator,
            "return_url": request.return_url,
            "capture": request.capture,
            "statement_descriptor": None,
            "metadata": dict(request.metadata),
        }
        if request.token is not None:
            # Only then: what is repeated after an upgrade has to be what was sent before it, byte for byte.
            body |= {"token": request.token, "store_card": request.store_card}
        told = await self._ask("charge", body, reading.charge)
        if isinstance(told, ChargeResult) and told.operation_id != request.operation_id:
            return _charge_result(reading.UNREADABLE)
        return _charge_result(told)

    async def continue_charge(self, request: ContinueRequest) -> ChargeResult:
        return await self._act_on_charge("continue_charge", request.operation_id, request.known_ref)

    async def capture(self, request: CaptureRequest) -> ChargeResult:
        amount = _bank_amount(request.amount)
        if isinstance(amount, Verdict):
            return _charge_result(amount)
        wanted = {"amount": amount, "currency": request.amount.currency}
        return await self._act_on_charge("capture", request.operation_id, request.charge_ref, wanted)

    async def void(self, request: VoidRequest) -> ChargeResult:
        return await self._act_on_charge("void", request.operation_id, request.charge_ref)

    async def _act_on_charge(
        self, call: str, operation_id: str, charge_ref: str, wanted: dict[str, Any] | None = None
    ) -> ChargeResult:
        body = {"operation_id": operation_id, "charge_ref": charge_ref} | (wanted or {})
        told = await self._ask(call, body, reading.charge)
        return _charge_result(_about(told, charge_ref))

    async def refund(self, request: RefundRequest) -> RefundResult:
        amount = _bank_amount(request.amount)
        if isinstance(amount, Verdict):
            return _refund_result(amount)
        body = {
            "operation_id": request.operation_id,
            "refund_id": request.refund_id,
            "charge_ref": request.charge_ref,
            "amount": amount,
            "currency": request.amount.currency,
            "reason": request.reason,
        }
        told = await self._ask("refund", body, reading.refund)
        if isinstance(told, RefundResult) and told.operation_id != request.operation_id:
            return _refund_result(reading.UNREADABLE)
        return _refund_result(told)

    # --- disputes ---------------------------------------------------------------------------------------------------

    async def fetch_dispute(self, *, dispute_ref: str) -> DisputeResult:
        told = await self._look_up("fetch_dispute", {"dispute_ref": dispute_ref}, reading.dispute)
        return _dispute_result(told, dispute_ref)

    async def submit_evidence(self, request: EvidenceRequest) -> DisputeResult:
        body = {
            "operation_id": request.operation_id,
            "dispute_ref": request.dispute_ref,
            "evidence": {str(kind): text for kind, text in request.evidence.items()},
        }
        return _dispute_result(await self._ask("submit_evidence", body, reading.dispute), request.dispute_ref)

    async def accept_dispute(self, request: AcceptRequest) -> DisputeResult:
        body = {"operation_id": request.operation_id, "dispute_ref": request.dispute_ref}
        return _dispute_result(await self._ask("accept_dispute", body, reading.dispute), request.dispute_ref)

    # --- looking --------------------------------------------------------------------------------------------------

    async def fetch_charge(self, *, charge_ref: str) -> ChargeResult:
        told = await self._look_up("fetch_charge", {"charge_ref": charge_ref}, reading.charge)
        return _charge_result(_about(told, charge_ref))

    async def fetch_refund(self, *, refund_ref: str) -> RefundResult:
        told = await self._look_up("fetch_refund", {"refund_ref": refund_ref}, reading.refund)
        if isinstance(told, RefundResult) and told.refund_ref != refund_ref:
            return _refund_result(reading.UNREADABLE)
        return _refund_result(told)

    async def find_charge(self, look_up: LookUp) -> ChargeResult | None:
        body = {"operation_id": look_up.operation_id}
        told = await self._look_up("find_charge", body, _or_none("charge", reading.charge))
        return None if told is None else _charge_result(told)

    async def find_refund(self, look_up: LookUp) -> RefundResult | None:
        body = {"operation_id": look_up.operation_id}
        told = await self._look_up("find_refund", body, _or_none("refund", reading.refund))
        return None if told is None else _refund_result(told)

    async def changes(self, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        body = {"since": None if since is None else since.isoformat(), "cursor": cursor}
        told = await self._look_up("changes", body, reading.changes)
        if isinstance(told, Verdict):
            return ChangesPage(outcome=told.outcome, refusal=told.refusal)
        return told

    # --- webhooks and the end ---------------------------------------------------------------------------------------

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return webhooks.verify(headers, body, secrets=self._webhook_secrets, moment=self._clock.now())

    def webhook_challenge(self, query: Mapping[str, str]) -> str | None:
        return None  # it sends webhooks wherever it is told to

    async def close(self) -> None:
        await self._wire.close()

    # --- one call ---------------------------------------------------------------------------------------------------

    async def _look_up(
        self, call: str, body: dict[str, Any], reader: Callable[[dict[str, Any]], _Result]
    ) -> _Result | Verdict:
        """A question only: that it was not sent, or was refused, says nothing about the money that it is about."""
        told = await self._ask(call, body, reader)
        return Verdict(Outcome.UNKNOWN, told.refusal) if isinstance(told, Verdict) else told

    async def _ask(
        self, call: str, body: dict[str, Any], reader: Callable[[dict[str, Any]], _Result]
    ) -> _Result | Verdict:
        try:
            raw = orjson.dumps(body)
        except TypeError:
            # A lone surrogate, for one: nothing that any repetition could cure.
            return _failed("request_unreadable", "The request holds text that is no text.")
        try:
            told = reading.understand(await self._wire.ask(call, raw), now=self._clock.now())
        except NotSent as error:
            return Verdict(Outcome.NOT_SENT, Refusal(str(error), provider_code="unreachable", is_outage=True))
        except AnswerLost as error:
            return Verdict(Outcome.UNKNOWN, Refusal(str(error), provider_code="answer_lost", is_outage=True))
        except Exception:
            # The port promises that nothing is raised for what a network can do, and nobody listed that in full.
            _log.exception("The fake bank was asked for %s, and the wire broke.", call)
            broken = Refusal("The wire to the bank broke.", provider_code="wire_broken", is_outage=True)
            return Verdict(Outcome.UNKNOWN, broken)
        return told if isinstance(told, Verdict) else reading.read(reader, told)


def _or_none(name: str, reader: Callable[[dict[str, Any]], _Result]) -> Callable[[dict[str, Any]], _Result | None]:
    """None is what the bank says in so many words; a body without the field is no such statement."""
    return lambda body: None if body[name] is None else reader(body)


def _about(told: ChargeResult | Verdict, charge_ref: str) -> ChargeResult | Verdict:
    if isinstance(told, ChargeResult) and told.charge_ref != charge_ref:
        return reading.UNREADABLE
    return told


def _bank_amount(money: Money) -> int | Verdict:
    try:
        return reading.amount_of(money)
    except AmountNotRepresentable as error:
        return _failed("amount_not_representable", str(error))


def _failed(code: str, message: str) -> Verdict:
    return Verdict(Outcome.FAILED, Refusal(message, provider_code=code))


def _code(refusal: Refusal | None) -> str | None:
    return None if refusal is None else refusal.provider_code


def _method_result(told: PaymentMethodResult | Verdict) -> PaymentMethodResult:
    if isinstance(told, Verdict):
        return PaymentMethodResult(outcome=told.outcome, refusal=told.refusal)
    return told


def _charge_result(told: ChargeResult | Verdict) -> ChargeResult:
    if isinstance(told, Verdict):
        return ChargeResult(outcome=told.outcome, refusal=told.refusal)
    return told


def _refund_result(told: RefundResult | Verdict) -> RefundResult:
    if isinstance(told, Verdict):
        return RefundResult(outcome=told.outcome, refusal=told.refusal)
    return told


def _dispute_result(told: DisputeResult | Verdict, dispute_ref: str) -> DisputeResult:
    if isinstance(told, DisputeResult) and told.dispute_ref != dispute_ref:
        told = reading.UNREADABLE
    if isinstance(told, Verdict):
        return DisputeResult(outcome=told.outcome, refusal=told.refusal)
    return told
