"""A gateway that goes on beside a newer one, whose migrations are in the database already."""

import pytest

from tests.schema.gateway import Shop
from tests.schema.test_discrepancies import listed
from tests.schema.test_upkeep import jobs, receive

pytestmark = pytest.mark.fault("F48")

LATER = (
    "ALTER TABLE charges ADD COLUMN later TEXT",
    "ALTER TABLE orders ADD COLUMN later BIGINT DEFAULT 1 NOT NULL",
    "ALTER TABLE operations ADD COLUMN later TEXT",
    "ALTER TABLE payment_methods ADD COLUMN later TEXT",
    "ALTER TABLE jobs ADD COLUMN later TEXT",
    "CREATE TABLE laters (id TEXT PRIMARY KEY, charge_id TEXT NOT NULL REFERENCES charges (id))",
    "CREATE INDEX charges_later ON charges (later)",
)
"""What migrations may do: see persistence/migrate.py."""

_DISCREPANCY = """
    INSERT INTO discrepancies (id, account, kind, subject, livemode, lifted, state, opened_at, seen_at)
    SELECT 'dsc_00000000000000000000000000', account, 'LATER', subject, livemode, lifted, state, opened_at, seen_at
    FROM discrepancies
"""


async def write(shop: Shop, *statements: str) -> None:
    async with shop.running.database.transaction() as connection:
        for statement in statements:
            await connection.execute(statement)


async def migrated(shop: Shop, name: str) -> None:
    statement = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('paydesk', '{}', {})"
    await write(shop, statement.format(name, "CURRENT_TIMESTAMP"))


async def test_it_stays_ready_and_takes_payments_when_a_newer_one_has_migrated(shop_on_both: Shop) -> None:
    shop = shop_on_both
    await write(shop, *LATER)
    await migrated(shop, "0099_later")

    assert (await shop.client.get("/readyz")).json() == {"status": "ok", "lacks": []}
    _, charge_id = await shop.paid(await shop.buyer())
    refund = await shop.do("chargeRefund", {"chargeId": charge_id, "idempotencyKey": "refund"}, "refund { state }")
    assert refund["state"] == "SUCCEEDED"
    assert await shop.running.worker.run_due() is not None


async def test_it_sends_everybody_elsewhere_when_it_is_left_behind(shop_on_both: Shop) -> None:
    await migrated(shop_on_both, "0099_later_breaking")

    answer = await shop_on_both.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["lacks"] == [
        "the database was migrated by a newer version (0099_later_breaking): upgrade this one"
    ]


async def test_it_leaves_out_what_only_a_newer_one_knows(shop_on_both: Shop) -> None:
    shop = shop_on_both
    known = await shop.discrepancy()
    await receive(shop, kind="payout.paid", ref="po_1")
    await receive(shop, kind="payout.paid", ref="po_2")
    other, job = [each["id"] for each in await jobs(shop)]
    await write(shop, f"UPDATE jobs SET kind = 'LATER' WHERE id = '{job}'", _DISCREPANCY)

    assert [each["id"] for each in await jobs(shop)] == [other]
    assert [each["id"] for each in await listed(shop)] == [known]
    node = "query($id: ID!) { node(id: $id) { id } }"
    for record_id in (job, "dsc_00000000000000000000000000"):
        assert (await shop.execute(node, {"id": record_id}))["node"] is None
    assert await shop.refused("jobRetry", {"jobId": job}) == ("NOT_FOUND", "jobId")
    close = {"discrepancyId": "dsc_00000000000000000000000000", "note": "Known."}
    assert await shop.refused("discrepancyClose", close) == ("NOT_FOUND", "discrepancyId")
