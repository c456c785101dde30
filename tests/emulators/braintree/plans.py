"""Plans: https://developer.paypal.com/braintree/docs/reference/request/plan/create and …/response/plan.

The SDK's error codes have none for plans; those here are the subscriptions' of the same meaning (doubts.md).
"""

from braintree import Plan as SdkPlan

from tests.emulators.braintree import modifications
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, flag, flattened, is_id, shown_amount
from tests.emulators.braintree.recurring import LAST_OF_MONTH, Plan
from tests.emulators.braintree.troubles import Troubles, read_amount, read_count
from tests.emulators.braintree.xmltext import Many, Tree

EMPTY_LISTS = frozenset(f"{name}.{act}" for name in modifications.LISTS for act in ("add", "update"))
"""What a request says that adds or updates nothing."""
_KNOWN = (
    flattened(SdkPlan.create_signature()) | {f"{name}.remove.__any_key__" for name in modifications.LISTS} | EMPTY_LISTS
)
_SUPPORTED = _KNOWN - {"merchant_id"}
_REQUIRED = ("name", "price", "billing_frequency", "currency_iso_code")
_TRIAL_UNITS = ("day", "month")
_LONGEST_ID = 255
"""The SDK's tests have plans whose ids are too long for anything else."""
BILLING_DAYS = frozenset({*range(1, 29), LAST_OF_MONTH})


def create(call: Call) -> Answer:
    asked = call.asked("plan")
    check_names("plan", asked, known=_KNOWN, supported=_SUPPORTED)
    return Answer("plan", shown(call.account, new_plan(call.account, asked)), 201)


def find(call: Call) -> Answer:
    return Answer("plan", shown(call.account, call.account.plan(call.id)))


def update(call: Call) -> Answer:
    account, plan = call.account, call.account.plan(call.id)
    asked = call.asked("plan")
    check_names("plan", asked, known=_KNOWN, supported=_SUPPORTED)
    troubles = Troubles("plan")
    id = asked.get("id") or plan.id
    if id != plan.id:
        _check_id(account, id, troubles)
    changed = _described(account, _asked_of(plan) | asked, troubles)
    kept = modifications.changed(account, plan.modifications, asked, plan.currency, troubles)
    troubles.check()
    for subscription in account.subscriptions.values():
        if subscription.plan_id == plan.id:
            subscription.plan_id = id
    del account.plans[plan.id]
    plan.id, plan.modifications, plan.updated_at = id, kept, account.now
    for name, value in changed.items():
        setattr(plan, name, value)
    account.plans[id] = plan
    return Answer("plan", shown(account, plan))


def all_plans(call: Call) -> Answer:
    return Answer("plans", Many("plan", [shown(call.account, plan) for plan in call.account.plans.values()]))


def new_plan(account: Account, asked: Tree) -> Plan:
    """Under its own id, if it has one."""
    troubles = Troubles("plan")
    id = asked.get("id") or account.new_id(4)
    _check_id(account, id, troubles)
    described = _described(account, asked, troubles)
    kept = modifications.changed(account, (), asked, described["currency"], troubles)
    troubles.check()
    plan = Plan(id=id, created_at=account.now, updated_at=account.now, modifications=kept, **described)
    account.plans[id] = plan
    return plan


def trial_of(asked: Tree, troubles: Troubles) -> tuple[int | None, str | None]:
    """How long a trial takes."""
    unit = asked.get("trial_duration_unit")
    if unit not in _TRIAL_UNITS:
        troubles.add("trial_duration_unit", "81909", "A trial is counted in days or months.")
    if asked.get("trial_duration") is None:
        troubles.add("trial_duration", "81908", "A trial has a duration.")
        return None, unit
    return read_count(asked, "trial_duration", troubles, invalid="81907", zero="81907"), unit


def billing_day_of(asked: Tree, troubles: Troubles) -> int | None:
    text = str(asked.get("billing_day_of_month"))
    if not text.lstrip("-").isdigit():
        troubles.add("billing_day_of_month", "91913", "A billing day is a number.")
    elif int(text) not in BILLING_DAYS:
        troubles.add("billing_day_of_month", "91914", "A billing day is 1 to 28, or 31 for the last one.")
    else:
        return int(text)
    return None


def _check_id(account: Account, id: str, troubles: Troubles) -> None:
    if not is_id(id, longest=_LONGEST_ID):
        troubles.add("id", "81906", "The id is invalid.")
    elif id in account.plans:
        troubles.add("id", "81902", "The id is taken.")


def _described(account: Account, asked: Tree, troubles: Troubles) -> Tree:
    """The fields of a plan that a request says."""
    for name in _REQUIRED:
        if asked.get(name) is None and name != "price":
            troubles.add(name, "81903", f"{name} is required.")
    currency = asked.get("currency_iso_code") or ""
    if currency and currency not in account.options.merchant_accounts.values():
        troubles.add("currency_iso_code", "91923", "No merchant account has this currency.")
    price = read_amount(asked, "price", currency, troubles, blank="81903", invalid="81904", too_large="81923")
    frequency, cycles, day, duration, unit = 1, None, None, None, None
    if asked.get("billing_frequency") is not None:
        frequency = read_count(asked, "billing_frequency", troubles, invalid="91906", zero="91907") or 1
    if asked.get("number_of_billing_cycles") is not None:
        cycles = read_count(asked, "number_of_billing_cycles", troubles, invalid="91906", zero="91907")
    if asked.get("billing_day_of_month") is not None:
        day = billing_day_of(asked, troubles)
    if flag(asked, "trial_period"):
        duration, unit = trial_of(asked, troubles)
    return {
        "name": asked.get("name"),
        "price": price,
        "currency": currency,
        "billing_frequency": frequency,
        "description": asked.get("description"),
        "billing_day_of_month": day,
        "number_of_billing_cycles": cycles,
        "trial_period": flag(asked, "trial_period"),
        "trial_duration": duration,
        "trial_duration_unit": unit,
    }


def _asked_of(plan: Plan) -> Tree:
    """What would make it as it is."""
    return {
        "name": plan.name,
        "price": shown_amount(plan.price),
        "currency_iso_code": plan.currency,
        "billing_frequency": plan.billing_frequency,
        "description": plan.description,
        "billing_day_of_month": plan.billing_day_of_month,
        "number_of_billing_cycles": plan.number_of_billing_cycles,
        "trial_period": plan.trial_period,
        "trial_duration": plan.trial_duration,
        "trial_duration_unit": plan.trial_duration_unit,
    }


def shown(account: Account, plan: Plan) -> Tree:
    return {
        "id": plan.id,
        "merchant_id": account.merchant_id,
        **_asked_of(plan),
        **modifications.shown_lists(plan.modifications),
        "created_at": plan.created_at,
        "updated_at": plan.updated_at,
    }
