"""The parts that rows are made of.

Money is an integer column of minor units, and a row has one column `currency` for all its amounts. What has a shape of
its own (addresses, next actions, metadata) is a JSON column.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from domain.customers import Address
from domain.errors import CurrencyMismatch
from domain.money import Money
from domain.provider import NextAction, RedirectAction, SdkAction
from persistence.sql import format_instant, instant, json_value

Row = Mapping[str, Any]
Columns = dict[str, Any]
T = TypeVar("T")

_LARGEST_NUMBER = 2**63 - 1


def money(row: Row, column: str) -> Money:
    return Money(row[column], row["currency"])


def optional_money(row: Row, column: str) -> Money | None:
    return None if row[column] is None else money(row, column)


def same_currency(amount: Money, row_currency: str) -> int:
    """The column of an amount that shares its row's currency with others."""
    if amount.currency != row_currency:
        raise CurrencyMismatch(expected=row_currency, actual=amount.currency)
    return amount.minor_units


def optional(make: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else make(value)


def document(value: Any) -> Any:
    """A JSON column: text as the drivers give it, or read already. No column holds a bare JSON string."""
    return json_value(value) if isinstance(value, str | bytes) else value


def storable(text: str | None) -> str | None:
    """The text without what PostgreSQL cannot hold (NUL) and what is no text at all (half a surrogate pair)."""
    return None if text is None else _storable(text)


def foreign_document(value: Any) -> Any:
    """What a provider told us, as JSON that both databases take: it has to be kept, however odd it is."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, Mapping):
        return {_storable(str(name)): foreign_document(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [foreign_document(each) for each in value]
    if value is None or (isinstance(value, int | float) and abs(value) <= _LARGEST_NUMBER):
        return value
    return str(value)


def _storable(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def address_from(value: Any) -> Address:
    return Address(**document(value))


def next_action_from(value: Any) -> NextAction:
    fields = document(value)
    expires_at: datetime = instant(fields["expires_at"])
    if fields["type"] == "redirect":
        return RedirectAction(url=fields["url"], expires_at=expires_at)
    if fields["type"] == "sdk":
        return SdkAction(
            client_secret=fields["client_secret"],
            expires_at=expires_at,
            token=fields.get("token"),
            card_bin=fields.get("card_bin"),
        )
    raise ValueError(f"{fields['type']!r} is not a kind of next action")


def next_action_document(action: NextAction) -> Columns:
    expires_at = format_instant(action.expires_at)
    if isinstance(action, RedirectAction):
        return {"type": "redirect", "url": action.url, "expires_at": expires_at}
    named = {"token": action.token, "card_bin": action.card_bin}
    return {"type": "sdk", "client_secret": action.client_secret, "expires_at": expires_at} | {
        name: value for name, value in named.items() if value is not None
    }
