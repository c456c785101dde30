"""From a hold to settled money: https://developer.paypal.com/braintree/articles/get-started/transaction-lifecycle.

What is submitted goes into the next batch (settling) and is settled a day later by the account's clock, or at once by
the sandbox's testing calls (https://developer.paypal.com/braintree/docs/reference/general/testing#settlement-status).
A partial settlement is a sale of its own, whose hold stays open for more
(https://developer.paypal.com/braintree/docs/reference/request/transaction/submit-for-partial-settlement).
"""

from dataclasses import replace
from decimal import Decimal

from braintree import Transaction as SdkTransaction

from tests.emulators.braintree import addresses, descriptors, particulars, responses
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.issuers import issuer_of
from tests.emulators.braintree.parameters import amount as read_amount
from tests.emulators.braintree.parameters import check_names, flag, flattened
from tests.emulators.braintree.things import Transaction
from tests.emulators.braintree.transactions import answer, impossible
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_SUBMIT = flattened(SdkTransaction.submit_for_settlement_signature()) | {"amount"}
_SUBMIT_PART = flattened(SdkTransaction.submit_for_partial_settlement_signature()) | {"amount"}
_SUPPORTED = frozenset(
    {
        "amount",
        "api_request_key",
        "order_id",
        *(particulars.ON_SETTLEMENT & _SUBMIT),
        *(f"descriptor.{name}" for name in ("name", "phone", "url")),
        *(f"shipping.{name}" for name in addresses.NAMES),
    }
)
_UPDATE = flattened(SdkTransaction.update_details_signature())
LONGEST_ORDER_ID = 255
_VOIDABLE = frozenset({"authorized", "submitted_for_settlement"})
_OF_TESTS = {
    "settle": "settled",
    "settlement_confirm": "settlement_confirmed",
    "settlement_decline": "settlement_declined",
    "settlement_pending": "settlement_pending",
}


def submit_for_settlement(call: Call) -> Answer:
    account, transaction = call.account, call.account.transaction(call.id)
    asked = call.asked("transaction")
    check_names("transaction", asked, known=_SUBMIT, supported=_SUPPORTED)
    if transaction.status != "authorized" or transaction.type != "sale":
        raise impossible("91507", "Only an authorized sale can be submitted for settlement.")
    transaction.amount = _checked_amount(transaction, asked, most=transaction.authorized)
    _describe(transaction, asked)
    submit(account, transaction)
    return answer(account, transaction, status=200)


def submit_for_partial_settlement(call: Call) -> Answer:
    account, held = call.account, call.account.transaction(call.id)
    asked = call.asked("transaction")
    check_names("transaction", asked, known=_SUBMIT_PART, supported=_SUPPORTED | {"final_capture"})
    may = held.status == "authorized" or (held.status == "settlement_pending" and held.partial_ids)
    if not may or held.authorized_id is not None or held.type != "sale":
        raise impossible("915103", "There is no hold that a part could be taken of.")
    amount = _checked_amount(held, asked, most=left_of(account, held))
    part = replace(
        held,
        id=account.new_id(),
        amount=amount,
        authorized=amount,
        authorized_id=held.id,
        api_request_key=asked.get("api_request_key"),
        created_at=account.now,
        expires_at=None,
        history=[],
        partial_ids=[],
        refund_ids=[],
        dispute_ids=[],
    )
    _describe(part, asked)
    account.transactions[part.id] = part
    held.partial_ids.append(part.id)
    if held.status == "authorized":
        held.reach("settlement_pending", account.now)
    if flag(asked, "final_capture"):
        held.authorized = held.authorized - left_of(account, held)
    submit(account, part)
    return answer(account, part, status=201)


def update_details(call: Call) -> Answer:
    """Of what is submitted: https://developer.paypal.com/braintree/docs/reference/request/transaction/update-details."""
    account, transaction = call.account, call.account.transaction(call.id)
    asked = call.asked("transaction")
    check_names("transaction", asked, known=_UPDATE, supported=_UPDATE)
    if transaction.status != "submitted_for_settlement":
        raise impossible("915129", "Only what is submitted for settlement can be changed.")
    whole = asked if asked.get("amount") is not None else asked | {"amount": str(transaction.amount)}
    transaction.amount = _checked_amount(transaction, whole, most=transaction.authorized)
    _describe(transaction, asked)
    transaction.updated_at = account.now
    return answer(account, transaction, status=200)


def void(call: Call) -> Answer:
    account, transaction = call.account, call.account.transaction(call.id)
    asked = call.asked("transaction")
    check_names("transaction", asked, known=frozenset({"api_request_key"}), supported=_SUPPORTED)
    if not is_voidable(transaction):
        raise impossible("91504", "What is neither authorized nor submitted for settlement cannot be voided.")
    make_void(account, transaction)
    return answer(account, transaction, status=200)


def settle_for_test(call: Call) -> Answer:
    """Of the sandbox only: the last word of the path says what becomes of a submitted transaction."""
    account, transaction = call.account, call.account.transaction(call.id)
    if (
        transaction.status not in ("submitted_for_settlement", "settling", "settlement_pending")
        or transaction.partial_ids
    ):
        raise impossible("91575", "Only what was submitted for settlement can be settled.")
    match _OF_TESTS[call.ids["action"]]:
        case "settled":
            settle(account, transaction)
        case "settlement_declined":
            _answer_settlement(account, transaction, "4001", "settlement_declined")
        case "settlement_pending":
            _answer_settlement(account, transaction, "4002", "settlement_pending")
        case confirmed:
            transaction.reach(confirmed, account.now)
    return answer(account, transaction, status=200)


# --- what happens -----------------------------------------------------------------------------------------------------


def submit(account: Account, transaction: Transaction) -> None:
    transaction.reach("submitted_for_settlement", account.now)
    account.later(account.pace.settling_seconds, lambda: _take_along(account, transaction))
    account.later(account.pace.settled_seconds, lambda: _settle_when_due(account, transaction))


def settle(account: Account, transaction: Transaction) -> None:
    transaction.settlement_code, transaction.settlement_text = "4000", "Confirmed"
    transaction.reach("settled", account.now)


def expire(account: Account, transaction: Transaction) -> None:
    if transaction.status == "authorized":
        transaction.reach("authorization_expired", account.now)


def make_void(account: Account, transaction: Transaction) -> None:
    transaction.reach("voided", account.now)


def is_voidable(transaction: Transaction) -> bool:
    return transaction.status in _VOIDABLE


def left_of(account: Account, held: Transaction) -> Decimal:
    """What no partial settlement has taken yet."""
    parts = (account.transactions[id] for id in held.partial_ids)
    return held.authorized - sum((part.amount for part in parts if part.status != "voided"), Decimal(0))


def _take_along(account: Account, transaction: Transaction) -> None:
    if transaction.status == "submitted_for_settlement":
        transaction.reach("settling", account.now)


def _settle_when_due(account: Account, transaction: Transaction) -> None:
    if transaction.status not in ("settling", "submitted_for_settlement"):
        return
    turned_away = transaction.type == "credit" and issuer_of(account, transaction).turns_refunds_away
    if turned_away or responses.is_settlement_declined(transaction.amount):
        _answer_settlement(account, transaction, "4001", "settlement_declined")
    else:
        settle(account, transaction)


def _answer_settlement(account: Account, transaction: Transaction, code: str, status: str) -> None:
    transaction.settlement_code, transaction.settlement_text = code, responses.text_of(code)
    transaction.reach(status, account.now)


def _amount(transaction: Transaction, asked: Tree) -> Decimal:
    """What is asked for, or all of it."""
    if asked.get("amount") is None:
        return transaction.authorized
    return read_amount(asked, transaction.currency, "transaction")


def _checked_amount(transaction: Transaction, asked: Tree, *, most: Decimal) -> Decimal:
    """Refused with everything that is wrong with the request: the amount, and what it says besides."""
    troubles = Troubles("transaction")
    amount = troubles.of(lambda: _amount(transaction, asked))
    if amount is not None and amount > most:
        troubles.add("amount", "91522", "More than is left of what was authorized.")
    if len(asked.get("order_id") or "") > LONGEST_ORDER_ID:
        troubles.add("order_id", "91501", "The order id is too long.")
    descriptors.check(asked, troubles)
    troubles.of(lambda: particulars.goods(asked))
    troubles.check()
    if amount is None:
        raise LookupError("It is there when nothing is wrong.")
    return amount


def _describe(transaction: Transaction, asked: Tree) -> None:
    """With what a checked request says of it."""
    transaction.goods = transaction.goods | particulars.goods(asked)
    transaction.order_id = asked.get("order_id") or transaction.order_id
    transaction.descriptor = transaction.descriptor | (asked.get("descriptor") or {})
