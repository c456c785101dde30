from domain.disputes import Dispute
from persistence import models
from persistence.columns import optional
from persistence.mapping import dispute_from_row, dispute_to_row
from persistence.session import Session


class Disputes:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, dispute_id: str) -> Dispute | None:
        return optional(dispute_from_row, await self._session.row(models.Dispute, "id = $1", dispute_id))

    async def get_for_update(self, dispute_id: str) -> Dispute | None:
        return optional(dispute_from_row, await self._session.locked_row(models.Dispute, "id = $1", dispute_id))

    async def find_by_ref(self, account: str, dispute_ref: str) -> Dispute | None:
        row = await self._session.row(models.Dispute, "account = $1 AND dispute_ref = $2", account, dispute_ref)
        return optional(dispute_from_row, row)

    async def insert(self, dispute: Dispute) -> None:
        await self._session.insert(models.Dispute, dispute_to_row(dispute))

    async def save(self, dispute: Dispute) -> None:
        await self._session.update(models.Dispute, dispute_to_row(dispute))
