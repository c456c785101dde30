"""What a list is made of, declared once a noun.

A column names its expression, a sort its keys, a filter its condition, a relation the column that leads to the
parent, and the owner is a condition like any other. `statements` makes SQL of it; nothing of a row is computed
afterwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from domain.queries import Relation
from persistence.connections import Row
from persistence.sql import Dialect, any_of

Record = TypeVar("Record")

NOTHING: Final = "FALSE"


class Parameters:
    """The values of one statement, in the order in which their placeholders were handed out."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect: Final = dialect
        self._values: list[object] = []

    def add(self, value: object) -> str:
        self._values.append(value)
        return f"${len(self._values)}"

    @property
    def values(self) -> tuple[object, ...]:
        return tuple(self._values)


# A condition in SQL, made of the value that the client filters by.
Condition = Callable[[Any, Parameters], str]


def equals(expression: str) -> Condition:
    return lambda value, parameters: f"{expression} = {parameters.add(value)}"


def equals_in_any_case(expression: str) -> Condition:
    return lambda value, parameters: f"LOWER({expression}) = LOWER({parameters.add(value)})"


def one_of(expression: str) -> Condition:
    return lambda values, parameters: any_of(expression, parameters.add(list(values)), parameters.dialect)


def not_before(expression: str) -> Condition:
    return lambda value, parameters: f"{expression} >= {parameters.add(value)}"


def before(expression: str) -> Condition:
    return lambda value, parameters: f"{expression} < {parameters.add(value)}"


def given(expression: str) -> Condition:
    """Whether there is a value at all."""
    return lambda wanted, _parameters: f"{expression} IS NOT NULL" if wanted else f"{expression} IS NULL"


@dataclass(frozen=True, slots=True)
class Key:
    """A column to sort by, and what a cursor's value for it has to be."""

    column: str
    kind: type[str] | type[int]


ID: Final = Key("id", str)


@dataclass(frozen=True, slots=True)
class Sorting:
    """Keys that share one direction, so that one comparison of row values says what comes after a row.

    The id is the last of them and makes them unique.
    """

    keys: tuple[Key, ...]
    descending: bool


BY_TIME: Final[Mapping[str, Sorting]] = {
    # Ids rise with time.
    "NEWEST": Sorting((ID,), descending=True),
    "OLDEST": Sorting((ID,), descending=False),
}


@dataclass(frozen=True, slots=True)
class Link:
    """How a record hangs from its parent: by a column of its own, or through a table that joins the two."""

    parent: str
    join: str = ""
    id: str | None = None
    """The record's id as the joining table has it, whose index then gives the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Record]):
    table: str
    columns: Mapping[str, str]
    """Name → expression. Expressions are qualified: an `ORDER BY id` would mean whatever is called so."""
    record: Callable[[Row], Record]
    sorts: Mapping[str, Sorting]
    filters: Mapping[str, Condition]
    """By field of the noun's filter dataclass."""
    owner: Condition | None
    """What makes a record the viewer's own, by customer id. None for the catalogue, which is everybody's."""
    relations: Mapping[Relation, Link]
    known: str | None = None
    """Which rows this version can read, where a newer one beside it may write others: those are left out."""


def columns_of(table: str, names: str) -> dict[str, str]:
    return {name: f"{table}.{name}" for name in names.split()}


def select_list(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
