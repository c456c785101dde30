"""Whether a load balancer should send anybody here."""

import pytest

from persistence.sql import Dialect
from tests.schema.gateway import Shop

_FULL = {
    Dialect.SQLITE: (
        "CREATE TRIGGER full_disk BEFORE UPDATE ON facts BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
        "DROP TRIGGER full_disk",
    ),
    Dialect.POSTGRES: (
        "CREATE RULE full_disk AS ON UPDATE TO facts DO INSTEAD SELECT 1 / 0",
        "DROP RULE full_disk ON facts",
    ),
}
"""What makes a write fail as on a full disk: the probe repeats one that is there."""


@pytest.mark.fault("F42")
async def test_a_database_that_takes_no_writes_is_not_ready(shop_on_both: Shop) -> None:
    shop = shop_on_both
    database = shop.running.database
    assert (await shop.client.get("/readyz")).status_code == 200
    fill, empty = _FULL[database.dialect]
    async with database.transaction() as connection:
        await connection.execute(fill)

    answer = await shop.client.get("/readyz")

    assert (answer.status_code, answer.json()["lacks"]) == (503, ["the database takes no writes"])
    assert (await shop.client.get("/healthz")).status_code == 200
    async with database.transaction() as connection:
        await connection.execute(empty)
    assert (await shop.client.get("/readyz")).status_code == 200
