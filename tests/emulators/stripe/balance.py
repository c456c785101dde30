"""Balance transactions, as far as payments need them: https://docs.stripe.com/api/balance_transactions.

The account settles every currency in itself, so nothing is converted.
"""

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.refusals import Json

_FEE_PERMILLE, _FEE_FIXED = 29, 30
"""2.9 % and 30 of the smallest unit, as for cards in the United States."""
DISPUTE_FEE = 15_00


def booked(
    account: Account, kind: str, amount: int, *, source: Json, fee: int = 0, category: str | None = None
) -> Json:
    """A new transaction of this amount: positive for what comes in. Its money is available some days later."""
    available_on = account.now + account.pace.available_seconds
    transaction = account.add(
        {
            "id": account.new_id("balance_transaction"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "created": account.now,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [_fee(fee, source["currency"])] if fee else [],
            "net": amount - fee,
            "reporting_category": category or kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )
    account.later(account.pace.available_seconds, lambda: transaction.update(status="available"))
    return transaction


def charge_fee(amount: int) -> int:
    return min(amount, (amount * _FEE_PERMILLE + 999) // 1000 + _FEE_FIXED)


def retrieve(call: Call) -> Json:
    return call.account.get("balance_transaction", call.id)


def list_all(call: Call) -> Json:
    found = matching(call.account.all("balance_transaction"), call.asked, "currency", "source", "type")
    return page(found, call.asked, url="/v1/balance_transactions")


def _fee(amount: int, currency: str) -> Json:
    return {
        "amount": amount,
        "application": None,
        "currency": currency,
        "description": "Processing fees",
        "type": "stripe_fee",
    }
