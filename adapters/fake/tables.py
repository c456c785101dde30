"""The tables of the fake bank's books, and how those of an older version become them."""

import sqlite3
from collections.abc import Mapping

VERSION = 4

_PAYMENT_METHODS = """
CREATE TABLE IF NOT EXISTS payment_methods (
    ref TEXT PRIMARY KEY,
    payment_method_id TEXT UNIQUE,
    customer_ref TEXT NOT NULL REFERENCES customers (ref),
    token TEXT NOT NULL,
    card TEXT NOT NULL,
    brand TEXT NOT NULL,
    last4 TEXT NOT NULL,
    expiry_month INTEGER NOT NULL,
    expiry_year INTEGER NOT NULL,
    attached_at TEXT,
    detached_at TEXT,
    created_at TEXT NOT NULL
)"""
"""A card that a charge brought has no id of the gateway's, and is attached when the charge stores it, or never."""

_CHARGES = """
CREATE TABLE IF NOT EXISTS charges (
    ref TEXT PRIMARY KEY,
    operation_id TEXT NOT NULL UNIQUE,
    charge_id TEXT NOT NULL,
    customer_ref TEXT NOT NULL REFERENCES customers (ref),
    payment_method_ref TEXT NOT NULL REFERENCES payment_methods (ref),
    initiator TEXT NOT NULL,
    capture TEXT NOT NULL CHECK (capture IN ('AUTOMATIC', 'MANUAL')),
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    authorized INTEGER NOT NULL CHECK (authorized BETWEEN 0 AND amount),
    captured INTEGER NOT NULL CHECK (captured BETWEEN 0 AND authorized),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND captured),
    state TEXT NOT NULL CHECK (
        state IN ('pending', 'succeeded', 'authorized', 'requires_action', 'declined', 'failed', 'voided')
    ),
    refusal_code TEXT,
    return_url TEXT,
    statement_descriptor TEXT,
    metadata TEXT NOT NULL,
    challenge TEXT UNIQUE,
    challenge_url TEXT,
    challenge_expires_at TEXT,
    capture_before TEXT,
    settles_at TEXT,
    created_at TEXT NOT NULL,
    store_card INTEGER CHECK (store_card IN (0, 1))
)"""
"""`store_card`: whether the card that the charge brought is kept; null where it was stored before."""

_REFUNDS = """
CREATE TABLE IF NOT EXISTS refunds (
    ref TEXT PRIMARY KEY,
    operation_id TEXT NOT NULL UNIQUE,
    refund_id TEXT NOT NULL,
    charge_ref TEXT NOT NULL REFERENCES charges (ref),
    amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    settles_at TEXT,
    created_at TEXT NOT NULL
)"""

_DISPUTES = """
CREATE TABLE IF NOT EXISTS disputes (
    ref TEXT PRIMARY KEY,
    charge_ref TEXT NOT NULL REFERENCES charges (ref),
    amount INTEGER NOT NULL CHECK (amount > 0),
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, amount)),
    reason TEXT NOT NULL,
    scheme_code TEXT,
    is_inquiry INTEGER NOT NULL CHECK (is_inquiry IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('needs_response', 'under_review', 'won', 'lost', 'accepted')),
    evidence TEXT,
    respond_by TEXT NOT NULL,
    settles_at TEXT,
    settles_as TEXT CHECK (settles_as IN ('won', 'lost')),
    created_at TEXT NOT NULL,
    CHECK (withdrawn = CASE WHEN is_inquiry OR state = 'won' THEN 0 ELSE amount END)
)"""
"""`withdrawn`: what the merchant is without because of it. `settles_at`, `settles_as`: when it is decided, and how."""

_TABLES = f"""
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS customers (
    ref TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL UNIQUE,
    email TEXT,
    name TEXT,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    card TEXT NOT NULL,
    expiry_month INTEGER NOT NULL,
    expiry_year INTEGER NOT NULL,
    used_by TEXT,
    created_at TEXT NOT NULL
);
{_PAYMENT_METHODS};
CREATE TABLE IF NOT EXISTS confirmations (
    challenge TEXT PRIMARY KEY,
    payment_method_ref TEXT NOT NULL UNIQUE REFERENCES payment_methods (ref),
    url TEXT NOT NULL,
    return_url TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'confirmed', 'refused', 'expired', 'canceled')),
    expires_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS confirmations_waiting ON confirmations (expires_at) WHERE state = 'waiting';
{_CHARGES};
CREATE INDEX IF NOT EXISTS charges_waiting ON charges (challenge_expires_at) WHERE state = 'requires_action';
CREATE INDEX IF NOT EXISTS charges_held ON charges (capture_before) WHERE state = 'authorized';
CREATE INDEX IF NOT EXISTS charges_settling ON charges (settles_at) WHERE settles_at IS NOT NULL;
{_REFUNDS};
CREATE INDEX IF NOT EXISTS refunds_settling ON refunds (settles_at) WHERE settles_at IS NOT NULL;
{_DISPUTES};
CREATE INDEX IF NOT EXISTS disputes_of_charges ON disputes (charge_ref);
CREATE INDEX IF NOT EXISTS disputes_settling ON disputes (settles_at) WHERE settles_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    charge_ref TEXT,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS in_flight (key TEXT PRIMARY KEY, until TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL UNIQUE,
    body BLOB NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT,
    delivered_at TEXT,
    fault TEXT
);
CREATE INDEX IF NOT EXISTS events_due ON events (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS calls (call TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


_CHARGES_1 = (
    "ref operation_id charge_id customer_ref payment_method_ref initiator currency amount captured refunded state"
    " refusal_code return_url statement_descriptor metadata challenge challenge_url challenge_expires_at created_at"
)
"""The columns of version 1, which captured whatever it authorized."""
_CHARGES_2 = f"{_CHARGES_1} capture authorized capture_before"
_REFUNDS_2 = "ref operation_id refund_id charge_ref amount reason state created_at"
"""The columns of version 2, in which everything was decided at once."""
_PAYMENT_METHODS_3 = (
    "ref payment_method_id customer_ref token card brand last4 expiry_month expiry_year detached_at created_at"
)
"""The columns of version 3, which charged what was attached and nothing else."""


def make_tables(connection: sqlite3.Connection, *, version: int) -> None:
    """Bring books of this version, 0 for new ones, to ours. Within a transaction, while references are not checked."""
    if version == 1:
        _copy(
            connection,
            "charges",
            _CHARGES,
            columns=_CHARGES_1,
            more={"capture": "'AUTOMATIC'", "authorized": "captured"},
        )
    if version == 2:
        _copy(connection, "charges", _CHARGES, columns=_CHARGES_2)
    if version in (1, 2):
        _copy(connection, "refunds", _REFUNDS, columns=_REFUNDS_2)
        connection.execute("ALTER TABLE events ADD COLUMN fault TEXT")
    if version == 3:
        connection.execute("ALTER TABLE charges ADD COLUMN store_card INTEGER CHECK (store_card IN (0, 1))")
    if version in (1, 2, 3):
        _copy(
            connection,
            "payment_methods",
            _PAYMENT_METHODS,
            columns=_PAYMENT_METHODS_3,
            more={"attached_at": "created_at"},
        )
    for statement in _TABLES.split(";\n"):
        connection.execute(statement)


def _copy(
    connection: sqlite3.Connection, table: str, statement: str, *, columns: str, more: Mapping[str, str] | None = None
) -> None:
    """Make a table anew, whose constraints have changed, with what is in it; `more` fills columns that it has not."""
    kept = columns.split()
    into, out_of = ", ".join([*kept, *(more or {})]), ", ".join([*kept, *(more or {}).values()])
    connection.execute(statement.replace(f"EXISTS {table}", f"EXISTS {table}_new"))
    connection.execute(
        f"INSERT INTO {table}_new ({into}) SELECT {out_of} FROM {table} ORDER BY rowid"  # noqa: S608 - names of ours
    )
    connection.execute(f"DROP TABLE {table}")
    connection.execute(f"ALTER TABLE {table}_new RENAME TO {table}")
