"""Whether a load balancer should send anybody here, and what whoever comes all the same is told."""

import logging
from pathlib import Path

import pytest

from domain.principals import Permission
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import ADMIN, Shop, open_shop, settings_for
from tests.server.api import eventually

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

    answer = await eventually(lambda: shop.client.get("/readyz"), lambda answer: not answer.is_success)

    assert (answer.status_code, answer.json()["lacks"]) == (503, ["the database takes no writes"])
    assert (await shop.client.get("/healthz")).status_code == 200
    async with database.transaction() as connection:
        await connection.execute(empty)
    await eventually(lambda: shop.client.get("/readyz"), lambda answer: answer.is_success)


async def test_a_database_that_is_away_is_told_to_clients_and_takes_one_line_of_the_log(
    tmp_path: Path, new_database_url: NewDatabaseUrl, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(tmp_path, new_database_url(Dialect.POSTGRES), worker=False)
    async with open_shop(settings) as shop:
        key = await shop.server(Permission.CATALOGUE_READ)
        await shop.running.database.close()
        caplog.clear()
        caplog.set_level(logging.WARNING)

        by_staff, by_key = [
            await shop.client.post(
                "/graphql", json={"query": "{ orders { nodes { id } } }"}, headers={"Authorization": credentials}
            )
            for credentials in (ADMIN, key)
        ]

        assert [answer.json()["errors"][0]["extensions"]["code"] for answer in (by_staff, by_key)] == [
            "DATABASE_UNAVAILABLE"
        ] * 2
        assert (by_staff.status_code, by_key.status_code) == (294, 503)
        assert by_key.headers["Retry-After"] == "1"
        told = [record for record in caplog.records if record.name == "paydesk.graphql"]
        assert [(record.levelname, record.exc_info) for record in told] == [("WARNING", None)] * 2
