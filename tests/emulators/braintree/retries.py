"""Retrying by hand: https://developer.paypal.com/braintree/docs/reference/request/subscription/retry-charge.

It comes as a sale that names a subscription and nothing to pay with.
"""

from tests.emulators.braintree import billing, sales
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import amount as read_amount
from tests.emulators.braintree.parameters import check_names, flag, shown_amount
from tests.emulators.braintree.recurring import PAST_DUE
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.transactions import outcome

_RETRY = frozenset({"amount", "subscription_id", "type", "options.submit_for_settlement"})
_WHERE = ("transaction", "subscription_id")


def sell_or_retry(call: Call) -> Answer:
    asked = call.asked("transaction")
    return sales.create(call) if asked.get("subscription_id") is None else _retry(call)


def _retry(call: Call) -> Answer:
    account, asked = call.account, call.asked("transaction")
    check_names("transaction", asked, known=_RETRY, supported=_RETRY)
    subscription = account.subscriptions.get(str(asked["subscription_id"]))
    if subscription is None:
        raise invalid(*_WHERE, code="91528", message="There is no such subscription.")
    if subscription.status != PAST_DUE:
        raise invalid(*_WHERE, code="91531", message="The subscription is not past due.")
    named = {"amount": asked.get("amount") or shown_amount(subscription.balance)}
    amount = read_amount(named, subscription.currency, "transaction")
    submits = flag(asked.get("options") or {}, "submit_for_settlement")
    transaction = billing.charge(account, subscription, amount, submits=submits)
    billing.retried(account, subscription, transaction)
    return outcome(account, transaction)
