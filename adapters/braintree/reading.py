"""What Braintree's answers are read with. They are dictionaries here: the SDK's objects are not made.

Only positive evidence makes an outcome: what lacks a thing that it has to have, or has it in another kind, is
`Unreadable`. Fields that nobody knows are left alone.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.errors import PaydeskError

_LONGEST_ID = 255


class Unreadable(Exception):
    """The answer is not what it has to be."""


UNREADABLE = (Unreadable, AttributeError, KeyError, TypeError, ValueError, ArithmeticError, PaydeskError)
"""What reading an answer raises that is not what it has to be; the last two for amounts that are none, or too large."""


def tree(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable
    return value


def nothing(body: Any) -> None:
    """What a deletion is answered with. Who gets something else asks again, and hears that there is no such thing."""
    if body:
        raise Unreadable


def listed(value: Any) -> list[Any]:
    """Those of a list; an element without any is an empty text, and one alone may come without its list."""
    if isinstance(value, list):
        return value
    return [value] if value else []


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Unreadable
    return value


def optional_text(value: Any) -> str | None:
    return None if value is None or value == "" else text(value)


def ref(value: Any) -> str | None:
    """Somebody's id, which nobody has to have written there."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID else None


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable
    return value


def whole(value: Any) -> int:
    if type(value) is not int:
        raise Unreadable
    return value


def number(value: Any) -> Decimal:
    found = Decimal(text(value))
    if not found.is_finite():
        raise Unreadable
    return found


def moment(value: Any) -> datetime:
    """They are told in UTC, and without saying so."""
    if not isinstance(value, datetime):
        raise Unreadable
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def optional_moment(value: Any) -> datetime | None:
    return None if value is None or value == "" else moment(value)
