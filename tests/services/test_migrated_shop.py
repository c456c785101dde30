"""A shop with orders, money and open questions of an earlier version, brought up to this one."""

from pathlib import Path
from typing import Any

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState, ReviewReason
from domain.operations import SolvedBy
from domain.pages import PageRequest, Slice
from domain.queries import ChargeFilter, JobFilter, OrderFilter, RefundFilter, WebhookDeliveryFilter
from persistence.database import Database
from persistence.migrate import drift, migrate
from persistence.orm import PAYDESK
from persistence.queries import TortoiseQueries
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.databases import ROOT, NewDatabaseUrl
from tests.persistence.earlier import app_before
from tests.persistence.shop import EVERYBODY
from tests.services.shop import MovableClock, open_shop

SHOP_OF_0009 = ROOT / "tests" / "persistence" / "shop_of_0009.sql"
TABLES = (
    "customers",
    "payment_methods",
    "orders",
    "order_lines",
    "charges",
    "refunds",
    "operations",
    "ledger_entries",
    "events",
    "event_feed",
    "event_subjects",
    "idempotency_keys",
    "webhook_deliveries",
    "jobs",
)


@pytest.mark.fault("F48")
async def test_a_shop_of_an_earlier_version_goes_on(
    dialect: Dialect,
    new_database_url: NewDatabaseUrl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bank: Bank,
    clock: MovableClock,
) -> None:
    url = new_database_url(dialect, migrated=False)
    before = await Database.open(url, app=app_before("0010", tmp_path, monkeypatch))
    assert (await migrate(before))[-1].startswith("0009_")
    async with before.transaction() as connection:
        await connection.model_client.execute_script(SHOP_OF_0009.read_text(encoding="utf-8"))
    there = {table: await rows_of(before, table) for table in TABLES}
    await before.close()

    database = await Database.open(url)
    assert (await migrate(database))[0].startswith("0010_")

    assert await drift(PAYDESK, dialect) == []
    for table, rows in there.items():
        columns = rows[0].keys()
        now = [{name: row[name] for name in columns} for row in await rows_of(database, table)]
        assert now == rows, f"{table} is as it was"
    (lost,) = [row["id"] for row in there["charges"] if row["state"] == "UNKNOWN"]
    async with TortoiseStore(database).reading() as tx:
        charge = await tx.charges.get(lost)
        operation = await tx.operations.unfinished_of_charge(lost)
    assert charge is not None
    assert [review.reason for review in charge.reviews] == [ReviewReason.UNRESOLVED]
    assert operation is not None
    assert operation.solved_by is SolvedBy.KEY
    queries, first = TortoiseQueries(database), PageRequest(limit=50, sort="NEWEST")
    listed: dict[str, Slice[Any]] = {
        "orders": await queries.orders.page(first, OrderFilter(), viewer=EVERYBODY),
        "charges": await queries.charges.page(first, ChargeFilter(), viewer=EVERYBODY),
        "refunds": await queries.refunds.page(first, RefundFilter(), viewer=EVERYBODY),
        "jobs": await queries.jobs.page(first, JobFilter(), viewer=EVERYBODY),
        "webhook_deliveries": await queries.webhook_deliveries.page(first, WebhookDeliveryFilter(), viewer=EVERYBODY),
    }
    for table, page in listed.items():
        assert {each.id for each in page.items} == {row["id"] for row in there[table]}

    shop = open_shop(database, bank, clock)
    (customer_id,) = {row["id"] for row in there["customers"]}
    assert (await shop.paid(await shop.order(), key="later")).state is ChargeState.SUCCEEDED
    assert (await shop.order_row(await shop.order_of(customer_id))).customer_id == customer_id
    await shop.close()
    await database.close()


async def rows_of(database: Database, table: str) -> list[dict[str, Any]]:
    async with database.reader() as connection:
        return await connection.fetch_all(f"SELECT * FROM {table} ORDER BY 1")
