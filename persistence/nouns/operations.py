from datetime import datetime
from typing import Final

from domain.operations import Operation
from domain.provider import Outcome
from persistence import models
from persistence.columns import optional
from persistence.records import operation_from_row, operation_to_row
from persistence.session import Session

_UNFINISHED_OF_CHARGE: Final = "charge_id = $1 AND finished_at IS NULL AND refund_id IS NULL AND dispute_id IS NULL"
_UNFINISHED_OF_REFUND: Final = "refund_id = $1 AND finished_at IS NULL"
_UNFINISHED_OF_DISPUTE: Final = "dispute_id = $1 AND finished_at IS NULL"
_MAKERS: Final = "charge_id = $1 AND kind IN ('CHARGE', 'CONTINUE') ORDER BY id"
_MADE_NOTHING: Final = (Outcome.REQUIRES_ACTION, Outcome.FAILED, Outcome.NOT_SENT)
# What was looked for before the backup was made proves nothing of what was sent after it.
_ONLY_LOOK: Final = (
    "UPDATE operations SET recovered_at = $1, empty_looks = 0 WHERE finished_at IS NULL AND recovered_at IS NULL"
)


class Operations:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, operation_id: str) -> Operation | None:
        return optional(operation_from_row, await self._session.row(models.Operation, "id = $1", operation_id))

    async def get_for_update(self, operation_id: str) -> Operation | None:
        return optional(operation_from_row, await self._session.locked_row(models.Operation, "id = $1", operation_id))

    async def unfinished_of_charge(self, charge_id: str) -> Operation | None:
        row = await self._session.row(models.Operation, _UNFINISHED_OF_CHARGE, charge_id)
        return optional(operation_from_row, row)

    async def unfinished_of_refund(self, refund_id: str) -> Operation | None:
        row = await self._session.row(models.Operation, _UNFINISHED_OF_REFUND, refund_id)
        return optional(operation_from_row, row)

    async def unfinished_of_dispute(self, dispute_id: str) -> Operation | None:
        row = await self._session.row(models.Operation, _UNFINISHED_OF_DISPUTE, dispute_id)
        return optional(operation_from_row, row)

    async def maker_of_charge(self, charge_id: str) -> Operation | None:
        rows = await self._session.rows(models.Operation, _MAKERS, charge_id)
        makers = [each for each in map(operation_from_row, rows) if each.makes_a_charge]
        made = (each for each in reversed(makers) if each.outcome not in _MADE_NOTHING)
        return next(made, makers[0] if makers else None)

    async def maker_of_refund(self, refund_id: str) -> Operation | None:
        row = await self._session.row(models.Operation, "refund_id = $1 ORDER BY id", refund_id)
        return optional(operation_from_row, row)

    async def only_look_from(self, moment: datetime) -> None:
        await self._session.execute(_ONLY_LOOK, moment)

    async def insert(self, operation: Operation) -> None:
        await self._session.insert(models.Operation, operation_to_row(operation))

    async def save(self, operation: Operation) -> None:
        await self._session.update(models.Operation, operation_to_row(operation))
