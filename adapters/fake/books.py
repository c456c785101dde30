"""The fake bank's books: one SQLite file of its own, which several processes may open at once.

Every call is one `BEGIN IMMEDIATE` transaction, in which the effect, the stored answer and the event are written
together: whoever is killed, and whenever, all of it happened or none. The gateway's database is another file, so a
crash there does not touch what the bank knows.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Any

import orjson

from adapters.fake.misbehaviour import WEBHOOK, Misbehaviour, Misdeed, parse_script
from adapters.fake.misdeliveries import Misdelivery
from adapters.fake.tables import VERSION, make_tables

IN_MEMORY = ":memory:"

_BUSY_SECONDS = 10.0
"""How long a writer waits for another process; a transaction here takes well under a millisecond."""


class BooksUnreadable(Exception):
    """The file is no book of this bank, or of another version."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the bank was opened with."""

    public_url: str
    merchant_name: str
    challenge_seconds: float
    hold_seconds: float
    pending_seconds: float
    keeps_keys: bool
    least_amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OpenBooks:
    """The books inside one transaction, and the moment at which it happens."""

    connection: sqlite3.Connection
    now: datetime
    terms: Terms

    @property
    def moment(self) -> str:
        return as_text(self.now)

    @property
    def settles_at(self) -> str:
        """When what is begun now is settled."""
        return as_text(self.now + timedelta(seconds=self.terms.pending_seconds))

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self.connection.execute(sql, values).fetchall()

    def write(self, sql: str, *values: Any) -> int:
        """Run it; how many rows it touched."""
        return self.connection.execute(sql, values).rowcount

    def emit(self, kind: str, subject: dict[str, Any]) -> None:
        """Write the event into the outbox, in the same transaction as what it tells of."""
        event = {
            "id": new_ref("fev"),
            "kind": kind,
            "created_at": self.now.isoformat(),
            "livemode": False,
            "data": subject,
        }
        misdelivery = self._misdelivery(kind)
        self.write(
            "INSERT INTO events (id, sequence, body, next_try_at, fault)"
            " VALUES (?, (SELECT coalesce(max(sequence), 0) + 1 FROM events), ?, ?, ?)",
            event["id"],
            orjson.dumps(event),
            self._first_try_at(misdelivery),
            misdelivery and str(misdelivery),
        )

    def _first_try_at(self, misdelivery: Misdelivery | None) -> str | None:
        if misdelivery is None:
            return self.moment
        wait = misdelivery.waits_seconds
        return None if wait is None else as_text(self.now + timedelta(seconds=wait))

    # --- misbehaviour -----------------------------------------------------------------------------------------------

    def misdeed(self, call: str) -> Misdeed | None:
        """What goes wrong with this call, which counts as one more of its kind."""
        behaviour = self._behaviour()
        return None if behaviour is None else behaviour.of(call, self._count(call))

    def _misdelivery(self, kind: str) -> Misdelivery | None:
        behaviour = self._behaviour()
        if behaviour is None:
            return None
        return behaviour.of_event({name: self._count(name) for name in (WEBHOOK, f"{WEBHOOK}.{kind}")})

    def _behaviour(self) -> Misbehaviour | None:
        script = self.fact("script")
        return parse_script(script, int(self.fact("seed") or "0")) if script else None

    def _count(self, name: str) -> int:
        """How often this has come by since the script was set, this time included."""
        before = self.one("SELECT count FROM calls WHERE call = ?", name)
        number = 1 if before is None else int(before["count"]) + 1
        self.write("INSERT OR REPLACE INTO calls (call, count) VALUES (?, ?)", name, number)
        return number

    def fact(self, name: str) -> str | None:
        row = self.one("SELECT value FROM facts WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def remember(self, name: str, value: str) -> None:
        self.write(
            "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )


def as_text(moment: datetime) -> str:
    """UTC with microseconds, always the same width: the texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def new_ref(prefix: str) -> str:
    return f"{prefix}_{token_hex(12)}"


def operation_of(row: sqlite3.Row) -> str:
    """The operation that made the charge or refund. A repetition at a bank without keys has a number behind it."""
    return str(row["operation_id"]).partition("/")[0]


class Books:
    """The connection of this process. Calls are short and the file has one writer anyway: one lock, one connection."""

    def __init__(self, path: Path | str) -> None:
        self._lock = Lock()
        if str(path) != IN_MEMORY:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            # Names, addresses and the webhook secret are in it: nobody else's to read.
            Path(path).touch(mode=0o600)
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _prepare(self._connection)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    _switch_to_wal(connection)
    # A commit survives the death of the process, not of the machine: enough for a fake bank, and no fsync a call.
    connection.execute("PRAGMA synchronous = NORMAL")
    # Only afterwards are references checked: a table that others refer to is copied.
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= version <= VERSION:
        connection.execute("ROLLBACK")
        raise BooksUnreadable(f"The fake bank's books have version {version}, this Paydesk reads {VERSION}.")
    make_tables(connection, version=version)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Two processes that open new books at once collide here, and SQLite does not wait by itself for this statement."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # books are opened once, at the start, while nobody waits for an answer yet
        except sqlite3.DatabaseError as error:
            raise BooksUnreadable("This file is no book of the fake bank.") from error
