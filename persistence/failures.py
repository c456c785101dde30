"""What a database may answer besides rows, in the three words that decide what happens next.

- Certain: the transaction is not in the database. It may be run again.
- Unknown: COMMIT was sent and its answer is missing (`CommitUnknown`). Nothing may be concluded and nothing may be
  repeated that has no identity of its own: read the row back by its id.
- Unavailable: there was no connection to begin with (`DatabaseUnavailable`).

An unlisted error of COMMIT counts as unknown: a wrong "certain" charges somebody twice, a wrong "unknown"
only asks the database once more.
"""

import sqlite3
from collections.abc import Iterator
from typing import Final

import asyncpg  # type: ignore[import-untyped]
from tortoise.exceptions import IntegrityError

from domain.store import CommitUnknown, StoreUnavailable

__all__ = [
    "CommitUnknown",
    "DatabaseUnavailable",
    "TransactionAborted",
    "TransactionMisused",
    "causes",
    "certain_failure",
    "commit_certainly_failed",
    "is_lock_denied",
    "is_lost_connection",
    "is_transient",
]


class DatabaseUnavailable(StoreUnavailable):
    """No connection could be had. The message is one line for the operator and names no password."""


class TransactionAborted(Exception):
    """PostgreSQL answered COMMIT with a rollback: an error inside the transaction had been swallowed."""


class TransactionMisused(RuntimeError):
    """A mistake in our own code: a connection used after its transaction, or a transaction inside another."""


# Class 23 is a constraint that is checked at COMMIT, 25 an invalid transaction state, 40 a rollback for the
# sake of another transaction, 44 a view's check option. 40003 says in so many words that the outcome is not
# known.
_CERTAIN_CLASSES: Final = frozenset({"23", "25", "40", "44"})
_COMPLETION_UNKNOWN: Final = "40003"

_SERIALIZATION_FAILURE: Final = "40001"
_DEADLOCK_DETECTED: Final = "40P01"
_LOCK_NOT_AVAILABLE: Final = "55P03"
# The server ends the session: restart, failover, an administrator.
_SESSION_ENDED: Final = frozenset({"57P01", "57P02", "57P03", "57P05"})
_CONNECTION_CLASS: Final = "08"
_ALREADY_CLOSED: Final = ("connection is closed", "connection has been released")
# The server's last words arrived while nothing was asked. Until the end of the stream is read too, asyncpg takes them
# for an operation and refuses the next with an error of its inner state; nothing has been sent then.
_LAST_WORDS_READ: Final = "cannot switch to state"

_SQLITE_CERTAIN: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT})


def commit_certainly_failed(error: BaseException) -> bool:
    """Whether this error, raised by COMMIT, says that nothing was committed."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) in _SQLITE_CERTAIN
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _CERTAIN_CLASSES and state != _COMPLETION_UNKNOWN
    return False


def certain_failure(error: Exception) -> Exception:
    """The error of a COMMIT that failed for certain, as the statements of a transaction would have raised it."""
    if isinstance(error, (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)):
        return IntegrityError(error)
    return error


def is_transient(error: BaseException) -> bool:
    """Whether the transaction that ended with this error may succeed when the whole of it is run again.

    Never true of `CommitUnknown`, and only asked about transactions that did not commit.
    """
    if isinstance(error, CommitUnknown):
        return False
    return any(_is_transient_in_the_driver(cause) for cause in causes(error))


def is_lock_denied(error: BaseException) -> bool:
    """Whether PostgreSQL gave up a statement after its `lock_timeout`."""
    return any(
        isinstance(cause, asyncpg.PostgresError) and cause.sqlstate == _LOCK_NOT_AVAILABLE for cause in causes(error)
    )


def is_lost_connection(error: BaseException) -> bool:
    """Whether the server hung up, so that another connection may do."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] == _CONNECTION_CLASS or state in _SESSION_ENDED
    if isinstance(error, asyncpg.InterfaceError):
        # Who comes after the loss was noticed is told so by asyncpg itself, in words only.
        return any(words in str(error) for words in _ALREADY_CLOSED)
    if isinstance(error, asyncpg.InternalClientError):
        return _LAST_WORDS_READ in str(error)
    return isinstance(error, ConnectionError)


def _is_transient_in_the_driver(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate in {
        _SERIALIZATION_FAILURE,
        _DEADLOCK_DETECTED,
    }:
        return True
    return is_lost_connection(error)


def _sqlite_code(error: sqlite3.Error) -> int | None:
    # Errors that the module raises itself carry no code. The low byte is the primary one.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: Tortoise puts the driver's error into `args` and does not always set a
    cause.
    """
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting.extend(arg for arg in current.args if isinstance(arg, BaseException))
        if current.__cause__ is not None:
            waiting.append(current.__cause__)
