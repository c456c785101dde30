from domain.issuers import Issuer
from persistence import models
from persistence.billing import issuer_from_row, issuer_to_row
from persistence.columns import optional
from persistence.session import Session


class Issuers:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, issuer_id: str) -> Issuer | None:
        return optional(issuer_from_row, await self._session.row(models.Issuer, "id = $1", issuer_id))

    async def get_for_update(self, issuer_id: str) -> Issuer | None:
        return optional(issuer_from_row, await self._session.locked_row(models.Issuer, "id = $1", issuer_id))

    async def insert(self, issuer: Issuer) -> None:
        await self._session.insert(models.Issuer, issuer_to_row(issuer))

    async def save(self, issuer: Issuer) -> None:
        await self._session.update(models.Issuer, issuer_to_row(issuer))
