"""What customers are called, which tokens they gave, what a client asked: none of it belongs into a log.

PostgreSQL repeats the row in the details of an error ("Failing row contains (…)"), the drivers and Tortoise repeat a
value that does not fit; and what is printed of an error ends up in logs and in the table of jobs. So errors lose the
data before they leave this package. What happened where (class, SQLSTATE, constraint, table) they keep.
"""

from typing import Final

import asyncpg  # type: ignore[import-untyped]
from tortoise.exceptions import ValidationError

from persistence.failures import causes

# Of the messages of PostgreSQL those about data quote it; all others name tables, columns and constraints only.
_ABOUT_DATA: Final = "22"


def redact(error: BaseException) -> None:
    """In place, so that whoever holds the error, or an error that was raised from it, holds no data either."""
    for each in tuple(causes(error)):
        if isinstance(each, asyncpg.PostgresError):
            _redact_postgres(each)
        elif isinstance(each, ValidationError):
            column = str(each).partition(":")[0]
            _say(each, f"{column}: the value does not fit")


def _redact_postgres(error: asyncpg.PostgresError) -> None:
    error.detail = error.context = error.internal_query = None
    state = error.sqlstate or ""
    if state.startswith(_ABOUT_DATA):
        error.message = f"a value does not fit: {type(error).__name__}, SQLSTATE {state}"
        _say(error, error.message)


def _say(error: BaseException, told: str) -> None:
    error.args = (told,)
    # The errors of codecs and validators, which quote the value as well.
    error.__cause__ = error.__context__ = None
