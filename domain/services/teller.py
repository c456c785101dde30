"""The teller: the only place where a request is handed to a provider.

Whatever comes back, and whatever does not come back in time, is an outcome. No transaction is open here: whoever asks
in one is refused. Before each account is a gate; what that turns away was certainly not sent.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from domain.clock import Clock
from domain.deployment import Deployment, Providers
from domain.inside import check_outside
from domain.money import Money
from domain.operations import Operation, SolvedBy, restored
from domain.provider import (
    AcceptRequest,
    AttachRequest,
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
    PaymentProvider,
    ProviderAction,
    RefundRequest,
    RefundResult,
    Refusal,
    VoidRequest,
)
from domain.services.gates import AccountHealth, CallKind, Gate, TurnedAway

_log = logging.getLogger("paydesk.teller")

Answer = TypeVar("Answer")
Result = TypeVar("Result", CustomerResult, PaymentMethodResult, ChargeResult, RefundResult, DisputeResult)

_GRACE_SECONDS = 3.0
"""An adapter ends its own requests; this much later it is taken for hanging, and the outcome for unknown. With the wait
for a place at the gate it is 5 s in all, which the lease of an operation leaves."""


class NothingHeard(Exception):
    """The provider was asked and gave no usable answer: for a job this is a failed try, repeated with back-off."""


class Teller:
    def __init__(
        self,
        *,
        providers: Providers,
        clock: Clock,
        deployment: Deployment,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers = providers
        self._seconds = deployment.provider_timeout_seconds + _GRACE_SECONDS
        self._deployment = deployment
        self._gates = {
            account: Gate(account, deployment=deployment, clock=clock, monotonic=monotonic)
            for account in providers.accounts
        }

    def require_support(self, account: str, action: ProviderAction) -> None:
        self._providers.require_support(account, action)

    def require_currency(self, account: str, currency: str) -> None:
        self._providers.require_currency(account, currency)

    @property
    def default_account(self) -> str:
        """The one that new cards are charged through."""
        return self._providers.default_account

    def least_amount(self, account: str, currency: str) -> Money:
        """Below it nothing is charged there; zero where any amount is."""
        return self._providers.require(account).least_amount(currency)

    def require_reachable(self, account: str, kind: CallKind) -> None:
        """Before anything is written down: ProviderUnavailable for an account that is known not to answer."""
        self._providers.require(account)
        self._gates[account].check_open(kind)

    def check_not_recovering(self) -> None:
        self._deployment.check_not_recovering()

    def provider(self, account: str) -> PaymentProvider:
        return self._providers.require(account)

    def solves(self, account: str) -> SolvedBy:
        """How the next request to this account will be solved, should its answer be lost."""
        return SolvedBy.SEARCH if self.provider(account).key_lifetime is None else SolvedBy.KEY

    @property
    def health(self) -> Sequence[AccountHealth]:
        return [gate.health for gate in self._gates.values()]

    async def look_at_silent_accounts(self) -> None:
        """Ask those that have been left alone for long enough whether they are there again."""
        due = [account for account, gate in self._gates.items() if gate.is_due]
        await asyncio.gather(*(self._check(account) for account in due))

    async def _check(self, account: str) -> None:
        """By asking for a charge that nobody has: an answer is all that is wanted.

        Not by the provider's own check, which also tells of settings that are wrong, as of one currency: that is no
        outage, and all the other payments would wait for it.
        """
        await self.fetch_charge(account, _NOBODYS)

    async def send_charge(self, operation: Operation) -> ChargeResult:
        """Send a CHARGE, CONTINUE, CAPTURE or VOID exactly as it was written down."""
        return await self._request(
            operation.account,
            CallKind.MONEY,
            lambda provider: _send(provider, operation),
            result=ChargeResult,
            about=operation.id,
        )

    async def send_refund(self, operation: Operation) -> RefundResult:
        request = restored(operation)
        if not isinstance(request, RefundRequest):
            raise TypeError(f"{operation.id} is not a refund")
        return await self._request(
            operation.account,
            CallKind.MONEY,
            lambda provider: provider.refund(request),
            result=RefundResult,
            about=operation.id,
        )

    async def send_response(self, operation: Operation) -> DisputeResult:
        """Send evidence or an acceptance exactly as it was written down."""
        return await self._request(
            operation.account,
            CallKind.MONEY,
            lambda provider: _respond(provider, operation),
            result=DisputeResult,
            about=operation.id,
        )

    async def fetch_charge(self, account: str, charge_ref: str) -> ChargeResult:
        return await self._look_up(
            account,
            lambda provider: provider.fetch_charge(charge_ref=charge_ref),
            unknown=_CHARGE_UNKNOWN,
            about=charge_ref,
        )

    async def fetch_refund(self, account: str, refund_ref: str) -> RefundResult:
        return await self._look_up(
            account,
            lambda provider: provider.fetch_refund(refund_ref=refund_ref),
            unknown=_REFUND_UNKNOWN,
            about=refund_ref,
        )

    async def fetch_dispute(self, account: str, dispute_ref: str) -> DisputeResult:
        return await self._look_up(
            account,
            lambda provider: provider.fetch_dispute(dispute_ref=dispute_ref),
            unknown=_DISPUTE_UNKNOWN,
            about=dispute_ref,
        )

    async def find_charge(self, account: str, look_up: LookUp) -> ChargeResult | None:
        """None only when the provider has answered that it knows of nothing."""
        return await self._look_up(
            account,
            lambda provider: provider.find_charge(look_up),
            unknown=_CHARGE_UNKNOWN,
            about=look_up.operation_id,
        )

    async def find_refund(self, account: str, look_up: LookUp) -> RefundResult | None:
        return await self._look_up(
            account,
            lambda provider: provider.find_refund(look_up),
            unknown=_REFUND_UNKNOWN,
            about=look_up.operation_id,
        )

    async def changes(self, account: str, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        return await self._look_up(
            account,
            lambda provider: provider.changes(since=since, cursor=cursor),
            unknown=_CHANGES_UNKNOWN,
            about=f"the changes at {account}",
        )

    # --- cards ------------------------------------------------------------------------------------------------------

    async def ensure_customer(self, account: str, request: CustomerRequest) -> CustomerResult:
        return await self._request(
            account,
            CallKind.CARDS,
            lambda provider: provider.ensure_customer(request),
            result=CustomerResult,
            about=request.customer_id,
        )

    async def forget_customer(self, account: str, customer_ref: str) -> CustomerResult:
        return await self._request(
            account,
            CallKind.CARDS,
            lambda provider: provider.forget_customer(customer_ref=customer_ref),
            result=CustomerResult,
            about=customer_ref,
        )

    async def client_session(self, account: str, customer_ref: str) -> ClientSession | Refusal:
        return await self._asked(
            account,
            CallKind.CARDS,
            lambda provider: provider.client_session(customer_ref=customer_ref),
            unknown=_SILENT,
            turned_away=lambda refusal: refusal,
            about=customer_ref,
        )

    async def attach(self, account: str, request: AttachRequest) -> PaymentMethodResult:
        return await self._request(
            account,
            CallKind.CARDS,
            lambda provider: provider.attach_payment_method(request),
            result=PaymentMethodResult,
            about=request.payment_method_id,
        )

    async def detach(self, account: str, payment_method_ref: str) -> PaymentMethodResult:
        return await self._request(
            account,
            CallKind.CARDS,
            lambda provider: provider.detach_payment_method(payment_method_ref=payment_method_ref),
            result=PaymentMethodResult,
            about=payment_method_ref,
        )

    async def fetch_payment_method(self, account: str, payment_method_ref: str) -> PaymentMethodResult:
        return await self._look_up(
            account,
            lambda provider: provider.fetch_payment_method(payment_method_ref=payment_method_ref),
            unknown=_METHOD_UNKNOWN,
            about=payment_method_ref,
        )

    # --- one call ---------------------------------------------------------------------------------------------------

    async def _request(
        self,
        account: str,
        kind: CallKind,
        ask: Callable[[PaymentProvider], Awaitable[Result]],
        *,
        result: type[Result],
        about: str,
    ) -> Result:
        """Something that changes things there: NOT_SENT when it was turned away, UNKNOWN when no answer came."""
        if self._deployment.recovery:
            # Services refuse before; this is for what they forgot. In the life that was lost it may have happened.
            _log.error("nothing is sent about %s: this deployment is in recovery", about)
            return result(outcome=Outcome.UNKNOWN, refusal=Refusal(message="the deployment is in recovery"))
        return await self._asked(
            account,
            kind,
            ask,
            unknown=result(outcome=Outcome.UNKNOWN, refusal=_SILENT),
            turned_away=lambda refusal: result(outcome=Outcome.NOT_SENT, refusal=refusal),
            about=about,
        )

    async def _look_up(
        self, account: str, ask: Callable[[PaymentProvider], Awaitable[Answer]], *, unknown: Answer, about: str
    ) -> Answer:
        """A question only: one that was not asked tells as little as one that was not answered."""
        return await self._asked(
            account, CallKind.LOOK_UPS, ask, unknown=unknown, turned_away=lambda _: unknown, about=about
        )

    async def _asked(
        self,
        account: str,
        kind: CallKind,
        ask: Callable[[PaymentProvider], Awaitable[Answer]],
        *,
        unknown: Answer,
        turned_away: Callable[[Refusal], Answer],
        about: str,
    ) -> Answer:
        check_outside(about)
        provider, gate = self.provider(account), self._gates[account]
        try:
            async with gate.passing(kind) as admission:
                try:
                    async with asyncio.timeout(self._seconds):
                        answer = await ask(provider)
                except TimeoutError:
                    _log.warning("no answer about %s: the adapter hangs", about)
                    answer = unknown
                except Exception:
                    # An adapter that raises has a bug, but money may have moved: the bug is logged, the outcome is
                    # unknown, and of the provider nothing is learnt.
                    _log.exception("no usable answer about %s", about)
                    return unknown
                gate.heard(admission, outage=_is_outage(answer))
                return answer
        except TurnedAway as why:
            return turned_away(Refusal(message=str(why), provider_code="not_asked"))


_NOBODYS = "paydesk_check"

_SILENT = Refusal(message="the provider gave no usable answer", is_outage=True)
_CHANGES_UNKNOWN = ChangesPage(outcome=Outcome.UNKNOWN, refusal=_SILENT)
_CHARGE_UNKNOWN = ChargeResult(outcome=Outcome.UNKNOWN, refusal=_SILENT)
_DISPUTE_UNKNOWN = DisputeResult(outcome=Outcome.UNKNOWN, refusal=_SILENT)
_METHOD_UNKNOWN = PaymentMethodResult(outcome=Outcome.UNKNOWN, refusal=_SILENT)
_REFUND_UNKNOWN = RefundResult(outcome=Outcome.UNKNOWN, refusal=_SILENT)


def _is_outage(answer: object) -> bool:
    refusal = answer if isinstance(answer, Refusal) else getattr(answer, "refusal", None)
    return refusal is not None and refusal.is_outage


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
        case RefundRequest() | EvidenceRequest() | AcceptRequest():
            raise TypeError(f"{operation.id} is no request about the charge itself")


async def _respond(provider: PaymentProvider, operation: Operation) -> DisputeResult:
    request = restored(operation)
    match request:
        case EvidenceRequest():
            return await provider.submit_evidence(request)
        case AcceptRequest():
            return await provider.accept_dispute(request)
        case _:
            raise TypeError(f"{operation.id} is no response to a dispute")
