"""Words of the domain, described for client developers.

The enum itself stays the domain's: stored word, domain word and GraphQL word are one. A value without a description
stops the start, so none can be forgotten.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import strawberry

E = TypeVar("E", bound=type[StrEnum])
V = TypeVar("V", bound=StrEnum)


def described_enum(enum: E, *, description: str, values: Mapping[V, str], name: str | None = None) -> E:
    missing = [value.name for value in enum if value not in values]
    if missing:
        raise TypeError(f"{enum.__name__} has values without a description: {', '.join(missing)}")
    described = strawberry.enum(enum, name=name, description=description)
    for value in described.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
        value.description = values[value.value]
    return described
