"""PostgreSQL is restarted in immediate mode while customers pay: the gateway is not, and no money goes astray."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState
from domain.store import CommitUnknown, StoreUnavailable
from persistence.database import Database
from persistence.failures import is_transient
from persistence.migrate import migrate
from tests.chaos.postgres import postgres
from tests.services.shop import MovableClock, open_shop

ORDERS, CLIENTS, PAID_BEFORE = 24, 6, 6
AWAY_SECONDS = 3.0
"""Longer than a phase is repeated for, so that clients notice it."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="paydesk-restart-") as name:
        made = Path(name)
        made.chmod(0o755)  # for `nobody`, who runs the server
        yield made


@pytest.mark.fault("F38")
async def test_payments_go_on_after_a_restart_and_each_is_taken_once(
    folder: Path, bank: Bank, clock: MovableClock
) -> None:
    async with postgres(folder / "postgres") as server, AsyncExitStack() as opened:
        database = await Database.open(server.url)
        opened.push_async_callback(database.close)
        await migrate(database)
        shop = open_shop(database, bank, clock)
        opened.push_async_callback(shop.close)
        customer_id = await shop.customer()
        await shop.card(customer_id)
        orders = [await shop.order_of(customer_id) for _ in range(ORDERS)]
        left, paid, refused = list(orders), asyncio.Semaphore(0), 0

        async def buy() -> None:
            nonlocal refused
            while left:
                order_id = left.pop()
                while True:
                    try:
                        await shop.pay(order_id, f"pay {order_id}")
                        break
                    except Exception as error:
                        if not (isinstance(error, StoreUnavailable | CommitUnknown) or is_transient(error)):
                            raise
                    refused += 1
                    await asyncio.sleep(0.1)
                paid.release()

        async def restart() -> None:
            for _ in range(PAID_BEFORE):
                await paid.acquire()
            await server.restart_immediately(away_seconds=AWAY_SECONDS)

        async with asyncio.timeout(60):
            await asyncio.gather(restart(), *(buy() for _ in range(CLIENTS)))
        await shop.idle()
        await shop.run_jobs(rounds=3)

        charges = [charge for order_id in orders for charge in await shop.charges_of(order_id)]
        assert [charge.state for charge in charges] == [ChargeState.SUCCEEDED] * ORDERS
        assert refused > 0
        await shop.check(settled=True)
