"""What was really taken, given back and disputed, whatever the answers said: for tests that compare it with books."""

from collections import Counter, defaultdict
from decimal import Decimal

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.parameters import shown_amount
from tests.emulators.braintree.recurring import Subscription
from tests.emulators.braintree.refunds import refunded
from tests.emulators.braintree.things import Dispute, Transaction
from tests.emulators.braintree.transactions import UNSUCCESSFUL
from tests.emulators.braintree.xmltext import Tree

_TAKEN = frozenset({"submitted_for_settlement", "settling", "settled", "settlement_confirmed"})


def truth_of(account: Account) -> Tree:
    """Everything in the order in which it was made; amounts in major units as texts, `totals` by currency.

    `captured` is what has been submitted for settlement and not been voided since, `submitted` what has been, voided or
    not.
    """
    captured: Counter[str] = Counter()
    given_back: Counter[str] = Counter()
    for transaction in account.transactions.values():
        if transaction.status in _TAKEN:
            counter = captured if transaction.type == "sale" else given_back
            counter[transaction.currency] += transaction.amount  # type: ignore[assignment]
    return {
        "customers": _customers(account),
        "sales": [_sale(account, each) for each in account.transactions.values() if each.type == "sale"],
        "refunds": [_refund(each) for each in account.transactions.values() if each.type == "credit"],
        "disputes": [_dispute(each) for each in account.disputes.values()],
        "subscriptions": [_subscription(each) for each in account.subscriptions.values()],
        "totals": {
            currency: {
                "captured": shown_amount(Decimal(captured[currency])),
                "refunded": shown_amount(Decimal(given_back[currency])),
            }
            for currency in sorted(captured | given_back)
        },
    }


def _customers(account: Account) -> list[Tree]:
    """With the cards that they have in the vault, oldest first."""
    methods: defaultdict[str, list[Tree]] = defaultdict(list)
    for method in account.payment_methods.values():
        methods[method.customer_id].append({"token": method.token, "last4": method.instrument.last4})
    return [{"id": id, "payment_methods": methods[id]} for id in account.customers]


def _sale(account: Account, sale: Transaction) -> Tree:
    return {
        "id": sale.id,
        "subscription_id": sale.recurring.subscription_id,
        "order_id": sale.order_id,
        "api_request_key": sale.api_request_key,
        "status": sale.status,
        "refused_for": (sale.rejection_reason or sale.response_code) if sale.status in UNSUCCESSFUL else None,
        "currency": sale.currency,
        "amount": shown_amount(sale.amount),
        "authorized": shown_amount(sale.authorized),
        "captured": shown_amount(sale.amount if sale.status in _TAKEN else Decimal(0)),
        "submitted": shown_amount(_submitted(sale)),
        "refunded": shown_amount(refunded(account, sale)),
        "authorized_transaction_id": sale.authorized_id,
        "token": sale.token,
        "customer_id": sale.customer_id,
        "source": sale.source,
        "three_d_secure": sale.three_d_secure.status if sale.three_d_secure else None,
        "custom_fields": sale.custom_fields,
        "disputed": bool(sale.dispute_ids),
    }


def _submitted(sale: Transaction) -> Decimal:
    return max(
        (event.amount for event in sale.history if event.status == "submitted_for_settlement"), default=Decimal(0)
    )


def _refund(refund: Transaction) -> Tree:
    return {
        "id": refund.id,
        "order_id": refund.order_id,
        "api_request_key": refund.api_request_key,
        "status": refund.status,
        "currency": refund.currency,
        "amount": shown_amount(refund.amount),
        "refunded_transaction_id": refund.refunded_id,
    }


def _subscription(subscription: Subscription) -> Tree:
    return {
        "id": subscription.id,
        "status": subscription.status,
        "plan_id": subscription.plan_id,
        "token": subscription.method.token,
        "currency": subscription.currency,
        "price": shown_amount(subscription.price),
        "balance": shown_amount(subscription.balance),
        "current_billing_cycle": subscription.current_billing_cycle,
        "transaction_ids": subscription.transaction_ids,
    }


def _dispute(dispute: Dispute) -> Tree:
    return {
        "id": dispute.id,
        "transaction_id": dispute.transaction_id,
        "kind": dispute.kind,
        "reason": dispute.reason,
        "status": dispute.status,
        "currency": dispute.currency,
        "amount": shown_amount(dispute.amount),
        "won": shown_amount(dispute.won),
        "withdrawn": shown_amount(_withdrawn(dispute)),
    }


def _withdrawn(dispute: Dispute) -> Decimal:
    """What the shop is without because of it, besides the fee; a retrieval only asks."""
    return Decimal(0) if dispute.kind == "retrieval" else dispute.amount - dispute.won
