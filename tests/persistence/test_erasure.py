"""Every column of every table has a decision about what becomes of it when a customer is erased."""

from persistence.database import Database
from persistence.erasure import DECISIONS, OF_NO_CUSTOMER, Erased
from persistence.sql import Dialect


async def columns_of(database: Database) -> set[tuple[str, str]]:
    question = (
        "SELECT m.name AS held_by, p.name AS named FROM sqlite_master AS m, pragma_table_info(m.name) AS p"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        if database.dialect is Dialect.SQLITE
        else "SELECT table_name AS held_by, column_name AS named FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    )
    async with database.reader() as connection:
        return {(row["held_by"], row["named"]) for row in await connection.fetch_all(question)}


async def test_no_column_is_without_a_decision(database: Database) -> None:
    decided = {(table, column) for table, columns in DECISIONS.items() for column in columns}
    found = {(table, column) for table, column in await columns_of(database) if table not in OF_NO_CUSTOMER}

    assert found == decided


def test_a_table_has_one_place() -> None:
    assert not DECISIONS.keys() & OF_NO_CUSTOMER.keys()


def test_what_is_kept_has_a_reason() -> None:
    kept = [each for columns in DECISIONS.values() for each in columns.values() if not isinstance(each, Erased)]
    assert all(each.why for each in kept)
