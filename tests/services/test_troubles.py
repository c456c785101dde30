"""Troubles around a payment: a database that takes nothing, another process in the way, clocks that differ."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState
from domain.jobs import JobKind
from domain.orders import OrderState
from persistence.database import Database
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.services.dying import die_before
from tests.services.shop import MovableClock, Shop, open_shop
from tests.services.watching import Ask

THE_STORY = ["ORDER_CREATED", "ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"]


@pytest.mark.fault("F32")
async def test_a_webhook_that_overtakes_the_answer_settles_it_and_the_answer_changes_nothing(shop: Shop) -> None:
    order_id = await shop.order(20_00)
    overtaken: list[ChargeState] = []

    async def be_overtaken(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        await shop.deliver_webhooks()
        await shop.worker.run_due()
        overtaken.extend(charge.state for charge in await shop.charges_of(order_id))
        return told

    shop.provider.between["charge"] = be_overtaken

    charge = await shop.paid(order_id)

    assert overtaken == [ChargeState.SUCCEEDED], "the webhook came first"
    assert charge.state is ChargeState.SUCCEEDED
    assert await shop.events(order_id) == THE_STORY
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 20_00, "PAYMENTS": -20_00}
    await shop.check(settled=True)


@pytest.mark.fault("F42")
async def test_what_cannot_be_written_down_is_settled_once_it_can(shop: Shop) -> None:
    """The bank has the money, and the database takes no more: the operation stays, and a look finds it afterwards."""
    order_id = await shop.order(20_00)

    async def fill_up(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        await refuse_writes(shop.database)
        return told

    shop.provider.between["charge"] = fill_up
    pending = await shop.paid(order_id, key="k")
    assert (pending.state, shop.bank.truth().captured(pending.id)) == (ChargeState.PENDING, 20_00)
    assert not (await shop.operation(pending.id)).is_finished
    with suppress(Exception):  # whatever the database says: a look that cannot be written down changes nothing
        await shop.resolver.resolve((await shop.operation(pending.id)).id)
    assert (await shop.charge(pending.id)).state is ChargeState.PENDING

    await allow_writes(shop.database)
    del shop.provider.between["charge"]
    await shop.check()
    assert (await shop.pay(order_id, key="k")).charge_id == pending.id
    await shop.run_jobs()

    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    assert shop.provider.names().count("charge") == 1
    await shop.check(settled=True)


async def refuse_writes(database: Database) -> None:
    """SQLite on a disk that became read-only; PostgreSQL on one that is full where the ledger grows."""
    if database.dialect is Dialect.SQLITE:
        await pragma(database, "query_only = ON")
        return
    async with database.transaction() as connection:
        await connection.execute(
            "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER no_space BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION no_space()"
        )


async def allow_writes(database: Database) -> None:
    if database.dialect is Dialect.SQLITE:
        await pragma(database, "query_only = OFF")
        return
    async with database.transaction() as connection:
        await connection.execute("DROP TRIGGER no_space ON ledger_entries")


async def pragma(database: Database, text: str) -> None:
    """On the one connection that writes; outside of any transaction, for none can be begun meanwhile."""
    engine: Any = database.engine
    await engine._writer.held.execute_fetchall(f"PRAGMA {text}")


@pytest.mark.fault("F41")
async def test_a_payment_waits_for_another_process_that_holds_the_file(
    new_database_url: NewDatabaseUrl, bank: Bank, clock: MovableClock
) -> None:
    """A backup, or a command: SQLite has one writer at a time, of all processes."""
    url = new_database_url(Dialect.SQLITE)
    database = await Database.open(url)
    shop = open_shop(database, bank, clock)
    order_id = await shop.order(20_00)
    async with held_by_another(url.removeprefix("sqlite://")) as release:
        paying = asyncio.create_task(shop.pay(order_id))
        await asyncio.sleep(0.5)  # longer than SQLite's own patience for one BEGIN
        assert not paying.done()
        assert await shop.charges_of(order_id) == [], "and who reads does not wait"
        release()
        charged = await paying

    assert charged.charge_id is not None
    assert (await shop.charge(charged.charge_id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)
    await shop.close()
    await database.close()


@asynccontextmanager
async def held_by_another(path: str) -> AsyncIterator[Any]:
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield lambda: other.execute("COMMIT")
    finally:
        other.close()


@pytest.mark.fault("F47")
@pytest.mark.parametrize("minutes", [-5, 5])
async def test_clocks_that_differ_neither_end_a_lease_nor_charge_twice(
    database: Database, bank: Bank, clock: MovableClock, minutes: int
) -> None:
    """A lease is a time of the database, and both nodes read that one."""
    apart = MovableClock()
    apart.advance(minutes=minutes)
    maker, rival = open_shop(database, bank, clock), open_shop(database, bank, apart)
    order_id = await maker.order(20_00)
    maker.provider.between["charge"] = die_before
    await maker.pay(order_id)
    assert len(await rival.jobs(JobKind.RESOLVE_OPERATION)) == 1

    assert await rival.worker.run_due() == 0, "the maker's lease has not ended, whatever the rival's clock says"
    assert rival.provider.calls == []

    await rival.run_jobs()
    assert (await rival.order_row(order_id)).state is OrderState.COMPLETED
    assert len(bank.truth().charges) == 1
    # The maker wakes up, and finds it done.
    del maker.provider.between["charge"]
    await maker.run_jobs()
    await maker.check(settled=True)
    for shop in (maker, rival):
        await shop.close()
