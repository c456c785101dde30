"""What Tortoise's schema editors leave out, and operations for migrations that differ by database."""

from collections.abc import Mapping
from typing import Any, Final

from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor, BaseSchemaEditor, SqliteSchemaEditor
from tortoise.migrations.schema_generator.state import State

from persistence.connections import Connection
from persistence.sql import Dialect


def editor_for(connection: Connection) -> BaseSchemaEditor:
    return _EDITORS[connection.dialect](connection.model_client, atomic=True)


class _WithConstraints(BaseSchemaEditor):
    """`Meta.constraints` of a new table: CHECKs inside its CREATE TABLE, uniques right after it."""

    _checks: tuple[CheckConstraint, ...] = ()

    async def create_model(self, model: Any) -> None:
        constraints = model._meta.constraints or ()
        self._checks = tuple(each for each in constraints if isinstance(each, CheckConstraint))
        try:
            await super().create_model(model)
        finally:
            self._checks = ()
        for constraint in constraints:
            if isinstance(constraint, UniqueConstraint):
                await self.add_constraint(model, constraint)

    def _get_inner_statements(self) -> list[str]:
        checks = [f'CONSTRAINT "{check.name}" CHECK ({check.check})' for check in self._checks]
        return [*super()._get_inner_statements(), *checks]

    async def _run_sql(self, sql: str) -> None:
        # Tortoise's SQLite editor splits at each semicolon, also inside a trigger; ours is split by the
        # connection.
        await self.client.execute_script(sql)


class _PostgresEditor(_WithConstraints, AsyncpgSchemaEditor):
    pass


class _SqliteEditor(_WithConstraints, SqliteSchemaEditor):
    async def add_constraint(self, model: Any, constraint: Any) -> None:
        if not isinstance(constraint, UniqueConstraint) or not constraint.condition:
            await super().add_constraint(model, constraint)
            return
        columns = self._resolve_fields_to_columns(model, constraint.fields)
        name = self._constraint_name_for_model(
            model,
            UniqueConstraint(fields=tuple(columns), name=constraint.name, condition=constraint.condition),
        )
        await self._run_sql(
            f'CREATE UNIQUE INDEX "{name}" ON "{model._meta.db_table}" '
            f"({', '.join(self.quote(column) for column in columns)}) WHERE {constraint.condition};"
        )

    async def remove_constraint(self, model: Any, constraint: Any) -> None:
        if isinstance(constraint, CheckConstraint):
            # Tortoise rebuilds the table from its state before the removal, and the CHECK would be back.
            model._meta.constraints = tuple(
                each for each in model._meta.constraints if getattr(each, "name", None) != constraint.name
            )
        await super().remove_constraint(model, constraint)

    async def _remake_table(self, model: Any, *arguments: Any, **options: Any) -> None:
        """SQLite changes most things by copying the table, and the old one takes its indexes and triggers
        along.
        """
        rows = await self.client.execute_query_dict(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            [model._meta.db_table],
        )
        await super()._remake_table(model, *arguments, **options)
        for row in rows:
            await self.client.execute_script(row["sql"] + ";")


_EDITORS: Final[Mapping[Dialect, type[BaseSchemaEditor]]] = {
    Dialect.SQLITE: _SqliteEditor,
    Dialect.POSTGRES: _PostgresEditor,
}


class PerDialect(RunSQL):
    """SQL that the two databases spell differently."""

    def __init__(self, *, sqlite: str, postgres: str) -> None:
        super().__init__(sql=RunSQL.noop)
        self._spelling: Final = {Dialect.SQLITE: sqlite, Dialect.POSTGRES: postgres}

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor is not None:
            await state_editor._run_sql(self._spelling[Dialect(state_editor.DIALECT)])


class InsertOnly(PerDialect):
    """A table whose rows are written once: UPDATE and DELETE are refused by the database itself."""

    def __init__(self, table: str) -> None:
        super().__init__(
            sqlite="".join(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END;\n"
                for verb in ("UPDATE", "DELETE")
            ),
            # TRUNCATE passes by row triggers, and needs one for the statement.
            postgres=(
                f"CREATE FUNCTION {table}_insert_only() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{table} is insert-only' "
                f"USING ERRCODE = 'restrict_violation'; END $$;\n"
                f"CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {table}_insert_only();\n"
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_insert_only();\n"
            ),
        )
