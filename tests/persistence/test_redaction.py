"""Errors of the database say what happened where, and never what stood in the row."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import asyncpg  # type: ignore[import-untyped]
import pytest
from tortoise.exceptions import IntegrityError, OperationalError, ValidationError

from adapters.worker import Worker
from domain.ids import IdPrefix, new_id
from domain.jobs import Again, Job, JobKind
from domain.store import UniqueTaken
from persistence.connections import Connection
from persistence.database import Database
from persistence.failures import TransactionMisused, causes
from persistence.jobs import TortoiseJobQueue
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.contracts.records import a_customer, a_product, a_refund, a_stored_charge, usd

SECRET = "tok_ada@example.org"


@pytest.fixture
def store(database: Database) -> TortoiseStore:
    return TortoiseStore(database)


def shown(error: BaseException) -> str:
    """All that a log, a debugger's summary or a table of jobs would have of it."""
    each = "\n".join(f"{cause!s} {cause!r} {cause.args!r}" for cause in causes(error))
    return "".join(traceback.format_exception(error)) + each


async def write_a_refund_of_nothing(store: TortoiseStore) -> None:
    """No refund has an amount of zero: the database refuses the row."""
    charge = await a_stored_charge(store)
    async with store.transaction() as tx:
        await tx.refunds.insert(replace(a_refund(charge), amount=usd(0), note=SECRET, provider_message=SECRET))


async def test_a_violated_check_names_itself_and_not_the_row(store: TortoiseStore) -> None:
    with pytest.raises(IntegrityError, match="refunds_amount_positive") as refused:
        await write_a_refund_of_nothing(store)

    assert SECRET not in shown(refused.value)


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_the_driver_would_have_shown_it(database: Database, store: TortoiseStore) -> None:
    """Asked on a connection without our translation, so that the test above cannot pass for nothing."""
    charge = await a_stored_charge(store)
    async with store.transaction() as tx:
        await tx.refunds.insert(replace(a_refund(charge), note=SECRET))
    async with database.reader() as connection:
        raw = connection.model_client.raw  # type: ignore[attr-defined]
        with pytest.raises(asyncpg.CheckViolationError) as bare:
            await raw.execute("UPDATE refunds SET amount = 0")

    assert SECRET in str(bare.value)


async def test_what_happened_can_still_be_told(store: TortoiseStore, database: Database) -> None:
    with pytest.raises(IntegrityError) as refused:
        await write_a_refund_of_nothing(store)
    if database.dialect is Dialect.POSTGRES:
        (said,) = (each for each in causes(refused.value) if isinstance(each, asyncpg.CheckViolationError))
        assert (said.sqlstate, said.constraint_name, said.table_name) == ("23514", "refunds_amount_positive", "refunds")


async def test_a_failed_job_keeps_no_data_and_logs_none(
    store: TortoiseStore, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(_job: Job) -> Again | None:
        await write_a_refund_of_nothing(store)
        return None

    async with store.transaction() as tx:
        await tx.jobs.schedule(JobKind.RESOLVE_OPERATION, "op_1", after_seconds=0)
    with caplog.at_level(logging.INFO):
        await Worker(TortoiseJobQueue(database), run, longest_job_seconds=30).run_due()

    async with database.reader() as connection:
        row = await connection.fetch_one("SELECT last_error FROM jobs")
    assert row is not None
    assert "refunds_amount_positive" in row["last_error"]
    assert SECRET not in row["last_error"]
    assert "refunds_amount_positive" in caplog.text
    assert SECRET not in caplog.text


async def test_a_value_that_is_taken_is_not_repeated(store: TortoiseStore) -> None:
    customer = replace(a_customer(), external_id=SECRET)
    async with store.transaction() as tx:
        await tx.customers.insert(customer)

    with pytest.raises(UniqueTaken) as taken:
        async with store.transaction() as tx:
            await tx.customers.insert(replace(customer, id=new_id(IdPrefix.CUSTOMER)))

    assert taken.value.constraint == "customers_external_id"
    assert SECRET not in shown(taken.value)


async def test_a_text_that_is_too_long_is_not_repeated(store: TortoiseStore) -> None:
    with pytest.raises(ValidationError, match="name: the value does not fit") as refused:
        async with store.transaction() as tx:
            await tx.products.insert(replace(a_product(), name=SECRET * 100))

    assert SECRET not in shown(refused.value)


async def test_nor_by_what_comes_after_it(store: TortoiseStore) -> None:
    async def go_on_after_a_failure() -> None:
        async with store.transaction() as tx:
            with suppress(ValidationError):
                await tx.products.insert(replace(a_product(), name=SECRET * 100))
            await tx.products.get("prod_1")

    with pytest.raises(TransactionMisused) as misused:
        await go_on_after_a_failure()

    assert isinstance(misused.value.__cause__, ValidationError)
    assert SECRET not in shown(misused.value)


def _by_statement(statement: str, *parameters: object) -> Callable[[Connection], Awaitable[object]]:
    async def work(connection: Connection) -> object:
        return await connection.fetch_all(statement, *parameters)

    return work


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
@pytest.mark.parametrize(
    ("work", "state"),
    [
        (_by_statement("SELECT CAST($1::text AS bigint)", SECRET), "22P02"),
        (_by_statement("SELECT CAST($1::text AS jsonb)", f'{{"a": {SECRET}'), "22P02"),
        (_by_statement("SELECT CAST($1::text AS timestamptz)", SECRET), "22007"),
        # Refused by the driver, before anything is sent.
        (_by_statement("SELECT $1::bigint", SECRET), "22000"),
        (_by_statement("SELECT $1::text", f"{SECRET}\ud800"), "22000"),
    ],
)
async def test_a_value_of_the_wrong_shape_is_not_repeated(
    database: Database, work: Callable[[Connection], Awaitable[object]], state: str
) -> None:
    with pytest.raises(OperationalError, match=state) as refused:
        async with database.transaction() as connection:
            await work(connection)

    assert SECRET not in shown(refused.value)


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_nor_is_one_that_only_the_commit_refuses(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE late (name text, UNIQUE (name) DEFERRABLE INITIALLY DEFERRED)")

    async def insert_twice(connection: Connection) -> None:
        for _ in range(2):
            await connection.execute("INSERT INTO late VALUES ($1)", SECRET)

    with pytest.raises(IntegrityError, match="late_name_key") as refused:
        await database.run(insert_twice)

    assert SECRET not in shown(refused.value)
