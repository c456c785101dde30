from persistence import models
from persistence.session import Session


class Facts:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, name: str) -> str | None:
        row = await self._session.row(models.Fact, "name = $1", name)
        return row["value"] if row else None

    async def put(self, name: str, value: str) -> None:
        await self._session.execute(
            "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )
