"""What was really taken, given back and disputed, whatever the answers said: for tests that compare it with books."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.refunds import counts
from tests.emulators.stripe.refusals import Json

_REFUND = ("id", "payment_intent", "charge", "amount", "currency", "status", "metadata")
_DISPUTE = ("id", "payment_intent", "charge", "amount", "currency", "reason", "status", "is_charge_refundable")


def truth_of(account: Account) -> Json:
    """Everything in the order in which it was made; amounts in Stripe's smallest units, `totals` by currency."""
    payments = _payments(account)
    captured: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    for payment in payments:
        captured[payment["currency"]] += payment["captured"]
        refunded[payment["currency"]] += payment["refunded"]
    return {
        "customers": _customers(account),
        "payments": payments,
        "refunds": [
            {name: refund[name] for name in _REFUND}
            for refund in reversed(account.all("refund"))
            if refund["balance_transaction"] is not None
        ],
        "disputes": [_dispute(dispute) for dispute in reversed(account.all("dispute"))],
        "totals": {
            currency: {"captured": captured[currency], "refunded": refunded[currency]} for currency in sorted(captured)
        },
    }


def _customers(account: Account) -> list[Json]:
    """With the cards that are attached to them, oldest first."""
    methods: defaultdict[str, list[Json]] = defaultdict(list)
    for method in reversed(account.all("payment_method")):
        if method["customer"] is not None:
            kept = {"id": method["id"], "last4": method["card"]["last4"], "metadata": method["metadata"]}
            methods[method["customer"]].append(kept)
    return [
        {"id": customer["id"], "metadata": customer["metadata"], "payment_methods": methods[customer["id"]]}
        for customer in reversed(account.all("customer"))
        if "deleted" not in customer
    ]


def _payments(account: Account) -> list[Json]:
    charges: defaultdict[str, list[Json]] = defaultdict(list)
    given_back: Counter[str] = Counter()
    for charge in account.all("charge"):
        charges[charge["payment_intent"]].append(charge)
    for refund in filter(counts, account.all("refund")):
        given_back[refund["payment_intent"]] += refund["amount"]
    return [
        _payment(intent, charges[intent["id"]], given_back[intent["id"]])
        for intent in reversed(account.all("payment_intent"))
    ]


def _payment(intent: Json, charges: Sequence[Json], refunded: int) -> Json:
    return {
        **{name: intent[name] for name in ("id", "customer", "amount", "currency", "status", "metadata")},
        "attempts": len(charges),
        "authorized": intent["amount_capturable"],
        "captured": sum(charge["amount_captured"] for charge in charges),
        "refunded": refunded,
        "disputed": any(charge["disputed"] for charge in charges),
    }


def _dispute(dispute: Json) -> Json:
    """`withdrawn` is what the shop is without because of it, besides the fee."""
    return {name: dispute[name] for name in _DISPUTE} | {
        "evidence": {name: value for name, value in dispute["evidence"].items() if value},
        "withdrawn": -sum(moved["amount"] for moved in dispute["balance_transactions"]),
    }
