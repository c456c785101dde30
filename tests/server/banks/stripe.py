"""Stripe, which its emulator stands in for."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import httpx

from adapters.fake.truth import ChargeTruth, CustomerTruth, DisputeTruth, RefundTruth, Truth
from adapters.stripe.capabilities import LOOK_UP_LAG_SECONDS
from tests.databases import ROOT
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.serving import serving_aside
from tests.server.banks.bank import Bank, Json, PageBank, control
from tests.server.processes import RETURN_URL, Settings, free_port, start, wait_until_answering

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
FAULTS = {
    "error": "500 before the work, and for ever under its key",
    "error_after": "500 after the work, and for ever under its key",
    "conflict": "409, the key is said to be in use",
    "lock_timeout": "429, the object is said to be locked",
}
"""What only Stripe itself can do, in the words of the table in docs/reliability.md."""


class StripeBank(PageBank):
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
        odds = [(fault, share / len(FAULTS)) for fault in FAULTS]
        rules = [{"on": on, "fault": fault, "probability": odd} for on in _MONEY for fault, odd in odds if odd]
        self.control("faults", {"rules": rules, "seed": seed})

    def calm_down(self) -> Mapping[str, int]:
        happened = self.control("faults")["happened"]
        self.control("faults", {"rules": []})
        return {FAULTS[fault]: times for fault, times in happened.items()}

    def control(self, path: str, body: Json | None = None) -> Json:
        return control(self.address, path, body)


@contextmanager
def stripe(gateway: str | None, settings: Settings, folder: Path) -> Iterator[Bank]:
    port = free_port()
    command = [sys.executable, "-m", "tests.emulators.stripe", "--port", str(port), "--secret-key", _STRIPE_KEY]
    command += ["--publishable-key", _STRIPE_PUBLISHABLE_KEY]
    if gateway is not None:
        command += ["--webhook-url", f"{gateway}/webhooks/{StripeBank.account}"]
        command += ["--webhook-secret", _STRIPE_WEBHOOK_SECRET]
    process = start(*command, name="stripe", settings={**settings, "PYTHONPATH": str(ROOT)}, folder=folder)
    process.address = f"http://127.0.0.1:{port}"
    try:
        wait_until_answering(process, "/healthz")
        yield StripeBank(process.address, folder)
    finally:
        process.kill()


@contextmanager
def stripe_aside(folder: Path) -> Iterator[StripeBank]:
    """On a thread of this process, for a story that nobody kills; its webhooks go nowhere yet."""
    with serving_aside(keys=Keys(_STRIPE_KEY, _STRIPE_PUBLISHABLE_KEY)) as (address, _):
        yield StripeBank(address, folder)


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
