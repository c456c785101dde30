"""Transactions as they are shown, found and refused: https://developer.paypal.com/braintree/docs/reference/response/transaction."""

from tests.emulators.braintree import addresses, disputes, particulars
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import shown_card, shown_three_d_secure
from tests.emulators.braintree.parameters import shown_amount
from tests.emulators.braintree.refusals import Refused, declined, invalid
from tests.emulators.braintree.things import DETAILS, Recurring, StatusEvent, Transaction
from tests.emulators.braintree.xmltext import Many, Tree

UNSUCCESSFUL = frozenset({"processor_declined", "gateway_rejected", "failed"})
GOOD = frozenset({"authorized", "submitted_for_settlement", "settling", "settled", "settlement_pending", "voided"})
_NEVER_KNOWN = (
    "acquirer_reference_number", "debit_network", "foreign_retailer", "liability_shift",
    "merchant_advice_code", "merchant_advice_code_text", "retried_transaction_id", "retrieval_reference_number",
    "surcharge_amount",
    "upcoming_retry_date",
)  # fmt: skip
"""What answers hold, and what has no meaning here."""


def find(call: Call) -> Answer:
    return answer(call.account, call.account.transaction(call.id), status=200)


def line_items(call: Call) -> Answer:
    return Answer("line_items", particulars.shown_items(call.account.transaction(call.id)))


def answer(account: Account, transaction: Transaction, *, status: int) -> Answer:
    """The transaction as it is now."""
    return Answer("transaction", shown(account, transaction), status)


def outcome(account: Account, transaction: Transaction, *, status: int = 201) -> Answer:
    """What making it is answered; Refused, with it in the envelope, when it did not succeed."""
    if transaction.status in UNSUCCESSFUL:
        raise unsuccessful(account, transaction)
    return answer(account, transaction, status=status)


def unsuccessful(account: Account, transaction: Transaction) -> Refused:
    if transaction.rejection_reason is not None:
        message = f"Gateway Rejected: {transaction.rejection_reason}"
    else:
        message = transaction.response_text or "Declined"
    return declined(message, transaction=shown(account, transaction))


def impossible(code: str, message: str) -> Refused:
    """What the transaction's state forbids."""
    return invalid("transaction", "base", code=code, message=message)


def shown(account: Account, transaction: Transaction) -> Tree:
    found = [account.disputes[id] for id in transaction.dispute_ids]
    return {
        "id": transaction.id,
        "graphql_id": f"dHJhbnNhY3Rpb25f{transaction.id}",
        "global_id": f"dHJhbnNhY3Rpb25f{transaction.id}",
        "status": transaction.status,
        "type": transaction.type,
        "currency_iso_code": transaction.currency,
        "amount": shown_amount(transaction.amount),
        "amount_requested": shown_amount(transaction.authorized or transaction.amount),
        "merchant_account_id": transaction.merchant_account_id,
        "sub_merchant_account_id": None,
        "order_id": transaction.order_id,
        **particulars.shown(transaction),
        "created_at": transaction.created_at,
        "updated_at": transaction.updated_at,
        "customer": {"id": transaction.customer_id, **dict.fromkeys(DETAILS), **transaction.customer},
        "billing": {"id": None} | addresses.in_full(transaction.billing),
        "shipping": {"id": None, "shipping_method": None} | addresses.in_full(transaction.shipping),
        "custom_fields": transaction.custom_fields or None,
        "descriptor": {"name": None, "phone": None, "url": None} | transaction.descriptor,
        "refund_id": transaction.refund_ids[-1] if transaction.refund_ids else None,
        "refund_ids": Many("item", transaction.refund_ids),
        "refunded_transaction_id": transaction.refunded_id,
        "authorized_transaction_id": transaction.authorized_id,
        "partial_settlement_transaction_ids": Many("item", transaction.partial_ids),
        "settlement_batch_id": batch(transaction),
        "processor_response_code": transaction.response_code,
        "processor_response_text": transaction.response_text,
        "processor_response_type": transaction.response_type,
        "additional_processor_response": transaction.additional_response,
        "processor_authorization_code": authorization_code(transaction),
        "processor_settlement_response_code": transaction.settlement_code,
        "processor_settlement_response_text": transaction.settlement_text,
        "network_response_code": "XX" if transaction.response_code else None,
        "network_response_text": "sample network response text" if transaction.response_code else None,
        "network_transaction_id": transaction.network_id,
        "gateway_rejection_reason": transaction.rejection_reason,
        **transaction.checks.shown(),
        **dict.fromkeys(_NEVER_KNOWN),
        "retried": False,
        "processed_with_network_token": False,
        "retry_ids": Many("item", []),
        "voice_referral_number": None,
        "recurring": transaction.source in ("recurring", "recurring_first"),
        **_shown_recurring(transaction.recurring),
        "payment_instrument_type": "credit_card",
        "credit_card": {
            "token": transaction.token,
            "bin_extended": transaction.instrument.number[:8],
            **shown_card(account, transaction.instrument),
        },
        "three_d_secure_info": shown_three_d_secure(transaction.three_d_secure),
        "status_history": Many("status_event", [_event(transaction, event) for event in transaction.history]),
        "disputes": Many("dispute", [disputes.shown(account, dispute) for dispute in found]),
        "authorization_adjustments": Many("authorization_adjustment", []),
        "authorization_expires_at": transaction.expires_at,
        "disbursement_details": dict.fromkeys(
            ("disbursement_date", "settlement_amount", "settlement_currency_iso_code", "success", "funds_held")
        ),
    }


def batch(transaction: Transaction) -> str | None:
    """Which day's: it is known as soon as the transaction is on its way."""
    taken = next((event.timestamp for event in transaction.history if event.status in ("settling", "settled")), None)
    return None if taken is None else f"{taken:%Y-%m-%d}_{transaction.merchant_account_id}"


def authorization_code(transaction: Transaction) -> str | None:
    return None if transaction.status in UNSUCCESSFUL else transaction.id[:6].upper()


def source(transaction: Transaction) -> str:
    """Who has asked for it."""
    by_itself = transaction.recurring.subscription_id is not None and transaction.type == "sale"
    return "recurring" if by_itself else "api"


def _shown_recurring(recurring: Recurring) -> Tree:
    return {
        "plan_id": recurring.plan_id,
        "subscription_id": recurring.subscription_id,
        "subscription": {
            "billing_period_start_date": recurring.period_start,
            "billing_period_end_date": recurring.period_end,
        },
        "add_ons": Many("add_on", recurring.add_ons),
        "discounts": Many("discount", recurring.discounts),
    }


def _event(transaction: Transaction, event: StatusEvent) -> Tree:
    return {
        "timestamp": event.timestamp,
        "status": event.status,
        "amount": shown_amount(event.amount),
        "user": "emulator",
        "transaction_source": source(transaction),
    }
