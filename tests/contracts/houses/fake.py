"""The fake provider's house: its bank in this process, on books of its own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from adapters.fake import Bank, FakeProvider, WebhookSender, fake_routes
from domain.declines import DeclineCode
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import NextAction, RedirectAction
from tests.contracts.houses.clock import MovableClock
from tests.contracts.houses.headers import SignsInAHeader
from tests.contracts.houses.house import CardKind, Delivery, Fault, Power, TrueCharge, Truth

_SECRETS = ("a webhook secret that goes", "a webhook secret that comes")
_IMPATIENT_SECONDS = 1.0
_NOBODY = "http://127.0.0.1:9"

_NUMBERS: Mapping[CardKind, str] = {
    CardKind.PLAIN: "4242424242424242",
    CardKind.OTHER: "5555555555554444",
    CardKind.DECLINED: "4000000000000002",
    CardKind.DECLINED_LATER: "4000000000000341",
    CardKind.CONFIRMED_FIRST: "4000000000010068",
    CardKind.CHALLENGED: "4000002760003184",
    CardKind.CHALLENGED_THEN_DECLINED: "4000008260003178",
    CardKind.REFUND_PENDING: "4000000000007726",
    CardKind.REFUND_COMES_BACK: "4000000000005126",
    CardKind.DISPUTED: "4000000000000259",
    CardKind.DISPUTED_NOT_RECEIVED: "4000000000002685",
    CardKind.INQUIRED: "4000000000001976",
}
"""docs/reference/test-cards.md"""
_DECLINES: Mapping[DeclineCode, str] = {
    DeclineCode.GENERIC_DECLINE: "generic_decline",
    DeclineCode.INSUFFICIENT_FUNDS: "insufficient_funds",
    DeclineCode.CARD_EXPIRED: "expired_card",
    DeclineCode.INCORRECT_CVC: "incorrect_cvc",
    DeclineCode.INCORRECT_NUMBER: "incorrect_number",
    DeclineCode.LIMIT_EXCEEDED: "card_velocity_exceeded",
    DeclineCode.FRAUD_SUSPECTED: "fraudulent",
    DeclineCode.LOST_OR_STOLEN: "stolen_card",
    DeclineCode.AUTHENTICATION_REQUIRED: "authentication_required",
    DeclineCode.AUTHENTICATION_FAILED: "authentication_failed",
    DeclineCode.PROCESSING_ERROR: "processing_error",
    DeclineCode.CARD_NOT_SUPPORTED: "card_not_supported",
    DeclineCode.CURRENCY_NOT_SUPPORTED: "currency_not_supported",
    DeclineCode.DO_NOT_RETRY: "do_not_try_again",
}
_FAULTS: Mapping[Fault, str] = {
    Fault.CLOSED: "lose_answer",
    Fault.RESET: "reset",
    Fault.SILENT: "hang",
    Fault.ERROR_AFTER: "error_after",
    Fault.HTML: "html",
    Fault.TRUNCATED: "truncate",
    Fault.EMPTY: "empty",
    Fault.ERROR: "error",
    Fault.UNAVAILABLE: "refuse",
    Fault.RATE_LIMIT: "rate_limit",
}


class FakeHouse(SignsInAHeader):
    name = FakeProvider.name
    capabilities = FakeProvider.capabilities
    declines = frozenset(_DECLINES)
    powers = frozenset(Power)
    unrepresentable: tuple[Money, ...] = ()
    webhook_secrets: tuple[str, ...] = _SECRETS
    winning_words = "winning_evidence"
    losing_words = "losing_evidence"
    last4 = "4242"
    began: datetime | None = None
    patience_seconds = 0.0
    _header = "Paydesk-Fake-Signature"

    def __init__(self, bank: Bank, clock: MovableClock, browser: httpx.AsyncClient) -> None:
        self._bank = bank
        self._clock = clock
        self._browser = browser
        self._sender = WebhookSender(bank, url="http://gateway.test", clock=clock, secrets=_SECRETS[-1:])
        self.provider = FakeProvider.in_process(bank, clock=clock, webhook_secrets=_SECRETS)

    def stranded(self) -> FakeProvider:
        return FakeProvider.over_http(_NOBODY, api_key="any", clock=self._clock, webhook_secrets=_SECRETS)

    def impatient(self) -> FakeProvider:
        return FakeProvider.in_process(
            self._bank, clock=self._clock, webhook_secrets=_SECRETS, timeout_seconds=_IMPATIENT_SECONDS
        )

    def now(self) -> datetime:
        return self._clock.now()

    async def advance(self, by: timedelta) -> None:
        self._clock.advance(by)

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        form = {"number": _NUMBERS[kind], "expMonth": 12, "expYear": self.now().year + 3, "cvc": "123"}
        told = await self._browser.post("/fake/tokens", json=form)
        assert told.status_code == 201, told.text
        return str(told.json()["token"])

    async def confirm(self, action: NextAction) -> None:
        await self._answer(action, "confirm")

    async def refuse(self, action: NextAction) -> None:
        await self._answer(action, "refuse")

    async def _answer(self, action: NextAction, answer: str) -> None:
        assert isinstance(action, RedirectAction)
        told = await self._browser.post(action.url, data={"answer": answer})
        assert told.status_code in (200, 303), told.text

    async def decline_next(self, code: DeclineCode) -> None:
        self._bank.misbehave(f"charge#1=decline:{_DECLINES[code]}")

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        customer = await self._ask("ensure_customer", customer_id=new_id(IdPrefix.CUSTOMER))
        customer_ref = customer["customer"]["ref"]
        method = await self._ask(
            "attach_payment_method",
            payment_method_id=new_id(IdPrefix.PAYMENT_METHOD),
            customer_ref=customer_ref,
            token="tok_visa",
        )
        charged = await self._ask(
            "charge",
            operation_id=new_id(IdPrefix.OPERATION),
            charge_id=new_id(IdPrefix.CHARGE),
            amount=amount.minor_units,
            currency=amount.currency,
            customer_ref=customer_ref,
            payment_method_ref=method["payment_method"]["ref"],
            initiator="CUSTOMER",
            metadata={},
        )
        return str(charged["charge"]["ref"])

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str:
        refunded = await self._ask(
            "refund",
            operation_id=new_id(IdPrefix.OPERATION),
            refund_id=new_id(IdPrefix.REFUND),
            charge_ref=charge_ref,
            amount=amount.minor_units,
            currency=amount.currency,
        )
        return str(refunded["refund"]["ref"])

    async def _ask(self, call: str, **body: Any) -> dict[str, Any]:
        reply = await self._bank.serve(call, orjson.dumps(body))
        assert not isinstance(reply, str)
        assert reply.status == 200, reply.body
        told: dict[str, Any] = orjson.loads(reply.body)
        return told

    # --- the wire ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def broken(self, fault: Fault, *, looks: bool = True) -> AsyncIterator[None]:
        self._bank.misbehave(f"*#*={_FAULTS[fault]}")
        yield
        self._bank.misbehave("")

    async def truth(self) -> Truth:
        return Truth(
            tuple(
                TrueCharge(
                    charge_ref=charge.charge_ref,
                    currency=charge.currency,
                    held=_major(charge.amount if charge.state == "authorized" else 0, charge.currency),
                    captured=_major(charge.captured, charge.currency),
                    refunded=_major(charge.refunded, charge.currency),
                    waits_for_the_customer=charge.state == "requires_action",
                )
                for charge in self._bank.truth().charges
            )
        )

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        posted: list[Delivery] = []
        while await self._sender.deliver_due(partial(_take, posted)):
            continue
        return posted

    def rewritten(self, event: bytes, **changed: Any) -> bytes:
        said = orjson.loads(event)
        said["livemode"] = changed.pop("livemode", said["livemode"])
        said["data"] |= changed
        return orjson.dumps(said | {"id": f"{said['id']}_rewritten"})


async def _take(posted: list[Delivery], body: bytes, headers: Mapping[str, str]) -> int:
    posted.append(Delivery(headers, body, body))
    return 200


def _major(amount: int, currency: str) -> Decimal:
    """This bank counts as ISO 4217 does."""
    return Decimal(amount).scaleb(-Money.zero(currency).exponent)


@asynccontextmanager
async def fake_house(folder: Path) -> AsyncIterator[FakeHouse]:
    clock = MovableClock()
    bank = Bank(folder / "bank.sqlite3", clock=clock, public_url="http://bank.test")
    pages = httpx.ASGITransport(Starlette(routes=fake_routes(bank)))
    async with httpx.AsyncClient(transport=pages, base_url="http://bank.test") as browser:
        house = FakeHouse(bank, clock, browser)
        try:
            yield house
        finally:
            await house.provider.close()
    bank.close()
