"""What Stripe's answers are read with. They are plain JSON here: the SDK's objects stay in errands.py.

Only positive evidence makes an outcome: what lacks a thing that it has to have, or has it in another kind, is
`Unreadable`. Fields that nobody knows are left alone, for Stripe adds some every month.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.errors import PaydeskError

OPERATION = "paydesk_operation"
"""In an object's metadata: the operation that made it, by which it is found again."""
_LONGEST_ID = 255


class Unreadable(Exception):
    """The answer is not what it has to be."""


UNREADABLE = (Unreadable, AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError, PaydeskError)
"""What reading an object raises that is not what it has to be; the last three for moments and amounts out of reach."""


def object_of(body: Any, kind: str) -> dict[str, Any]:
    """The same, once it is known to be an object of this kind."""
    if not isinstance(body, dict) or body.get("object") != kind:
        raise Unreadable(kind)
    text(body["id"])
    return body


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Unreadable
    return value


def optional_text(value: Any) -> str | None:
    return None if value is None else text(value)


def whole(value: Any) -> int:
    if type(value) is not int:
        raise Unreadable
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable
    return value


def moment(value: Any) -> datetime:
    return datetime.fromtimestamp(whole(value), UTC)


def optional_moment(value: Any) -> datetime | None:
    return None if value is None else moment(value)


def ref_of(value: Any) -> str | None:
    """The id in a field that holds an object, or its id alone, or nothing."""
    return optional_text(value["id"] if isinstance(value, dict) else value)


def operation_of(found: Mapping[str, Any]) -> str | None:
    return metadata_of(found, OPERATION)


def metadata_of(found: Mapping[str, Any], name: str) -> str | None:
    """Untrusted: anybody with the account's keys may have written it."""
    metadata = found.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID else None
