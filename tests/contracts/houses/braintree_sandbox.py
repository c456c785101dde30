"""Braintree's own sandbox as a house: less powerful than the emulator, and real.

`make test-live` alone opens it (live.py). The official SDK plays whoever the gateway is not, in threads, for it blocks.
Nonces are those that the sandbox has for tests, which can be used any number of times: no page makes others here. Its
cards are declined by amounts, and never by who they are: a test that needs another card is left out, and says so.
Webhooks cannot come here without a tunnel.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import braintree
import pytest
from braintree import TransactionSearch

from adapters.braintree import BraintreeProvider
from adapters.braintree_keys import SANDBOX, api_base_of
from domain.clock import SystemClock
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import NextAction
from tests.contracts.houses.braintree import AnyBraintree
from tests.contracts.houses.house import CardKind, Delivery, Fault, Power, Powerless, TrueCharge, Truth
from tests.emulators.braintree.credentials import Keys

SANDBOX_BASE = api_base_of(SANDBOX)
_NONCES: Mapping[CardKind, str] = {
    CardKind.PLAIN: "fake-valid-visa-nonce",
    CardKind.OTHER: "fake-valid-mastercard-nonce",
}
"""https://developer.paypal.com/braintree/docs/reference/general/testing"""
_TAKEN = frozenset({"submitted_for_settlement", "settling", "settled", "settlement_confirmed", "settlement_pending"})
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """An account, and where it is."""

    keys: Keys
    merchant_accounts: Mapping[str, str]
    api_base: str = SANDBOX_BASE


class BraintreeSandboxHouse(AnyBraintree):
    declines: frozenset[DeclineCode] = frozenset()
    powers: frozenset[Power] = frozenset()
    last4 = "1881"
    patience_seconds = _PATIENCE_SECONDS

    def __init__(self, place: Place) -> None:
        self.keys = place.keys
        self.webhook_secrets = (place.keys.private_key,)
        self._clock = SystemClock()
        self._accounts = place.merchant_accounts
        self._sdk = _gateway(place)
        self.began: datetime | None = None
        self.provider = BraintreeProvider(
            merchant_id=place.keys.merchant_id,
            public_key=place.keys.public_key,
            private_key=place.keys.private_key,
            api_base=place.api_base,
            livemode=False,
            merchant_accounts=place.merchant_accounts,
            clock=self._clock,
        )

    def stranded(self) -> BraintreeProvider:
        raise Powerless(Power.WIRE)

    def impatient(self) -> BraintreeProvider:
        raise Powerless(Power.WIRE)

    async def advance(self, by: timedelta) -> None:
        raise Powerless(Power.TIME)

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        if kind not in _NONCES:
            pytest.skip(f"the sandbox has no card that is {kind}, whatever the amount")
        return _NONCES[kind]

    async def confirm(self, action: NextAction) -> None:
        raise Powerless(Power.CUSTOMER)

    async def refuse(self, action: NextAction) -> None:
        raise Powerless(Power.CUSTOMER)

    def given(self, action: NextAction) -> str | None:
        raise Powerless(Power.CUSTOMER)

    async def decline_next(self, code: DeclineCode) -> None:
        raise Powerless(Power.BANK)

    async def settle(self, charge_ref: str) -> None:
        """What has settled stays so."""
        await self._ask(lambda sdk: sdk.testing.settle_transaction(charge_ref))

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        sale = {
            "amount": f"{amount.decimal:f}",
            "merchant_account_id": self._accounts[amount.currency],
            "payment_method_nonce": _NONCES[CardKind.PLAIN],
            "options": {"submit_for_settlement": True},
        }
        return await self._made(lambda sdk: sdk.transaction.sale(sale))

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str:
        await self.settle(charge_ref)
        return await self._made(lambda sdk: sdk.transaction.refund(charge_ref, f"{amount.decimal:f}"))

    async def _made(self, send: Callable[[Any], Any]) -> str:
        told = await self._ask(send)
        assert told.is_success, told.message
        return str(told.transaction.id)

    # --- the wire ---------------------------------------------------------------------------------------------------

    def broken(self, fault: Fault, *, looks: bool = True) -> AbstractAsyncContextManager[None]:
        raise Powerless(Power.WIRE)

    async def truth(self) -> Truth:
        """As Braintree's search has it, read by the SDK: what went back is what its credits say, not its sales."""
        since = self.began
        assert since is not None
        found = await self._ask(lambda sdk: list(sdk.transaction.search(TransactionSearch.created_at >= since).items))
        given_back: dict[str, Decimal] = {}
        for credit in found:
            if credit.type == "credit" and credit.status in _TAKEN:
                ref = credit.refunded_transaction_id
                given_back[ref] = given_back.get(ref, Decimal(0)) + credit.amount
        sales = [each for each in reversed(found) if each.type == "sale"]
        return Truth(tuple(_true(sale, given_back.get(sale.id, Decimal(0))) for sale in sales))

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        pytest.skip("webhooks cannot come here")

    # --- the account ------------------------------------------------------------------------------------------------

    async def _ask(self, send: Callable[[Any], Any]) -> Any:
        return await asyncio.to_thread(lambda: send(self._sdk))

    async def open(self) -> None:
        """The account is not new, so this begins in a second of Braintree's in which no test before did anything."""
        made = await self._ask(lambda sdk: sdk.customer.create({}))
        there: datetime = made.customer.created_at.replace(tzinfo=UTC)
        await asyncio.sleep(2)
        self.began = there + timedelta(seconds=1)

    async def close(self) -> None:
        await self.provider.close()
        self._sdk.config.close()


def _gateway(place: Place) -> Any:
    """The SDK's own way there, so that what it refuses to do shows."""
    environment = braintree.Environment.Sandbox
    if place.api_base != SANDBOX_BASE:
        parts = urlsplit(place.api_base)
        assert parts.hostname == "127.0.0.1", place.api_base
        environment = braintree.Environment(
            "rehearsal", parts.hostname, str(parts.port), "", is_ssl=False, ssl_certificate=None
        )
    keys = place.keys
    return braintree.BraintreeGateway(
        braintree.Configuration(environment, keys.merchant_id, keys.public_key, keys.private_key, timeout=60)
    )


def _true(sale: Any, refunded: Decimal) -> TrueCharge:
    """What was submitted and then voided was taken and given back."""
    submitted = [event.amount for event in sale.status_history if event.status == "submitted_for_settlement"]
    voided = max(map(Decimal, submitted), default=Decimal(0)) if sale.status == "voided" else Decimal(0)
    return TrueCharge(
        charge_ref=sale.id,
        currency=sale.currency_iso_code,
        held=sale.amount if sale.status == "authorized" else Decimal(0),
        captured=voided + (sale.amount if sale.status in _TAKEN else 0),
        refunded=voided + refunded,
        waits_for_the_customer=False,
    )


@asynccontextmanager
async def braintree_sandbox_house(place: Place) -> AsyncIterator[BraintreeSandboxHouse]:
    house = BraintreeSandboxHouse(place)
    try:
        await house.open()
        yield house
    finally:
        await house.close()
