"""Searches: https://developer.paypal.com/braintree/docs/reference/general/searching/search-fields and …/search-results.

A search of transactions, customers or subscriptions asks for all ids first, then for the objects page by page, by the
same criteria and the page's ids: what does not fit any more by then is left out. Disputes come in pages at once. Newest
first. There is no criterion for a time of change and none for custom fields; new transactions are found late, if a test
wants it so.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.emulators.braintree import customers, disputes, subscription_shapes, transactions, verifications
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.criteria import Fields, matching
from tests.emulators.braintree.recurring import Subscription
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.things import DETAILS, Customer, Dispute, PaymentMethod, Transaction, Verification
from tests.emulators.braintree.xmltext import Collection, Many, Tree

_ADDRESS = (
    "first_name", "last_name", "company", "street_address", "extended_address", "locality", "region", "postal_code",
    "country_name",
)  # fmt: skip


def _reached(status: str) -> Callable[[Transaction], list[datetime]]:
    return lambda transaction: [event.timestamp for event in transaction.history if event.status == status]


_TRANSACTIONS: Fields[Transaction] = {
    "id": lambda each: each.id,
    "ids": lambda each: each.id,
    "acquirer_reference_number": lambda _: None,
    "amount": lambda each: each.amount,
    "created_at": lambda each: each.created_at,
    "created_using": lambda each: each.created_using,
    "credit_card_card_type": lambda each: each.instrument.card_type,
    "credit_card_cardholder_name": lambda each: each.instrument.cardholder_name,
    "credit_card_expiration_date": lambda each: each.instrument.expiration_date,
    "credit_card_customer_location": lambda _: "us",
    "credit_card_number": lambda each: each.instrument.number,
    "credit_card_unique_identifier": lambda each: each.instrument.unique_number_identifier,
    "currency": lambda each: each.currency,
    "customer_company": lambda each: each.customer.get("company"),
    "customer_email": lambda each: each.customer.get("email"),
    "customer_fax": lambda each: each.customer.get("fax"),
    "customer_phone": lambda each: each.customer.get("phone"),
    "customer_website": lambda each: each.customer.get("website"),
    "processor_authorization_code": transactions.authorization_code,
    "customer_first_name": lambda each: each.customer.get("first_name"),
    "customer_id": lambda each: each.customer_id,
    "customer_last_name": lambda each: each.customer.get("last_name"),
    "merchant_account_id": lambda each: each.merchant_account_id,
    "order_id": lambda each: each.order_id,
    "payment_instrument_type": lambda _: "CreditCardDetail",
    "payment_method_token": lambda each: each.token,
    "refund": lambda each: each.refunded_id is not None,
    "source": transactions.source,
    "status": lambda each: each.status,
    "type": lambda each: each.type,
    "user": lambda _: "emulator",
    "settlement_batch_id": transactions.batch,
    **{f"billing_{name}": lambda each, name=name: each.billing.get(name) for name in _ADDRESS},  # type: ignore[misc]
    **{f"shipping_{name}": lambda each, name=name: each.shipping.get(name) for name in _ADDRESS},  # type: ignore[misc]
    **{
        f"{status}_at": _reached(status)
        for status in (
            "authorization_expired",
            "authorized",
            "failed",
            "gateway_rejected",
            "processor_declined",
            "settled",
            "submitted_for_settlement",
            "voided",
        )
    },
}
_CUSTOMERS: Fields[Customer] = {
    "id": lambda each: each.id,
    "ids": lambda each: each.id,
    "created_at": lambda each: each.created_at,
    **{
        name: lambda each, name=name: each.details.get(name)  # type: ignore[misc]
        for name in DETAILS
        if name != "international_phone"
    },
}


def _transactions(account: Account) -> Fields[Transaction]:
    def disputed(each: Transaction) -> list[Dispute]:
        return [account.disputes[id] for id in each.dispute_ids]

    return {
        **_TRANSACTIONS,
        "dispute_date": lambda each: [dispute.created_at.date() for dispute in disputed(each)],
    }


def _customers(account: Account) -> Fields[Customer]:
    def cards(each: Customer, read: Callable[[PaymentMethod], Any]) -> list[Any]:
        return [read(method) for method in account.methods_of(each)]

    def same_cards(each: Customer) -> list[str]:
        """The tokens of whoever's cards have the number of one of the customer's."""
        numbers = {method.instrument.number for method in account.methods_of(each)}
        return [token for token, method in account.payment_methods.items() if method.instrument.number in numbers]

    return {
        **_CUSTOMERS,
        "cardholder_name": lambda each: cards(each, lambda card: card.instrument.cardholder_name),
        "credit_card_expiration_date": lambda each: cards(each, lambda card: card.instrument.expiration_date),
        "credit_card_number": lambda each: cards(each, lambda card: card.instrument.number),
        "payment_method_token": lambda each: cards(each, lambda card: card.token),
        "payment_method_token_with_duplicates": same_cards,
        **{
            f"address_{name}": lambda each, name=name: [  # type: ignore[misc]
                address.details.get(name) for address in each.addresses.values()
            ]
            for name in _ADDRESS
        },
    }


_VERIFICATIONS: Fields[Verification] = {
    "id": lambda each: each.id,
    "ids": lambda each: each.id,
    "created_at": lambda each: each.created_at,
    "credit_card_card_type": lambda each: each.instrument.card_type,
    "credit_card_cardholder_name": lambda each: each.instrument.cardholder_name,
    "credit_card_expiration_date": lambda each: each.instrument.expiration_date,
    "credit_card_number": lambda each: each.instrument.number,
    "status": lambda each: each.status,
    "verification_type": lambda _: "credit_card",
}


def verification_ids(call: Call) -> Answer:
    found = matching(call.account.verifications.values(), _verifications(call.account), call.asked("search"))
    return _ids(call, [each.id for each in found])


def verifications_of(call: Call) -> Answer:
    found = matching(call.account.verifications.values(), _verifications(call.account), call.asked("search"))
    shown = [verifications.shown_verification(call.account, each) for each in found]
    return Answer("credit_card_verifications", _page(call, "verification", shown, len(found)))


def _verifications(account: Account) -> Fields[Verification]:
    def email(each: Verification) -> str | None:
        customer = account.customers.get(each.customer_id or "")
        return customer.details.get("email") if customer else None

    return {
        **_VERIFICATIONS,
        "billing_address_details_postal_code": lambda each: each.postal_code,
        "customer_email": email,
        "customer_id": lambda each: each.customer_id,
        "payment_method_token": lambda each: each.token,
    }


def transaction_ids(call: Call) -> Answer:
    found = matching(_findable(call.account), _transactions(call.account), call.asked("search"))
    return _ids(call, [each.id for each in found])


def transactions_of(call: Call) -> Answer:
    found = matching(_findable(call.account), _transactions(call.account), call.asked("search"))
    shown = [transactions.shown(call.account, each) for each in found]
    return Answer("credit_card_transactions", _page(call, "transaction", shown, len(found)))


def customer_ids(call: Call) -> Answer:
    found = matching(call.account.customers.values(), _customers(call.account), call.asked("search"))
    return _ids(call, [each.id for each in found])


def customers_of(call: Call) -> Answer:
    found = matching(call.account.customers.values(), _customers(call.account), call.asked("search"))
    return Answer(
        "customers", _page(call, "customer", [customers.shown(call.account, each) for each in found], len(found))
    )


def disputes_of(call: Call) -> Answer:
    account = call.account
    found = matching(account.disputes.values(), _dispute_fields(account), call.asked("search"))
    number, size = _page_number(call), account.options.page_size
    shown = [disputes.shown(account, each) for each in found[(number - 1) * size : number * size]]
    return Answer("disputes", _page(call, "dispute", shown, len(found), number))


def subscription_ids(call: Call) -> Answer:
    account = call.account
    found = matching(account.subscriptions.values(), _subscription_fields(account), call.asked("search"))
    return _ids(call, [each.id for each in found])


def subscriptions_of(call: Call) -> Answer:
    account = call.account
    found = matching(account.subscriptions.values(), _subscription_fields(account), call.asked("search"))
    shown = [subscription_shapes.shown(account, each) for each in found]
    return Answer("subscriptions", _page(call, "subscription", shown, len(found)))


def _subscription_fields(account: Account) -> Fields[Subscription]:
    return {
        "id": lambda each: each.id,
        "ids": lambda each: each.id,
        "billing_cycles_remaining": lambda each: each.cycles_left,
        "created_at": lambda each: each.created_at,
        "days_past_due": lambda each: subscription_shapes.days_past_due(account, each),
        "in_trial_period": lambda each: each.is_in_trial,
        "merchant_account_id": lambda each: each.merchant_account_id,
        "next_billing_date": lambda each: each.next_billing_date,
        "plan_id": lambda each: each.plan_id,
        "price": lambda each: each.price,
        "status": lambda each: each.status,
        "transaction_id": lambda each: each.transaction_ids,
    }


def _dispute_fields(account: Account) -> Fields[Dispute]:
    return {
        "id": lambda each: each.id,
        "amount_disputed": lambda each: each.amount,
        "amount_won": lambda each: each.won,
        "case_number": lambda each: each.case_number,
        "customer_id": lambda each: account.transactions[each.transaction_id].customer_id,
        "effective_date": lambda each: [moment.date() for _, moment in each.history],
        "kind": lambda each: each.kind,
        "merchant_account_id": lambda each: each.merchant_account_id,
        "pre_dispute_program": lambda _: "none",
        "reason": lambda each: each.reason,
        "reason_code": lambda each: each.reason_code,
        "received_date": lambda each: each.created_at.date(),
        "reference_number": lambda each: each.reference_number,
        "reply_by_date": lambda each: each.reply_by.date(),
        "status": lambda each: each.status,
        "transaction_id": lambda each: each.transaction_id,
        "transaction_source": lambda _: "api",
    }


def _findable(account: Account) -> list[Transaction]:
    newest = account.now - timedelta(seconds=account.options.search_lag_seconds)
    return [each for each in account.transactions.values() if each.created_at <= newest]


def _ids(call: Call, ids: list[str]) -> Answer:
    return Answer("search_results", {"page_size": call.account.options.page_size, "ids": Many("item", ids)})


def _page(call: Call, name: str, shown: list[Tree], total: int, number: int = 1) -> Collection:
    return Collection(name, shown, number, call.account.options.page_size, total)


def _page_number(call: Call) -> int:
    text = call.query.get("page", "1")
    if not text.isdigit() or int(text) < 1:
        raise Refused(400)
    return int(text)
