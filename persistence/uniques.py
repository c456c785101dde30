"""Which constraint said that a value is taken: one name for both databases, the one in the model's `Meta`."""

import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from typing import Final

import asyncpg  # type: ignore[import-untyped]
from tortoise.exceptions import IntegrityError
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.models import Model

from persistence import models

_SQLITE: Final = re.compile(r"UNIQUE constraint failed: (?P<columns>.+)")


def unique_taken(error: IntegrityError) -> str | None:
    """The constraint's name; None when something else than uniqueness was violated."""
    for cause in (*error.args, error.__cause__):
        if isinstance(cause, asyncpg.UniqueViolationError):
            return str(cause.constraint_name)
        if isinstance(cause, sqlite3.IntegrityError) and (match := _SQLITE.match(str(cause))):
            # SQLite names the columns, which belong to one constraint in each table.
            return _names()[frozenset(match["columns"].split(", "))]
    return None


@cache
def _names() -> dict[frozenset[str], str]:
    return {
        frozenset(f"{table}.{column}" for column in columns): name
        for model in vars(models).values()
        if isinstance(model, type) and issubclass(model, Model) and model is not Model
        for table in (model._meta.db_table,)
        for columns, name in _uniques(model, table)
    }


def _uniques(model: type[Model], table: str) -> Iterator[tuple[tuple[str, ...], str]]:
    # PostgreSQL's own names for what a column says of itself.
    for column, field in model._meta.fields_map.items():
        if field.pk:
            yield (column,), f"{table}_pkey"
        elif field.unique:
            yield (column,), f"{table}_{column}_key"
    for constraint in model._meta.constraints or ():
        if isinstance(constraint, UniqueConstraint) and constraint.name:
            yield constraint.fields, constraint.name
