"""Braintree's house: the emulator, asked over HTTP by whoever plays the card form, the customer, or a stranger.

Amounts are counted here a second time, as decimals of major units, and notifications are signed as
https://developer.paypal.com/braintree/docs/guides/webhooks/parse and the SDK's webhook_testing_gateway.py have it. The
sandbox declines by amount, and knows few cards that are difficult: here the issuer of a card is told how to be.
"""

import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

import httpx

from adapters.braintree import BraintreeProvider
from domain.clock import Clock
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import NextAction, SdkAction
from tests.contracts.houses.clock import MovableClock
from tests.contracts.houses.house import CardKind, Delivery, Fault, NoSuchCard, Power, Trait, TrueCharge, Truth
from tests.emulators.braintree.credentials import API_VERSION, Keys

KEYS = Keys()
_TIMEOUT_SECONDS = 20.0
_IMPATIENT_SECONDS = 1.0
_LAG_SECONDS = 60.0
_NOBODY = "http://127.0.0.1:9"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""There is none on loopback, and reading every authority's certificate takes longer than a test."""

MERCHANT_ACCOUNTS = {
    currency: f"{currency.lower()}_account" for currency in ("USD", "EUR", "JPY", "KRW", "MGA", "ISK", "UGX", "KWD")
}

NUMBERS: Mapping[CardKind, str] = {
    CardKind.PLAIN: "4242424242424242",
    CardKind.OTHER: "5555555555554444",
    CardKind.DECLINED: "4000111111111115",
    CardKind.DECLINED_LATER: "4000000000000341",
    CardKind.CHALLENGED: "4000000000001091",
    CardKind.CHALLENGED_THEN_DECLINED: "4000000000001109",
    CardKind.REFUND_COMES_BACK: "4000000000005126",
    CardKind.DISPUTED: "4023898493988028",
    CardKind.DISPUTED_NOT_RECEIVED: "4000000000002685",
    CardKind.INQUIRED: "4000000000001976",
}
ISSUERS: Mapping[CardKind, Mapping[str, Any]] = {
    CardKind.DECLINED: {"declines": "2000"},
    CardKind.DECLINED_LATER: {"declines": "2000"},
    CardKind.CHALLENGED: {"asks": "always"},
    CardKind.CHALLENGED_THEN_DECLINED: {"asks": "always", "declines": "2001"},
    CardKind.REFUND_COMES_BACK: {"turns_refunds_away": True},
    CardKind.DISPUTED_NOT_RECEIVED: {"disputes": "product_not_received"},
    CardKind.INQUIRED: {"disputes": "retrieval", "kind": "retrieval"},
}
_DECLINES: Mapping[DeclineCode, str] = {
    DeclineCode.GENERIC_DECLINE: "2000",
    DeclineCode.INSUFFICIENT_FUNDS: "2001",
    DeclineCode.CARD_EXPIRED: "2004",
    DeclineCode.INCORRECT_CVC: "2010",
    DeclineCode.INCORRECT_NUMBER: "2005",
    DeclineCode.LIMIT_EXCEEDED: "2002",
    DeclineCode.FRAUD_SUSPECTED: "2014",
    DeclineCode.LOST_OR_STOLEN: "2053",
    DeclineCode.AUTHENTICATION_FAILED: "2102",
    DeclineCode.PROCESSING_ERROR: "3000",
    DeclineCode.CARD_NOT_SUPPORTED: "2024",
    DeclineCode.CURRENCY_NOT_SUPPORTED: "2088",
    DeclineCode.DO_NOT_RETRY: "2043",
}
"""https://developer.paypal.com/braintree/docs/reference/general/processor-responses/authorization-responses"""
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
_ACTS = (
    "transactions.create",
    "transactions.submit",
    "transactions.void",
    "transactions.refund",
    "transactions.reverse",
)
"""What moves money there."""
_TRAITS = frozenset(
    {
        Trait.CHARGES_THE_CONFIRMED,
        Trait.HOLDS_PARTS_BACK,
        Trait.SIGNS_WITH_EACH,
        Trait.CHALLENGES,
    }
)
_LINE = 60


class AnyBraintree:
    """What is the same at the emulator and at the sandbox."""

    name = BraintreeProvider.name
    capabilities = BraintreeProvider.capabilities
    traits = _TRAITS | {Trait.KEEPS_KEYS}
    unrepresentable: tuple[Money, ...] = ()
    winning_words = "compelling_evidence"
    losing_words = "losing_evidence"
    last4 = "4242"
    keys: Keys = KEYS
    webhook_secrets: tuple[str, ...] = (KEYS.private_key,)

    _clock: Clock

    def now(self) -> datetime:
        return self._clock.now()

    # --- webhooks ---------------------------------------------------------------------------------------------------

    def signed(self, event: bytes, *, at: datetime | None = None, secrets: Sequence[str] | None = None) -> Delivery:
        """Without a time, which these signatures do not have; each of several keys signs under a name of its own."""
        assert at is None
        payload, secrets = _in_lines(event), secrets or self.webhook_secrets
        marks = [f"{self._name_of(secret, secrets)}|{_mark(secret, payload)}" for secret in secrets]
        return _delivery(event, payload, "&".join(marks))

    def _name_of(self, secret: str, secrets: Sequence[str]) -> str:
        """Whoever forges one says that it is ours."""
        is_ours = len(secrets) == 1 or secret == self.keys.private_key
        return self.keys.public_key if is_ours else "another_public_key"

    def rewritten(self, event: bytes, **changed: Any) -> bytes:
        notification = _read(event)
        if "ref" in changed:
            _child(notification, "subject", "dispute", "id").text = changed["ref"]
        if "object" in changed:
            _child(notification, "kind").text = f"{changed['object']}_solved"
            _child(notification, "subject", "dispute").tag = changed["object"]
        return ET.tostring(notification)

    def signature(self, delivery: Delivery) -> str:
        return dict(parse_qsl(delivery.body.decode()))["bt_signature"]

    def with_signature(self, delivery: Delivery, signature: str | None) -> Delivery:
        fields = dict(parse_qsl(delivery.body.decode()))
        del fields["bt_signature"]
        more = {} if signature is None else {"bt_signature": signature}
        return replace(delivery, body=urlencode(fields | more).encode())

    def written_anew(self, delivery: Delivery) -> Sequence[Delivery]:
        payload, mark = dict(parse_qsl(delivery.body.decode()))["bt_payload"], self.signature(delivery)
        again = ET.tostring(_read(delivery.event), encoding="utf-8", xml_declaration=True)
        others = [payload.replace("\n", ""), f"{payload} ", f"\n{payload}", _in_lines(again)]
        return [_delivery(delivery.event, other, mark) for other in others]

    def challenge(self, text: str) -> tuple[Mapping[str, str], str]:
        return {"bt_challenge": text}, f"{self.keys.public_key}|{_mark(self.keys.private_key, text)}"


class BraintreeHouse(AnyBraintree):
    declines = frozenset(_DECLINES)
    powers = frozenset(Power)
    began: datetime | None = None
    patience_seconds = 0.0

    takes_request_keys = True

    def __init__(self, address: str, http: httpx.AsyncClient) -> None:
        self._address = address
        self._http = http
        self._clock: MovableClock = MovableClock()
        self._in_the_form: str | None = None
        self._given: dict[str, str] = {}
        self._known: set[CardKind] = set()
        self.provider = self._provider(address, _TIMEOUT_SECONDS)

    def _provider(self, address: str, timeout_seconds: float) -> BraintreeProvider:
        return BraintreeProvider(
            merchant_id=KEYS.merchant_id,
            public_key=KEYS.public_key,
            private_key=KEYS.private_key,
            api_base=address,
            livemode=False,
            merchant_accounts=MERCHANT_ACCOUNTS,
            clock=self._clock,
            request_keys=self.takes_request_keys,
            look_up_lag_seconds=_LAG_SECONDS,
            timeout_seconds=timeout_seconds,
        )

    def stranded(self) -> BraintreeProvider:
        return self._provider(_NOBODY, _TIMEOUT_SECONDS)

    def impatient(self) -> BraintreeProvider:
        return self._provider(self._address, _IMPATIENT_SECONDS)

    async def advance(self, by: timedelta) -> None:
        self._clock.advance(by)
        await self._control("clock", {"advance_seconds": by.total_seconds()})

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        if kind not in NUMBERS:
            raise NoSuchCard(kind)
        number = NUMBERS[kind]
        if kind in ISSUERS and kind not in self._known:
            await self._control("issuers", {"card": number, **ISSUERS[kind]})
            self._known.add(kind)
        self._in_the_form = await self._nonce(number=number)
        return self._in_the_form

    async def confirm(self, action: NextAction) -> None:
        await self._authenticate(action, "authenticate_successful")

    async def refuse(self, action: NextAction) -> None:
        await self._authenticate(action, "authenticate_failed")

    def given(self, action: NextAction) -> str | None:
        assert isinstance(action, SdkAction)
        return self._given.get(action.client_secret)

    async def _authenticate(self, action: NextAction, outcome: str) -> None:
        """As the client SDK does with the nonce of a stored card, or with the card that the form still has."""
        assert isinstance(action, SdkAction)
        source = action.token or self._in_the_form
        self._given[action.client_secret] = await self._nonce(source=source, three_d_secure=outcome)

    async def _nonce(self, **card: Any) -> str:
        return str((await self._control("nonces", card))["nonce"])

    async def decline_next(self, code: DeclineCode) -> None:
        await self._misbehave({"on": "transactions.create", "fault": "decline", "code": _DECLINES[code], "last": 1})

    async def settle(self, charge_ref: str) -> None:
        """By the call that the sandbox has for that; what has settled stays so."""
        told = await self._http.put(f"{_MERCHANT}/transactions/{charge_ref}/settle")
        assert told.status_code in (200, 422), told.text

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        return await self._made(
            "transactions",
            {
                "type": "sale",
                "amount": f"{amount.decimal:f}",
                "merchant-account-id": MERCHANT_ACCOUNTS[amount.currency],
                "payment-method-nonce": "fake-valid-visa-nonce",
                "options": {"submit-for-settlement": "true"},
            },
        )

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str:
        await self.settle(charge_ref)
        return await self._made(f"transactions/{charge_ref}/refund", {"amount": f"{amount.decimal:f}"})

    async def _made(self, path: str, asked: Mapping[str, Any]) -> str:
        told = await self._http.post(
            f"{_MERCHANT}/{path}",
            content=ET.tostring(_element("transaction", asked)),
            headers={"Content-Type": "application/xml"},
        )
        assert told.status_code == 201, told.text
        return str(_child(_read(told.content), "id").text)

    # --- the wire ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def broken(self, fault: Fault, *, looks: bool = True) -> AsyncIterator[None]:
        await self._misbehave(*({"on": on, "fault": _FAULTS[fault]} for on in (["*"] if looks else _ACTS)))
        yield
        await self._control("faults", {"rules": []})

    async def truth(self) -> Truth:
        return Truth(tuple(_true(sale) for sale in (await self._control("truth"))["sales"]))

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        told = await self._control("collected", {})
        return [
            _delivery(base64.b64decode(each["bt_payload"]), each["bt_payload"], each["bt_signature"])
            for each in told["deliveries"]
        ]

    # --- asking the emulator ----------------------------------------------------------------------------------------

    async def _control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"/_control/{path}"
        told = await (self._http.get(url) if body is None else self._http.post(url, json=body))
        assert told.is_success, told.text
        return told.json()

    async def _misbehave(self, *rules: Mapping[str, Any]) -> None:
        await self._control("faults", {"rules": rules})

    async def open(self) -> None:
        accounts = {id: currency for currency, id in MERCHANT_ACCOUNTS.items()}
        await self._control("reset", {"merchant_accounts": accounts, "request_keys_allowed": self.takes_request_keys})
        await self._control("webhooks", {"endpoints": [{"url": None}]})


class KeylessHouse(BraintreeHouse):
    """An account that may send no request keys, at which it is known that it may not."""

    traits = _TRAITS
    takes_request_keys = False


_MERCHANT = f"/merchants/{KEYS.merchant_id}"


def _true(sale: Mapping[str, Any]) -> TrueCharge:
    """What was submitted and then voided was taken and given back, as far as anybody outside can tell."""
    voided = Decimal(sale["submitted"]) if sale["status"] == "voided" else Decimal(0)
    return TrueCharge(
        charge_ref=sale["id"],
        currency=sale["currency"],
        held=Decimal(sale["authorized"] if sale["status"] == "authorized" else 0),
        captured=Decimal(sale["captured"]) + voided,
        refunded=Decimal(sale["refunded"]) + voided,
        waits_for_the_customer=False,
    )


# --- how notifications are written and signed -------------------------------------------------------------------------


def _mark(secret: str, text: str) -> str:
    key = hashlib.sha1(secret.encode()).digest()  # noqa: S324 (Braintree's own scheme)
    return hmac.new(key, text.encode(), hashlib.sha1).hexdigest()


def _in_lines(event: bytes) -> str:
    text = base64.b64encode(event).decode()
    return "".join(f"{text[start : start + _LINE]}\n" for start in range(0, len(text), _LINE))


def _delivery(event: bytes, payload: str, signature: str) -> Delivery:
    body = urlencode({"bt_signature": signature, "bt_payload": payload}).encode()
    return Delivery({"Content-Type": "application/x-www-form-urlencoded"}, body, event)


def _read(document: bytes) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 (the emulator's, or the sandbox's own)


def _child(element: ET.Element, *path: str) -> ET.Element:
    found = element.find("/".join(path))
    assert found is not None, path
    return found


def _element(name: str, asked: Mapping[str, Any] | str) -> ET.Element:
    element = ET.Element(name)
    if isinstance(asked, str):
        element.text = asked
    else:
        element.extend(_element(each, inside) for each, inside in asked.items())
    return element


@asynccontextmanager
async def braintree_house(address: str, kind: type[BraintreeHouse] = BraintreeHouse) -> AsyncIterator[BraintreeHouse]:
    """At the emulator that is served there, on an account that is new."""
    async with httpx.AsyncClient(
        base_url=address,
        auth=(KEYS.public_key, KEYS.private_key),
        headers={"X-ApiVersion": API_VERSION},
        trust_env=False,
        timeout=_TIMEOUT_SECONDS,
        verify=_NO_TLS,
    ) as http:
        house = kind(address, http)
        await house.open()
        try:
            yield house
        finally:
            await house.provider.close()
