"""Subscriptions as they are shown, told and ended.

https://developer.paypal.com/braintree/docs/reference/response/subscription and
…/docs/reference/general/webhooks/subscription.
"""

from datetime import timedelta

from tests.emulators.braintree import modifications, transactions
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.parameters import shown_amount
from tests.emulators.braintree.recurring import CANCELED, PAST_DUE, RUNNING, Subscription, SubscriptionEvent
from tests.emulators.braintree.things import PaymentMethod
from tests.emulators.braintree.xmltext import Many, Tree

_SHOWN_TRANSACTIONS = 20
"""The newest; more are found by a search."""


def tell(account: Account, subscription: Subscription, what: str) -> None:
    """`charged_successfully`, `went_active` and so on."""
    account.tell(f"subscription_{what}", {"subscription": shown(account, subscription)})


def cancel(account: Account, subscription: Subscription, source: str = "api") -> None:
    """For good; what is paid stays paid."""
    subscription.status = CANCELED
    subscription.record(account.now, source)
    tell(account, subscription, "canceled")


def cancel_those_of(account: Account, method: PaymentMethod) -> None:
    """Nobody pays for them any more:
    https://developer.paypal.com/braintree/docs/guides/recurring-billing/manage#payment-methods."""
    for subscription in those_of(account, method):
        if subscription.status in RUNNING:
            cancel(account, subscription)


def those_of(account: Account, method: PaymentMethod) -> list[Subscription]:
    return [each for each in account.subscriptions.values() if each.method is method]


def days_past_due(account: Account, subscription: Subscription) -> int | None:
    if subscription.status != PAST_DUE or subscription.past_due_since is None:
        return None
    return (account.now.date() - subscription.past_due_since) // timedelta(days=1)


def shown(account: Account, subscription: Subscription) -> Tree:
    made = [account.transactions[id] for id in subscription.transaction_ids[:_SHOWN_TRANSACTIONS]]
    return {
        "id": subscription.id,
        "plan_id": subscription.plan_id,
        "status": subscription.status,
        "price": shown_amount(subscription.price),
        "balance": shown_amount(subscription.balance),
        "next_billing_period_amount": shown_amount(subscription.amount),
        "next_bill_amount": shown_amount(subscription.amount + subscription.balance),
        "merchant_account_id": subscription.merchant_account_id,
        "payment_method_token": subscription.method.token,
        "created_at": subscription.created_at,
        "updated_at": subscription.updated_at,
        "first_billing_date": subscription.first_billing_date,
        "next_billing_date": subscription.next_billing_date,
        "billing_day_of_month": subscription.billing_day_of_month,
        "billing_period_start_date": subscription.period_start,
        "billing_period_end_date": subscription.period_end,
        "paid_through_date": subscription.paid_through,
        "current_billing_cycle": subscription.current_billing_cycle,
        "number_of_billing_cycles": subscription.number_of_billing_cycles,
        "never_expires": subscription.number_of_billing_cycles is None,
        "failure_count": subscription.failure_count,
        "days_past_due": days_past_due(account, subscription),
        "trial_period": subscription.trial_period,
        "trial_duration": subscription.trial_duration,
        "trial_duration_unit": subscription.trial_duration_unit,
        "description": None,
        "descriptor": {"name": None, "phone": None, "url": None} | subscription.descriptor,
        **modifications.shown_lists(subscription.modifications),
        "transactions": Many("transaction", [transactions.shown(account, each) for each in made]),
        "status_history": Many("status_event", [_event(each) for each in subscription.history]),
    }


def _event(event: SubscriptionEvent) -> Tree:
    return {
        "timestamp": event.timestamp,
        "status": event.status,
        "price": shown_amount(event.price),
        "balance": shown_amount(event.balance),
        "currency_iso_code": event.currency,
        "plan_id": event.plan_id,
        "user": "emulator",
        "subscription_source": event.source,
    }
