"""Ids in an answer that are replaced by their objects: https://docs.stripe.com/api/expanding_objects.

Which attributes can be expanded is read from the SDK's classes, where they are `ExpandableField`s. A charge's `refunds`
are one more: they are left out unless they are expanded (https://docs.stripe.com/upgrades, 2022-11-15).
"""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, ForwardRef, get_args

import stripe

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.refusals import Json, Refused, invalid

_DEEPEST = 4
_CLASSES: dict[str, type] = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "refund": stripe.Refund,
    "setup_attempt": stripe.SetupAttempt,
    "setup_intent": stripe.SetupIntent,
}

LeftOut = Callable[[Account, Json], Json]
"""Makes what an answer leaves out unless it is asked for."""


def _expandable_attributes(name: str) -> frozenset[str]:
    """Of an object of that name: what may be an id or an object."""
    annotations = getattr(_CLASSES.get(name, object), "__annotations__", {})
    return frozenset(attribute for attribute, hint in annotations.items() if _is_expandable(hint))


def _is_expandable(hint: Any) -> bool:
    others = set(get_args(hint)) - {str, NoneType}
    return str in get_args(hint) and any(isinstance(part, ForwardRef | type) for part in others)


_EXPANDABLE = {name: _expandable_attributes(name) for name in _CLASSES}


def check_expandable(call: str, paths: Sequence[str]) -> None:
    """Refused, before anything is done, when what a call answers has no such attribute."""
    kind = call.rpartition(".")[0].rpartition(".")[2].removesuffix("s")
    for path in paths:
        first, *rest = path.split(".")
        name = rest[0] if first == "data" and rest else first
        if name not in _EXPANDABLE.get(kind, ()) and (kind, name) != ("charge", "refunds"):
            raise _not_expandable(path)


def expanded(
    account: Account, thing: Json, paths: Sequence[str], *, left_out: Mapping[tuple[str, str], LeftOut]
) -> Json:
    """A copy in which the attributes of these paths are objects; Refused when one cannot be expanded."""
    whole = copied(thing)
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEEPEST:
            raise invalid(f"Expanding goes {_DEEPEST} levels deep.", param="expand")
        _expand(account, whole, parts, path, left_out)
    return whole


def _expand(
    account: Account, thing: Json, parts: list[str], path: str, left_out: Mapping[tuple[str, str], LeftOut]
) -> None:
    name, *rest = parts
    kind = thing.get("object", "")
    if kind == "list" and name == "data" and rest:
        for item in thing["data"]:
            _expand(account, item, rest, path, left_out)
        return
    if (kind, name) in left_out:
        thing.setdefault(name, left_out[kind, name](account, thing))
    elif name not in _EXPANDABLE.get(kind, ()):
        raise _not_expandable(path)
    value = thing.get(name)
    if isinstance(value, str):
        found = account.known(value)
        value = thing[name] = value if found is None else copied(found)
    if rest and isinstance(value, dict):
        _expand(account, value, rest, path, left_out)


def _not_expandable(path: str) -> Refused:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
