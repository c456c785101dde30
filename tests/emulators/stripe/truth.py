"""What was really taken and given back, whatever the answers said: for tests that compare it with somebody's books."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.refunds import counts
from tests.emulators.stripe.refusals import Json

_REFUND = ("id", "payment_intent", "charge", "amount", "currency", "status", "metadata")


def truth_of(account: Account) -> Json:
    """Amounts in Stripe's smallest units. `totals` are by currency."""
    captured: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    charges: defaultdict[str, list[Json]] = defaultdict(list)
    given_back: Counter[str] = Counter()
    for charge in account.all("charge"):
        charges[charge["payment_intent"]].append(charge)
    for refund in filter(counts, account.all("refund")):
        given_back[refund["payment_intent"]] += refund["amount"]
    payments = [
        _payment(intent, charges[intent["id"]], given_back[intent["id"]])
        for intent in reversed(account.all("payment_intent"))
    ]
    for payment in payments:
        captured[payment["currency"]] += payment["captured"]
        refunded[payment["currency"]] += payment["refunded"]
    return {
        "payments": payments,
        "refunds": [
            {name: refund[name] for name in _REFUND}
            for refund in reversed(account.all("refund"))
            if refund["balance_transaction"] is not None
        ],
        "totals": {
            currency: {"captured": captured[currency], "refunded": refunded[currency]} for currency in sorted(captured)
        },
    }


def _payment(intent: Json, charges: Sequence[Json], refunded: int) -> Json:
    return {
        **{name: intent[name] for name in ("id", "customer", "amount", "currency", "status", "metadata")},
        "attempts": len(charges),
        "authorized": intent["amount_capturable"],
        "captured": sum(charge["amount_captured"] for charge in charges),
        "refunded": refunded,
        "disputed": any(charge["disputed"] for charge in charges),
    }
