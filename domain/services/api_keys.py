"""Server keys: made, rotated, revoked, and recognized."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.api_keys import DEFAULT_OVERLAP, KEY_PREFIX, LONGEST_OVERLAP, ApiKey, hash_of, new_api_key, new_secret
from domain.clock import Clock
from domain.errors import ApiKeyInUse, InvalidInput, NotFound, PermissionDenied
from domain.idempotency import KeyedRequest
from domain.principals import Permission, Principal, PrincipalKind, server
from domain.services.keyed import claim
from domain.services.locking import there
from domain.store import Store, Transaction
from domain.texts import clean_text

LAST_USED_EVERY_SECONDS = 60
"""How often the moment of the last use is written: to the minute tells an operator enough, and saves a write a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    name: str
    permissions: frozenset[Permission]
    expires_at: datetime | None = None
    request: KeyedRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateApiKey:
    key_id: str
    overlap: timedelta = DEFAULT_OVERLAP
    request: KeyedRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    key: ApiKey
    secret: str | None
    """Seen this once; None in the answer to a repeat."""


class ApiKeyService:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, principal: Principal, command: CreateApiKey) -> Issued:
        principal.require(Permission.KEYS_WRITE)
        _check_stays(principal)
        _check_may_give(principal, command.permissions)
        if not command.permissions:
            raise InvalidInput("A key needs a scope at least.", path=("scopes",))
        name = clean_text(command.name, "name")
        now = self._clock.now()
        if command.expires_at and command.expires_at <= now:
            raise InvalidInput("This moment has passed already.", path=("expiresAt",))
        if _outlives(principal, command.expires_at):
            raise InvalidInput("A key that ends makes none that ends later.", path=("expiresAt",))
        key, secret = new_api_key(name, command.permissions, expires_at=command.expires_at, now=now)
        async with self._store.transaction() as tx:
            if made := await claim(tx, command.request, key.id, now=now):
                return Issued(key=there(await tx.api_keys.get(made), made), secret=None)
            await tx.api_keys.insert(key)
        return Issued(key=key, secret=secret)

    async def rotate(self, principal: Principal, command: RotateApiKey) -> Issued:
        """Give it a new secret. The old one ends by itself, at once when there is no overlap."""
        principal.require(Permission.KEYS_WRITE)
        _check_stays(principal)
        if not timedelta() <= command.overlap <= LONGEST_OVERLAP:
            raise InvalidInput("Two secrets can be good for 168 hours at most.", path=("overlapHours",))
        now = self._clock.now()
        secret = new_secret()
        async with self._store.transaction() as tx:
            if made := await claim(tx, command.request, command.key_id, now=now):
                return Issued(key=there(await tx.api_keys.get(made), made), secret=None)
            key = await _lock(tx, command.key_id)
            # Whoever holds the new secret may do what the key may.
            _check_may_give(principal, key.permissions)
            if _outlives(principal, key.expires_at):
                raise PermissionDenied("This key lives longer than the one that asks.", path=("apiKeyId",))
            rotated = key.rotated(secret, overlap=command.overlap, now=now)
            await tx.api_keys.save(rotated)
        return Issued(key=rotated, secret=secret)

    async def revoke(self, principal: Principal, key_id: str) -> ApiKey:
        """At once, whatever it may do: taking trust away needs less than giving it."""
        principal.require(Permission.KEYS_WRITE)
        if principal.name == server(key_id, frozenset()).name:
            raise ApiKeyInUse
        async with self._store.transaction() as tx:
            revoked = (await _lock(tx, key_id)).revoked(now=self._clock.now())
            await tx.api_keys.save(revoked)
        return revoked

    async def all(self) -> Sequence[ApiKey]:
        async with self._store.reading() as tx:
            return await tx.api_keys.all()

    async def principal_of(self, secret: str) -> Principal | None:
        """Who bears this key; None for a key that is unknown, revoked or over."""
        if not secret.startswith(KEY_PREFIX):
            return None
        secret_hash = hash_of(secret)
        async with self._store.reading() as tx:
            key = await tx.api_keys.find_by_hash(secret_hash)
        if key is None or not key.opens(secret_hash, now=self._clock.now()):
            return None
        await self._touch(key, secret_hash)
        return replace(
            server(key.id, key.permissions),
            expires_at=key.ends_at(secret_hash),
            retiring=key.is_retiring(secret_hash),
        )

    async def _touch(self, key: ApiKey, secret_hash: str) -> None:
        now = self._clock.now()
        recently = key.last_used_at and (now - key.last_used_at).total_seconds() < LAST_USED_EVERY_SECONDS
        is_first = key.secret_used_at is None and not key.is_retiring(secret_hash)
        if recently and not is_first:
            return
        async with self._store.transaction() as tx:
            await tx.api_keys.mark_used(key.id, secret_hash, now=now)


def _check_may_give(principal: Principal, permissions: frozenset[Permission]) -> None:
    if not permissions <= principal.permissions:
        raise PermissionDenied("A key can have no scope that you do not have yourself.", path=("scopes",))


def _check_stays(principal: Principal) -> None:
    """A secret that was replaced, perhaps because it leaked, does not prolong its own life."""
    if principal.retiring:
        raise PermissionDenied("Ask with the new secret: the one that you sent was replaced.")


def _outlives(principal: Principal, expires_at: datetime | None) -> bool:
    """Whether a key that ends then would be good for longer than the key that asks for it."""
    end = principal.expires_at
    return principal.kind is PrincipalKind.SERVER and end is not None and (expires_at is None or end < expires_at)


async def _lock(tx: Transaction, key_id: str) -> ApiKey:
    key = await tx.api_keys.get_for_update(key_id)
    if key is None:
        raise NotFound("key", path=("apiKeyId",))
    return key
