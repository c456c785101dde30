"""The balance and what moves it, as far as payments need it: https://docs.stripe.com/api/balance_transactions.

The account settles every currency in itself, so nothing is converted.
"""

from collections import Counter

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.refusals import Json

_FEE_PERMILLE, _FEE_FIXED = 29, 30
"""2.9 % and 30 of the smallest unit, as for cards in the United States."""
DISPUTE_FEE = 15_00
HOME_CURRENCY = "usd"


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


def skip_pending(transaction: Json) -> None:
    """Some test cards' money is available at once."""
    transaction |= {"available_on": transaction["created"], "status": "available"}


def charge_fee(amount: int) -> int:
    return min(amount, (amount * _FEE_PERMILLE + 999) // 1000 + _FEE_FIXED)


def balance(call: Call) -> Json:
    """What can be paid out already, and what is still pending: https://docs.stripe.com/api/balance."""
    amounts: dict[str, Counter[str]] = {"available": Counter(), "pending": Counter()}
    for transaction in call.account.all("balance_transaction"):
        amounts[transaction["status"]][transaction["currency"]] += transaction["net"]
    return {
        "object": "balance",
        "livemode": False,
        **{
            status: [
                {"amount": amount, "currency": currency, "source_types": {"card": amount}}
                for currency, amount in sorted(by_currency.items() or [(HOME_CURRENCY, 0)])
            ]
            for status, by_currency in amounts.items()
        },
    }


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
