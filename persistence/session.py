"""What the nouns of one transaction share: its connection, and whether it can still be committed.

An error inside a transaction ends it on PostgreSQL and not on SQLite. Here it ends on both, so that code which works on
one works on the other: after the first failed statement everything is refused, the commit included.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.models import Model

from domain.store import LostUpdate, UniqueTaken
from persistence.columns import Columns, Row
from persistence.connections import Connection
from persistence.failures import TransactionAborted, TransactionMisused
from persistence.redaction import redact
from persistence.sql import Dialect
from persistence.uniques import unique_taken


class Session:
    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._writing = writing
        self._failure: BaseException | None = None
        self.tells_of_events = False
        """Whether events were added, of which others are told after the commit."""

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    def check_whole(self) -> None:
        """Asked before the commit: a failure that somebody caught must not commit the half that went well."""
        if self._failure is not None:
            raise TransactionAborted("a statement of this transaction failed: nothing is committed") from self._failure

    # --- reads ------------------------------------------------------------------------------------------------------

    async def row(self, model: type[Model], condition: str, *parameters: object) -> Row | None:
        """The one row of the model's table that fits."""
        rows = await self.rows(model, condition, *parameters)
        return rows[0] if rows else None

    async def locked_row(self, model: type[Model], condition: str, *parameters: object) -> Row | None:
        """As `row`, and nobody else changes it until the transaction ends.

        `FOR NO KEY UPDATE` keeps out whoever writes or locks the row, as `FOR UPDATE` does, but lets others add rows
        that refer to it. Those take a share lock on the parent, in whatever order the foreign keys are checked, which
        under `FOR UPDATE` would break the order of locks.
        """
        rows = await self.locked_rows(model, condition, *parameters)
        return rows[0] if rows else None

    async def held_row(self, model: type[Model], condition: str, *parameters: object) -> Row | None:
        """As `row`, and nobody changes it until the transaction ends, while others may hold it too.

        A reading holds nothing.
        """
        holds = self._writing and self.dialect is Dialect.POSTGRES
        return await self.row(model, condition + " FOR SHARE" * holds, *parameters)

    async def locked_rows(self, model: type[Model], condition: str, *parameters: object) -> Sequence[Row]:
        """Locked in the order that the condition ends with."""
        self._refuse_reading_only()
        lock = " FOR NO KEY UPDATE" if self.dialect is Dialect.POSTGRES else ""
        return await self.rows(model, condition + lock, *parameters)

    async def rows(self, model: type[Model], condition: str, *parameters: object) -> Sequence[Row]:
        return await self.found(_select(model, condition), *parameters)

    async def found(self, statement: str, *parameters: object) -> Sequence[Row]:
        """The rows of a hand-written question."""
        if not all(map(_is_storable, parameters)):
            return ()
        with self._statement():
            return await self._connection.fetch_all(statement, *parameters)

    async def any(self, statement: str, *parameters: object) -> bool:
        """Whether a hand-written question finds a row."""
        return bool(await self.found(statement, *parameters))

    async def count(self, statement: str, *parameters: object) -> int:
        """The `number` that a hand-written question gives."""
        if not all(map(_is_storable, parameters)):
            return 0
        with self._statement():
            row = await self._connection.fetch_one(statement, *parameters)
        return int(row["number"]) if row else 0

    # --- writes -----------------------------------------------------------------------------------------------------

    async def insert(self, model: type[Model], columns: Columns) -> None:
        self._refuse_reading_only()
        with self._statement():
            await self._connection.execute(_insert(model, tuple(columns)), *_values(model, columns))

    async def insert_all(self, model: type[Model], rows: Sequence[Columns]) -> None:
        self._refuse_reading_only()
        if not rows:
            return
        with self._statement():
            await self._connection.execute_all(
                _insert(model, tuple(rows[0])), [_values(model, columns) for columns in rows]
            )

    async def insert_if_new(self, model: type[Model], columns: Columns, *, unique: tuple[str, ...]) -> bool:
        """False when a row with the same values in the `unique` columns is there; waits for one about to be."""
        self._refuse_reading_only()
        with self._statement():
            statement = _insert_if_new(model, tuple(columns), unique)
            return await self._connection.execute(statement, *columns.values()) == 1

    async def insert_unless_taken(self, model: type[Model], columns: Columns) -> bool:
        """As `insert_if_new`, by whichever unique columns the table has.

        For tables with several: PostgreSQL skips a conflict of the named columns alone, and a rival that inserts the
        very same row at the same moment may be met in the index of the others first, which is an error then.
        """
        self._refuse_reading_only()
        with self._statement():
            statement = _insert_if_new(model, tuple(columns), ())
            return await self._connection.execute(statement, *columns.values()) == 1

    async def update(self, model: type[Model], columns: Columns, **also: Any) -> None:
        """Write all columns of the row with this id, which has to be there; `also` names what else has to fit."""
        self._refuse_reading_only()
        with self._statement():
            statement = _update(model, tuple(columns), tuple(also))
            if await self._connection.execute(statement, *_values(model, columns), *also.values()) != 1:
                raise LostUpdate(f"{model._meta.db_table}: {columns['id']} is gone, or was written by another")

    async def execute(self, statement: str, *parameters: object) -> int:
        """The number of rows that were written."""
        self._refuse_reading_only()
        with self._statement():
            return await self._connection.execute(statement, *parameters)

    # --- the state of the transaction -------------------------------------------------------------------------------

    def _refuse_reading_only(self) -> None:
        if not self._writing:
            raise TransactionMisused("locks and writes want a transaction, not a reading")

    @contextmanager
    def _statement(self) -> Iterator[None]:
        if self._failure is not None:
            raise TransactionMisused("a statement of this transaction failed: leave it") from self._failure
        try:
            yield
        except BaseException as error:
            redact(error)
            self._failure = error
            constraint = unique_taken(error) if isinstance(error, IntegrityError) else None
            if constraint is not None:
                raise UniqueTaken(constraint) from error
            raise


@cache
def _select(model: type[Model], condition: str) -> str:
    # Named one by one: after a migration added a column, a prepared `SELECT *` fails once on each connection.
    columns = ", ".join(f'"{column}"' for column in model._meta.fields_db_projection.values())
    return f"SELECT {columns} FROM {model._meta.db_table} WHERE {condition}"  # noqa: S608 - words of ours


# Tortoise makes the text of an UPDATE anew each time, with some of the values in it, which costs more than to execute
# it; and a text that differs is prepared by the server once more. Its fields still check and convert the values.


@cache
def _insert(model: type[Model], columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({values})"  # noqa: S608 - words of ours


@cache
def _update(model: type[Model], columns: tuple[str, ...], also: tuple[str, ...]) -> str:
    placed = {column: f'"{column}" = ${number}' for number, column in enumerate(columns, start=1)}
    fits = [placed["id"], *(f'"{name}" = ${number}' for number, name in enumerate(also, start=len(columns) + 1))]
    changes = ", ".join(place for column, place in placed.items() if column != "id")
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE {' AND '.join(fits)}"  # noqa: S608 - words of ours


def _values(model: type[Model], columns: Columns) -> list[Any]:
    fields = model._meta.fields_map
    return [fields[column].to_db_value(value, model) for column, value in columns.items()]


@cache
def _insert_if_new(model: type[Model], columns: tuple[str, ...], unique: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    columns_of_it = ", ".join(f'"{column}"' for column in unique)
    target = f" ({columns_of_it})" if unique else ""
    table = model._meta.db_table
    return f"INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT{target} DO NOTHING"  # noqa: S608 - as above


def _is_storable(parameter: object) -> bool:
    """PostgreSQL refuses a text with a NUL or half a surrogate pair, and the transaction with it; no row has one."""
    if not isinstance(parameter, str):
        return True
    if parameter.isascii():
        return "\0" not in parameter
    return "\0" not in parameter and not any("\ud800" <= character <= "\udfff" for character in parameter)
