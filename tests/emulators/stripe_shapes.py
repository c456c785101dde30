"""Whether an answer has the shape of the SDK's class for it.

Every attribute that the class does not call optional has to be there, every attribute that is there has to be one of
the class and of its type. Words of a `Literal` have to be among them, although the SDK lets newer ones through.
"""

import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe._list_object import ListObject
from stripe._stripe_object import StripeObject, UntypedStripeObject

_NO_RESOURCES = ("events", "oauth_error", "params", "resources", "v2")
_ALIASES = {"CardResource": "Card", "DisputeResource": "Dispute", "IssuingDisputeResource": "Dispute"}
"""Names that some of the SDK's modules import a class by."""


def misfits(value: object, hint: Any, path: str = "") -> list[str]:
    """What does not fit, one sentence each; nothing where all does."""
    hint = _resolved(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return []
    if origin is Union:
        return _misfits_of_union(value, inner, path)
    if origin is Literal:
        return [] if value in inner else [f"{path}: {value!r} is none of {inner}"]
    if origin is list:
        return _misfits_of_items(value, inner[0], path)
    if origin is ListObject:
        return _misfits_of_list(value, inner[0], path)
    if origin is UntypedStripeObject:
        return _misfits_of_values(value, inner[0], path)
    if inspect.isclass(hint) and issubclass(hint, StripeObject):
        return _misfits_of_object(value, hint, path)
    if hint is NoneType:
        return [] if value is None else [f"{path}: {value!r} is not null"]
    if hint is float and type(value) is int:
        return []
    return [] if type(value) is hint else [f"{path}: {value!r} is no {hint}"]


def class_of(name: str) -> type[StripeObject]:
    """The SDK's class of objects with this name."""
    return next(kind for kind in _classes().values() if getattr(kind, "OBJECT_NAME", None) == name)


def _misfits_of_union(value: object, options: tuple[Any, ...], path: str) -> list[str]:
    options = tuple(_resolved(option) for option in options)
    if any(get_origin(option) is Literal for option in options):
        options = tuple(option for option in options if option is not str)
    if isinstance(value, dict) and "object" in value:
        named = [option for option in options if getattr(option, "OBJECT_NAME", None) == value["object"]]
        options = tuple(named) or options
    if value is None and NoneType in options:
        return []
    tries = [misfits(value, option, path) for option in options if option is not NoneType]
    return min(tries, key=len, default=[f"{path}: {value!r} fits nothing"])


def _misfits_of_items(value: object, hint: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: {value!r} is no list"]
    return [misfit for number, item in enumerate(value) for misfit in misfits(item, hint, f"{path}[{number}]")]


def _misfits_of_list(value: object, hint: Any, path: str) -> list[str]:
    if not isinstance(value, dict) or set(value) != {"object", "data", "has_more", "url"} or value["object"] != "list":
        return [f"{path}: this is no list"]
    plain = misfits(value["has_more"], bool, f"{path}.has_more") + misfits(value["url"], str, f"{path}.url")
    return plain + _misfits_of_items(value["data"], hint, f"{path}.data")


def _misfits_of_values(value: object, hint: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    return [misfit for name, item in value.items() for misfit in misfits(item, hint, f"{path}.{name}")]


def _misfits_of_object(value: object, kind: type[StripeObject], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {kind.__name__}"]
    attributes = _attributes(kind)
    found = [f"{path}.{name}: {kind.__name__} has no such attribute" for name in value if name not in attributes]
    found += [
        f"{path}.{name}: {kind.__name__} always has it"
        for name, hint in attributes.items()
        if name not in value and NoneType not in get_args(hint)
    ]
    for name, item in value.items():
        if name in attributes:
            found += misfits(item, attributes[name], f"{path}.{name}")
    return found


def _attributes(kind: type[StripeObject]) -> Mapping[str, Any]:
    return {
        name: hint
        for name, hint in inspect.get_annotations(kind).items()
        if not name.isupper() and not name.startswith("_")
    }


def _resolved(hint: Any) -> Any:
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        return _classes()[_ALIASES.get(hint, hint)]
    return hint


@cache
def _classes() -> Mapping[str, type[StripeObject]]:
    """The SDK's resource classes by name; those of its sub-packages only where the name is not taken."""
    found: dict[str, type[StripeObject]] = {}
    for module in _modules():
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, StripeObject) and kind.__module__ == module.__name__:
                found.setdefault(name, kind)
    return found


def _modules() -> Iterator[Any]:
    packages: list[tuple[Iterable[str], str]] = [(stripe.__path__, "stripe")]
    for path, package in packages:
        for found in pkgutil.iter_modules(path):
            if found.ispkg and found.name not in _NO_RESOURCES:
                packages.append((import_module(f"{package}.{found.name}").__path__, f"{package}.{found.name}"))
            elif found.name.startswith("_") and not found.name.endswith("_service"):
                yield import_module(f"{package}.{found.name}")
