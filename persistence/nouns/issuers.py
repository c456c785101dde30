from typing import Final

from domain.issuers import Issuer, Series
from persistence import models
from persistence.billing import issuer_from_row, issuer_to_row
from persistence.columns import optional
from persistence.session import Session

_DIGITS: Final = "CASE WHEN sequence < 1000000 THEN 6 ELSE length(CAST(sequence AS TEXT)) END"
_NUMBERED: Final = f"issuer_id = $1 AND substr(number, 1, $3) = $2 AND length(number) = $3 + {_DIGITS}"


class Issuers:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, issuer_id: str) -> Issuer | None:
        return optional(issuer_from_row, await self._session.row(models.Issuer, "id = $1", issuer_id))

    async def get_for_update(self, issuer_id: str) -> Issuer | None:
        return optional(issuer_from_row, await self._session.locked_row(models.Issuer, "id = $1", issuer_id))

    async def has_numbered(self, issuer_id: str, prefix: str, series: Series) -> bool:
        # A number is its prefix and six digits, or more where there are so many: none of it ends in a digit before.
        model = models.Invoice if series is Series.INVOICES else models.CreditNote
        found = await self._session.rows(model, f"{_NUMBERED} LIMIT 1", issuer_id, prefix, len(prefix))
        return bool(found)

    async def insert(self, issuer: Issuer) -> None:
        await self._session.insert(models.Issuer, issuer_to_row(issuer))

    async def save(self, issuer: Issuer) -> None:
        await self._session.update(models.Issuer, issuer_to_row(issuer))
