"""The life of a subscription, by the account's clock.

https://developer.paypal.com/braintree/docs/guides/recurring-billing/overview#subscription-statuses: on each billing
date it is charged for the period that begins, with what it owes from before. A charge that fails makes it Past Due; its
balance grows with every period until one succeeds. What is told of it:
https://developer.paypal.com/braintree/docs/reference/general/webhooks/subscription.

Days are those of UTC, and each begins with its charges.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.emulators.braintree import authorizing, modifications, responses
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.instruments import ThreeDSecure
from tests.emulators.braintree.parameters import smallest
from tests.emulators.braintree.recurring import ACTIVE, EXPIRED, PAST_DUE, PENDING, RUNNING, Subscription
from tests.emulators.braintree.subscription_shapes import cancel, tell
from tests.emulators.braintree.things import Recurring, Transaction
from tests.emulators.braintree.transactions import UNSUCCESSFUL

_ITSELF = "recurring"
"""Who does what is due, as the history says it."""


def begin(account: Account, subscription: Subscription, three_d_secure: ThreeDSecure | None) -> Transaction | None:
    """The first charge of one that starts today. Unless it failed, the subscription is on its way."""
    owed, transaction = subscription.amount, None
    subscription.open_period(subscription.first_billing_date)
    if owed > 0:
        transaction = charge(account, subscription, owed, source="recurring_first", three_d_secure=three_d_secure)
        if transaction.status in UNSUCCESSFUL:
            # There will be no subscription that it could be of.
            transaction.recurring = Recurring()
            return transaction
    _pass_period(subscription)
    subscription.record(account.now, "api")
    tell(account, subscription, "billing_skipped" if transaction is None else "charged_successfully")
    tell(account, subscription, "went_active")
    wait(account, subscription)
    return transaction


def wait(account: Account, subscription: Subscription) -> None:
    """Come back on its next billing date."""
    day = subscription.next_billing_date
    begins = datetime.combine(day, time(), UTC)
    account.later((begins - account.now).total_seconds(), lambda: _come_back(account, subscription, day))


def charge(
    account: Account,
    subscription: Subscription,
    amount: Decimal,
    *,
    submits: bool = True,
    source: str = "recurring",
    three_d_secure: ThreeDSecure | None = None,
) -> Transaction:
    """A sale of the subscription's, however it ends; no duplicate of any other. `source` is what the issuer is told."""
    method = subscription.method
    customer = account.customers[method.customer_id]
    changes = [each for each in subscription.modifications if each.is_current or not each.current_billing_cycle]
    lists = modifications.shown_lists(changes)
    transaction = Transaction(
        id=account.new_id(),
        type="sale",
        amount=amount,
        currency=subscription.currency,
        merchant_account_id=subscription.merchant_account_id,
        instrument=method.instrument,
        created_at=account.now,
        updated_at=account.now,
        token=method.token,
        customer_id=customer.id,
        customer=dict(customer.details),
        descriptor=dict(subscription.descriptor),
        source=source,
        three_d_secure=three_d_secure,
        created_using="token",
        recurring=Recurring(
            subscription.id,
            subscription.plan_id,
            subscription.period_start,
            subscription.period_end,
            add_ons=lists["add_ons"].items,
            discounts=lists["discounts"].items,
        ),
    )
    reason = method.instrument.rejected_for
    response = authorizing.asked_processor(account, transaction) if reason is None else responses.rejection(reason)
    account.transactions[transaction.id] = transaction
    authorizing.authorize(account, transaction, response)
    if transaction.status == "authorized":
        authorizing.follow_up(account, transaction, submits=submits)
    subscription.transaction_ids.insert(0, transaction.id)
    return transaction


def retry(account: Account, subscription: Subscription) -> None:
    """Another try of what is owed, because it is time or the card is another one."""
    owed = subscription.balance
    if owed > 0 and charge(account, subscription, owed).status in UNSUCCESSFUL:
        _fail(account, subscription)
    else:
        subscription.balance = Decimal(0)
        _recover(account, subscription, _ITSELF)


def retried(account: Account, subscription: Subscription, transaction: Transaction) -> None:
    """What follows from a try that somebody else has made: what is paid is not owed any more."""
    if transaction.status in UNSUCCESSFUL:
        return
    subscription.balance = max(subscription.balance - transaction.amount, Decimal(0))
    if subscription.balance == 0:
        _recover(account, subscription, "api")
    else:
        subscription.record(account.now, "api")
        tell(account, subscription, "charged_successfully")


def make_past_due(account: Account, subscription: Subscription, days: int) -> None:
    """What the sandbox does for tests: the current period is not paid."""
    subscription.past_due_since = account.now.date() - timedelta(days=days)
    if subscription.status != PAST_DUE:
        subscription.status = PAST_DUE
        subscription.failure_count += 1
        subscription.balance = max(subscription.balance, Decimal(0)) + subscription.amount
        subscription.record(account.now, "api")
        tell(account, subscription, "went_past_due")


def prorated(subscription: Subscription, difference: Decimal, today: date) -> Decimal:
    """What a new price means for what is left of the period; 0 where none is under way.

    By the days after today, of all of its days.
    """
    start, end = subscription.period_start, subscription.period_end
    if start is None or end is None or not start <= today <= end:
        return Decimal(0)
    days = (end - start).days + 1
    return (difference * (end - today).days / days).quantize(smallest(subscription.currency), ROUND_HALF_UP)


# --- what happens by itself -------------------------------------------------------------------------------------------


def _come_back(account: Account, subscription: Subscription, day: date) -> None:
    if subscription.status not in RUNNING or subscription.next_billing_date != day:
        return
    if day < subscription.next_period():
        retry(account, subscription)
    elif not subscription.had_its_cycles:
        _turn(account, subscription, day)
    elif subscription.status == ACTIVE:
        subscription.status = EXPIRED
        subscription.record(account.now, _ITSELF)
        tell(account, subscription, "expired")


def _turn(account: Account, subscription: Subscription, day: date) -> None:
    """A period begins."""
    before = subscription.status
    if subscription.is_in_trial:
        tell(account, subscription, "trial_ended")
    owed = subscription.amount + subscription.balance
    subscription.open_period(day)
    subscription.balance = owed
    if owed > 0:
        if charge(account, subscription, owed).status in UNSUCCESSFUL:
            _fail(account, subscription)
            return
        subscription.balance = Decimal(0)
    _pass_period(subscription)
    subscription.record(account.now, _ITSELF)
    tell(account, subscription, "charged_successfully" if owed > 0 else "billing_skipped")
    if before != ACTIVE:
        tell(account, subscription, "went_active")
    wait(account, subscription)


def _pass_period(subscription: Subscription) -> None:
    """The current one is paid for."""
    subscription.status = ACTIVE
    subscription.failure_count, subscription.past_due_since = 0, None
    subscription.paid_through = subscription.period_end
    subscription.next_billing_date = subscription.next_period()


def _recover(account: Account, subscription: Subscription, source: str) -> None:
    """Nothing is owed any more; what has had all of its periods is over then."""
    is_over = subscription.had_its_cycles and account.now.date() >= subscription.next_period()
    _pass_period(subscription)
    subscription.status = EXPIRED if is_over else ACTIVE
    subscription.record(account.now, source)
    tell(account, subscription, "charged_successfully")
    tell(account, subscription, "expired" if is_over else "went_active")
    if not is_over:
        wait(account, subscription)


def _fail(account: Account, subscription: Subscription) -> None:
    before = subscription.status
    subscription.status = PAST_DUE
    subscription.failure_count += 1
    subscription.past_due_since = subscription.past_due_since or account.now.date()
    delays = account.options.retry_after_days
    ends = bool(delays) and subscription.retries == len(delays) and account.options.cancels_after_retries
    if subscription.retries < len(delays):
        again = account.now.date() + timedelta(days=delays[subscription.retries])
        subscription.next_billing_date = min(again, subscription.next_period())
        subscription.retries += 1
    else:
        subscription.next_billing_date = subscription.next_period()
    subscription.record(account.now, _ITSELF)
    tell(account, subscription, "charged_unsuccessfully")
    if before in (ACTIVE, PENDING):
        tell(account, subscription, "went_past_due")
    if ends:
        cancel(account, subscription, _ITSELF)
    else:
        wait(account, subscription)
