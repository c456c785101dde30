"""Our side of the story, read past the gateways while they run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.charges import LIVE_STATES, ChargeState
from domain.refunds import WAITING_STATES
from persistence.database import Database
from persistence.fields import one_of

Row = dict[str, Any]

# Not deliveries that wait: one of an object that is not known yet is tried again for half an hour, and decides nothing.
_UNSETTLED = {
    "operations": "SELECT id FROM operations WHERE finished_at IS NULL",
    "charges": f"SELECT id FROM charges WHERE {one_of('state', sorted(LIVE_STATES - {ChargeState.AUTHORIZED}))}",
    "captures and voids": f"SELECT id FROM charges WHERE state = '{ChargeState.AUTHORIZED}'"
    " AND (capture_requested IS NOT NULL OR void_requested_at IS NOT NULL)",
    "refunds": f"SELECT id FROM refunds WHERE {one_of('state', sorted(WAITING_STATES))}",
    "payment methods": "SELECT id FROM payment_methods WHERE state = 'PENDING'",
    "holds to release": "SELECT id FROM jobs WHERE kind = 'RELEASE_HOLD' AND dead_at IS NULL",
}

_UNTOLD = """
    SELECT subject.id, '{kind}' AS kind FROM {table} AS subject WHERE {condition} NOT EXISTS (
        SELECT 1 FROM event_subjects AS about JOIN events ON events.id = about.event_id
        WHERE about.subject_id = subject.id AND events.kind = '{kind}'
    )
"""
_FACTS = {
    ("orders", "ORDER_CREATED"): "",
    ("orders", "ORDER_PLACED"): "subject.placed_at IS NOT NULL AND",
    ("orders", "ORDER_COMPLETED"): "subject.state = 'COMPLETED' AND",
    ("orders", "ORDER_CANCELED"): "subject.state = 'CANCELED' AND",
    ("orders", "ORDER_EXPIRED"): "subject.state = 'EXPIRED' AND",
    ("charges", "CHARGE_CREATED"): "",
    ("charges", "CHARGE_SUCCEEDED"): "subject.state = 'SUCCEEDED' AND",
    ("charges", "CHARGE_DECLINED"): "subject.state = 'DECLINED' AND",
    ("charges", "CHARGE_VOIDED"): "subject.state = 'VOIDED' AND",
    ("charges", "CHARGE_EXPIRED"): "subject.state = 'EXPIRED' AND",
    ("charges", "CHARGE_FAILED"): "subject.state = 'FAILED' AND",
    ("refunds", "REFUND_REQUESTED"): "",
    ("refunds", "REFUND_SUCCEEDED"): "subject.state = 'SUCCEEDED' AND",
    ("refunds", "REFUND_FAILED"): "subject.state = 'FAILED' AND",
    ("payment_methods", "PAYMENT_METHOD_REQUESTED"): "",
    ("payment_methods", "PAYMENT_METHOD_ATTACHED"): "subject.state = 'ACTIVE' AND",
}
"""What has happened to a row has been told, in the same commit."""


@dataclass(frozen=True, slots=True)
class Books:
    orders: Sequence[Row]
    charges: Sequence[Row]
    refunds: Sequence[Row]
    events: Sequence[str]
    """Their ids, in the order of the feed."""
    sequences: Sequence[int | None]
    untold: Sequence[str]
    """Facts of which no event tells."""


async def read_books(database: Database) -> Books:
    async with database.reader() as connection:
        orders = await connection.fetch_all("SELECT id, state, total FROM orders")
        charges = await connection.fetch_all(
            "SELECT id, order_id, state, failure_code, captured, refunded, review_since FROM charges"
        )
        refunds = await connection.fetch_all("SELECT id, charge_id, state, amount, failure_code FROM refunds")
        feed = await connection.fetch_all(
            "SELECT events.id, event_feed.sequence FROM events LEFT JOIN event_feed"
            " ON event_feed.position = events.position ORDER BY event_feed.sequence"
        )
        untold = [
            f"{row['kind']} of {row['id']}"
            for (table, kind), condition in _FACTS.items()
            for row in await connection.fetch_all(_UNTOLD.format(table=table, kind=kind, condition=condition))
        ]
    return Books(orders, charges, refunds, [row["id"] for row in feed], [row["sequence"] for row in feed], untold)


async def unsettled(database: Database) -> dict[str, list[str]]:
    """What is not at its end, by what it is; holds that wait for the shop are not among it."""
    async with database.reader() as connection:
        found = {what: await connection.fetch_all(statement) for what, statement in _UNSETTLED.items()}
    return {what: [str(row["id"]) for row in rows] for what, rows in found.items() if rows}


async def held(database: Database) -> list[str]:
    """Charges that wait for the shop to capture them or to call them off."""
    async with database.reader() as connection:
        rows = await connection.fetch_all(
            f"SELECT id FROM charges WHERE state = '{ChargeState.AUTHORIZED}'"
            " AND capture_requested IS NULL AND void_requested_at IS NULL"
        )
    return [row["id"] for row in rows]
