"""Stripe's house: the emulator, asked over HTTP by whoever plays the card form, the customer, or a stranger.

Amounts are counted here a second time, from https://docs.stripe.com/currencies, and signatures are made as
https://docs.stripe.com/webhooks/signature says.
"""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import orjson

from adapters.stripe import StripeProvider
from domain.clock import Clock
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import NextAction, RedirectAction
from tests.contracts.houses.clock import MovableClock
from tests.contracts.houses.headers import SignsInAHeader
from tests.contracts.houses.house import CardKind, Delivery, Fault, Power, TrueCharge, Truth
from tests.emulators.stripe.account import API_VERSION
from tests.emulators.stripe.credentials import Keys

KEYS = Keys()
SECRETS = ("whsec_that_goes", "whsec_that_comes")
_TIMEOUT_SECONDS = 20.0
_IMPATIENT_SECONDS = 1.0
_NOBODY = "http://127.0.0.1:9"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""There is none on loopback, and reading every authority's certificate takes longer than a test."""

TOKENS: Mapping[CardKind, str] = {
    CardKind.PLAIN: "tok_visa",
    CardKind.OTHER: "tok_mastercard",
    CardKind.DECLINED: "tok_visa_chargeDeclined",
    CardKind.DECLINED_LATER: "tok_chargeCustomerFail",
    CardKind.CONFIRMED_FIRST: "tok_authenticationRequiredOnSetup",
    CardKind.CHALLENGED: "tok_authenticationRequired",
    CardKind.CHALLENGED_THEN_DECLINED: "tok_authenticationRequiredChargeDeclinedInsufficientFunds",
    CardKind.REFUND_PENDING: "tok_pendingRefund",
    CardKind.REFUND_COMES_BACK: "tok_refundFail",
    CardKind.DISPUTED: "tok_createDispute",
    CardKind.DISPUTED_NOT_RECEIVED: "tok_createDisputeProductNotReceived",
    CardKind.INQUIRED: "tok_createDisputeInquiry",
}
"""https://docs.stripe.com/testing"""
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
    Fault.UNAVAILABLE: "unavailable",
    Fault.RATE_LIMIT: "rate_limit",
}
_DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "MGA": 0, "ISK": 2, "UGX": 2, "KWD": 3}


class AnyStripe(SignsInAHeader):
    """What is the same at the emulator and at the sandbox."""

    name = StripeProvider.name
    capabilities = StripeProvider.capabilities
    unrepresentable: tuple[Money, ...] = (Money(30_000_50, "MGA"), Money(1_234, "KWD"))
    webhook_secrets: tuple[str, ...] = SECRETS
    winning_words = "winning_evidence"
    losing_words = "losing_evidence"
    last4 = "4242"

    _clock: Clock
    _header = "Stripe-Signature"

    def now(self) -> datetime:
        return self._clock.now()

    def rewritten(self, event: bytes, **changed: Any) -> bytes:
        said = orjson.loads(event)
        about = said["data"]["object"]
        said["livemode"] = changed.get("livemode", said["livemode"])
        if "ref" in changed:
            # A charge is told of under the name of its intent.
            about["payment_intent" if about["object"] == "charge" else "id"] = changed["ref"]
        if "object" in changed:
            said["type"], about["object"] = f"{changed['object']}.solved", changed["object"]
        return orjson.dumps(said | {"id": f"{said['id']}rewritten"})


class StripeHouse(AnyStripe):
    declines = frozenset(_DECLINES)
    powers = frozenset(Power)
    began: datetime | None = None
    patience_seconds = 0.0

    def __init__(self, address: str, http: httpx.AsyncClient) -> None:
        self._address = address
        self._http = http
        self._clock: MovableClock = MovableClock()
        self.provider = self._provider(address, _TIMEOUT_SECONDS)

    def _provider(self, address: str, timeout_seconds: float) -> StripeProvider:
        return StripeProvider(
            KEYS.secret,
            clock=self._clock,
            webhook_secrets=SECRETS,
            publishable_key=KEYS.publishable,
            api_base=address,
            timeout_seconds=timeout_seconds,
        )

    def stranded(self) -> StripeProvider:
        return self._provider(_NOBODY, _TIMEOUT_SECONDS)

    def impatient(self) -> StripeProvider:
        return self._provider(self._address, _IMPATIENT_SECONDS)

    async def advance(self, by: timedelta) -> None:
        self._clock.advance(by)
        await self._control("clock", {"advance_seconds": by.total_seconds()})

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        method = await self._post("payment_methods", {"type": "card", "card[token]": TOKENS[kind]})
        return str(method["id"])

    async def confirm(self, action: NextAction) -> None:
        await self._answer(action, "succeeded")

    async def refuse(self, action: NextAction) -> None:
        await self._answer(action, "failed")

    async def _answer(self, action: NextAction, outcome: str) -> None:
        assert isinstance(action, RedirectAction)
        told = await self._http.post(action.url, data={"outcome": outcome})
        # 400: nobody asks any more.
        assert told.status_code in (200, 302, 303, 400), told.text

    async def decline_next(self, code: DeclineCode) -> None:
        await self._misbehave(on="payment_intents.create", fault="decline", code=_DECLINES[code], last=1)

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        asked = {
            "amount": str(units(amount)),
            "currency": amount.currency.lower(),
            "payment_method": "pm_card_visa",
            "confirm": "true",
            "capture_method": "automatic",
            "return_url": "https://elsewhere.example/",
        }
        return str((await self._post("payment_intents", asked))["id"])

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str:
        asked = {"payment_intent": charge_ref, "amount": str(units(amount))}
        return str((await self._post("refunds", asked))["id"])

    # --- the wire ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def broken(self, fault: Fault, *, looks: bool = True) -> AsyncIterator[None]:
        await self._misbehave(on="*", fault=_FAULTS[fault])
        yield
        await self._control("faults", {"rules": []})

    async def truth(self) -> Truth:
        told = await self._control("truth")
        return Truth(tuple(_true(payment) for payment in told["payments"]))

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        """The emulator signs at the machine's time; for a gateway whose clock was put forward it is signed again."""
        told = await self._control("collected", {})
        posted = [(each["headers"], each["body"].encode()) for each in told["deliveries"]]
        if self._clock.was_moved:
            return [self.signed(event) for _, event in posted]
        return [Delivery(headers, event, event) for headers, event in posted]

    # --- asking the emulator ----------------------------------------------------------------------------------------

    async def _post(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        told = await self._http.post(f"/v1/{path}", data=form)
        assert told.is_success, told.text
        answer: dict[str, Any] = told.json()
        return answer

    async def _control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"/_control/{path}"
        told = await (self._http.get(url) if body is None else self._http.post(url, json=body))
        assert told.is_success, told.text
        return told.json()

    async def _misbehave(self, **rule: Any) -> None:
        await self._control("faults", {"rules": [rule]})

    async def open(self) -> None:
        await self._control("reset", {})
        await self._control("webhooks", {"endpoints": [{"url": None, "secrets": list(SECRETS[-1:])}]})


def _true(payment: Mapping[str, Any]) -> TrueCharge:
    currency = payment["currency"].upper()
    return TrueCharge(
        charge_ref=payment["id"],
        currency=currency,
        held=major(payment["authorized"], currency),
        captured=major(payment["captured"], currency),
        refunded=major(payment["refunded"], currency),
        waits_for_the_customer=payment["status"] in ("requires_payment_method", "requires_action"),
    )


def units(amount: Money) -> int:
    return int(amount.decimal.scaleb(_DECIMALS[amount.currency]))


def major(units: int, currency: str) -> Decimal:
    return Decimal(units).scaleb(-_DECIMALS[currency])


@asynccontextmanager
async def stripe_house(address: str) -> AsyncIterator[StripeHouse]:
    """At the emulator that is served there, on an account that is new."""
    headers = {"Authorization": f"Bearer {KEYS.secret}", "Stripe-Version": API_VERSION}
    async with httpx.AsyncClient(
        base_url=address, headers=headers, trust_env=False, timeout=_TIMEOUT_SECONDS, verify=_NO_TLS
    ) as http:
        house = StripeHouse(address, http)
        await house.open()
        try:
            yield house
        finally:
            await house.provider.close()
