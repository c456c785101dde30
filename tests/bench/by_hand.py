"""What somebody writes who needs to charge an order by Friday: one route, one transaction, no safety.

    python -m tests.bench.by_hand PORT

It leaves the very rows in the database that the gateway leaves, and charges at the same bank. What it does not do:
lock, write down what it is about to send, look a key up before it charges, expect an answer to get lost, ask who it is
that asks beyond one secret, check an amount, a state or a version, refuse a large body, or speak GraphQL.
"""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import aiosqlite
import asyncpg  # type: ignore[import-untyped]
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.fake import Bank, FakeProvider
from domain.clock import SystemClock
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import ChargeRequest, ChargeResult, Initiator
from tests.bench.timed import TimedProvider

POOL = 10

Values = tuple[Any, ...]
Statements = list[tuple[str, list[Values]]]

READ = """
SELECT o.total, o.currency, o.customer_id, m.id AS method_id, m.payment_method_ref, a.customer_ref
FROM orders o JOIN customers c ON c.id = o.customer_id
JOIN payment_methods m ON m.id = c.default_payment_method_id
JOIN provider_accounts a ON a.customer_id = c.id AND a.account = 'fake'
WHERE o.id = $1
"""
KEY = """
INSERT INTO idempotency_keys (principal, mutation, key, fingerprint, object_id, created_at)
VALUES ('by-hand', 'charge', $1, $2, $3, $4)
"""
ORDER = """
UPDATE orders SET state = 'COMPLETED', version = version + 2, placed_at = $2, completed_at = $3, updated_at = $4
WHERE id = $1
"""
CHARGE = """
INSERT INTO charges (id, order_id, customer_id, payment_method_id, account, charge_ref, state, initiator,
                     capture_mode, currency, amount, authorized, captured, refunded, refund_reserved, livemode,
                     created_at, updated_at)
VALUES ($1, $2, $3, $4, 'fake', $5, $6, 'CUSTOMER', 'AUTOMATIC', $7, $8, $9, $10, 0, 0, $11, $12, $13)
"""
OPERATION = """
INSERT INTO operations (id, kind, charge_id, account, request, on_session, first_sent_at, tries, sends, empty_looks,
                        outcome, answer, finished_at, created_at)
VALUES ($1, 'CHARGE', $2, 'fake', $3, $4, $5, 0, 1, 0, $6, $7, $8, $9)
"""
LEDGER = """
INSERT INTO ledger_entries (id, cause, account, amount, currency, charge_id, livemode, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
EVENT = """
INSERT INTO events (id, kind, subject_ids, actor, data, livemode, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
SUBJECT = "INSERT INTO event_subjects (event_id, subject_id) VALUES ($1, $2)"
JOB = (
    "INSERT INTO jobs (id, kind, subject_id, run_at, tries, created_at) VALUES ($1, 'RESOLVE_OPERATION', $2, $3, 0, $4)"
)
NO_JOB = "DELETE FROM jobs WHERE id = $1"


class Base(Protocol):
    async def read(self, order_id: str) -> Any: ...
    async def write(self, statements: Statements) -> None: ...
    def moment(self, value: datetime) -> Any: ...
    async def close(self) -> None: ...


class Postgres:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, order_id: str) -> Any:
        return await self._pool.fetchrow(READ, order_id)

    async def write(self, statements: Statements) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for statement, rows in statements:
                if len(rows) == 1:
                    await connection.execute(statement, *rows[0])
                else:
                    await connection.executemany(statement, rows)

    def moment(self, value: datetime) -> Any:
        return value

    async def close(self) -> None:
        await self._pool.close()


class Sqlite:
    """One connection, as SQLite has one writer; as durable as the gateway's."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._writing = asyncio.Lock()

    async def read(self, order_id: str) -> Any:
        async with self._writing:
            rows = list(await self._connection.execute_fetchall(_marks(READ), (order_id,)))
            return rows[0]

    async def write(self, statements: Statements) -> None:
        async with self._writing:
            await self._connection.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                await self._connection.executemany(_marks(statement), rows)
            await self._connection.execute("COMMIT")

    def moment(self, value: datetime) -> Any:
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")

    async def close(self) -> None:
        await self._connection.close()


def _marks(statement: str) -> str:
    """SQLite knows `?1`, and reads `$1` as a name."""
    return statement.replace("$", "?")


def route(base: Base, provider: FakeProvider, secret: str) -> Starlette:
    expected = f"Bearer {secret}"

    async def charge(request: Request) -> Response:
        if request.headers.get("authorization") != expected:
            return Response(status_code=401)
        asked = orjson.loads(await request.body())
        order_id = asked["orderId"]
        order = await base.read(order_id)
        wanted = ChargeRequest(
            operation_id=new_id(IdPrefix.OPERATION),
            charge_id=new_id(IdPrefix.CHARGE),
            amount=Money(order["total"], order["currency"]),
            customer_ref=order["customer_ref"],
            payment_method_ref=order["payment_method_ref"],
            initiator=Initiator.CUSTOMER,
            return_url=None,
        )
        result = await provider.charge(wanted)
        await base.write(_rows(base, order_id, order, wanted, result, asked["idempotencyKey"]))
        told = {
            "charge": {
                "id": wanted.charge_id,
                "state": result.outcome,
                "captured": {"minorUnits": wanted.amount.minor_units, "currency": wanted.amount.currency},
                "order": {"id": order_id, "state": "COMPLETED", "paymentState": "PAID"},
            }
        }
        return Response(orjson.dumps(told), media_type="application/json")

    async def ready(_request: Request) -> Response:
        return Response()

    return Starlette(routes=[Route("/charges", charge, methods=["POST"]), Route("/readyz", ready)])


def _rows(base: Base, order_id: str, order: Any, wanted: ChargeRequest, result: ChargeResult, key: str) -> Statements:
    now = base.moment(datetime.now(UTC))
    charge_id, amount, currency = wanted.charge_id, wanted.amount.minor_units, wanted.amount.currency
    customer_id, operation_id = order["customer_id"], wanted.operation_id
    job_id = new_id(IdPrefix.JOB)
    digest = hashlib.sha256(key.encode()).hexdigest()
    request = _json({"operation_id": operation_id, "charge_id": charge_id, "amount": amount, "currency": currency})
    cause = f"{charge_id}/captured/{amount}"
    whole, half = [charge_id, order_id, customer_id], [order_id, customer_id]
    events = [
        (new_id(IdPrefix.EVENT), kind, subjects, data)
        for kind, subjects, data in (
            ("ORDER_PLACED", half, {"total": amount}),
            ("CHARGE_CREATED", whole, {"amount": amount, "currency": currency}),
            ("CHARGE_SUCCEEDED", whole, {"amount": amount, "currency": currency}),
            ("ORDER_COMPLETED", half, {}),
        )
    ]
    return [
        (KEY, [(digest, digest, charge_id, now)]),
        (JOB, [(job_id, operation_id, now, now)]),
        (ORDER, [(order_id, now, now, now)]),
        (
            CHARGE,
            [
                (
                    *(charge_id, order_id, customer_id, order["method_id"], result.charge_ref, result.outcome),
                    *(currency, amount, amount, amount, False, now, now),
                )
            ],
        ),
        (
            OPERATION,
            [
                (
                    *(operation_id, charge_id, request, True, now, result.outcome),
                    *(_json(dict(result.raw or {})), now, now),
                )
            ],
        ),
        (
            LEDGER,
            [
                (new_id(IdPrefix.LEDGER_ENTRY), cause, account, signed, currency, charge_id, False, now)
                for account, signed in (("PROVIDER_CLEARING", amount), ("PAYMENTS", -amount))
            ],
        ),
        (
            EVENT,
            [
                (event_id, kind, _json(subjects), "by-hand", _json(data), False, now)
                for event_id, kind, subjects, data in events
            ],
        ),
        (SUBJECT, [(event_id, subject) for event_id, _, subjects, _ in events for subject in subjects]),
        (NO_JOB, [(job_id,)]),
    ]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Base]:
    base: Base
    if url.startswith("sqlite"):
        connection = await aiosqlite.connect(url.removeprefix("sqlite://"), isolation_level=None)
        connection.row_factory = aiosqlite.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 10000"):
            await connection.execute(f"PRAGMA {pragma}")
        base = Sqlite(connection)
    else:
        base = Postgres(await asyncpg.create_pool(url, min_size=POOL, max_size=POOL))
    try:
        yield base
    finally:
        await base.close()


async def main(port: int) -> None:
    """Settings as the gateway reads them, by the same names."""
    # uvicorn raises the signal that ended it once more; by default that would be the end before the times are written.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    clock = SystemClock()
    set_to = {name.removeprefix("PAYDESK_").lower(): value for name, value in os.environ.items()}
    bank = None
    if "fake_url" in set_to:
        provider = TimedProvider.over_http(
            set_to["fake_url"], api_key=set_to["fake_api_key"], clock=clock, webhook_secrets=["none"]
        )
    else:
        bank = Bank(set_to["fake_books"], clock=clock, public_url="http://127.0.0.1")
        provider = TimedProvider.in_process(bank, clock=clock)
    async with opened(set_to["database_url"]) as base:
        app = route(base, provider, set_to["admin_key"])
        config = uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", access_log=False, log_config=None)
        await uvicorn.Server(config).serve()
        await provider.close()
        if bank is not None:
            bank.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
