"""`PaymentProvider` at the Piggy Bank: as small as an adapter can be that passes the suite."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx

from domain import provider as port
from domain.money import Money
from domain.provider import Outcome, ProviderAction, Refusal
from tests.docs.piggy_bank import words
from tests.docs.piggy_bank.words import CANNOT, NO_SUCH_AMOUNT, Json, No

PAGE = 50

Result = TypeVar(
    "Result", port.CustomerResult, port.PaymentMethodResult, port.ChargeResult, port.RefundResult, port.ChangesPage
)
Read = TypeVar("Read")


class PiggyBankProvider:
    """One account at the Piggy Bank."""

    name = "piggy_bank"
    livemode = False
    capabilities = tuple(words.declared(action) for action in ProviderAction)
    currencies = frozenset(words.DECIMALS)
    key_lifetime = timedelta(days=30)
    """The bank forgets no key; nobody asks it for more than that."""

    def __init__(self, http: httpx.AsyncClient, *, timeout_seconds: float = 10.0) -> None:
        self._http = http
        self._timeout_seconds = timeout_seconds

    def least_amount(self, currency: str) -> Money:
        return words.least_of(currency)

    @property
    def look_up_lag_seconds(self) -> float:
        """What the bank did it finds at once. But what nobody waits for any more may still be on its way there."""
        return 2 * self._timeout_seconds

    async def check(self) -> str | None:
        try:
            await self._say("hello", {})
        except No as no:
            return no.refusal.message
        return None

    async def close(self) -> None:
        await self._http.aclose()

    # --- customers and cards ----------------------------------------------------------------------------------------

    async def client_session(self, *, customer_ref: str) -> port.ClientSession | Refusal:
        return CANNOT

    async def ensure_customer(self, request: port.CustomerRequest) -> port.CustomerResult:
        return await self._ask(port.CustomerResult, words.customer_of, "open", customer=request.customer_id)

    async def forget_customer(self, *, customer_ref: str) -> port.CustomerResult:
        try:
            for card in await self._read(lambda told: list(told["cards"]), "close", {"customer": customer_ref}):
                # Should this be as far as it comes, whoever asks again is told of the cards that are left.
                await self._read(lambda told: told["dropped"], "drop", {"card": card})
        except No as no:
            return port.CustomerResult(outcome=no.outcome, refusal=no.refusal)
        return port.CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=customer_ref)

    async def attach_payment_method(self, request: port.AttachRequest) -> port.PaymentMethodResult:
        said = {"card": request.payment_method_id, "customer": request.customer_ref, "coin": request.token}
        return await self._ask(port.PaymentMethodResult, words.card_of, "store", **said)

    async def detach_payment_method(self, *, payment_method_ref: str) -> port.PaymentMethodResult:
        return await self._ask(port.PaymentMethodResult, words.dropped_of, "drop", card=payment_method_ref)

    async def fetch_payment_method(self, *, payment_method_ref: str) -> port.PaymentMethodResult:
        try:
            return await self._read(words.card_of, "card", {"card": payment_method_ref})
        except No as no:
            gone = no.refusal.provider_code == "not_here"
            outcome = Outcome.FAILED if gone else Outcome.UNKNOWN
            return port.PaymentMethodResult(outcome=outcome, refusal=no.refusal, gone=gone)

    # --- money ------------------------------------------------------------------------------------------------------

    async def charge(self, request: port.ChargeRequest) -> port.ChargeResult:
        if request.capture is port.CaptureMode.MANUAL or request.payment_method_ref is None:
            return port.ChargeResult(outcome=Outcome.FAILED, refusal=CANNOT)
        amount = words.text_of(request.amount)
        if amount is None:
            return port.ChargeResult(outcome=Outcome.FAILED, refusal=NO_SUCH_AMOUNT)
        return await self._ask(
            port.ChargeResult,
            words.charge_of,
            "take",
            key=request.operation_id,
            amount=amount,
            currency=request.amount.currency,
            customer=request.customer_ref,
            card=request.payment_method_ref,
            note=dict(request.metadata),
        )

    async def refund(self, request: port.RefundRequest) -> port.RefundResult:
        amount = words.text_of(request.amount)
        if amount is None:
            return port.RefundResult(outcome=Outcome.FAILED, refusal=NO_SUCH_AMOUNT)
        return await self._ask(
            port.RefundResult,
            words.refund_of,
            "give_back",
            key=request.operation_id,
            amount=amount,
            currency=request.amount.currency,
            payment=request.charge_ref,
            note={"paydesk_refund": request.refund_id},
        )

    async def continue_charge(self, request: port.ContinueRequest) -> port.ChargeResult:
        return port.ChargeResult(outcome=Outcome.FAILED, refusal=CANNOT)

    async def capture(self, request: port.CaptureRequest) -> port.ChargeResult:
        return port.ChargeResult(outcome=Outcome.FAILED, refusal=CANNOT)

    async def void(self, request: port.VoidRequest) -> port.ChargeResult:
        return port.ChargeResult(outcome=Outcome.FAILED, refusal=CANNOT)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def fetch_charge(self, *, charge_ref: str) -> port.ChargeResult:
        return await self._look(port.ChargeResult, words.charge_of, "payment", payment=charge_ref)

    async def fetch_refund(self, *, refund_ref: str) -> port.RefundResult:
        return await self._look(port.RefundResult, words.refund_of, "refund", refund=refund_ref)

    async def find_charge(self, look_up: port.LookUp) -> port.ChargeResult | None:
        return await self._look(port.ChargeResult, found(words.charge_of), "find", key=look_up.operation_id)

    async def find_refund(self, look_up: port.LookUp) -> port.RefundResult | None:
        return await self._look(port.RefundResult, found(words.refund_of), "find", key=look_up.operation_id)

    async def changes(self, *, since: datetime | None, cursor: str | None) -> port.ChangesPage:
        def is_new(made: Json) -> bool:
            return since is None or datetime.fromisoformat(made["changed"]) >= since

        def read(told: Json) -> port.ChangesPage:
            begin = int(cursor or 0)
            end = begin + PAGE
            # What changes meanwhile moves the others further down: those come twice, and none is left out.
            charges, refunds = ([each for each in told[book] if is_new(each)] for book in ("payments", "refunds"))
            return port.ChangesPage(
                outcome=Outcome.SUCCEEDED,
                charges=tuple(words.listed_charge(each) for each in charges[begin:end]),
                refunds=tuple(words.listed_refund(each) for each in refunds[begin:end]),
                cursor=str(end) if end < max(len(charges), len(refunds)) else None,
            )

        return await self._look(port.ChangesPage, read, "book")

    # --- what the bank does not have --------------------------------------------------------------------------------

    async def fetch_dispute(self, *, dispute_ref: str) -> port.DisputeResult:
        return port.DisputeResult(outcome=Outcome.FAILED, refusal=CANNOT)

    async def submit_evidence(self, request: port.EvidenceRequest) -> port.DisputeResult:
        return port.DisputeResult(outcome=Outcome.FAILED, refusal=CANNOT)

    async def accept_dispute(self, request: port.AcceptRequest) -> port.DisputeResult:
        return port.DisputeResult(outcome=Outcome.FAILED, refusal=CANNOT)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> port.WebhookEvent:
        raise port.WebhookRejected("The bank sends none.")

    def webhook_challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    # --- the wire ---------------------------------------------------------------------------------------------------

    async def _ask(self, kind: type[Result], read: Callable[[Json], Read], call: str, **said: Any) -> Read | Result:
        """What came of a request that does something."""
        try:
            return await self._read(read, call, said)
        except No as no:
            return kind(outcome=no.outcome, refusal=no.refusal)

    async def _look(self, kind: type[Result], read: Callable[[Json], Read], call: str, **said: Any) -> Read | Result:
        """What a question found. One that was refused, or never left, says nothing of what it was about."""
        try:
            return await self._read(read, call, said)
        except No as no:
            return kind(outcome=Outcome.UNKNOWN, refusal=no.refusal)

    async def _read(self, read: Callable[[Json], Read], call: str, said: Json) -> Read:
        told = await self._say(call, said)
        try:
            return read(told)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise No(Outcome.UNKNOWN, "The bank's answer cannot be read.", is_outage=True) from error

    async def _say(self, call: str, said: Json) -> Json:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._http.post(f"/{call}", content=json.dumps(said))
            told = answer.json()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise No(Outcome.NOT_SENT, "The bank cannot be reached.", is_outage=True) from error
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise No(Outcome.UNKNOWN, "The bank's answer is lost.", is_outage=True) from error
        if not isinstance(told, dict):
            raise No(Outcome.UNKNOWN, "Somebody else has answered.", is_outage=True)
        if answer.status_code != 200:
            raise words.refused(answer.status_code, str(told.get("error")))
        return told


def found(read: Callable[[Json], Read]) -> Callable[[Json], Read | None]:
    """None only where the bank says that there is none."""
    return lambda told: None if told["found"] is None else read(told["found"])
