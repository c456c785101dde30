"""Add-ons and discounts: https://developer.paypal.com/braintree/docs/reference/request/add-on/all and …/discount/all.

They are made in the Control Panel alone: a test makes them with /_control/seed, or as the SDK's own tests do. A plan
and a subscription have copies, which requests add, update and remove
(https://developer.paypal.com/braintree/docs/guides/recurring-billing/manage#add-ons-and-discounts).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, flag, is_id, shown_amount
from tests.emulators.braintree.recurring import ADD_ON, DISCOUNT, Modification
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.troubles import Troubles, read_amount, read_count
from tests.emulators.braintree.xmltext import Many, Tree

LISTS = {"add_ons": ADD_ON, "discounts": DISCOUNT}
"""Where a request, a plan and a subscription have which kind."""
_TEMPLATE = frozenset(
    {
        "id", "kind", "name", "description", "amount", "quantity", "never_expires", "number_of_billing_cycles",
        "plan_id",
    }
)  # fmt: skip


def add_ons(call: Call) -> Answer:
    return Answer("add_ons", Many("add_on", _templates(call.account, ADD_ON)))


def discounts(call: Call) -> Answer:
    return Answer("discounts", Many("discount", _templates(call.account, DISCOUNT)))


def create_for_test(call: Call) -> Answer:
    """Of the SDK's own tests: one of the Control Panel's, which a plan has at once if one is named."""
    asked = call.asked("modification")
    check_names("modification", asked, known=_TEMPLATE, supported=_TEMPLATE)
    made = new_template(call.account, asked)
    if asked.get("plan_id") is not None:
        call.account.plan(asked["plan_id"]).modifications.append(replace(made))
    return Answer("modification", shown(made), 201)


def new_template(account: Account, asked: Tree) -> Modification:
    troubles = Troubles("modification")
    kind, id = str(asked.get("kind")), asked.get("id") or account.new_id(4)
    if kind not in LISTS.values() or not is_id(id) or id in account.modifications:
        raise Refused(422, message=f"There can be no {kind} with the id {id}.")
    currency = account.merchant_account(None)[1]
    amount = read_amount(asked, "amount", currency, troubles, blank="92003", invalid="92002", too_large="92023")
    cycles = _cycles(asked, None, troubles)
    troubles.check()
    assert amount is not None
    made = Modification(
        id=id,
        kind=kind,
        amount=amount,
        created_at=account.now,
        updated_at=account.now,
        name=asked.get("name"),
        description=asked.get("description"),
        quantity=int(asked.get("quantity") or 1),
        number_of_billing_cycles=cycles,
    )
    account.modifications[id] = made
    return made


def changed(
    account: Account, had: Sequence[Modification], asked: Tree, currency: str, troubles: Troubles
) -> list[Modification]:
    """What there is after the `add_ons` and `discounts` of a request; what `had` holds stays as it was."""
    has = {each.id: replace(each) for each in had}
    for name, kind in LISTS.items():
        wanted: Tree = asked.get(name) or {}
        here = troubles.inside(name)
        removed = [str(id) for id in wanted.get("remove") or []]
        for index, each in enumerate(wanted.get("update") or []):
            inside = here.inside("update", f"index_{index}")
            found = _existing(has, each, kind, removed, inside)
            if found is not None:
                _describe(found, each, currency, inside)
                found.updated_at = account.now
        for index, id in enumerate(removed):
            _remove(has, id, kind, here.inside("remove", f"index_{index}"))
        for index, each in enumerate(wanted.get("add") or []):
            inside = here.inside("add", f"index_{index}")
            template = _inherited(account, each, kind, inside)
            if template is not None and template.id in has:
                troubles.add("base", "91911", f"There is a {template.id} already.")
            elif template is not None:
                added = replace(template, created_at=account.now, updated_at=account.now)
                _describe(added, each, currency, inside)
                has[added.id] = added
    return list(has.values())


def shown(modification: Modification) -> Tree:
    return {
        "id": modification.id,
        "kind": modification.kind,
        "name": modification.name,
        "description": modification.description,
        "amount": shown_amount(modification.amount),
        "quantity": modification.quantity,
        "never_expires": modification.number_of_billing_cycles is None,
        "number_of_billing_cycles": modification.number_of_billing_cycles,
        "current_billing_cycle": modification.current_billing_cycle,
        "created_at": modification.created_at,
        "updated_at": modification.updated_at,
    }


def shown_lists(modifications: Sequence[Modification]) -> Tree:
    """`add_ons` and `discounts`, as plans, subscriptions and transactions have them."""
    return {
        name: Many(kind, [shown(each) for each in modifications if each.kind == kind]) for name, kind in LISTS.items()
    }


def _templates(account: Account, kind: str) -> list[Any]:
    return [shown(each) for each in account.modifications.values() if each.kind == kind]


def _existing(
    has: dict[str, Modification], asked: Tree, kind: str, removed: Sequence[str], troubles: Troubles
) -> Modification | None:
    id = asked.get("existing_id")
    found = has.get(str(id))
    if id is None:
        troubles.add("existing_id", "92012", "An existing id is required.")
    elif found is None:
        troubles.add("existing_id", "92011", f"There is no {id} to update.")
    elif found.kind != kind:
        troubles.add("existing_id", "92020", f"{id} is of the other kind.")
    elif id in removed:
        troubles.add("existing_id", "92015", f"{id} cannot be updated and removed.")
    else:
        return found
    return None


def _remove(has: dict[str, Modification], id: str, kind: str, troubles: Troubles) -> None:
    if id not in has:
        troubles.add("id_to_remove", "92016", f"There is no {id} to remove.")
    elif has[id].kind != kind:
        troubles.add("id_to_remove", "92021", f"{id} is of the other kind.")
    else:
        del has[id]


def _inherited(account: Account, asked: Tree, kind: str, troubles: Troubles) -> Modification | None:
    id = asked.get("inherited_from_id")
    template = account.modifications.get(str(id))
    if id is None:
        troubles.add("inherited_from_id", "92014", "The id of what is added is required.")
    elif template is None or template.kind != kind:
        troubles.add("inherited_from_id", "92013", f"There is no {id} to add.")
    else:
        return template
    return None


def _describe(modification: Modification, asked: Tree, currency: str, troubles: Troubles) -> None:
    if "amount" in asked:
        amount = read_amount(asked, "amount", currency, troubles, blank="92003", invalid="92002", too_large="92023")
        modification.amount = modification.amount if amount is None else amount
    if "quantity" in asked and asked["quantity"] is None:
        troubles.add("quantity", "92004", "A quantity cannot be blank.")
    elif "quantity" in asked:
        quantity = read_count(asked, "quantity", troubles, invalid="92001", zero="92010")
        modification.quantity = quantity or modification.quantity
    modification.number_of_billing_cycles = _cycles(asked, modification.number_of_billing_cycles, troubles)


def _cycles(asked: Tree, had: int | None, troubles: Troubles) -> int | None:
    """For how many cycles it is; None for ever."""
    number = asked.get("number_of_billing_cycles")
    if flag(asked, "never_expires"):
        if number is not None:
            troubles.add("base", "92018", "What never expires has no number of billing cycles.")
        return None
    if number is not None:
        return read_count(asked, "number_of_billing_cycles", troubles, invalid="92005", zero="92019")
    if had is None and asked.get("never_expires") is not None:
        troubles.add("number_of_billing_cycles", "92017", "A number of billing cycles is required.")
    return had
