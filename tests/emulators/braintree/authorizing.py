"""What becomes of a sale: the gateway's own checks, the processor's answer, and what follows from it."""

from datetime import timedelta
from itertools import takewhile

from tests.emulators.braintree import disputes, responses, settling
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.instruments import DISPUTED_NUMBER
from tests.emulators.braintree.issuers import asks_authentication, issuer_of
from tests.emulators.braintree.parameters import flag
from tests.emulators.braintree.things import Transaction
from tests.emulators.braintree.transactions import GOOD
from tests.emulators.braintree.xmltext import Tree


def gateways_answer(account: Account, transaction: Transaction, asked: Tree) -> responses.Response:
    required = flag((asked.get("options") or {}).get("three_d_secure") or {}, "required")
    if required and (transaction.three_d_secure is None or not transaction.three_d_secure.has_succeeded):
        return responses.rejection("three_d_secure")
    if transaction.instrument.rejected_for is not None:
        return responses.rejection(transaction.instrument.rejected_for)
    # A request key and this check exclude each other: whoever sends a key knows what is the same.
    if asked.get("api_request_key") is None and _is_duplicate(account, transaction):
        return responses.rejection("duplicate")
    return asked_processor(account, transaction)


def asked_processor(account: Account, transaction: Transaction) -> responses.Response:
    """What the processor says, and the bank behind it."""
    if account.forced_response is not None:
        return responses.decline(account.forced_response)
    if asks_authentication(account, transaction):
        return responses.decline("2099")
    code = issuer_of(account, transaction).declines
    if code is not None:
        return responses.decline(code)
    response = responses.authorization(transaction.amount)
    rules = account.options
    rejected_for = transaction.checks.rejected_for(cvv=rules.cvv_rules, avs=rules.avs_rules)
    if response.status == "authorized" and rejected_for is not None:
        return responses.rejected_after(response, rejected_for)
    return response


def _is_duplicate(account: Account, new: Transaction) -> bool:
    window = timedelta(seconds=account.options.duplicate_window_seconds)
    recent = takewhile(lambda old: new.created_at - old.created_at < window, reversed(account.transactions.values()))
    return any(
        (old.amount, old.order_id, old.merchant_account_id) == (new.amount, new.order_id, new.merchant_account_id)
        and old.instrument.is_same_card(new.instrument)
        and old.type == "sale"
        and old.status in GOOD
        for old in recent
    )


def authorize(account: Account, transaction: Transaction, response: responses.Response) -> None:
    """The transaction is as this answer has it."""
    transaction.response_code, transaction.response_text = response.code, response.text
    transaction.response_type, transaction.rejection_reason = response.type, response.rejection_reason
    transaction.additional_response = response.additional
    if response.status == "authorized":
        transaction.authorized = transaction.amount
        transaction.network_id = account.new_digits(15)
        transaction.expires_at = account.now + timedelta(seconds=account.pace.expiry_seconds)
        account.later(account.pace.expiry_seconds, lambda: settling.expire(account, transaction))
    transaction.reach(response.status, account.now)


def follow_up(account: Account, transaction: Transaction, *, submits: bool) -> None:
    """What becomes of an authorized one at once: a dispute, too, where the test card is, or the issuer is one that does
    so; the sale is settled then."""
    if submits:
        settling.submit(account, transaction)
    told = issuer_of(account, transaction).disputes
    if told is None and transaction.instrument.number == DISPUTED_NUMBER:
        told = ("fraud", "chargeback")
    if told is not None:
        reason, kind = told
        settling.settle(account, transaction)
        disputes.opened(account, transaction, reason=reason, kind=kind)
