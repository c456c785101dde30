"""Migrations: how the tables come to be and change, the same on both databases.

How to write a migration
========================
1. Change the model. Constraints stand in its `Meta`, where the rule can be read beside the columns:

       class Charge(Model):
           id = fields.CharField(max_length=40, primary_key=True)
           order = fields.ForeignKeyField("paydesk.Order", null=True, on_delete=OnDelete.RESTRICT)
           amount = fields.BigIntField()
           state = fields.CharField(max_length=30)

           class Meta:
               table = "charges"
               constraints = (
                   CheckConstraint(name="charges_amount_positive", check="amount > 0"),
                   UniqueConstraint(name="charges_one_live_an_order", fields=("order_id",),
                                    condition="state IN ('PENDING', 'UNKNOWN')"),
               )

   `check` and `condition` are SQL that both databases read alike: comparisons, IN, AND, OR, IS NULL,
   `length()`. Use `UniqueConstraint`, not `unique_together`: the latter is lost when SQLite has to rebuild
   the table.
2. `await write_migration(app, dialect)` compares the models with what the files in `migrations/` add up to
   and writes the difference into a new file. Read it, and rename it after what it does. `drift(app, dialect)`
   is the same comparison; a test holds that it is empty.
3. Add by hand what models cannot say: `RunSQL` with SQL for both databases, `PerDialect` where they differ,
   `InsertOnly("ledger_entries")` for a table whose rows nobody may change or delete (see `editors`).
4. A file that was released is never edited again.
5. A migration adds: tables, indexes, columns that are null or have a default in the database. The version before
   runs beside it while gateways are replaced one by one, and does not know of it. What that version cannot live with
   (a column that goes or is renamed, a word in a column that it reads and would not know) waits for a version that
   no longer needs it, in a file whose name ends in `_breaking`: older versions refuse to work on such a database.

Tortoise leaves out constraints of a new table, refuses a conditional one on SQLite, and splits scripts at
each semicolon, also inside a trigger. Our editors put that right, so run migrations through `migrate` only.

`migrate` runs everything that is pending in one transaction, under a lock: replicas may start at once, and a
failed migration leaves nothing behind. On PostgreSQL it does not stand in line for long (see `Patience`).
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tortoise.context import require_context
from tortoise.migrations import operations
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.graph import MigrationGraph, MigrationKey
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.migration import Migration
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.migrations.writer import MigrationWriter

from persistence.connections import Connection
from persistence.database import Database
from persistence.editors import editor_for
from persistence.failures import DatabaseUnavailable, is_lock_denied, is_transient
from persistence.orm import App
from persistence.sql import Dialect

# Any number that nothing else in the same database uses as an advisory lock.
_ADVISORY_LOCK: Final = 7_034_521_107

_RECORDS: Final = "tortoise_migrations"
_BREAKING: Final = "_breaking"

_LOOK_AT_WHAT_WILL_BE: Final = (
    operations.CreateModel,
    operations.AddField,
    operations.AddIndex,
    operations.AddConstraint,
    operations.RunSQL,
)
"""Operations that go by the models after them alone, and need no copy of those before."""

logger = logging.getLogger(__name__)


class DatabaseIsNewer(Exception):
    """Migrations were applied that this version of the program does not have and cannot live with."""


class TablesInUse(DatabaseUnavailable):
    """Somebody held a table for as long as the migration had patience. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a migration waits for a table of PostgreSQL.

    A change of a table waits for everybody who has read it in a transaction that is still open, a dump or a report, and
    whoever comes later waits behind the change, payments among them. So it stands in line shortly, leaves it with all
    that it had done, and comes again.
    """

    lock_seconds: float = 2.0
    """For each table. A client waits for its charge several times as long."""
    attempts: int = 20
    pause_seconds: float = 5.0
    """For those who stood behind it."""


_PATIENCE: Final = Patience()


async def migrate(database: Database, patience: Patience = _PATIENCE) -> list[str]:
    """Applies what is pending and returns its names, in order. Safe to call from several processes at
    once.

    Raises `TablesInUse` when the patience is over.
    """
    denied: Exception | None = None
    for attempt in range(1, patience.attempts + 1):
        try:
            return await _migrate(database, patience)
        except Exception as error:
            # A payment and a migration may each hold the table that the other one wants. SQLite has waited already.
            if database.dialect is Dialect.SQLITE or not (is_lock_denied(error) or is_transient(error)):
                raise
            denied = error
        logger.warning("a table is in use; the migration steps aside (%d of %d)", attempt, patience.attempts)
        if attempt < patience.attempts:
            await asyncio.sleep(patience.pause_seconds)
    raise TablesInUse(
        f"the tables are in use: {patience.attempts} times one of them was not free for {patience.lock_seconds:g} s."
        f" Nothing was changed{await _oldest_transaction(database)}"
    ) from denied


async def _migrate(database: Database, patience: Patience) -> list[str]:
    async with database.engine.migrating() as connection:
        if database.dialect is Dialect.POSTGRES:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
            # Only from here on: for another migration one waits as long as it takes.
            await connection.execute(f"SET LOCAL lock_timeout = {round(patience.lock_seconds * 1000)}")
        editor = editor_for(connection)
        recorder = MigrationRecorder(connection.model_client)
        await recorder.ensure_schema(editor)
        applied = await _applied(connection, database.app)
        graph = await _graph(database.app, database.dialect)
        plan = _plan(graph)
        _refuse_a_newer_database(applied, plan)
        if applied.issuperset(key.name for key in plan):
            return []

        state = _empty_state(database)
        done = []
        for key in plan:
            migration = _migration(graph, key)
            if key.name in applied:
                await migration.apply(state, dry_run=True)
                continue
            await _apply(migration, state, editor)
            await recorder.record_applied(key.app_label, key.name)
            done.append(key.name)
    return done


async def _apply(migration: Migration, state: State, editor: BaseSchemaEditor) -> None:
    """As `Migration.apply`, which copies all models before each operation, and spends two seconds of three on that."""
    for operation in migration.operations:
        before = state if isinstance(operation, _LOOK_AT_WHAT_WILL_BE) else state.clone()
        operation.state_forward(migration.app_label, state)
        await operation.database_forward(migration.app_label, before, state, editor)
    state.validate_relations_initialized()


async def pending(database: Database) -> list[str]:
    """The names of the migrations that `migrate` would apply."""
    async with database.reader() as connection:
        applied = await _applied(connection, database.app) if await _has_records(connection) else set()
    plan = _plan(await _graph(database.app, database.dialect))
    _refuse_a_newer_database(applied, plan)
    return [key.name for key in plan if key.name not in applied]


async def drift(app: App, dialect: Dialect) -> list[str]:
    """In what the models differ from the sum of the migrations, a line for each operation; empty is right.

    The models have to be registered, which opening a `Database` does.
    """
    return [
        f"{type(operation).__name__}: {operation.describe()}"
        for writer in await _changes(app, dialect)
        for operation in writer.operations
    ]


async def write_migration(app: App, dialect: Dialect) -> list[Path]:
    """Writes the drift into a new file of the app's migrations."""
    return [Path(writer.write()) for writer in await _changes(app, dialect)]


async def _changes(app: App, dialect: Dialect) -> list[MigrationWriter]:
    apps = require_context().apps
    if apps is None:
        raise LookupError("no models are registered: open a Database first")
    return await MigrationAutodetector(apps, app.config(dialect), now=dt.datetime.now).changes()


async def _has_records(connection: Connection) -> bool:
    question = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1"
        if connection.dialect is Dialect.SQLITE
        else "SELECT to_regclass($1) AS name"
    )
    row = await connection.fetch_one(question, _RECORDS)
    return row is not None and row["name"] is not None


async def _applied(connection: Connection, app: App) -> set[str]:
    rows = await connection.fetch_all(f"SELECT name FROM {_RECORDS} WHERE app = $1", app.label)  # noqa: S608 - ours
    return {row["name"] for row in rows}


async def _graph(app: App, dialect: Dialect) -> MigrationGraph:
    loader = MigrationLoader(app.config(dialect), _NothingRecorded(connection=None))
    await loader.build_graph()
    return loader.graph


def _plan(graph: MigrationGraph) -> list[MigrationKey]:
    plan: dict[MigrationKey, None] = {}
    for leaf in graph.leaf_nodes():
        plan.update(dict.fromkeys(graph.forwards_plan(leaf)))
    return list(plan)


def _migration(graph: MigrationGraph, key: MigrationKey) -> Migration:
    migration = graph.nodes[key]
    if migration is None:
        raise LookupError(f"another migration depends on {key}, which is not there")
    return migration


async def _oldest_transaction(database: Database) -> str:
    """Whom to ask, or to end."""
    async with database.reader() as connection:
        row = await connection.fetch_one(
            "SELECT application_name, pid, xact_start FROM pg_stat_activity WHERE datname = current_database()"
            " AND xact_start IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1"
        )
    if row is None:
        return ""
    return f"; the oldest open transaction is that of {row['application_name'] or 'a client'} (pid {row['pid']})"


def _refuse_a_newer_database(applied: set[str], plan: Sequence[MigrationKey]) -> None:
    """What a newer version has only added is no hindrance: see 5 at the top."""
    unknown = sorted(name for name in applied - {key.name for key in plan} if name.endswith(_BREAKING))
    if unknown:
        raise DatabaseIsNewer(f"the database was migrated by a newer version ({', '.join(unknown)}): upgrade this one")


def _empty_state(database: Database) -> State:
    return State(models={}, apps=StateApps(default_connections={database.app.label: database.dialect.value}))


class _NothingRecorded(MigrationRecorder):
    """The loader asks which migrations were applied; `migrate` asks that itself, under its lock."""

    async def applied_migrations(self) -> list[Any]:
        return []
