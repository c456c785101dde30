"""What most tests put in and look at."""

import datetime as dt

from persistence.connections import Connection
from persistence.database import Database

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


async def insert_box(connection: Connection, name: str) -> None:
    await connection.execute(
        "INSERT INTO sample_boxes (id, count, tags, sealed, created_at) VALUES ($1, 0, $2, $3, $4)",
        name,
        {},
        False,
        NOON,
    )


async def insert_label(connection: Connection, name: str, *, box: str, state: str) -> None:
    await connection.execute("INSERT INTO sample_labels (id, box_id, state) VALUES ($1, $2, $3)", name, box, state)


async def add_boxes(database: Database, *names: str) -> None:
    async with database.transaction() as connection:
        for name in names:
            await insert_box(connection, name)


async def add_label(database: Database, name: str, *, box: str, state: str) -> None:
    async with database.transaction() as connection:
        await insert_label(connection, name, box=box, state=state)


async def change(database: Database, statement: str, *parameters: object) -> int:
    async with database.transaction() as connection:
        return await connection.execute(statement, *parameters)


async def count_of(database: Database, name: str) -> int:
    async with database.reader() as connection:
        row = await connection.fetch_one("SELECT count FROM sample_boxes WHERE id = $1", name)
    assert row is not None
    return int(row["count"])


async def names_of_boxes(database: Database) -> list[str]:
    async with database.reader() as connection:
        rows = await connection.fetch_all("SELECT id FROM sample_boxes ORDER BY id")
    return [row["id"] for row in rows]
