from domain.decisions import Decision
from persistence import models
from persistence.mapping import decision_to_row
from persistence.session import Session


class Decisions:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, decision: Decision) -> None:
        await self._session.insert(models.Decision, decision_to_row(decision))
