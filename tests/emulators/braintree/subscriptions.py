"""Subscriptions: https://developer.paypal.com/braintree/docs/reference/request/subscription/create and …/update.

One is made of a plan and of a payment method in the vault, and may say most of what the plan says otherwise. It starts
today, on a date, on a day of the month or after a trial. What happens to it then stands in billing.py.
"""

from copy import copy
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal

from braintree import Subscription as SdkSubscription

from tests.emulators.braintree import billing, descriptors, modifications, plans
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import consume, find_nonce
from tests.emulators.braintree.parameters import check_names, flag, flattened, is_id
from tests.emulators.braintree.recurring import (
    ACTIVE,
    CANCELED,
    EXPIRED,
    PAST_DUE,
    PENDING,
    Plan,
    Subscription,
    billing_day,
    in_period,
    next_day_of_month,
)
from tests.emulators.braintree.refusals import Refused, invalid
from tests.emulators.braintree.subscription_shapes import cancel as make_cancel
from tests.emulators.braintree.subscription_shapes import shown, tell
from tests.emulators.braintree.things import Nonce, PaymentMethod, Transaction
from tests.emulators.braintree.transactions import UNSUCCESSFUL, unsuccessful
from tests.emulators.braintree.troubles import Troubles, read_amount, read_count
from tests.emulators.braintree.xmltext import Tree

_PAYPAL = "options.paypal.description"
_FIXED = ("billing_day_of_month", "first_billing_date", "trial_duration", "trial_duration_unit", "trial_period")
_CREATE = flattened(SdkSubscription.create_signature()) | plans.EMPTY_LISTS
_UPDATE = flattened(SdkSubscription.update_signature()) | plans.EMPTY_LISTS | frozenset(_FIXED)
_PRICED = ("price", "plan_id")
"""What a subscription that owes something cannot have changed."""


def create(call: Call) -> Answer:
    account, asked = call.account, call.asked("subscription")
    check_names("subscription", asked, known=_CREATE, supported=_CREATE - {_PAYPAL})
    troubles = Troubles("subscription")
    _check_id(account, asked, troubles)
    descriptors.check(asked, troubles)
    method, nonce = _paid_with(account, asked, troubles)
    plan = account.plans.get(str(asked.get("plan_id")))
    if plan is None:
        troubles.add("plan_id", "91904", "There is no such plan.")
    # Nothing else can be told without these two.
    troubles.check()
    assert plan is not None
    assert method is not None
    subscription = _new(account, asked, plan, method, troubles)
    troubles.check()
    if nonce is not None:
        consume(nonce)
    if subscription.status != ACTIVE or subscription.trial_period:
        subscription.record(account.now, "api")
        billing.wait(account, subscription)
    else:
        info = None if nonce is None else nonce.three_d_secure
        transaction = billing.begin(account, subscription, info)
        if transaction is not None and transaction.status in UNSUCCESSFUL:
            raise unsuccessful(account, transaction)
    account.subscriptions[subscription.id] = subscription
    return Answer("subscription", shown(account, subscription), 201)


def find(call: Call) -> Answer:
    return Answer("subscription", shown(call.account, call.account.subscription(call.id)))


def update(call: Call) -> Answer:
    account, subscription = call.account, call.account.subscription(call.id)
    asked = call.asked("subscription")
    check_names("subscription", asked, known=_UPDATE, supported=_UPDATE - {_PAYPAL})
    _check_editable(subscription, asked)
    options: Tree = asked.get("options") or {}
    before = copy(subscription)
    try:
        _change(account, subscription, asked)
        failed = _settle_change(account, subscription, before, options)
        if failed is not None:
            raise failed
    except Refused:
        _take_back(subscription, before)
        raise
    if subscription.id != before.id:
        _rename(account, subscription, before.id)
    subscription.record(account.now, "api")
    return Answer("subscription", shown(account, subscription))


def cancel(call: Call) -> Answer:
    account, subscription = call.account, call.account.subscription(call.id)
    if subscription.status == CANCELED:
        raise invalid("subscription", "status", code="81905", message="It is canceled already.")
    _check_running(subscription)
    make_cancel(account, subscription)
    return Answer("subscription", shown(account, subscription))


def make_past_due(call: Call) -> Answer:
    """Of the sandbox only, as the SDK's testing gateway asks for it."""
    account, subscription = call.account, call.account.subscription(call.id)
    days = call.query.get("days_past_due", "1")
    if not days.isdigit():
        raise Refused(400)
    _check_running(subscription)
    billing.make_past_due(account, subscription, int(days))
    return Answer("subscription", shown(account, subscription))


# --- a new one --------------------------------------------------------------------------------------------------------


def _new(account: Account, asked: Tree, plan: Plan, method: PaymentMethod, troubles: Troubles) -> Subscription:
    today = account.now.date()
    merchant_account_id, currency = _merchant_account(account, asked, plan, troubles)
    price = _price(asked, currency, troubles) if "price" in asked else plan.price
    trial = _trial(asked, plan, troubles)
    first, day, status = _start(asked, plan, trial, today, troubles)
    options: Tree = asked.get("options") or {}
    inherited = [] if flag(options, "do_not_inherit_add_ons_or_discounts") else plan.modifications
    return Subscription(
        id=asked.get("id") or account.new_id(6),
        plan_id=plan.id,
        method=method,
        merchant_account_id=merchant_account_id,
        currency=currency,
        # Without one there is a trouble, and no subscription.
        price=price or Decimal(0),
        billing_frequency=plan.billing_frequency,
        created_at=account.now,
        updated_at=account.now,
        first_billing_date=first,
        next_billing_date=first,
        billing_day_of_month=day,
        status=status,
        number_of_billing_cycles=_cycles(asked, plan.number_of_billing_cycles, 0, troubles),
        trial_period=trial is not None,
        trial_duration=trial[0] if trial else None,
        trial_duration_unit=trial[1] if trial else None,
        modifications=modifications.changed(account, inherited, asked, currency, troubles),
        descriptor=dict(asked.get("descriptor") or {}),
    )


def _trial(asked: Tree, plan: Plan, troubles: Troubles) -> tuple[int, str] | None:
    """How long it is for nothing: as asked, else as the plan has it unless the start is another."""
    if _starts_otherwise(asked) and not flag(asked, "trial_period"):
        return None
    wanted = flag(asked, "trial_period") if asked.get("trial_period") is not None else plan.trial_period
    if not wanted:
        return None
    of_plan = {"trial_duration": plan.trial_duration, "trial_duration_unit": plan.trial_duration_unit}
    duration, unit = plans.trial_of(of_plan | asked, troubles)
    # What is wrong with them is among the troubles.
    return (duration or 1, unit or "day")


def _starts_otherwise(asked: Tree) -> bool:
    options: Tree = asked.get("options") or {}
    return (
        asked.get("first_billing_date") is not None
        or asked.get("billing_day_of_month") is not None
        or flag(options, "start_immediately")
    )


def _start(
    asked: Tree, plan: Plan, trial: tuple[int, str] | None, today: date, troubles: Troubles
) -> tuple[date, int, str]:
    """The first billing date, the day of the month of those that follow, and as what it begins."""
    options: Tree = asked.get("options") or {}
    ways = (
        asked.get("first_billing_date") is not None,
        asked.get("billing_day_of_month") is not None,
        flag(options, "start_immediately"),
        flag(asked, "trial_period"),
    )
    if sum(ways) > 1:
        troubles.add("base", "91917", "There is more than one way to start.")
    if trial is not None:
        first = in_period(today, *trial)
        return first, billing_day(first), ACTIVE
    if asked.get("first_billing_date") is not None:
        first = _first_billing_date(asked, today, troubles)
        return first, billing_day(first), ACTIVE if first == today else PENDING
    day = None
    if asked.get("billing_day_of_month") is not None:
        day = plans.billing_day_of(asked, troubles)
    elif not flag(options, "start_immediately"):
        day = plan.billing_day_of_month
    if day is None:
        return today, billing_day(today), ACTIVE
    first = next_day_of_month(today, day)
    return first, day, ACTIVE if first == today else PENDING


def _first_billing_date(asked: Tree, today: date, troubles: Troubles) -> date:
    given = asked["first_billing_date"]
    try:
        first = given.date() if isinstance(given, datetime) else date.fromisoformat(str(given)[:10])
    except ValueError:
        troubles.add("first_billing_date", "91915", "The first billing date is no date.")
        return today
    if first < today:
        troubles.add("first_billing_date", "91916", "The first billing date cannot be in the past.")
    return first


# --- a change ---------------------------------------------------------------------------------------------------------


def _check_running(subscription: Subscription) -> None:
    if subscription.status == CANCELED:
        raise invalid("subscription", "base", code="81901", message="A canceled subscription cannot be changed.")
    if subscription.status == EXPIRED:
        raise invalid("subscription", "base", code="81910", message="An expired subscription cannot be changed.")


def _check_editable(subscription: Subscription, asked: Tree) -> None:
    _check_running(subscription)
    troubles = Troubles("subscription")
    for name in _FIXED:
        if asked.get(name) is not None:
            code = {"billing_day_of_month": "91918", "first_billing_date": "91919"}.get(name, "91921")
            troubles.add(name, code, f"{name} cannot be changed.")
    if subscription.status == PAST_DUE:
        if any(name in asked for name in _PRICED):
            troubles.add("base", "91920", "What is past due cannot change its price.")
        for name in modifications.LISTS:
            if asked.get(name):
                troubles.inside(name).add("base", "92022", f"What is past due cannot change its {name}.")
    troubles.check()


def _change(account: Account, subscription: Subscription, asked: Tree) -> None:
    """As asked, or Refused; what the subscription held before is another list than what it holds after."""
    troubles = Troubles("subscription")
    if asked.get("id") is not None and asked["id"] != subscription.id:
        _check_id(account, asked, troubles)
        subscription.id = asked["id"]
    plan = account.plans.get(str(asked["plan_id"])) if "plan_id" in asked else account.plans[subscription.plan_id]
    if plan is None:
        troubles.add("plan_id", "91904", "There is no such plan.")
        plan = account.plans[subscription.plan_id]
    if asked.get("merchant_account_id") is not None or "plan_id" in asked:
        named = {"merchant_account_id": asked.get("merchant_account_id") or subscription.merchant_account_id}
        found = _merchant_account(account, named, plan, troubles)
        subscription.merchant_account_id, subscription.currency = found
    if "price" in asked:
        price = _price(asked, subscription.currency, troubles)
        subscription.price = subscription.price if price is None else price
    elif plan.billing_frequency != subscription.billing_frequency:
        # Another frequency brings the new plan's price along, the same one does not.
        subscription.price = plan.price
    subscription.plan_id, subscription.billing_frequency = plan.id, plan.billing_frequency
    nonce = None
    if asked.get("payment_method_token") is not None or asked.get("payment_method_nonce") is not None:
        method, nonce = _paid_with(account, asked, troubles, of=subscription.method)
        subscription.method = method or subscription.method
    subscription.number_of_billing_cycles = _cycles(
        asked, subscription.number_of_billing_cycles, subscription.current_billing_cycle, troubles
    )
    replaces = flag(asked.get("options") or {}, "replace_all_add_ons_and_discounts")
    subscription.modifications = modifications.changed(
        account, [] if replaces else subscription.modifications, asked, subscription.currency, troubles
    )
    descriptors.check(asked, troubles)
    subscription.descriptor = subscription.descriptor | (asked.get("descriptor") or {})
    troubles.check()
    if nonce is not None:
        consume(nonce)


def _settle_change(account: Account, subscription: Subscription, before: Subscription, options: Tree) -> Refused | None:
    """What a new price or card means for the money: a charge, a credit, or nothing. What is answered if it fails."""
    difference = subscription.amount - before.amount
    setting = account.options.prorates_downgrades if difference < 0 else account.options.prorates_upgrades
    prorates = flag(options, "prorate_charges") if options.get("prorate_charges") is not None else setting
    if not prorates:
        return None
    if subscription.status == PAST_DUE:
        if subscription.method is not before.method:
            billing.retry(account, subscription)
        return None
    if subscription.billing_frequency != before.billing_frequency:
        return None
    owed = subscription.balance + billing.prorated(subscription, difference, account.now.date())
    if difference <= 0 or owed <= 0:
        subscription.balance = owed
        return None
    transaction = billing.charge(account, subscription, owed)
    if transaction.status not in UNSUCCESSFUL:
        subscription.balance = Decimal(0)
        subscription.record(account.now, "api")
        tell(account, subscription, "charged_successfully")
        return None
    reverts = options.get("revert_subscription_on_proration_failure")
    if reverts is None or flag(options, "revert_subscription_on_proration_failure"):
        return _reverted(account, subscription, before, transaction)
    subscription.balance = owed
    subscription.record(account.now, "api")
    tell(account, subscription, "charged_unsuccessfully")
    return None


def _reverted(account: Account, subscription: Subscription, before: Subscription, failed: Transaction) -> Refused:
    """The subscription as it was, and the charge that has failed."""
    _take_back(subscription, before)
    failed.recurring.subscription_id = before.id
    tell(account, subscription, "charged_unsuccessfully")
    refused = unsuccessful(account, failed)
    refused.about["subscription"] = shown(account, subscription)
    return refused


def _take_back(subscription: Subscription, before: Subscription) -> None:
    """All but what has happened meanwhile: the lists that only grow are the same in both."""
    for each in fields(Subscription):
        setattr(subscription, each.name, getattr(before, each.name))


def _rename(account: Account, subscription: Subscription, old_id: str) -> None:
    del account.subscriptions[old_id]
    account.subscriptions[subscription.id] = subscription
    for id in subscription.transaction_ids:
        account.transactions[id].recurring.subscription_id = subscription.id


# --- what both say ----------------------------------------------------------------------------------------------------


def _check_id(account: Account, asked: Tree, troubles: Troubles) -> None:
    id = asked.get("id")
    if id is not None and not is_id(id):
        troubles.add("id", "81906", "The id is invalid.")
    elif id in account.subscriptions:
        troubles.add("id", "81902", "The id is taken.")


def _merchant_account(account: Account, asked: Tree, plan: Plan, troubles: Troubles) -> tuple[str, str]:
    id = asked.get("merchant_account_id") or account.options.default_merchant_account
    currency = account.options.merchant_accounts.get(id)
    if currency is None:
        troubles.add("merchant_account_id", "91901", "There is no such merchant account.")
    elif currency != plan.currency:
        troubles.add("merchant_account_id", "91923", "The plan is in another currency.")
    return id, currency or plan.currency


def _price(asked: Tree, currency: str, troubles: Troubles) -> Decimal | None:
    return read_amount(asked, "price", currency, troubles, blank="81903", invalid="81904", too_large="81923")


def _cycles(asked: Tree, had: int | None, passed: int, troubles: Troubles) -> int | None:
    """How many there are; None for ever."""
    number = asked.get("number_of_billing_cycles")
    if flag(asked, "never_expires"):
        if number is not None:
            troubles.add("base", "91908", "What never expires has no number of billing cycles.")
        return None
    if number is None:
        if had is None and asked.get("never_expires") is not None:
            troubles.add("number_of_billing_cycles", "91912", "A number of billing cycles is required.")
        return had
    count = read_count(asked, "number_of_billing_cycles", troubles, invalid="91906", zero="91907")
    if count is not None and count < passed:
        troubles.add("number_of_billing_cycles", "91909", "More billing cycles have begun already.")
    return count


def _paid_with(
    account: Account, asked: Tree, troubles: Troubles, *, of: PaymentMethod | None = None
) -> tuple[PaymentMethod | None, Nonce | None]:
    """The method in the vault; of the same customer as before, if there was one. The nonce, if it was named by one."""
    if asked.get("payment_method_nonce") is not None:
        found = find_nonce(account, asked["payment_method_nonce"])
        name, codes = "payment_method_nonce", ("91925", "91926")
        if found is not None and not found.consumed and found.token is None:
            troubles.add(name, "91927", "The nonce's card is not in the vault.")
            return None, None
        token = None if found is None or found.consumed else found.token
    else:
        found, token = None, asked.get("payment_method_token")
        name, codes = "payment_method_token", ("91903", "91905")
    method = account.payment_methods.get(str(token))
    if method is None:
        troubles.add(name, codes[0], "There is no such payment method.")
    elif of is not None and method.customer_id != of.customer_id:
        troubles.add(name, codes[1], "The payment method is another customer's.")
        return None, None
    return method, found
