"""The banks that one story is told with: the fake one, and Stripe, which its emulator stands in for.

What a gateway has to be told, what names a test card, what a customer presses on the bank's page, and what really
happened there: this is all that differs, and a story that speaks of a `Bank` runs unchanged with each.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import httpx

from adapters.fake.truth import ChargeTruth, CustomerTruth, DisputeTruth, RefundTruth, Truth
from adapters.stripe.capabilities import LOOK_UP_LAG_SECONDS
from tests.databases import ROOT
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.serving import serving_aside
from tests.server.processes import RETURN_URL, Settings, fake_bank, free_port, start, wait_until_answering
from tests.server.truths import truth_of

Json = dict[str, Any]

_FAKE_KEY = "key-of-the-bank"
_FAKE_WEBHOOK_SECRET = "secret-of-the-webhooks"
_STRIPE_KEY, _STRIPE_PUBLISHABLE_KEY = "sk_test_emulator", "pk_test_emulator"
_STRIPE_WEBHOOK_SECRET = "whsec_of_the_emulator"

_SAME = {"threeDSecureRequired": "authenticationRequiredSetupForOffSession"}
"""What goes by another name at Stripe: a card that is stored as it is, and asks for 3D Secure when it pays. Most others
want it for both."""

_MONEY = (
    "payment_intents.create",
    "payment_intents.confirm",
    "payment_intents.capture",
    "payment_intents.cancel",
    "refunds.create",
)
_FAULTS = {
    "error": "500 before the work, and for ever under its key",
    "error_after": "500 after the work, and for ever under its key",
    "conflict": "409, the key is said to be in use",
    "lock_timeout": "429, the object is said to be locked",
}
"""What only Stripe itself can do, in the words of the table in docs/reliability.md."""
FAULTS_OF_BANKS = tuple(_FAULTS.values())


@dataclass(frozen=True, slots=True)
class Bank(ABC):
    address: str
    folder: Path

    account: ClassVar[str]
    """What `PAYDESK_PROVIDER` and its account are called."""
    cards: ClassVar[Mapping[str, int]] = {}
    """Test cards that only this one has, and how often a town's people have them (tests/chaos/shop.py)."""
    lag_seconds: ClassVar[float] = 0.0
    """How far its lists may lag behind, where something is found by them alone: at Stripe, once a key is spent."""
    steps: ClassVar[Mapping[str, int]] = {}
    """What amounts have to be a multiple of, in our minor units; 1 where nothing is said."""

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @abstractmethod
    def settings(self, address: str) -> dict[str, str]:
        """What a gateway is told that reaches this bank there: at its own address, or at a wire in between."""

    @abstractmethod
    def listen(self, gateway: str) -> None:
        """From now on its webhooks go to the gateway at this address."""

    @abstractmethod
    def token(self, card: str) -> str:
        """What the card form gives for a test card, which is called the same at both: `threeDSecureRequired`."""

    @abstractmethod
    async def typed(self, gateway: str, number: str) -> str:
        """What it gives for a number that a customer types into it."""

    @abstractmethod
    def asks_on_its_page(self, amount: str) -> Sequence[str]:
        """What stands on its 3D Secure page, for an amount in whole dollars and cents."""

    @abstractmethod
    def pressed(self, *, confirm: bool) -> dict[str, str]:
        """The form that the page sends."""

    @abstractmethod
    def sends_back_with(self, charge: Json) -> dict[str, list[str]]:
        """What its page adds to the return url to say which charge it was."""

    @abstractmethod
    def truth(self) -> Truth: ...

    @abstractmethod
    def misbehave(self, *, seed: int, share: float) -> None:
        """Fail with this share of the requests about money, in the ways that a bank alone can fail in."""

    @abstractmethod
    def calm_down(self) -> Mapping[str, int]:
        """From now on nothing goes wrong; what did, in words, and how often."""


class FakeBank(Bank):
    """`paydesk fake-provider`, a process of its own, whose books no gateway can reach."""

    account = "fake"

    def settings(self, address: str) -> dict[str, str]:
        return _fake_settings() | {"PAYDESK_FAKE_URL": address}

    def token(self, card: str) -> str:
        return f"tok_{card}"

    async def typed(self, gateway: str, number: str) -> str:
        card = {"number": number, "expMonth": 12, "expYear": 2040, "cvc": "123"}
        async with httpx.AsyncClient(trust_env=False) as browser:
            minted = await browser.post(f"{self.address or gateway}/fake/tokens", json=card)
        return str(minted.json()["token"])

    def asks_on_its_page(self, amount: str) -> Sequence[str]:
        return (amount, 'name="answer" value="confirm"')

    def pressed(self, *, confirm: bool) -> dict[str, str]:
        return {"answer": "confirm" if confirm else "refuse"}

    def sends_back_with(self, charge: Json) -> dict[str, list[str]]:
        return {"charge": [charge["id"]]}

    def listen(self, gateway: str) -> None:
        """It was told when it was opened."""

    def misbehave(self, *, seed: int, share: float) -> None:
        """It has no faults that a wire could not have."""

    def calm_down(self) -> Mapping[str, int]:
        return {}

    def truth(self) -> Truth:
        return truth_of(self.folder)


class FakeBankInside(FakeBank):
    """In the gateway's own process."""

    def settings(self, address: str) -> dict[str, str]:
        return {"PAYDESK_PROVIDER": self.account}


class StripeBank(Bank):
    """Stripe's emulator, wherever it runs."""

    account = "stripe"
    cards: ClassVar[Mapping[str, int]] = {"authenticationRequired": 2, "authenticationRequiredOnSetup": 1}
    lag_seconds = LOOK_UP_LAG_SECONDS
    steps: ClassVar[Mapping[str, int]] = {"KWD": 10}

    def settings(self, address: str) -> dict[str, str]:
        return {
            "PAYDESK_PROVIDER": self.account,
            "STRIPE_SECRET_KEY": _STRIPE_KEY,
            "STRIPE_PUBLISHABLE_KEY": _STRIPE_PUBLISHABLE_KEY,
            "STRIPE_WEBHOOK_SECRET": _STRIPE_WEBHOOK_SECRET,
            "STRIPE_API_BASE": address,
        }

    def listen(self, gateway: str) -> None:
        endpoint = {"url": f"{gateway}/webhooks/{self.account}", "secrets": [_STRIPE_WEBHOOK_SECRET]}
        self.control("webhooks", {"endpoints": [endpoint]})

    def token(self, card: str) -> str:
        return f"pm_card_{_SAME.get(card, card)}"

    async def typed(self, gateway: str, number: str) -> str:
        """As Stripe.js has it from the Payment Element."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": str(value) for name, value in card.items()}
        return str((await self._in_a_browser("payment_methods", form)).json()["id"])

    async def confirmed_in_a_browser(self, intent: str, client_secret: str, method: str) -> httpx.Response:
        """What Stripe.js can do with an intent's secret, behind everybody's back."""
        form = {"client_secret": client_secret, "payment_method": method, "return_url": RETURN_URL}
        return await self._in_a_browser(f"payment_intents/{intent}/confirm", form)

    async def _in_a_browser(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        """Straight to Stripe, with the publishable key."""
        headers = {"Authorization": f"Bearer {_STRIPE_PUBLISHABLE_KEY}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as browser:
            return await browser.post(f"{self.address}/v1/{path}", data=dict(form))

    def asks_on_its_page(self, amount: str) -> Sequence[str]:
        return (f"{amount.replace('.', '')} usd", 'name="outcome" value="succeeded"')

    def pressed(self, *, confirm: bool) -> dict[str, str]:
        return {"outcome": "succeeded" if confirm else "failed"}

    def sends_back_with(self, charge: Json) -> dict[str, list[str]]:
        return {"payment_intent": [charge["providerRef"]]}

    def truth(self) -> Truth:
        return stripe_truth(self.control("truth"))

    def misbehave(self, *, seed: int, share: float) -> None:
        odds = [(fault, share / len(_FAULTS)) for fault in _FAULTS]
        rules = [{"on": on, "fault": fault, "probability": odd} for on in _MONEY for fault, odd in odds if odd]
        self.control("faults", {"rules": rules, "seed": seed})

    def calm_down(self) -> Mapping[str, int]:
        happened = self.control("faults")["happened"]
        self.control("faults", {"rules": []})
        return {_FAULTS[fault]: times for fault, times in happened.items()}

    def control(self, path: str, body: Json | None = None) -> Json:
        """What only a test may do; without a body, what only a test may see."""
        url = f"{self.address}/_control/{path}"
        answer = httpx.request("GET" if body is None else "POST", url, json=body, trust_env=False, timeout=30)
        assert answer.is_success, answer.text
        told: Json = answer.json()
        return told


Opening = Callable[[str | None, Settings, Path], AbstractContextManager[Bank]]
"""Opens a bank whose webhooks go to that URL, for gateways with these settings, and with its books in the folder."""


@contextmanager
def fake(webhook_url: str | None, settings: Settings, folder: Path) -> Iterator[Bank]:
    told = dict(settings) | _fake_settings()
    if webhook_url is not None:
        told["PAYDESK_FAKE_WEBHOOK_URL"] = webhook_url
    with fake_bank(told, folder) as process:
        yield FakeBank(process.address, folder)


@contextmanager
def stripe(webhook_url: str | None, settings: Settings, folder: Path) -> Iterator[Bank]:
    port = free_port()
    command = [sys.executable, "-m", "tests.emulators.stripe", "--port", str(port), "--secret-key", _STRIPE_KEY]
    command += ["--publishable-key", _STRIPE_PUBLISHABLE_KEY]
    if webhook_url is not None:
        command += ["--webhook-url", webhook_url, "--webhook-secret", _STRIPE_WEBHOOK_SECRET]
    process = start(*command, name="stripe", settings={**settings, "PYTHONPATH": str(ROOT)}, folder=folder)
    process.address = f"http://127.0.0.1:{port}"
    try:
        wait_until_answering(process, "/healthz")
        yield StripeBank(process.address, folder)
    finally:
        process.kill()


BANKS: Mapping[str, Opening] = {FakeBank.account: fake, StripeBank.account: stripe}


@contextmanager
def stripe_aside(folder: Path) -> Iterator[StripeBank]:
    """On a thread of this process, for a story that nobody kills; its webhooks go nowhere yet."""
    with serving_aside(keys=Keys(_STRIPE_KEY, _STRIPE_PUBLISHABLE_KEY)) as (address, _):
        yield StripeBank(address, folder)


def _fake_settings() -> dict[str, str]:
    return {
        "PAYDESK_PROVIDER": FakeBank.account,
        "PAYDESK_FAKE_API_KEY": _FAKE_KEY,
        "PAYDESK_FAKE_WEBHOOK_SECRET": _FAKE_WEBHOOK_SECRET,
    }


# --- the emulator's truth in the words of ours ------------------------------------------------------------------------

_UNITS_DIFFER = frozenset({"isk", "mga", "ugx"})
"""Stripe counts these in other units than we do; no story is told in them."""

_STATES = {
    "requires_capture": "authorized",
    "canceled": "voided",
    # Whoever has its client secret can still pay it: somebody has to call it off.
    "requires_payment_method": "requires_action",
    "requires_confirmation": "requires_action",
}


def stripe_truth(told: Json) -> Truth:
    payments = {payment["id"]: payment for payment in told["payments"]}
    customers = {customer["id"]: customer["metadata"].get("paydesk_customer", "") for customer in told["customers"]}
    return Truth(
        customers=tuple(
            CustomerTruth(
                customer_id=customers[customer["id"]],
                customer_ref=customer["id"],
                payment_method_ids=(),  # it knows our setups by them, and no cards
                payment_method_refs=tuple(method["id"] for method in customer["payment_methods"]),
            )
            for customer in told["customers"]
        ),
        charges=tuple(
            ChargeTruth(
                charge_id=payment["metadata"].get("paydesk_charge", ""),
                operation_id=payment["metadata"].get("paydesk_operation", ""),
                charge_ref=payment["id"],
                customer_id=customers.get(payment["customer"], ""),
                state=_STATES.get(payment["status"], payment["status"]),
                currency=_currency(payment),
                amount=payment["amount"],
                captured=payment["captured"],
                refunded=payment["refunded"],
            )
            for payment in told["payments"]
        ),
        refunds=tuple(
            RefundTruth(
                refund_id=refund["metadata"].get("paydesk_refund", ""),
                operation_id=refund["metadata"].get("paydesk_operation", ""),
                refund_ref=refund["id"],
                charge_id=payments[refund["payment_intent"]]["metadata"].get("paydesk_charge", ""),
                state=refund["status"],
                currency=_currency(refund),
                amount=refund["amount"],
            )
            for refund in told["refunds"]
        ),
        disputes=tuple(
            DisputeTruth(
                dispute_ref=dispute["id"],
                charge_id=payments[dispute["payment_intent"]]["metadata"].get("paydesk_charge", ""),
                state=dispute["status"],
                is_inquiry=dispute["status"].startswith("warning_"),
                currency=_currency(dispute),
                amount=dispute["amount"],
                withdrawn=dispute["withdrawn"],
            )
            for dispute in told["disputes"]
        ),
    )


def _currency(told: Json) -> str:
    assert told["currency"] not in _UNITS_DIFFER, told
    return str(told["currency"]).upper()
