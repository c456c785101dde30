"""Where the database is: `PAYDESK_DATABASE_URL` taken apart, with a plain sentence for every mistake in
it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from persistence.failures import DatabaseUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteAddress:
    """`sqlite:///var/lib/paydesk.sqlite3` is an absolute path, `sqlite://paydesk.sqlite3` a relative one."""

    path: Path
    readers: int = 4

    def __str__(self) -> str:
        return f"SQLite file {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """`postgresql://user:password@host:port/name?pool_size=10`; libpq's options (`sslmode`, `host`, …) are
    kept.

    `pool_size` is the number of transactions and reads at once. A statement that runs longer than
    `command_timeout_seconds` is cancelled; migrations have no such limit.
    """

    dsn: str
    shown: str
    pool_size: int = 10
    command_timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0

    def __str__(self) -> str:
        return f"PostgreSQL {self.shown}"

    def __repr__(self) -> str:
        # The DSN holds the password, and a repr ends up in logs.
        return f"PostgresAddress({self.shown})"


_SQLITE_OPTIONS: Final = {"readers": "readers"}
_POSTGRES_OPTIONS: Final = {
    "pool_size": "pool_size",
    "command_timeout": "command_timeout_seconds",
    "connect_timeout": "connect_timeout_seconds",
}


def parse_address(url: str) -> SqliteAddress | PostgresAddress:
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        return _sqlite(url)
    if scheme in {"postgres", "postgresql"}:
        return _postgres(url)
    raise DatabaseUnavailable(
        f"the database URL starts with {scheme[:20]!r}: it has to be sqlite://…, postgres://… or postgresql://…"
        if "://" in url
        else "the database URL has no scheme: it has to be sqlite://…, postgres://… or postgresql://…"
    )


def _sqlite(url: str) -> SqliteAddress:
    place, _, query = url.removeprefix("sqlite://").partition("?")
    name = unquote(place)
    if not name:
        raise DatabaseUnavailable("the database URL names no file: write sqlite:///folder/paydesk.sqlite3")
    if ":memory:" in name:
        raise DatabaseUnavailable("a database in memory forgets every payment: write sqlite:///folder/paydesk.sqlite3")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - _SQLITE_OPTIONS.keys())
    if unknown:
        raise DatabaseUnavailable(f"the database URL has an option that SQLite does not know: {', '.join(unknown)}")
    readers = int(_positive("readers", options["readers"])) if "readers" in options else 4
    return SqliteAddress(path=Path(name), readers=readers)


def _postgres(url: str) -> PostgresAddress:
    try:
        parts = urlsplit(url)
        shown = f"{parts.hostname or 'local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        # The parser's own message would quote the URL, and with it the password.
        raise DatabaseUnavailable("the database URL cannot be read: percent-encode special characters in it") from None
    ours = {}
    libpq = []
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key in _POSTGRES_OPTIONS:
            ours[_POSTGRES_OPTIONS[key]] = _positive(key, value)
        else:
            libpq.append((key, value))
    dsn = urlunsplit(parts._replace(query=urlencode(libpq)))
    defaults = PostgresAddress(dsn=dsn, shown=shown)
    return PostgresAddress(
        dsn=dsn,
        shown=shown,
        pool_size=int(ours.get("pool_size", defaults.pool_size)),
        command_timeout_seconds=ours.get("command_timeout_seconds", defaults.command_timeout_seconds),
        connect_timeout_seconds=ours.get("connect_timeout_seconds", defaults.connect_timeout_seconds),
    )


def _positive(key: str, value: str) -> float:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise DatabaseUnavailable(f"the database URL's option {key} has to be a whole number from 1 up")
    return float(value)
