import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import asyncpg  # type: ignore[import-untyped]
import pytest
from tortoise.exceptions import IntegrityError

from persistence.connections import Connection
from persistence.database import Database, database_now
from persistence.failures import (
    CommitUnknown,
    TransactionAborted,
    TransactionMisused,
    commit_certainly_failed,
    is_transient,
)
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.persistence.sample import SAMPLE
from tests.persistence.sample.models import Box, Label
from tests.persistence.sample.rows import (
    NOON,
    add_boxes,
    change,
    count_of,
    insert_box,
    insert_label,
    names_of_boxes,
)


class Trouble(Exception):
    pass


async def test_a_block_commits_at_its_end(sample: Database) -> None:
    async with sample.transaction() as connection:
        await insert_box(connection, "box")
        unseen = await names_of_boxes_elsewhere(sample)

    assert unseen == []
    assert await names_of_boxes(sample) == ["box"]


async def test_an_exception_rolls_back(sample: Database) -> None:
    async def fail() -> None:
        async with sample.transaction() as connection:
            await insert_box(connection, "box")
            raise Trouble

    with pytest.raises(Trouble):
        await fail()

    assert await names_of_boxes(sample) == []
    assert sample.idle


@pytest.mark.fault("F44")
async def test_a_savepoint_undoes_what_failed_inside_it_and_no_more(sample: Database) -> None:
    async with sample.transaction() as connection:
        await insert_box(connection, "first")
        with suppress(IntegrityError):
            async with connection.savepoint():
                await insert_box(connection, "second")
                await insert_box(connection, "first")
        with suppress(Trouble):
            async with connection.savepoint():
                await insert_box(connection, "third")
                async with connection.savepoint():
                    await insert_box(connection, "fourth")
                raise Trouble
        await insert_box(connection, "fifth")

    assert await names_of_boxes(sample) == ["fifth", "first"]


@pytest.mark.fault("F41")
async def test_concurrent_read_modify_writes_lose_nothing(sample_url: str) -> None:
    """Two databases on one URL stand for two processes."""
    processes = [await Database.open(sample_url, app=SAMPLE) for _ in range(2)]
    await add_boxes(processes[0], "box")

    async def add_one(connection: Connection) -> None:
        box = await Box.select_for_update().using_db(connection.model_client).get(id="box")
        await asyncio.sleep(0)
        box.count += 1
        await box.save(using_db=connection.model_client, update_fields=["count"])

    await asyncio.gather(*(process.run(add_one) for process in processes for _ in range(50)))

    assert await count_of(processes[0], "box") == 100
    for process in processes:
        await process.close()


@pytest.mark.fault("F40")
async def test_rivals_that_lock_in_opposite_order_both_get_through(sample: Database) -> None:
    await add_boxes(sample, "left", "right")
    attempts: list[str] = []

    async def lock(connection: Connection, first: str, second: str) -> None:
        attempts.append(first)
        statement = "UPDATE sample_boxes SET count = count + 1 WHERE id = $1"
        await connection.execute(statement, first)
        await asyncio.sleep(0.05)
        await connection.execute(statement, second)

    await asyncio.gather(
        sample.run(lambda connection: lock(connection, "left", "right")),
        sample.run(lambda connection: lock(connection, "right", "left")),
    )

    assert await count_of(sample, "left") == 2
    assert await count_of(sample, "right") == 2
    # PostgreSQL finds a deadlock and one of them starts again; SQLite lets one begin after the other.
    assert len(attempts) == (3 if sample.dialect is Dialect.POSTGRES else 2)


@pytest.mark.fault("F40")
async def test_run_gives_up_after_five_attempts(sample: Database) -> None:
    attempts = 0

    async def busy(connection: Connection) -> None:
        nonlocal attempts
        attempts += 1
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    with pytest.raises(sqlite3.OperationalError):
        await sample.run(busy)

    assert attempts == 5


async def test_run_does_not_repeat_what_is_wrong_for_good(sample: Database) -> None:
    attempts = 0

    async def wrong(connection: Connection) -> None:
        nonlocal attempts
        attempts += 1
        await insert_label(connection, "1", box="nowhere", state="LIVE")

    with pytest.raises(IntegrityError):
        await sample.run(wrong)

    assert attempts == 1


async def test_a_transaction_inside_another_is_refused_at_once(sample: Database) -> None:
    async with sample.transaction():
        with pytest.raises(TransactionMisused, match="pass its connection on"):
            await names_of_boxes(sample)
        with pytest.raises(TransactionMisused, match="pass its connection on"):
            await change(sample, "UPDATE sample_boxes SET count = 0")

    assert await names_of_boxes(sample) == []


async def test_a_task_spawned_inside_a_transaction_does_not_inherit_it(sample: Database) -> None:
    async def write_without_a_connection() -> None:
        await Box.create(id="spawned", created_at=NOON)

    async with sample.transaction():
        task = asyncio.create_task(write_without_a_connection())
        with pytest.raises(TransactionMisused, match="using_db"):
            await task

    assert await names_of_boxes(sample) == []


async def test_a_connection_is_dead_after_its_transaction(sample: Database) -> None:
    """A spawned task that outlives the block must not write into somebody else's transaction."""
    async with sample.transaction() as connection:
        await insert_box(connection, "box")

    async with sample.transaction() as other:
        with pytest.raises(TransactionMisused, match="has ended"):
            await insert_box(connection, "late")
        with pytest.raises(TransactionMisused, match="has ended"):
            await Box.create(id="late", created_at=NOON, using_db=connection.model_client)
        await insert_box(other, "other")

    assert await names_of_boxes(sample) == ["box", "other"]


async def test_a_statement_still_under_way_in_another_task_is_part_of_the_transaction(sample: Database) -> None:
    async with sample.transaction() as connection:
        task = asyncio.create_task(insert_box(connection, "spawned"))
        await asyncio.sleep(0)
    await task

    assert await names_of_boxes(sample) == ["spawned"]


async def test_reads_do_not_wait_for_a_writer(sample: Database) -> None:
    await add_boxes(sample, "before")

    async with sample.transaction() as connection:
        await insert_box(connection, "unfinished")
        async with asyncio.timeout(1):
            seen = await names_of_boxes_elsewhere(sample)

    assert seen == ["before"]


async def test_a_read_after_a_commit_sees_it(sample: Database) -> None:
    for number in range(20):
        name = f"box{number:02}"
        await add_boxes(sample, name)
        assert (await names_of_boxes(sample))[-1] == name


async def test_models_work_on_a_transaction_and_on_a_reader(sample: Database) -> None:
    async with sample.transaction() as connection:
        client = connection.model_client
        box = await Box.create(id="box", tags={"a": [1]}, created_at=NOON, using_db=client)
        await Label.bulk_create(
            [Label(id=str(number), box_id=box.id, state="OLD") for number in range(3)], using_db=client
        )
        await Label.filter(id="0").using_db(client).update(state="LIVE")

    async with sample.reader() as connection:
        labels = await Label.filter(box_id="box").order_by("id").using_db(connection.model_client)
        kept = await Box.get(id="box", using_db=connection.model_client)

    assert [label.state for label in labels] == ["LIVE", "OLD", "OLD"]
    assert (kept.tags, kept.created_at, kept.sealed) == ({"a": [1]}, NOON, False)


async def test_execute_counts_rows(sample: Database) -> None:
    await add_boxes(sample, "a", "b", "c")

    assert await change(sample, "UPDATE sample_boxes SET count = 1 WHERE id <> $1", "c") == 2
    assert await change(sample, "DELETE FROM sample_boxes WHERE id = $1", "nowhere") == 0
    copied = "INSERT INTO sample_labels (id, box_id, state) SELECT id, id, 'LIVE' FROM sample_boxes"
    assert await change(sample, copied) == 3


async def test_returning_rows_come_back(sample: Database) -> None:
    await add_boxes(sample, "a", "b")

    async with sample.transaction() as connection:
        rows = await connection.fetch_all("UPDATE sample_boxes SET count = count + 2 RETURNING id, count")

    assert sorted((row["id"], row["count"]) for row in rows) == [("a", 2), ("b", 2)]
    assert await count_of(sample, "a") == 2


async def test_the_databases_clock_advances(sample: Database) -> None:
    async with sample.transaction() as connection:
        first = await database_now(connection)
        await asyncio.sleep(0.01)
        second = await database_now(connection)

    assert first.utcoffset() is not None
    assert first < second


class TestTheOutcomeOfACommit:
    """Certain or unknown, told apart by real errors where they can be had."""

    async def test_a_constraint_that_is_checked_at_commit_is_a_certain_failure(self, sample: Database) -> None:
        if sample.dialect is Dialect.POSTGRES:
            await change(
                sample,
                "ALTER TABLE sample_labels ADD CONSTRAINT late FOREIGN KEY (state) REFERENCES sample_boxes (id) "
                "DEFERRABLE INITIALLY DEFERRED",
            )
        await add_boxes(sample, "box")

        async def violate(connection: Connection) -> None:
            if connection.dialect is Dialect.SQLITE:
                await connection.execute("PRAGMA defer_foreign_keys = ON")
                await insert_label(connection, "1", box="nowhere", state="LIVE")
            else:
                await insert_label(connection, "1", box="box", state="LIVE")

        with pytest.raises(IntegrityError):
            await sample.run(violate)

        assert await change(sample, "DELETE FROM sample_labels") == 0
        assert sample.idle

    @pytest.mark.fault("F44")
    async def test_an_error_that_was_swallowed_is_not_taken_for_a_commit(
        self, new_database_url: NewDatabaseUrl
    ) -> None:
        """PostgreSQL answers such a COMMIT with success and a rollback."""
        database = await Database.open(new_database_url(Dialect.POSTGRES, app=SAMPLE), app=SAMPLE)

        async def swallow() -> None:
            async with database.transaction() as connection:
                await insert_box(connection, "box")
                with pytest.raises(IntegrityError):
                    await insert_box(connection, "box")

        with pytest.raises(TransactionAborted):
            await swallow()

        assert await names_of_boxes(database) == []
        await database.close()

    @pytest.mark.fault("F38")
    async def test_a_connection_that_breaks_during_commit_leaves_the_outcome_unknown(
        self, new_database_url: NewDatabaseUrl
    ) -> None:
        url = new_database_url(Dialect.POSTGRES, app=SAMPLE)
        database = await Database.open(url, app=SAMPLE)
        # A trigger that runs at COMMIT and takes its time.
        await change(
            database,
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$",
        )
        await change(
            database,
            "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON sample_boxes "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
        )
        attempts = 0

        async def count_and_insert(connection: Connection) -> None:
            nonlocal attempts
            attempts += 1
            await insert_box(connection, "box")

        commit = asyncio.create_task(database.run(count_and_insert))
        await kill_the_session_that_commits(url)

        with pytest.raises(CommitUnknown):
            await commit
        assert attempts == 1
        assert await names_of_boxes(database) == []
        await database.close()

    @pytest.mark.parametrize(
        ("code", "certain"),
        [
            (sqlite3.SQLITE_BUSY, True),
            (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
            (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, True),
            (sqlite3.SQLITE_IOERR_FSYNC, False),
            (sqlite3.SQLITE_FULL, False),
        ],
    )
    def test_sqlite_codes(self, code: int, *, certain: bool) -> None:
        error = sqlite3.OperationalError("made up")
        error.sqlite_errorcode = code

        assert commit_certainly_failed(error) is certain

    @pytest.mark.parametrize(
        ("error", "certain", "transient"),
        [
            (asyncpg.SerializationError, True, True),
            (asyncpg.DeadlockDetectedError, True, True),
            (asyncpg.ForeignKeyViolationError, True, False),
            (asyncpg.StatementCompletionUnknownError, False, False),
            (asyncpg.AdminShutdownError, False, True),
            (asyncpg.ConnectionDoesNotExistError, False, True),
            (asyncpg.InternalClientError, False, False),
            (asyncpg.DiskFullError, False, False),
            (ConnectionResetError, False, True),
            (TimeoutError, False, False),
        ],
    )
    def test_postgresql_errors(self, error: type[Exception], *, certain: bool, transient: bool) -> None:
        assert commit_certainly_failed(error("made up")) is certain
        assert is_transient(error("made up")) is transient

    def test_an_unknown_commit_is_never_transient(self) -> None:
        error = CommitUnknown("made up")
        error.__cause__ = asyncpg.ConnectionDoesNotExistError("made up")

        assert not is_transient(error)


@pytest.mark.fault("F38")
async def test_sessions_that_the_server_has_ended_cost_no_transaction(new_database_url: NewDatabaseUrl) -> None:
    """Every connection of the pool is dead then, and the first statement finds out."""
    url = new_database_url(Dialect.POSTGRES, app=SAMPLE)
    database = await Database.open(url, app=SAMPLE)
    await asyncio.gather(*(add_boxes(database, f"box{number}") for number in range(5)))
    await kill_other_sessions(url)

    await asyncio.gather(*(add_boxes(database, f"later{number}") for number in range(5)))

    assert len(await names_of_boxes(database)) == 10
    await database.close()


@pytest.mark.fault("F38")
async def test_last_words_of_a_server_cost_no_transaction(new_database_url: NewDatabaseUrl) -> None:
    """Its error is there and the end of the stream is not: such a connection looks well and takes no statement."""
    url = new_database_url(Dialect.POSTGRES, app=SAMPLE)
    async with wire_that_hides_a_hang_up(url) as (wire_url, server_hung_up):
        database = await Database.open(f"{wire_url}?pool_size=1", app=SAMPLE)
        await add_boxes(database, "before")
        await kill_other_sessions(url)
        await server_hung_up.wait()

        await add_boxes(database, "later")

        assert await names_of_boxes(database) == ["before", "later"]
        await database.close()


@asynccontextmanager
async def wire_that_hides_a_hang_up(url: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """The URL of a wire to the server that passes everything on but the first end of a stream, and tells of that."""
    server = urlsplit(url)
    server_hung_up = asyncio.Event()
    ends: list[asyncio.StreamWriter] = []

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while received := await source.read(65_536):
            sink.write(received)

    async def connect(from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(server.hostname, server.port)
        ends.extend((to_client, to_server))
        upwards = asyncio.create_task(pass_on(from_client, to_server))
        await pass_on(from_server, to_client)
        if server_hung_up.is_set():
            to_client.close()
        server_hung_up.set()
        await upwards

    wire = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = wire.sockets[0].getsockname()[1]
    try:
        yield urlunsplit(server._replace(netloc=f"{server.username}@127.0.0.1:{port}")), server_hung_up
    finally:
        wire.close()
        for end in ends:
            end.close()


async def kill_other_sessions(url: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await admin.close()


async def names_of_boxes_elsewhere(database: Database) -> list[str]:
    """Read by another task, as another request would."""
    return await asyncio.create_task(names_of_boxes(database))


async def kill_the_session_that_commits(url: str) -> None:
    admin = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(5):
            killed = False
            while not killed:
                killed = await admin.fetchval(
                    "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query = 'COMMIT' AND wait_event = 'PgSleep'"
                )
    finally:
        await admin.close()
