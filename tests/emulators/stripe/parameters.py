"""Which parameters a call takes, derived from the SDK's TypedDicts of the same name, and reading what was sent by them.

The SDK generates them from Stripe's OpenAPI description, so a parameter that is not there is not there at this version.
They leave two things open that the API does not: enums are typed `Literal[...] | str` so that newer words may be sent
(here a word has to be one of the list), and how large things may be (the limits of metadata are those of
https://docs.stripe.com/api/metadata). `Literal[''] | T` marks what may be unset with an empty value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Protocol, Union, get_args, get_origin, get_type_hints

from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from tests.emulators.stripe.forms import Raw
from tests.emulators.stripe.refusals import Json, Refused, invalid

_MOST_METADATA = 50
_LONGEST_METADATA_NAME = 40
_LONGEST_METADATA_VALUE = 500
_LONGEST_TEXT = 5_000
"""Of any text; evidence has limits of its own, which are longer."""
_LONGEST_EVIDENCE = 150_000
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


class Shape(Protocol):
    """What a value has to look like."""

    def read(self, raw: Raw, name: str) -> Any:
        """The value in its type; Refused when it is of another."""


@dataclass(frozen=True, slots=True)
class Text:
    def read(self, raw: Raw, name: str) -> str:
        if not isinstance(raw, str):
            raise invalid(f"Invalid string: {name}", param=name)
        if raw == "":
            raise invalid(f"{name} is empty and cannot be unset.", param=name, code="parameter_invalid_empty")
        if len(raw) > (_LONGEST_EVIDENCE if name.startswith("evidence[") else _LONGEST_TEXT):
            raise invalid(f"{name} is too long.", param=name)
        return raw


@dataclass(frozen=True, slots=True)
class WholeNumber:
    def read(self, raw: Raw, name: str) -> int:
        if not isinstance(raw, str) or not _WHOLE_NUMBER.fullmatch(raw):
            raise invalid(f"Invalid integer: {name}", param=name, code="parameter_invalid_integer")
        return int(raw)


@dataclass(frozen=True, slots=True)
class Flag:
    def read(self, raw: Raw, name: str) -> bool:
        if raw not in ("true", "false"):
            raise invalid(f"Invalid boolean: {name}", param=name)
        return raw == "true"


@dataclass(frozen=True, slots=True)
class OneOf:
    words: tuple[str, ...]

    def read(self, raw: Raw, name: str) -> str:
        if not isinstance(raw, str) or raw not in self.words:
            raise invalid(f"Invalid {name}: it has to be one of {', '.join(self.words)}", param=name)
        return raw


@dataclass(frozen=True, slots=True)
class Unset:
    """An empty value, which unsets."""

    def read(self, raw: Raw, name: str) -> str:
        if raw != "":
            raise invalid(f"Invalid value: {name}", param=name)
        return ""


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Shape

    def read(self, raw: Raw, name: str) -> list[Any]:
        if isinstance(raw, dict):
            if not all(position.isdecimal() for position in raw):
                raise invalid(f"Invalid array: {name}", param=name)
            raw = [raw[position] for position in sorted(raw, key=int)]
        if not isinstance(raw, list):
            raise invalid(f"Invalid array: {name}", param=name)
        return [self.item.read(value, f"{name}[{position}]") for position, value in enumerate(raw)]


@dataclass(frozen=True, slots=True)
class Hash:
    """Names of one's own with texts, as metadata has them. An empty text unsets a name."""

    def read(self, raw: Raw, name: str) -> dict[str, str]:
        if not isinstance(raw, dict):
            raise invalid(f"Invalid hash: {name}", param=name)
        texts: dict[str, str] = {}
        for key, value in raw.items():
            if not isinstance(value, str):
                raise invalid(f"Invalid string: {name}[{key}]", param=f"{name}[{key}]")
            if len(key) > _LONGEST_METADATA_NAME:
                raise invalid(f"Names in {name} have at most {_LONGEST_METADATA_NAME} characters.", param=name)
            if len(value) > _LONGEST_METADATA_VALUE:
                raise invalid(f"Values in {name} have at most {_LONGEST_METADATA_VALUE} characters.", param=name)
            texts[key] = value
        if len(texts) > _MOST_METADATA:
            raise invalid(f"{name} has at most {_MOST_METADATA} names.", param=name)
        return texts


@dataclass(frozen=True, slots=True)
class Fields:
    members: Mapping[str, Shape]
    required: frozenset[str]

    def read(self, raw: Raw, name: str) -> Json:
        if not isinstance(raw, dict):
            raise invalid(f"Invalid object: {name}", param=name)
        for key in raw:
            if key not in self.members:
                unknown = _inside(name, key)
                raise invalid(f"Received unknown parameter: {unknown}", param=unknown, code="parameter_unknown")
        for key in self.members:
            if key in self.required and key not in raw:
                lacking = _inside(name, key)
                raise invalid(f"Missing required param: {lacking}.", param=lacking, code="parameter_missing")
        return {key: self.members[key].read(value, _inside(name, key)) for key, value in raw.items()}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several; how the value is nested says which are meant."""

    options: tuple[Shape, ...]

    def read(self, raw: Raw, name: str) -> Any:
        if raw == "" and Unset() in self.options:
            return ""
        nested = not isinstance(raw, str)
        fitting = [option for option in self.options if isinstance(option, Fields | Hash | ListOf) is nested]
        refusals: list[Refused] = []
        for option in fitting or self.options:
            try:
                return option.read(raw, name)
            except Refused as refused:
                refusals.append(refused)
        raise refusals[0]


@cache
def parameters_of(typed_dict: Any) -> Fields:
    """The parameters that a TypedDict of `stripe.params` describes, without the SDK's own request options."""
    # What RequestOptions inherits to them is written with names that their own modules do not have.
    hints = get_type_hints(typed_dict, localns={"StripeContext": str, "Mapping": Mapping}, include_extras=True)
    own = {name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__}
    return Fields(
        {name: _shape(hint) for name, hint in own.items()},
        frozenset(name for name, hint in own.items() if get_origin(hint) is not NotRequired),
    )


def _shape(hint: Any) -> Shape:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _shape(inner[0])
    if origin in (Union, UnionType):
        return _either(inner)
    if origin is Literal:
        return Unset() if inner == ("",) else OneOf(tuple(word for word in inner if word != ""))
    if origin is list:
        return ListOf(_shape(inner[0]))
    if origin is dict or origin is UntypedStripeObject:
        return Hash()
    if is_typeddict(hint):
        return parameters_of(hint)
    return _PLAIN[hint]


def _either(hints: tuple[Any, ...]) -> Shape:
    words = [word for hint in hints if get_origin(hint) is Literal for word in get_args(hint)]
    # Newer words are the SDK's courtesy. Only an unset text is `Literal[''] | str` and takes any text.
    closed = any(word != "" for word in words)
    shapes: list[Shape] = []
    for hint in hints:
        if hint is NoneType or (hint is str and closed):
            continue
        shape = _shape(hint)
        if "" in get_args(hint) and get_origin(hint) is Literal and shape != Unset():
            shapes.append(Unset())
        if shape not in shapes:
            shapes.append(shape)
    return shapes[0] if len(shapes) == 1 else Either(tuple(shapes))


_PLAIN: dict[Any, Shape] = {str: Text(), int: WholeNumber(), bool: Flag()}


def _inside(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key


def merged(metadata: Mapping[str, str], changes: Mapping[str, str] | Literal[""] | None) -> dict[str, str]:
    """Metadata after an update: names are added, replaced, or unset by an empty text; an empty value unsets all."""
    if changes is None:
        return dict(metadata)
    if changes == "":
        return {}
    together = {**metadata, **changes}
    if len(together) > _MOST_METADATA:
        raise invalid(f"metadata has at most {_MOST_METADATA} names.", param="metadata")
    return {name: value for name, value in together.items() if value != ""}
