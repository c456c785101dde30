"""One text of SQL for both databases, and the values that go in and come out.

Statements are written with PostgreSQL's placeholders (`$1`, `$2`, …; one may appear twice). `for_sqlite`
turns them into plain `?`, because Python's sqlite3 warns about numbered placeholders on some 3.12 releases.

| Python              | PostgreSQL    | SQLite                                          |
|---------------------|---------------|-------------------------------------------------|
| aware `datetime`    | `timestamptz` | text, `2026-03-01T09:30:00.000000Z`, always UTC |
| `dict` or `Json`    | `jsonb`       | text                                            |
| `list`, `tuple`     | array         | JSON text, for `json_each` (see `any_of`)       |
| `bool`              | `boolean`     | 0 or 1                                          |
| `StrEnum`, `str`    | `text`        | text                                            |
| `int`               | `bigint`      | integer                                         |

The SQLite form of an instant has one width, so comparing texts compares times, in indexes as well. Tortoise
writes through the same adapter (below), hence a row that a model wrote and a row that a statement wrote
sort together.
"""

import datetime as dt
import importlib
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any, Final

import orjson


class Dialect(StrEnum):
    SQLITE = "sqlite"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Json:
    """Marks a value for a JSON column where its Python type would say otherwise: a list, a string, a
    number.
    """

    value: object


def to_parameter(value: object, dialect: Dialect) -> Any:
    """The value as the driver wants it."""
    if isinstance(value, Json):
        return json_text(value.value)
    if isinstance(value, Mapping):
        return json_text(value)
    if isinstance(value, dt.datetime):
        return _aware(value) if dialect is Dialect.POSTGRES else format_instant(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return list(value) if dialect is Dialect.POSTGRES else json_text(list(value))
    if isinstance(value, bool) and dialect is Dialect.SQLITE:
        return int(value)
    return value


def instant(value: Any) -> dt.datetime:
    """A stored time as an aware datetime in UTC."""
    if isinstance(value, dt.datetime):
        return _aware(value).astimezone(dt.UTC)
    return _aware(dt.datetime.fromisoformat(value)).astimezone(dt.UTC)


def optional_instant(value: Any) -> dt.datetime | None:
    return None if value is None else instant(value)


def json_value(value: Any) -> Any:
    """A stored JSON document as Python objects. Both drivers hand it over as text; NULL stays None."""
    if value is None or isinstance(value, (int, float)):
        # A document that is a mere number is stored as one by SQLite.
        return value
    return orjson.loads(value)


def boolean(value: Any) -> bool:
    """SQLite has no boolean and answers 0 or 1."""
    if value in {0, 1}:
        return bool(value)
    raise ValueError(f"{value!r} is not a stored boolean")


def json_text(value: object) -> str:
    # orjson refuses NaN and integers beyond 64 bits on its own, so what is written can be read by both
    # databases.
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def format_instant(value: dt.datetime) -> str:
    # Not strftime: it writes the year 999 with three digits.
    return _aware(value).astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def any_of(column: str, placeholder: str, dialect: Dialect) -> str:
    """A condition "the column is one of the values", whose text does not depend on how many values there are.

    `IN ($1, …, $n)` is a new statement for each n, and these push each other out of asyncpg's statement
    cache.
    """
    if dialect is Dialect.POSTGRES:
        return f"{column} = ANY({placeholder})"
    return f"{column} IN (SELECT value FROM json_each({placeholder}))"  # noqa: S608 - names of ours


def for_sqlite(statement: str, parameters: Sequence[object]) -> tuple[str, list[Any]]:
    """The statement with `?` for each `$n`, and the parameters in the order in which they are asked for."""
    text, order = _translated(statement)
    return text, [to_parameter(parameters[index], Dialect.SQLITE) for index in order]


def for_postgres(parameters: Sequence[object]) -> list[Any]:
    return [to_parameter(parameter, Dialect.POSTGRES) for parameter in parameters]


# A dollar sign inside a text, a quoted name or a comment is no placeholder.
_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<number>[1-9][0-9]*)""",
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=1024)
def _translated(statement: str) -> tuple[str, tuple[int, ...]]:
    order: list[int] = []

    def replace(match: re.Match[str]) -> str:
        number = match["number"]
        if number is None:
            return match[0]
        order.append(int(number) - 1)
        return "?"

    return _TOKEN.sub(replace, statement), tuple(order)


def _aware(value: dt.datetime) -> dt.datetime:
    if value.utcoffset() is None:
        raise ValueError(f"{value!r} has no time zone: it could mean any of forty instants")
    return value


# For values that reach the driver without `to_parameter`, as those of Tortoise's models do. Tortoise
# registers an adapter of its own (no fixed width) when its module is first imported, so that has to have
# happened before.
importlib.import_module("tortoise.backends.sqlite.executor")
sqlite3.register_adapter(dt.datetime, format_instant)
