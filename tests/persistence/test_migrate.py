import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.fields.base import Field
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.operations import AddConstraint, AddField, AddIndex, CreateModel, Operation

from persistence.connections import Connection
from persistence.database import Database
from persistence.editors import PerDialect
from persistence.migrate import DatabaseIsNewer, Patience, TablesInUse, drift, migrate, pending
from persistence.orm import App
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.persistence.grown import GROWN
from tests.persistence.sample import SAMPLE
from tests.persistence.sample.rows import NOON, add_boxes, add_label, change, names_of_boxes


async def test_the_models_and_the_migrations_say_the_same(sample: Database) -> None:
    assert await drift(SAMPLE, sample.dialect) == []


async def test_drift_names_what_the_migrations_lack(sample_url: str) -> None:
    half_done = App(SAMPLE.label, models=GROWN.models, migrations=SAMPLE.migrations)
    later = await Database.open(sample_url, app=half_done)

    lines = await drift(half_done, later.dialect)

    assert "AddField: Add field weight_grams to Box" in lines
    assert "AddConstraint: Add constraint to Entry" in lines
    await later.close()


async def test_a_check_is_held_by_the_database(sample: Database) -> None:
    await add_boxes(sample, "box")

    with pytest.raises(IntegrityError):
        await change(sample, "UPDATE sample_boxes SET count = -1")


async def test_a_partial_unique_index_is_held_by_the_database(sample: Database) -> None:
    await add_boxes(sample, "box")
    await add_label(sample, "1", box="box", state="LIVE")
    await add_label(sample, "2", box="box", state="OLD")
    await add_label(sample, "3", box="box", state="OLD")

    with pytest.raises(IntegrityError):
        await add_label(sample, "4", box="box", state="LIVE")


async def test_a_foreign_key_is_held_by_the_database(sample: Database) -> None:
    with pytest.raises(IntegrityError):
        await add_label(sample, "1", box="nowhere", state="LIVE")


@pytest.mark.parametrize("statement", ["UPDATE sample_entries SET amount = 2", "DELETE FROM sample_entries"])
async def test_an_insert_only_table_takes_no_change(sample: Database, statement: str) -> None:
    await change(sample, "INSERT INTO sample_entries (id, amount) VALUES ('1', 1)")

    with pytest.raises(IntegrityError, match="sample_entries is insert-only"):
        await change(sample, statement)


async def test_replicas_may_migrate_at_once(dialect: Dialect, new_database_url: NewDatabaseUrl) -> None:
    url = new_database_url(dialect, app=SAMPLE, migrated=False)
    replicas = [await Database.open(url, app=SAMPLE) for _ in range(3)]
    before = await pending(replicas[0])

    done = await asyncio.gather(*(migrate(replica) for replica in replicas))

    assert before == ["0001_initial"]
    assert sorted(done) == [[], [], ["0001_initial"]]
    assert await pending(replicas[0]) == []
    for replica in replicas:
        await replica.close()


@pytest.mark.fault("F48")
async def test_a_later_version_changes_tables_that_hold_rows(sample_url: str) -> None:
    first = await Database.open(sample_url, app=SAMPLE)
    await add_boxes(first, "box", "other")
    await add_label(first, "1", box="box", state="LIVE")
    await change(first, "INSERT INTO sample_entries (id, amount) VALUES ('1', 1)")
    await first.close()
    later = await Database.open(sample_url, app=GROWN)

    assert await pending(later) == ["0002_more_states"]
    assert await migrate(later) == ["0002_more_states"]

    assert await drift(GROWN, later.dialect) == []
    assert await names_of_boxes(later) == ["box", "other"]
    await add_label(later, "2", box="box", state="LOST")
    await change(later, "UPDATE sample_boxes SET weight_grams = 7")
    for statement in (
        "UPDATE sample_labels SET state = 'GONE'",
        "UPDATE sample_boxes SET count = 1001",
        "INSERT INTO sample_entries (id, amount) VALUES ('2', 0)",
        # What was there before the tables were rebuilt.
        "UPDATE sample_labels SET state = 'LIVE'",
        "UPDATE sample_labels SET box_id = 'nowhere'",
        "DELETE FROM sample_boxes WHERE id = 'box'",
        "UPDATE sample_entries SET amount = 2",
    ):
        with pytest.raises(IntegrityError):
            await change(later, statement)
    await later.close()


async def test_a_failed_migration_leaves_nothing_behind(sample_url: str) -> None:
    first = await Database.open(sample_url, app=SAMPLE)
    # The last operation but two of the later version does not hold for this row.
    await change(first, "INSERT INTO sample_entries (id, amount) VALUES ('1', 0)")
    await first.close()
    later = await Database.open(sample_url, app=GROWN)

    with pytest.raises(IntegrityError):
        await migrate(later)

    assert await pending(later) == ["0002_more_states"]
    with pytest.raises(Exception, match="weight_grams"):
        await change(later, "UPDATE sample_boxes SET weight_grams = 7")
    await later.close()


@pytest.mark.fault("F48")
async def test_a_program_runs_on_beside_what_a_newer_one_has_added(sample: Database) -> None:
    await applied(sample, "0099_future")

    assert await pending(sample) == []
    assert await migrate(sample) == []


@pytest.mark.fault("F48")
async def test_a_program_that_a_newer_one_leaves_behind_says_so(sample: Database) -> None:
    await applied(sample, "0098_future", "0099_future_breaking")

    with pytest.raises(DatabaseIsNewer, match=r"newer version \(0099_future_breaking\)"):
        await migrate(sample)
    with pytest.raises(DatabaseIsNewer, match="0099_future_breaking"):
        await pending(sample)


async def applied(database: Database, *names: str) -> None:
    for name in names:
        await change(
            database, "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('sample', $1, $2)", name, NOON
        )


class TestWhileSomebodyReads:
    """On PostgreSQL, where a change of a table waits for whoever has read it and not yet ended its transaction."""

    HASTY = Patience(lock_seconds=0.3, attempts=2, pause_seconds=0.1)

    @pytest.fixture
    async def dump(self, new_database_url: NewDatabaseUrl) -> AsyncIterator[tuple[str, Connection]]:
        url = new_database_url(Dialect.POSTGRES, app=SAMPLE)
        opened = await Database.open(url, app=GROWN)
        async with opened.transaction() as connection:
            await connection.fetch_all("SELECT * FROM sample_boxes")
            yield url, connection
        await opened.close()

    async def test_those_who_come_later_do_not_wait_for_the_reader(self, dump: tuple[str, Connection]) -> None:
        later = await Database.open(dump[0], app=GROWN)
        migrating = asyncio.create_task(migrate(later, replace(self.HASTY, attempts=1_000)))
        await self._until_in_line(later)

        for _ in range(3):
            async with asyncio.timeout(20), later.reader() as connection:
                await connection.fetch_all("SELECT * FROM sample_boxes")

        assert not migrating.done()
        await dump[1].execute("COMMIT")
        assert await migrating == ["0002_more_states"]
        await later.close()

    async def test_one_who_reads_for_too_long_is_named(self, dump: tuple[str, Connection]) -> None:
        later = await Database.open(dump[0], app=GROWN)

        with pytest.raises(TablesInUse, match=r"2 times .* Nothing was changed; the oldest .* of paydesk \(pid \d+\)"):
            await migrate(later, self.HASTY)

        assert await pending(later) == ["0002_more_states"]
        await later.close()

    async def _until_in_line(self, database: Database) -> None:
        while True:
            async with database.reader() as connection:
                if await connection.fetch_one("SELECT 1 FROM pg_locks WHERE NOT granted AND mode LIKE 'Access%'"):
                    return


@pytest.mark.fault("F48")
def test_migrations_only_add() -> None:
    """So that the version before goes on beside them: see 5 in persistence/migrate.py."""
    assert takers_away(migrations("persistence")) == []
    assert takers_away(migrations("tests.persistence.grown")) == ["0002_more_states"], "a rule that fires"


def migrations(package: str) -> dict[str, list[Operation]]:
    """By name, what each of them does; of ours those from the first that had a version before it."""
    modules = iter_modules(import_module(f"{package}.migrations").__path__)
    names = sorted(module.name for module in modules if package != "persistence" or module.name >= "0010")
    return {name: import_module(f"{package}.migrations.{name}").Migration.operations for name in names}


def takers_away(found: dict[str, list[Operation]]) -> list[str]:
    return [
        name
        for name, operations in found.items()
        if not name.endswith("_breaking") and not all(adds(each, operations) for each in operations)
    ]


def adds(operation: Operation, beside: list[Operation]) -> bool:
    match operation:
        case AddField(field=Field() as field):
            return bool(field.null) or field.has_db_default()
        case AddConstraint(constraint=CheckConstraint(check=check)):
            # What the version before writes has to pass it.
            return any(isinstance(each, AddField) and each.name in check for each in beside)
    # SQL by hand is read by whoever reviews it.
    return isinstance(operation, CreateModel | AddIndex | PerDialect)
