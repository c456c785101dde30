"""Several `paydesk worker` at one PostgreSQL: every job is done, and none of them twice."""

import asyncio
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.jobs import JobKind
from domain.orders import OrderState
from persistence.database import Database
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.databases import ROOT
from tests.persistence.shop import NOON, new_customer, new_order, write
from tests.server.processes import START_SECONDS, free_port, paydesk, run_paydesk, settings, start

ORDERS = 150


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_process_whose_worker_breaks_ends_and_says_why(command: str, tmp_path: Path) -> None:
    """Else it would go on to take payments, and nobody would look after those whose answers are lost."""
    chosen = settings(f"sqlite://{tmp_path}/paydesk.sqlite3", tmp_path, port=str(free_port()))
    assert run_paydesk("migrate", settings=chosen, folder=tmp_path).returncode == 0
    broken = (sys.executable, "-m", "tests.server.broken_worker", command)
    process = start(*broken, name=command, settings={**chosen, "PYTHONPATH": str(ROOT)}, folder=tmp_path)
    try:
        assert process.popen.wait(START_SECONDS) == 1, process.output
    finally:
        process.popen.kill()
    assert "the worker has ended by itself" in process.output
    assert "Broke" in process.output


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_three_workers_do_each_job_once(database: Database, database_url: str, tmp_path: Path) -> None:
    """Orders whose time is over: each is ended, and that is told once."""
    await fill(database)
    chosen = settings(database_url, tmp_path)
    with ExitStack() as running:
        workers = [running.enter_context(paydesk("worker", settings=chosen, folder=tmp_path)) for _ in range(3)]
        deadline = time.monotonic() + START_SECONDS
        while left := await count(database, f"jobs WHERE kind = '{JobKind.EXPIRE_ORDER}'"):
            assert time.monotonic() < deadline, f"{left} of {ORDERS} jobs are left\n{workers[0].output[-2000:]}"
            await asyncio.sleep(0.1)
        assert [worker.terminate() for worker in workers] == [0, 0, 0]
        assert not any("Traceback" in worker.output for worker in workers)

    assert await count(database, f"orders WHERE state = '{OrderState.EXPIRED}' AND version = 2") == ORDERS
    assert await count(database, "events WHERE kind = 'ORDER_EXPIRED'") == ORDERS
    of_orders = "events JOIN event_subjects ON event_id = events.id WHERE subject_id LIKE 'ord_%'"
    assert await count(database, of_orders, what="DISTINCT subject_id") == ORDERS


async def fill(database: Database) -> None:
    customer = new_customer()
    ended: dict[str, Any] = {"state": OrderState.OPEN, "expires_at": NOON + timedelta(hours=1)}
    orders = [new_order(customer, **ended) for _ in range(ORDERS)]
    async with database.transaction() as connection:
        await write(connection, customer, *orders)
    async with TortoiseStore(database).transaction() as tx:
        for order in orders:
            await tx.jobs.schedule(JobKind.EXPIRE_ORDER, order.id, after_seconds=0)


async def count(database: Database, of: str, *, what: str = "*") -> int:
    async with database.reader() as connection:
        (row,) = await connection.fetch_all(f"SELECT COUNT({what}) AS found FROM {of}")
    return int(row["found"])
