"""The database's own clock, in SQL: leases and due times do not depend on the clocks of the machines that run us."""

from typing import Final

from persistence.sql import Dialect

NOW: Final = {
    # Not now(), the start of the transaction: one that waited for a lock would shorten the lease by its wait.
    Dialect.POSTGRES: "clock_timestamp()",
    # SQLite counts milliseconds; the rest fills up the one width that stored instants have.
    Dialect.SQLITE: "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')",
}

# A condition on it can use an index: unlike clock_timestamp() it stays the same for all rows of a statement.
STATEMENT_NOW: Final = {**NOW, Dialect.POSTGRES: "statement_timestamp()"}


def in_seconds(amount: str, dialect: Dialect) -> str:
    """So long from now; `amount` is a placeholder or a number."""
    if dialect is Dialect.POSTGRES:
        return f"clock_timestamp() + {amount}::float8 * interval '1 second'"
    return f"(strftime('%Y-%m-%dT%H:%M:%f', 'now', printf('%+.3f seconds', {amount})) || '000Z')"
