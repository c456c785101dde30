import asyncio

import pytest
from tortoise.exceptions import IntegrityError

from persistence.database import Database
from persistence.migrate import DatabaseIsNewer, drift, migrate, pending
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
async def test_a_program_older_than_its_database_says_so(sample: Database) -> None:
    await change(
        sample,
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('sample', '0099_future', $1)",
        NOON,
    )

    with pytest.raises(DatabaseIsNewer, match="0099_future"):
        await migrate(sample)
    with pytest.raises(DatabaseIsNewer, match="0099_future"):
        await pending(sample)
