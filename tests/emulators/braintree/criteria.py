"""Which things a search means: https://developer.paypal.com/braintree/docs/reference/general/searching/search-fields."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.xmltext import Tree

Thing = TypeVar("Thing")
Fields = Mapping[str, Callable[[Thing], Any]]
"""What a thing has under the name of each criterion; of a list, any will do."""


def matching(things: Iterable[Thing], fields: Fields[Thing], criteria: Tree) -> list[Thing]:
    """Newest first; Refused when a criterion is none."""
    unknown = [name for name in criteria if name not in fields]
    if unknown:
        raise Refused(400)
    fitting = [
        thing for thing in things if all(_fits(fields[name](thing), wanted) for name, wanted in criteria.items())
    ]
    return fitting[::-1]


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        return any(_fits(each, wanted) for each in value)
    if isinstance(wanted, list):
        return value in wanted
    if not isinstance(wanted, dict):
        return bool(value) == (wanted in (True, "true", "1"))
    return all(_holds(value, comparison, other) for comparison, other in wanted.items() if other is not None)


def _holds(value: Any, comparison: str, other: Any) -> bool:
    if comparison in ("min", "max", "is", "is_not") and not isinstance(value, str):
        other = _like(value, other)
    text, sought = str(value or "").casefold(), str(other).casefold()
    match comparison:
        case "is":
            return value == other if not isinstance(value, str) else text == sought
        case "is_not":
            return value != other if not isinstance(value, str) else text != sought
        case "starts_with":
            return text.startswith(sought)
        case "ends_with":
            return text.endswith(sought)
        case "contains":
            return sought in text
        case "min":
            return bool(value is not None and value >= other)
        case "max":
            return bool(value is not None and value <= other)
    raise Refused(400)


def _like(value: Any, other: Any) -> Any:
    """What is compared, in the type of what it is compared with."""
    try:
        if isinstance(value, int):
            return int(other)
        if isinstance(value, Decimal):
            return Decimal(str(other))
        if isinstance(value, datetime):
            return other if isinstance(other, datetime) else datetime.fromisoformat(str(other)).replace(tzinfo=UTC)
        if isinstance(value, date):
            return other.date() if isinstance(other, datetime) else _day(str(other))
    except (ArithmeticError, ValueError):
        raise Refused(400) from None
    return other


def _day(text: str) -> date:
    """As the SDK's tests write it, 12/31/2030, or as everybody else does."""
    month, slash, rest = text.partition("/")
    if slash:
        day, _, year = rest.partition("/")
        return date(int(year), int(month), int(day))
    return date.fromisoformat(text[:10])
