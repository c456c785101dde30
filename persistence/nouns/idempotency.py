"""Client keys. The unique constraint decides who was first; nothing is looked up before it is claimed."""

from datetime import datetime
from typing import Final

from domain.idempotency import IdempotencyKey, KeyedRequest
from persistence import models
from persistence.columns import optional
from persistence.records import idempotency_key_from_row, idempotency_key_to_row
from persistence.session import Session

_KEY: Final = '"principal" = $1 AND "mutation" = $2 AND "key" = $3'

# The key that stood in the way may have been released by the time it is read. Twice in a row is a coincidence.
_ROUNDS: Final = 10


# The key of a request whose outcome is still unknown is all that keeps a late retry from moving the money again.
_DELETE_OLD: Final = (
    "DELETE FROM idempotency_keys WHERE created_at < $1 AND NOT EXISTS ("
    "SELECT 1 FROM operations WHERE operations.finished_at IS NULL"
    " AND idempotency_keys.object_id IN (operations.id, operations.charge_id, operations.refund_id))"
)


class Keys:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def claim(self, request: KeyedRequest, object_id: str, *, now: datetime) -> IdempotencyKey | None:
        claim = idempotency_key_to_row(request, object_id, now)
        for _ in range(_ROUNDS):
            if await self._session.insert_if_new(models.IdempotencyKey, claim, unique=("principal", "mutation", "key")):
                return None
            taken = await self.find(request)
            if taken is not None:
                return taken
        raise AssertionError("a key was taken and released ten times while it was claimed")

    async def find(self, request: KeyedRequest) -> IdempotencyKey | None:
        row = await self._session.row(models.IdempotencyKey, _KEY, request.principal, request.mutation, request.digest)
        return optional(idempotency_key_from_row, row)

    async def release(self, object_id: str) -> None:
        await self._session.execute("DELETE FROM idempotency_keys WHERE object_id = $1", object_id)

    async def delete_older_than(self, moment: datetime) -> int:
        return await self._session.execute(_DELETE_OLD, moment)
