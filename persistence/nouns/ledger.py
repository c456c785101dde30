from collections.abc import Sequence

from domain.ledger import LedgerEntry
from persistence import models
from persistence.records import ledger_entry_to_row
from persistence.session import Session


class Ledger:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, entries: Sequence[LedgerEntry]) -> None:
        await self._session.insert_all(models.LedgerEntry, [ledger_entry_to_row(entry) for entry in entries])

    async def has(self, cause: str) -> bool:
        return await self._session.any("SELECT 1 FROM ledger_entries WHERE cause = $1", cause)
