"""Server keys: made, listed, revoked, and recognized."""

from collections.abc import Sequence

from domain.api_keys import KEY_PREFIX, ApiKey, hash_of, new_api_key
from domain.clock import Clock
from domain.errors import NotFound
from domain.principals import Permission, Principal, server
from domain.store import Store
from domain.texts import clean_text

LAST_USED_EVERY_SECONDS = 60
"""How often the moment of the last use is written: to the minute tells an operator enough, and saves a write a call."""


class ApiKeyService:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, name: str, permissions: frozenset[Permission]) -> tuple[ApiKey, str]:
        """The key and its secret, which can be seen this once."""
        key, secret = new_api_key(clean_text(name, "name"), permissions, now=self._clock.now())
        async with self._store.transaction() as tx:
            await tx.api_keys.insert(key)
        return key, secret

    async def all(self) -> Sequence[ApiKey]:
        async with self._store.reading() as tx:
            return await tx.api_keys.all()

    async def revoke(self, key_id: str) -> ApiKey:
        async with self._store.transaction() as tx:
            key = await tx.api_keys.get(key_id)
            if key is None:
                raise NotFound("key")
            revoked = key.revoked(now=self._clock.now())
            await tx.api_keys.save(revoked)
        return revoked

    async def principal_of(self, secret: str) -> Principal | None:
        """Who bears this key; None for a key that is unknown or revoked."""
        if not secret.startswith(KEY_PREFIX):
            return None
        async with self._store.reading() as tx:
            key = await tx.api_keys.find_by_hash(hash_of(secret))
        if key is None or key.revoked_at:
            return None
        await self._touch(key)
        return server(key.id, key.permissions)

    async def _touch(self, key: ApiKey) -> None:
        now = self._clock.now()
        if key.last_used_at and (now - key.last_used_at).total_seconds() < LAST_USED_EVERY_SECONDS:
            return
        async with self._store.transaction() as tx:
            await tx.api_keys.mark_used(key.id, now=now)
