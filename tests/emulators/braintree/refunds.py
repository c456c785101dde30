"""Refunds: https://developer.paypal.com/braintree/docs/reference/request/transaction/refund.

A refund is a transaction of type credit, and only what is settling or settled can be refunded: before that there is
nothing to give back, and the whole is voided. `reverse` does whichever is possible, in full.
"""

from decimal import Decimal

from braintree import Transaction as SdkTransaction

from tests.emulators.braintree import responses, settling
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import amount as read_amount
from tests.emulators.braintree.parameters import check_names, flattened
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import Transaction
from tests.emulators.braintree.transactions import UNSUCCESSFUL, answer, impossible, outcome
from tests.emulators.braintree.xmltext import Tree

_REFUND = flattened(SdkTransaction.refund_signature())
_REVERSE = flattened(SdkTransaction.reverse_signature())
_SUPPORTED = frozenset({"amount", "api_request_key", "merchant_account_id", "order_id"})
_WHERE = ("transaction", "merchant_account_id")
_REFUNDABLE = frozenset({"settling", "settled", "settlement_confirmed"})
_COUNTS_NOT = UNSUCCESSFUL | {"voided", "settlement_declined"}


def refund(call: Call) -> Answer:
    account, sale = call.account, call.account.transaction(call.id)
    asked = call.asked("transaction")
    check_names("transaction", asked, known=_REFUND, supported=_SUPPORTED)
    if (
        account.merchant_account(asked.get("merchant_account_id") or sale.merchant_account_id, *_WHERE)[1]
        != sale.currency
    ):
        raise invalid(*_WHERE, code="91513", message="The merchant account has another currency.")
    _check_refundable(sale)
    left = sale.amount - refunded(account, sale)
    if left <= 0:
        raise impossible("91512", "The sale has been refunded already.")
    amount = left if asked.get("amount") is None else read_amount(asked, sale.currency, "transaction")
    if amount > left:
        raise invalid("transaction", "amount", code="91521", message="More than is left to refund.")
    return outcome(account, _given_back(account, sale, amount, asked))


def reverse(call: Call) -> Answer:
    account, sale = call.account, call.account.transaction(call.id)
    asked = call.asked("transaction")
    check_names("transaction", asked, known=_REVERSE, supported=_REVERSE)
    if settling.is_voidable(sale):
        settling.make_void(account, sale)
        return answer(account, sale, status=200)
    if sale.status not in _REFUNDABLE:
        raise impossible("915282", "This can be neither voided nor refunded now.")
    _check_refundable(sale)
    left = sale.amount - refunded(account, sale)
    if left <= 0:
        raise impossible("91512", "The sale has been refunded already.")
    return outcome(account, _given_back(account, sale, left, asked))


def refunded(account: Account, sale: Transaction) -> Decimal:
    """What was given back of it, or is on its way."""
    refunds = (account.transactions[id] for id in sale.refund_ids)
    return sum((refund.amount for refund in refunds if refund.status not in _COUNTS_NOT), Decimal(0))


def _check_refundable(sale: Transaction) -> None:
    if sale.type == "credit":
        raise impossible("91505", "A refund cannot be refunded.")
    if sale.status not in _REFUNDABLE:
        raise impossible("91506", "Only what is settling or settled can be refunded.")


def _given_back(account: Account, sale: Transaction, amount: Decimal, asked: Tree) -> Transaction:
    response = responses.refund(amount)
    credit = Transaction(
        id=account.new_id(),
        type="credit",
        amount=amount,
        authorized=amount,
        currency=sale.currency,
        merchant_account_id=asked.get("merchant_account_id") or sale.merchant_account_id,
        instrument=sale.instrument,
        created_at=account.now,
        updated_at=account.now,
        order_id=asked.get("order_id") or sale.order_id,
        token=sale.token,
        customer_id=sale.customer_id,
        customer=dict(sale.customer),
        refunded_id=sale.id,
        api_request_key=asked.get("api_request_key"),
        recurring=sale.recurring,
        response_code=response.code,
        response_text=response.text,
        response_type=response.type,
        additional_response=response.additional,
    )
    account.transactions[credit.id] = credit
    sale.refund_ids.append(credit.id)
    if response.status in UNSUCCESSFUL:
        credit.reach(response.status, account.now)
    else:
        settling.submit(account, credit)
    return credit
