from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain.discrepancies import BLOCKS_CHARGING, BLOCKS_REFUNDING, Discrepancy, DiscrepancyKind
from persistence import models
from persistence.columns import optional
from persistence.fields import one_of
from persistence.records import discrepancy_from_row, discrepancy_to_row
from persistence.session import Session

# As `Discrepancy.blocks` has it.
_STANDS: Final = "state <> 'GONE' AND NOT lifted"
_BLOCKS_CHARGING: Final = (
    f"(order_id = $1 OR invoice_id = $1) AND {_STANDS} AND {one_of('kind', sorted(BLOCKS_CHARGING))} LIMIT 1"
)
_BLOCKS_REFUNDING: Final = (
    f"charge_id = $1 AND {_STANDS}"
    f" AND ({one_of('kind', sorted(BLOCKS_REFUNDING))} OR (kind = 'UNREADABLE' AND refund_id IS NOT NULL)) LIMIT 1"
)
_SUBJECT: Final = "account = $1 AND kind = $2 AND subject = $3"
_KNOWN: Final = one_of("kind", sorted(DiscrepancyKind))
"""What only a newer version finds, only a newer version can miss or close."""
_NOT_SEEN_SINCE: Final = (
    f"state = 'OPEN' AND account = $1 AND seen_at < $2 AND id > $3 AND {_KNOWN} ORDER BY id LIMIT $4"
)


class Discrepancies:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, discrepancy_id: str) -> Discrepancy | None:
        return optional(
            discrepancy_from_row, await self._session.row(models.Discrepancy, f"id = $1 AND {_KNOWN}", discrepancy_id)
        )

    async def get_for_update(self, discrepancy_id: str) -> Discrepancy | None:
        row = await self._session.locked_row(models.Discrepancy, f"id = $1 AND {_KNOWN}", discrepancy_id)
        return optional(discrepancy_from_row, row)

    async def find_for_update(self, account: str, kind: DiscrepancyKind, subject: str) -> Discrepancy | None:
        row = await self._session.locked_row(models.Discrepancy, _SUBJECT, account, kind, subject)
        return optional(discrepancy_from_row, row)

    async def insert_if_new(self, discrepancy: Discrepancy) -> bool:
        return await self._session.insert_if_new(
            models.Discrepancy, discrepancy_to_row(discrepancy), unique=("account", "kind", "subject")
        )

    async def save(self, discrepancy: Discrepancy) -> None:
        await self._session.update(models.Discrepancy, discrepancy_to_row(discrepancy))

    async def open_not_seen_since(
        self, account: str, moment: datetime, *, after_id: str, limit: int
    ) -> Sequence[Discrepancy]:
        rows = await self._session.rows(models.Discrepancy, _NOT_SEEN_SINCE, account, moment, after_id, limit)
        return [discrepancy_from_row(row) for row in rows]

    async def blocks_charging(self, payable_id: str) -> bool:
        return await self._session.row(models.Discrepancy, _BLOCKS_CHARGING, payable_id) is not None

    async def blocks_refunding(self, charge_id: str) -> bool:
        return await self._session.row(models.Discrepancy, _BLOCKS_REFUNDING, charge_id) is not None

    async def count_open(self, account: str) -> int:
        return await self._session.count(
            "SELECT COUNT(*) AS number FROM discrepancies WHERE state = 'OPEN' AND account = $1", account
        )
