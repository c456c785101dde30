from collections.abc import Sequence
from datetime import datetime

from domain.api_keys import ApiKey
from persistence import models
from persistence.columns import optional
from persistence.records import api_key_from_row, api_key_to_row
from persistence.session import Session


class ApiKeys:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_by_hash(self, secret_hash: str) -> ApiKey | None:
        condition = "secret_hash = $1 OR previous_secret_hash = $1"
        return optional(api_key_from_row, await self._session.row(models.ApiKey, condition, secret_hash))

    async def get(self, key_id: str) -> ApiKey | None:
        return optional(api_key_from_row, await self._session.row(models.ApiKey, "id = $1", key_id))

    async def get_for_update(self, key_id: str) -> ApiKey | None:
        return optional(api_key_from_row, await self._session.locked_row(models.ApiKey, "id = $1", key_id))

    async def all(self) -> Sequence[ApiKey]:
        """Oldest first; revoked ones too."""
        return [api_key_from_row(row) for row in await self._session.rows(models.ApiKey, "1 = 1 ORDER BY id")]

    async def insert(self, key: ApiKey) -> None:
        await self._session.insert(models.ApiKey, api_key_to_row(key))

    async def save(self, key: ApiKey) -> None:
        await self._session.update(models.ApiKey, api_key_to_row(key))

    async def mark_used(self, key_id: str, secret_hash: str, *, now: datetime) -> None:
        await self._session.execute("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", key_id, now)
        await self._session.execute(
            "UPDATE api_keys SET secret_used_at = $3 WHERE id = $1 AND secret_hash = $2 AND secret_used_at IS NULL",
            key_id,
            secret_hash,
            now,
        )
