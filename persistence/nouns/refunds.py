from domain.refunds import Refund
from persistence import models
from persistence.columns import optional
from persistence.mapping import refund_from_row, refund_to_row
from persistence.session import Session


class Refunds:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, refund_id: str) -> Refund | None:
        return optional(refund_from_row, await self._session.row(models.Refund, "id = $1", refund_id))

    async def get_for_update(self, refund_id: str) -> Refund | None:
        return optional(refund_from_row, await self._session.locked_row(models.Refund, "id = $1", refund_id))

    async def find_by_ref(self, account: str, refund_ref: str) -> Refund | None:
        row = await self._session.row(models.Refund, "account = $1 AND refund_ref = $2", account, refund_ref)
        return optional(refund_from_row, row)

    async def insert(self, refund: Refund) -> None:
        await self._session.insert(models.Refund, refund_to_row(refund))

    async def save(self, refund: Refund) -> None:
        await self._session.update(models.Refund, refund_to_row(refund))
