"""The Piggy Bank's house for the suite: `PAYDESK_TEST_HOUSE=tests.docs.piggy_bank.house` runs the suite in it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import pytest

from domain.clock import SystemClock
from domain.declines import DeclineCode
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import NextAction
from tests.contracts.houses.headers import SignsInAHeader
from tests.contracts.houses.house import CardKind, Delivery, Fault, NoSuchCard, Power, Powerless, TrueCharge, Truth
from tests.docs.piggy_bank.bank import PiggyBank
from tests.docs.piggy_bank.provider import PiggyBankProvider

_ADDRESS = "http://piggy-bank.test"
_NOBODY = "http://127.0.0.1:9"
_KINDS = {
    CardKind.PLAIN: "visa",
    CardKind.OTHER: "mastercard",
    CardKind.DECLINED: "stubborn",
    CardKind.DECLINED_LATER: "stubborn",
}
_REASONS = {
    DeclineCode.INSUFFICIENT_FUNDS: "empty",
    DeclineCode.LOST_OR_STOLEN: "lost",
    DeclineCode.PROCESSING_ERROR: "asleep",
    DeclineCode.GENERIC_DECLINE: "just so",
}


class PiggyBankHouse(SignsInAHeader):
    name = PiggyBankProvider.name
    capabilities = PiggyBankProvider.capabilities
    declines = frozenset(_REASONS)
    powers = frozenset({Power.BANK, Power.WIRE, Power.CROWD, Power.CURRENCIES, Power.FORM})
    unrepresentable = (Money(30_000_50, "MGA"), Money(1_234, "KWD"))
    webhook_secrets: tuple[str, ...] = ()
    winning_words = losing_words = ""
    began: datetime | None = None
    patience_seconds = 0.0
    last4 = "4242"
    _header = "Piggy-Bank-Signature"

    def __init__(self) -> None:
        self._bank = PiggyBank(SystemClock())
        self._wire = _Wire(self._bank)
        self._coins = count(1)
        self.provider = self._provider(_ADDRESS, self._wire)

    def _provider(
        self, address: str, wire: httpx.AsyncBaseTransport | None, timeout_seconds: float = 10.0
    ) -> PiggyBankProvider:
        http = httpx.AsyncClient(base_url=address, transport=wire, trust_env=False)
        return PiggyBankProvider(http, timeout_seconds=timeout_seconds)

    def stranded(self) -> PiggyBankProvider:
        return self._provider(_NOBODY, None)

    def impatient(self) -> PiggyBankProvider:
        return self._provider(_ADDRESS, self._wire, timeout_seconds=0.2)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def advance(self, by: timedelta) -> None:
        raise Powerless(Power.TIME)

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        if kind not in _KINDS:
            raise NoSuchCard
        return f"coin_{_KINDS[kind]}_{next(self._coins)}"

    async def confirm(self, action: NextAction) -> None:
        raise Powerless(Power.CUSTOMER)

    async def refuse(self, action: NextAction) -> None:
        raise Powerless(Power.CUSTOMER)

    async def decline_next(self, code: DeclineCode) -> None:
        self._bank.declines_next = _REASONS[code]

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        customer, card = new_id(IdPrefix.CUSTOMER), new_id(IdPrefix.PAYMENT_METHOD)
        self._bank.answer("open", customer=customer)
        self._bank.answer("store", card=card, customer=customer, coin=await self.token(CardKind.PLAIN))
        said = {"customer": customer, "card": card, **_written(amount)}
        return str(self._bank.answer("take", key=new_id(IdPrefix.OPERATION), note={}, **said)["ref"])

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str:
        said = {"payment": charge_ref, **_written(amount)}
        return str(self._bank.answer("give_back", key=new_id(IdPrefix.OPERATION), note={}, **said)["ref"])

    # --- the wire ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def broken(self, fault: Fault, *, looks: bool = True) -> AsyncIterator[None]:
        self._wire.fault = fault
        yield
        self._wire.fault = None

    async def truth(self) -> Truth:
        return Truth(
            tuple(
                TrueCharge(
                    charge_ref=payment["ref"],
                    currency=payment["currency"],
                    held=Decimal(0),
                    captured=Decimal(payment["amount"] if payment["state"] == "paid" else 0),
                    refunded=Decimal(payment["given_back"]),
                    waits_for_the_customer=False,
                )
                for payment in self._bank.payments.values()
            )
        )

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        return []

    def rewritten(self, event: bytes, **changed: Any) -> bytes:
        return event


def _written(amount: Money) -> dict[str, str]:
    """With the decimals that it has anyway: strangers here pay in dollars."""
    return {"amount": str(amount.decimal), "currency": amount.currency}


class _Wire(httpx.AsyncBaseTransport):
    """Between an adapter and the bank."""

    def __init__(self, bank: PiggyBank) -> None:
        self._bank = bank
        self.fault: Fault | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        match self.fault:
            case Fault.ERROR:
                return httpx.Response(500, json={"error": "asleep"})
            case Fault.UNAVAILABLE:
                return httpx.Response(503, json={"error": "closed"})
            case Fault.RATE_LIMIT:
                return httpx.Response(429, json={"error": "slowly"})
        answer = await self._bank.handle_async_request(request)
        match self.fault:
            case Fault.CLOSED:
                raise httpx.RemoteProtocolError("closed")
            case Fault.RESET:
                raise httpx.ReadError("reset")
            case Fault.SILENT:
                await asyncio.sleep(3600)
            case Fault.ERROR_AFTER:
                return httpx.Response(500, json={"error": "asleep"})
            case Fault.HTML:
                return httpx.Response(200, html="<h1>Somebody's proxy</h1>")
            case Fault.TRUNCATED:
                whole = await answer.aread()
                return httpx.Response(200, content=whole[: len(whole) // 2])
            case Fault.EMPTY:
                return httpx.Response(200, content="{}")
        return answer


@asynccontextmanager
async def _opened() -> AsyncIterator[PiggyBankHouse]:
    house = PiggyBankHouse()
    try:
        yield house
    finally:
        await house.provider.close()


def open_house(_: pytest.FixtureRequest) -> AbstractAsyncContextManager[PiggyBankHouse]:
    return _opened()


HOUSE = (PiggyBankHouse, open_house)
