"""The scalars of the API. Input that is not exactly right is refused in words, never guessed at.

Give `SCALARS` to `StrawberryConfig(scalar_map=SCALARS)`; fields are then annotated with the types of this
module, and `datetime` becomes `DateTime`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NewType
from urllib.parse import urlsplit

import strawberry
from graphql import GraphQLError, IntValueNode, ObjectValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

MinorUnits = NewType("MinorUnits", int)
Currency = NewType("Currency", str)
URL = NewType("URL", str)
Metadata = NewType("Metadata", dict[str, str])

# The largest integer that every JSON reader keeps exact (RFC 8259, 6).
LARGEST_MINOR_UNITS = 2**53 - 1

MOST_METADATA_KEYS = 50
LONGEST_METADATA_KEY = 40
LONGEST_METADATA_VALUE = 500
LONGEST_URL = 2_048
# Schemes that a browser runs or reads from the disk instead of going there.
_UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem"})

_CURRENCY = re.compile(r"[A-Z]{3}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.IGNORECASE | re.ASCII)
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s\\\x00-\x1f\x7f]+", re.IGNORECASE)


def parse_minor_units(value: object) -> int:
    """`True` is an int to Python and 5.0 is equal to one; neither is an amount."""
    if type(value) is not int:
        raise GraphQLError("An amount is a whole number of minor units, such as 1050 for 10.50 USD.")
    if abs(value) > LARGEST_MINOR_UNITS:
        raise GraphQLError(f"An amount is at most {LARGEST_MINOR_UNITS} minor units.")
    return value


def parse_minor_units_literal(node: ValueNode, _variables: object = None) -> int:
    return parse_minor_units(int(node.value) if isinstance(node, IntValueNode) else None)


def serialize_minor_units(value: object) -> int:
    """Refusing here beats sending a number that the client rounds without noticing."""
    return parse_minor_units(value)


def parse_instant(value: object) -> datetime:
    """Digits beyond the microsecond, as Go and Java write them, are dropped."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # the 31st of February; the year 0; an offset that leads out of the calendar
    raise GraphQLError('A time is written with its offset, such as "2026-01-02T03:04:05Z".')


def format_instant(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six digits, so that texts sort as times do."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is no instant")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_currency(value: object) -> str:
    """The form only; which codes exist is known to the domain."""
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return value
    raise GraphQLError('A currency is three capital letters of ISO 4217, such as "EUR".')


def parse_url(value: object) -> str:
    """Absolute, of the web or of an app (`shop://paid`); never with a password in it."""
    if not isinstance(value, str) or not (match := _URL.fullmatch(value)):
        raise GraphQLError('A URL is absolute, such as "https://shop.example/thanks".')
    if len(value) > LONGEST_URL:
        raise GraphQLError(f"A URL has at most {LONGEST_URL} characters.")
    if match[1].lower() in _UNSAFE_SCHEMES:
        raise GraphQLError("This kind of URL cannot be opened by a customer.")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise GraphQLError("The host or port of the URL cannot be read.") from None
    if "@" in parts.netloc:
        raise GraphQLError("A URL must not contain a user name or password.")
    if match[1].lower() in ("http", "https") and not parts.hostname:
        raise GraphQLError("The URL has no host.")
    return value


def parse_metadata(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise GraphQLError('Metadata is an object of texts, such as {"cart": "42"}.')
    if len(value) > MOST_METADATA_KEYS:
        raise GraphQLError(f"Metadata has at most {MOST_METADATA_KEYS} keys.")
    for key, text in value.items():
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST_METADATA_KEY:
            raise GraphQLError(f"A key of metadata has 1 to {LONGEST_METADATA_KEY} characters.")
        if not isinstance(text, str):
            raise GraphQLError("The values of metadata are texts: numbers go in quotes, a variable holds all of it.")
        if len(text) > LONGEST_METADATA_VALUE:
            raise GraphQLError(f"A value of metadata has at most {LONGEST_METADATA_VALUE} characters.")
    return dict(value)


def parse_metadata_literal(node: ValueNode, _variables: object = None) -> dict[str, str]:
    """A bare word would be a text as well to graphql-core's generic reader of literals."""
    if not isinstance(node, ObjectValueNode):
        return parse_metadata(None)
    pairs = {pair.name.value: pair.value for pair in node.fields}
    return parse_metadata(
        {key: value.value if isinstance(value, StringValueNode) else None for key, value in pairs.items()}
    )


SCALARS: dict[object, ScalarDefinition] = {
    MinorUnits: strawberry.scalar(
        name="MinorUnits",
        description=(
            "An amount of money as a whole number of the currency's smallest unit: 1050 is 10.50 USD, and "
            "1050 JPY. A JSON integer between -(2^53 - 1) and 2^53 - 1."
        ),
        serialize=serialize_minor_units,
        parse_value=parse_minor_units,
        parse_literal=parse_minor_units_literal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "An instant as RFC 3339 writes it. Answers are in UTC with six digits of the second, such as "
            "`2026-01-02T03:04:05.678901Z`; input may have any offset, but has to have one."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_instant,
        parse_value=parse_instant,
    ),
    Currency: strawberry.scalar(
        name="Currency",
        description="A currency code of ISO 4217 in capital letters, such as `EUR`.",
        serialize=str,
        parse_value=parse_currency,
    ),
    URL: strawberry.scalar(
        name="URL",
        description=(
            "An absolute URL of at most 2048 characters, of the web (`https://shop.example/thanks`) or of "
            "an app (`shop://thanks`)."
        ),
        serialize=str,
        parse_value=parse_url,
    ),
    Metadata: strawberry.scalar(
        name="Metadata",
        description=(
            "Your own notes on an object: a JSON object of texts, at most 50 keys of up to 40 characters "
            "with values of up to 500 characters."
        ),
        serialize=dict,
        parse_value=parse_metadata,
        parse_literal=parse_metadata_literal,
    ),
}
