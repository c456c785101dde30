"""Tortoise knows the models; it opens no connection.

Tortoise finds its connections through a context variable. Ours are passed by hand, and what Tortoise finds
instead is `Unconnected`, which knows the dialect and refuses to work: a query that forgot
`.using_db(connection)` fails at once instead of running outside its transaction.

A model's prepared queries belong to one dialect, so one process speaks to one kind of database at a time.
"""

from dataclasses import dataclass
from typing import Any, Final

from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.context import TortoiseContext

from persistence.failures import TransactionMisused
from persistence.sql import Dialect


@dataclass(frozen=True, slots=True)
class App:
    """Models and the migrations that build their tables, as importable names."""

    label: str
    models: str
    migrations: str

    def config(self, dialect: Dialect) -> dict[str, dict[str, Any]]:
        """Tortoise's description of it. A connection is named after its dialect, because Tortoise caches
        prepared statements by the connection's name, process-wide.
        """
        return {
            self.label: {
                "models": [self.models],
                "default_connection": dialect.value,
                "migrations": self.migrations,
            }
        }


PAYDESK: Final = App(label="paydesk", models="persistence.models", migrations="persistence.migrations")


class _Registration:
    """What Tortoise was last told, process-wide as Tortoise's own state is."""

    context: TortoiseContext | None = None
    dialect: Dialect | None = None
    app: App | None = None
    open_databases: int = 0


async def register_models(dialect: Dialect, app: App) -> None:
    if (dialect, app) != (_Registration.dialect, _Registration.app):
        if _Registration.open_databases:
            raise TransactionMisused(
                f"a {_Registration.dialect} database is open; Tortoise's models speak one dialect at a time"
            )
        await _tell_tortoise(dialect, app)
    _Registration.open_databases += 1


def unregister_models() -> None:
    _Registration.open_databases -= 1


async def _tell_tortoise(dialect: Dialect, app: App) -> None:
    if _Registration.context is not None:
        await _Registration.context.close_connections()
    context = TortoiseContext()
    # `init` looks for the context that it is initialising.
    with context:
        await context.init(
            config={
                "connections": {
                    dialect.value: {"engine": __name__, "credentials": {"dialect": dialect.value}},
                },
                "apps": app.config(dialect),
            },
            use_tz=True,
            timezone="UTC",
            # Requests and jobs run in contexts of their own and find the models through the fallback.
            _enable_global_fallback=True,
        )
    _Registration.context, _Registration.dialect, _Registration.app = context, dialect, app


class _Unconnected(BaseDBAsyncClient):
    def __init__(self, connection_name: str, **options: Any) -> None:
        BaseDBAsyncClient.__init__(self, connection_name)

    def acquire_connection(self) -> Any:
        raise TransactionMisused("name the connection: .using_db(connection.model_client)")

    def _in_transaction(self) -> Any:
        raise TransactionMisused("open transactions with Database.transaction()")

    async def close(self) -> None:
        return None


class _UnconnectedSqlite(_Unconnected, SqliteClient):
    pass


class _UnconnectedPostgres(_Unconnected, AsyncpgDBClient):
    pass


_UNCONNECTED: Final = {Dialect.SQLITE: _UnconnectedSqlite, Dialect.POSTGRES: _UnconnectedPostgres}


def get_client_class(description: dict[str, Any]) -> type[BaseDBAsyncClient]:
    """Tortoise asks the module that a connection's `engine` names; this one is named in `_tell_tortoise`."""
    return _UNCONNECTED[Dialect(description["credentials"]["dialect"])]
