from domain.audit import AuditEntry
from persistence import models
from persistence.records import audit_entry_to_row
from persistence.session import Session


class AuditEntries:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, entry: AuditEntry) -> None:
        await self._session.insert(models.AuditEntry, audit_entry_to_row(entry))
        await self._session.insert_all(
            models.AuditSubject,
            [{"entry_id": entry.id, "subject_id": subject_id} for subject_id in entry.subject_ids],
        )
