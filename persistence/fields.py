"""The kinds of columns and constraints that the models are made of, so that one thing is spelled one way."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from tortoise import fields
from tortoise.fields import OnDelete
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

ID_LENGTH: Final = 40
PAYS_ONE_THING: Final = "(order_id IS NULL) <> (invoice_id IS NULL)"
"""SQL: a charge, and what follows from it, is of an order or of an invoice."""
_WORD_LENGTH: Final = 40
_ACCOUNT_LENGTH: Final = 100
_REF_LENGTH: Final = 255


class ExactJSONField(fields.JSONField[Any]):
    """JSON that is read as it was written: PostgreSQL's jsonb would put an object's keys into an order of its own."""

    class _db_postgres:  # noqa: N801 - Tortoise looks for this name
        SQL_TYPE = "JSON"


# The return types are Any as those of Tortoise's own fields are for mypy. Each call makes a new field.


def an_id() -> Any:
    return fields.CharField(max_length=ID_LENGTH, primary_key=True)


def a_number_of_its_own() -> Any:
    """The primary key of a table that has no id in the domain."""
    return fields.BigIntField(primary_key=True)


def belongs_to(model: str, **options: Any) -> Any:
    return fields.ForeignKeyField(f"paydesk.{model}", related_name=False, on_delete=OnDelete.RESTRICT, **options)


def word(**options: Any) -> Any:
    """A member of an enum."""
    return fields.CharField(max_length=_WORD_LENGTH, **options)


def account() -> Any:
    """The name of an account at a provider."""
    return fields.CharField(max_length=_ACCOUNT_LENGTH)


def ref(**options: Any) -> Any:
    """What a provider calls an object of its own."""
    return fields.CharField(max_length=_REF_LENGTH, **options)


def currency() -> Any:
    return fields.CharField(max_length=3)


def json(**options: Any) -> Any:
    return fields.JSONField[Any](**options)


def index(table: str, *columns: str) -> Index:
    return Index(fields=columns, name="_".join((table, *columns)))


def unique(name: str, *columns: str, where: str | None = None) -> UniqueConstraint:
    return UniqueConstraint(fields=columns, name=name, condition=where)


def check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(check=rule, name=name)


def one_of(column: str, words: Iterable[StrEnum]) -> str:
    """SQL: the column is one of these words."""
    listed = ", ".join(f"'{each.value}'" for each in words)
    return f"{column} IN ({listed})"
