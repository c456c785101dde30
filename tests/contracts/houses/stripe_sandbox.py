"""Stripe's own sandbox as a house: less powerful than the emulator, and real.

`make test-live` alone opens it (live.py). The card form is played by the official SDK. Nobody moves Stripe's time,
reads a bank's page or reaches its wire. Webhooks cannot come here without a tunnel: events are taken from /v1/events
and signed with a secret of ours, which shows that their content is read, and nothing of how Stripe signs and delivers.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from adapters.stripe import StripeProvider
from adapters.stripe_keys import API_BASE
from domain.clock import SystemClock
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import NextAction
from tests.contracts.houses.house import CardKind, Delivery, Fault, Power, Powerless, TrueCharge, Truth
from tests.contracts.houses.stripe import SECRETS, TOKENS, AnyStripe, major, units

TEST_KEYS = ("sk_test_", "rk_test_")
_WITHOUT_A_TOKEN = (CardKind.CONFIRMED_FIRST, CardKind.CHALLENGED, CardKind.CHALLENGED_THEN_DECLINED)
"""Stripe's page of test cards has them as payment methods alone."""
_PATIENCE_SECONDS = 20.0
"""Events, and disputes of the cards that are known for them, come a few seconds later."""
_POLL_SECONDS = 2.0

# Its figures would travel with every request, and are none of these tests' business.
stripe.enable_telemetry = False


class SandboxHouse(AnyStripe):
    declines: frozenset[DeclineCode] = frozenset()
    powers: frozenset[Power] = frozenset({Power.CURRENCIES, Power.FORM})
    patience_seconds = _PATIENCE_SECONDS

    def __init__(self, key: str, publishable_key: str, *, api_base: str) -> None:
        if not key.startswith(TEST_KEYS):
            raise ValueError("Only keys of test mode come in here.")
        self._clock = SystemClock()
        self._transport = stripe.HTTPXClient(timeout=80)
        self._sdk = stripe.StripeClient(key, base_addresses={"api": api_base}, http_client=self._transport)
        self._told: set[str] = set()
        self.began: datetime | None = None
        self.provider = StripeProvider(
            key,
            clock=self._clock,
            webhook_secrets=SECRETS,
            publishable_key=publishable_key,
            api_base=api_base,
        )

    def stranded(self) -> StripeProvider:
        raise Powerless(Power.WIRE)

    def impatient(self) -> StripeProvider:
        raise Powerless(Power.WIRE)

    async def advance(self, by: timedelta) -> None:
        raise Powerless(Power.TIME)

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        if kind in _WITHOUT_A_TOKEN:
            return TOKENS[kind].replace("tok_", "pm_card_")
        params: Any = {"type": "card", "card": {"token": TOKENS[kind]}}
        return (await self._sdk.v1.payment_methods.create_async(params)).id

    async def confirm(self, action: NextAction) -> None:
        raise Powerless(Power.CUSTOMER)

    async def refuse(self, action: NextAction) -> None:
        raise Powerless(Power.CUSTOMER)

    async def decline_next(self, code: DeclineCode) -> None:
        raise Powerless(Power.BANK)

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        params: Any = {
            "amount": units(amount),
            "currency": amount.currency.lower(),
            "payment_method": "pm_card_visa",
            "confirm": True,
            "capture_method": "automatic",
            "return_url": "https://elsewhere.example/",
        }
        return (await self._sdk.v1.payment_intents.create_async(params)).id

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str:
        params: Any = {"payment_intent": charge_ref, "amount": units(amount)}
        return (await self._sdk.v1.refunds.create_async(params)).id

    # --- the wire ---------------------------------------------------------------------------------------------------

    def broken(self, fault: Fault, *, looks: bool = True) -> AbstractAsyncContextManager[None]:
        raise Powerless(Power.WIRE)

    async def truth(self) -> Truth:
        """As Stripe's lists have it, read by the SDK: what went back is what its refunds say, not its charges."""
        since: Any = self._since
        intents = self._sdk.v1.payment_intents
        listed = await intents.list_async({"limit": 100, "created": since})
        refunds = await self._sdk.v1.refunds.list_async({"limit": 100, "created": since})
        given_back: dict[str, int] = {}
        for refund in _raw(refunds):
            # One without a balance transaction only released what was held.
            if refund["status"] in ("succeeded", "pending") and refund["balance_transaction"] is not None:
                ref = refund["payment_intent"]
                given_back[ref] = given_back.get(ref, 0) + refund["amount"]
        return Truth(tuple(_true(intent, given_back.get(intent["id"], 0)) for intent in _raw(listed)))

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        """Once nothing more comes for a while, oldest first."""
        found, until = await self._events(), time.monotonic() + self.patience_seconds
        while time.monotonic() < until:
            await asyncio.sleep(min(_POLL_SECONDS, self.patience_seconds))
            more = await self._events()
            if found and len(more) == len(found):
                break
            found = more
        self._told |= {event["id"] for event in found}
        return [self.signed(json.dumps(event, indent=2, ensure_ascii=False).encode()) for event in reversed(found)]

    async def _events(self) -> list[dict[str, Any]]:
        since: Any = self._since
        listed = await self._sdk.v1.events.list_async({"limit": 100, "created": since})
        return [event for event in _raw(listed) if event["id"] not in self._told]

    # --- the account ------------------------------------------------------------------------------------------------

    @property
    def _since(self) -> dict[str, int]:
        assert self.began is not None
        return {"gte": int(self.began.timestamp())}

    async def open(self) -> None:
        """The account is not new, so this begins in a second of Stripe's in which no test before has done anything."""
        answer = (await self._sdk.v1.balance.retrieve_async()).last_response
        said = answer.headers.get("date") if answer else None
        there = parsedate_to_datetime(said) if said else datetime.now(UTC)
        # A header may be written a second before it is sent.
        await asyncio.sleep(3)
        self.began = there + timedelta(seconds=2)

    async def close(self) -> None:
        await self.provider.close()
        await self._transport.close_async()  # type: ignore[no-untyped-call]  # the SDK has no type hint of it


def _raw(listed: Any) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = listed.last_response.data["data"]
    return data


def _true(intent: Mapping[str, Any], refunded: int) -> TrueCharge:
    currency = intent["currency"].upper()
    amounts: list[Decimal] = [
        major(each, currency) for each in (intent["amount_capturable"], intent["amount_received"], refunded)
    ]
    return TrueCharge(
        charge_ref=intent["id"],
        currency=currency,
        held=amounts[0],
        captured=amounts[1],
        refunded=amounts[2],
        waits_for_the_customer=intent["status"] in ("requires_payment_method", "requires_action"),
    )


@asynccontextmanager
async def sandbox_house(key: str, publishable_key: str, *, api_base: str = API_BASE) -> AsyncIterator[SandboxHouse]:
    house = SandboxHouse(key, publishable_key, api_base=api_base)
    try:
        await house.open()
        yield house
    finally:
        await house.close()
