# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from domain.charges import Charge
from domain.reconciliation import Reconciliation
from domain.refunds import Refund
from persistence import models
from persistence.columns import optional
from persistence.mapping import charge_from_row, refund_from_row
from persistence.records import reconciliation_from_row, reconciliation_to_row
from persistence.session import Session

_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing of ours is older."""
_COLUMNS: Final = tuple(models.Reconciliation._meta.fields_db_projection.values())
_SAVE: Final = (
    f"INSERT INTO reconciliations ({', '.join(_COLUMNS)})"
    f" VALUES ({', '.join(f'${number}' for number, _ in enumerate(_COLUMNS, 1))})"
    f" ON CONFLICT (account) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)


def _unseen(table: str, states: str) -> str:
    """Of account $1, behind id $2, changed before $3 and from $4 on; $5 of them.

    What was made long ago may be booked only now: captured at last, or settled by hand.
    """
    return (
        f"account = $1 AND id > $2 AND updated_at < $3 AND updated_at >= $4 AND {states}"
        " AND NOT EXISTS (SELECT 1 FROM reconciliation_sightings AS seen"
        f" WHERE seen.account = {table}.account AND seen.subject_id = {table}.id)"
        " ORDER BY id LIMIT $5"
    )


_UNSEEN_CHARGES: Final = _unseen("charges", "state IN ('SUCCEEDED', 'AUTHORIZED')")
_UNSEEN_REFUNDS: Final = _unseen("refunds", "state = 'SUCCEEDED'")


# One step of the index for each of the few accounts, however many charges there are.
_ACCOUNTS: Final = (
    "WITH RECURSIVE accounts(name) AS (SELECT MIN(account) FROM charges UNION ALL"
    " SELECT (SELECT MIN(account) FROM charges WHERE account > accounts.name) FROM accounts"
    " WHERE accounts.name IS NOT NULL)"
    " SELECT name FROM accounts WHERE name IS NOT NULL"
)


class Reconciliations:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, account: str) -> Reconciliation | None:
        row = await self._session.row(models.Reconciliation, "account = $1", account)
        return optional(reconciliation_from_row, row)

    async def get_for_update(self, account: str) -> Reconciliation | None:
        row = await self._session.locked_row(models.Reconciliation, "account = $1", account)
        return optional(reconciliation_from_row, row)

    async def save(self, reconciliation: Reconciliation) -> None:
        values = reconciliation_to_row(reconciliation)
        await self._session.execute(_SAVE, *(values[name] for name in _COLUMNS))

    async def saw(self, account: str, ids: Sequence[str]) -> None:
        for subject_id in dict.fromkeys(ids):
            await self._session.insert_if_new(
                models.ReconciliationSighting,
                {"account": account, "subject_id": subject_id},
                unique=("account", "subject_id"),
            )

    async def forget_seen(self, account: str) -> None:
        await self._session.execute("DELETE FROM reconciliation_sightings WHERE account = $1", account)

    async def first_charge_at(self, account: str) -> datetime | None:
        row = await self._session.row(models.Charge, "account = $1 ORDER BY id LIMIT 1", account)
        return charge_from_row(row).created_at if row else None

    async def accounts_with_charges(self) -> Sequence[str]:
        return [row["name"] for row in await self._session.found(_ACCOUNTS)]

    async def unseen_charges(
        self, account: str, *, since: datetime | None, before: datetime, after_id: str, limit: int
    ) -> Sequence[Charge]:
        rows = await self._unseen(models.Charge, _UNSEEN_CHARGES, account, since, before, after_id, limit)
        return [charge_from_row(row) for row in rows]

    async def unseen_refunds(
        self, account: str, *, since: datetime | None, before: datetime, after_id: str, limit: int
    ) -> Sequence[Refund]:
        rows = await self._unseen(models.Refund, _UNSEEN_REFUNDS, account, since, before, after_id, limit)
        return [refund_from_row(row) for row in rows]

    async def _unseen(
        self, model: Any, which: str, account: str, since: datetime | None, before: datetime, after_id: str, limit: int
    ) -> Sequence[Any]:
        return await self._session.rows(model, which, account, after_id, before, since or _BEGINNING, limit)
