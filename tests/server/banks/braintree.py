"""Braintree, which its emulator stands in for.

It has no page: its SDK confirms customers inside the shop's own, and gives the client a nonce that the gateway is to
charge with. It keeps no ids of ours but those of customers, cards and operations.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import httpx

from adapters.fake.truth import ChargeTruth, CustomerTruth, DisputeTruth, RefundTruth, Truth
from tests.databases import ROOT
from tests.emulators.braintree.credentials import API_VERSION, Keys
from tests.emulators.braintree.serving import serving_aside
from tests.server.banks.bank import Bank, Json, control
from tests.server.processes import Settings, free_port, start, wait_until_answering

_KEYS = Keys()
_DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
_ACCOUNTS = {currency: f"{currency.lower()}_account" for currency in _DECIMALS}
_LAG_SECONDS = 30.0
"""What the gateways are told: longer than anything is late under fire. The emulator's search is some seconds behind."""
_SEARCH_LAG_SECONDS = 2
_SETTLED_SECONDS = 10
_CARDS = {
    "visa": "4242424242424242",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "visa_debit": "4000056655665556",
    "chargeCustomerFail": "4000000000000341",
    "threeDSecureRequired": "4000000000001091",
    "threeDSecureRequiredChargeDeclined": "4000000000001109",
    "createDispute": "4023898493988028",
}
_ISSUERS: Mapping[str, Json] = {
    "chargeCustomerFail": {"declines": "2000"},
    "threeDSecureRequired": {"asks": "always"},
    "threeDSecureRequiredChargeDeclined": {"asks": "always", "declines": "2001"},
}
"""Who is how, where the card of the sandbox that behaves so goes by its amounts."""

_MONEY = (
    "transactions.create",
    "transactions.submit",
    "transactions.void",
    "transactions.refund",
    "transactions.reverse",
)
FAULTS = {
    "in_flight": "915233, the key is said to be in use",
    "key_error": "915235, the server failed over the key before the work",
    "empty": "200 without a body after the work",
}
"""What only Braintree itself can do, in the words of the table in docs/reliability.md."""


class BraintreeBank(Bank):
    """Braintree's emulator, wherever it runs."""

    account = "braintree"
    name: ClassVar[str] = "braintree"
    # Nothing tells of a refund that its bank turned away, but the round that compares.
    cards: ClassVar[Mapping[str, int]] = {"createDispute": 2, "refundFail": 0}
    lag_seconds = _LAG_SECONDS
    settles_within_seconds = _SETTLED_SECONDS
    own_faults: ClassVar[tuple[str, ...]] = tuple(FAULTS)

    def settings(self, address: str) -> dict[str, str]:
        return {
            "PAYDESK_PROVIDER": self.account,
            "BRAINTREE_MERCHANT_ID": _KEYS.merchant_id,
            "BRAINTREE_PUBLIC_KEY": _KEYS.public_key,
            "BRAINTREE_PRIVATE_KEY": _KEYS.private_key,
            "BRAINTREE_BASE_URL": address,
            "BRAINTREE_MERCHANT_ACCOUNTS": ",".join(f"{currency}:{id}" for currency, id in _ACCOUNTS.items()),
            "BRAINTREE_SEARCH_LAG_SECONDS": str(_LAG_SECONDS),
        }

    def listen(self, gateway: str) -> None:
        self.control("webhooks", {"endpoints": [{"url": f"{gateway}/webhooks/{self.account}"}]})

    def token(self, card: str) -> str:
        return self._nonce(number=_CARDS[card])

    async def typed(self, gateway: str, number: str) -> str:
        return self._nonce(number=number)

    def _nonce(self, **card: str) -> str:
        """As Drop-in has it from a page."""
        return str(self.control("nonces", card)["nonce"])

    async def confirms(self, charge: Json, amount: str) -> str:
        """As `verifyCard` of the SDK in the browser, which the token opens."""
        action = charge["nextAction"]
        assert action["clientSecret"]
        assert action["cardBin"] == _CARDS["threeDSecureRequired"][:6]
        return self._nonce(source=action["token"], three_d_secure="authenticate_successful", amount=amount)

    async def comes_too_late(self, charge: Json) -> None:
        """Whatever the customer confirms: nothing of it can be paid at Braintree, for there is nothing there."""
        assert charge["providerRef"] is None

    async def decides(self, action: Json, browser: httpx.AsyncClient, *, confirm: bool) -> str | None:
        outcome = "authenticate_successful" if confirm else "authenticate_failed"
        url = f"{self.address}/_control/nonces"
        answer = await browser.post(url, json={"source": action["token"], "three_d_secure": outcome})
        return str(answer.json()["nonce"]) if answer.is_success else None

    def let_a_day_pass(self) -> None:
        """By the call that the sandbox has for that: a clock that is put forward is a day ahead of the gateway's."""
        with httpx.Client(
            base_url=f"{self.address}/merchants/{_KEYS.merchant_id}",
            auth=(_KEYS.public_key, _KEYS.private_key),
            headers={"X-ApiVersion": API_VERSION},
            trust_env=False,
        ) as http:
            for sale in self.control("truth")["sales"]:
                if sale["status"] == "submitted_for_settlement":
                    assert http.put(f"/transactions/{sale['id']}/settle").is_success

    def truth(self) -> Truth:
        return braintree_truth(self.control("truth"))

    def misbehave(self, *, seed: int, share: float) -> None:
        odd = share / len(self.own_faults)
        rules = [{"on": on, "fault": fault, "probability": odd} for on in _MONEY for fault in self.own_faults if odd]
        self.control("faults", {"rules": rules, "seed": seed})

    def calm_down(self) -> Mapping[str, int]:
        happened = self.control("faults")["happened"]
        self.control("faults", {"rules": []})
        return {FAULTS[fault]: times for fault, times in happened.items()}

    def know_cards(self) -> None:
        for card, issuer in _ISSUERS.items():
            self.control("issuers", {"card": _CARDS[card], **issuer})

    def control(self, path: str, body: Json | None = None) -> Json:
        return control(self.address, path, body)


class KeylessBank(BraintreeBank):
    """An account that may send no request keys, which gateways learn when they have sent one."""

    name: ClassVar[str] = "braintree-without-keys"
    own_faults: ClassVar[tuple[str, ...]] = ("empty",)
    takes_keys: ClassVar[bool] = False


def braintree(kind: type[BraintreeBank]) -> Callable[[str | None, Settings, Path], AbstractContextManager[Bank]]:
    @contextmanager
    def opened(gateway: str | None, settings: Settings, folder: Path) -> Iterator[Bank]:
        port = free_port()
        command = [sys.executable, "-m", "tests.emulators.braintree", "--port", str(port)]
        command += ["--search-lag", str(_SEARCH_LAG_SECONDS), "--settled-after", str(_SETTLED_SECONDS)]
        for currency, id in _ACCOUNTS.items():
            command += ["--merchant-account", f"{id}={currency}"]
        if not kind.takes_keys:
            command += ["--no-request-keys"]
        if gateway is not None:
            command += ["--webhook-url", f"{gateway}/webhooks/{kind.account}"]
        process = start(*command, name="braintree", settings={**settings, "PYTHONPATH": str(ROOT)}, folder=folder)
        process.address = f"http://127.0.0.1:{port}"
        try:
            wait_until_answering(process, "/healthz")
            bank = kind(process.address, folder)
            bank.know_cards()
            yield bank
        finally:
            process.kill()

    return opened


@contextmanager
def braintree_aside(folder: Path) -> Iterator[BraintreeBank]:
    """On a thread of this process, for a story that nobody kills; its webhooks go nowhere yet."""
    with serving_aside(keys=_KEYS) as (address, _):
        bank = BraintreeBank(address, folder)
        bank.control("reset", {"merchant_accounts": {id: currency for currency, id in _ACCOUNTS.items()}})
        bank.know_cards()
        yield bank


# --- the emulator's truth in the words of ours ------------------------------------------------------------------------

_FAILED = frozenset({"voided", "settlement_declined", "processor_declined", "gateway_rejected", "failed"})
_NOT_MEANT = ("2099", "three_d_secure", "duplicate")
"""Why a sale came to nothing that was no try to charge: its customer was to be confirmed, or it was there already."""


def braintree_truth(told: Json) -> Truth:
    """A sale that was voided after it had been submitted was taken, and given back."""
    sales = [sale for sale in told["sales"] if sale["refused_for"] not in _NOT_MEANT]
    operations = {sale["id"]: _operation_of(sale) for sale in told["sales"]}
    voided = [sale for sale in sales if _is_voided(sale)]
    return Truth(
        customers=tuple(
            CustomerTruth(
                customer_id=customer["id"],
                customer_ref=customer["id"],
                payment_method_ids=tuple(method["token"] for method in customer["payment_methods"]),
                payment_method_refs=tuple(method["token"] for method in customer["payment_methods"]),
            )
            for customer in told["customers"]
        ),
        charges=tuple(_charge(sale) for sale in sales),
        refunds=(
            *(
                RefundTruth(
                    refund_id="",
                    operation_id=refund["api_request_key"] or _operation_of(refund),
                    refund_ref=refund["id"],
                    charge_id="",
                    state="failed" if refund["status"] in _FAILED else "succeeded",
                    currency=refund["currency"],
                    amount=_units(refund["amount"], refund["currency"]),
                )
                for refund in told["refunds"]
            ),
            *(
                RefundTruth(
                    refund_id="",
                    operation_id="",
                    refund_ref=f"{sale['id']}:void",
                    charge_id="",
                    state="succeeded",
                    currency=sale["currency"],
                    amount=_units(sale["submitted"], sale["currency"]),
                )
                for sale in voided
            ),
        ),
        disputes=tuple(
            DisputeTruth(
                dispute_ref=dispute["id"],
                charge_id=operations[dispute["transaction_id"]],
                state=dispute["status"],
                is_inquiry=dispute["kind"] == "retrieval",
                currency=dispute["currency"],
                amount=_units(dispute["amount"], dispute["currency"]),
                withdrawn=_units(dispute["withdrawn"], dispute["currency"]),
            )
            for dispute in told["disputes"]
        ),
    )


def _operation_of(transaction: Json) -> str:
    """Its order id begins with it."""
    return str(transaction["order_id"] or "").partition(".")[0]


def _charge(sale: Json) -> ChargeTruth:
    taken = sale["submitted"] if _is_voided(sale) else sale["captured"]
    return ChargeTruth(
        charge_id="",
        operation_id=_operation_of(sale),
        charge_ref=sale["id"],
        customer_id=sale["customer_id"] or "",
        state=sale["status"],
        currency=sale["currency"],
        amount=_units(sale["amount"], sale["currency"]),
        captured=_units(taken, sale["currency"]),
        refunded=_units(taken if _is_voided(sale) else sale["refunded"], sale["currency"]),
    )


def _is_voided(sale: Json) -> bool:
    return bool(sale["status"] == "voided" and Decimal(sale["submitted"]))


def _units(amount: str, currency: str) -> int:
    units = Decimal(amount).scaleb(_DECIMALS[currency])
    assert units == int(units), amount
    return int(units)
