"""Server keys: `pdk_` and 256 random bits, shown once, kept as a hash.

A key is rotated in place, so that whoever bears it stays the same principal: its idempotency keys and its name in
events outlive the change. Both secrets are good for a while then, the new one and the one before.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.errors import ApiKeyNotActive
from domain.ids import IdPrefix, new_id
from domain.principals import Permission

KEY_PREFIX = "pdk_"
DEFAULT_OVERLAP = timedelta(hours=24)
"""Every program that bears the key has been deployed anew within a day, as a rule."""
LONGEST_OVERLAP = timedelta(days=7)
"""Whoever needs longer needs a second key, not two secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: str
    name: str
    secret_hash: str
    last4: str | None = None
    """The secret's last four characters, to tell keys apart; None for keys that are older than this field."""
    permissions: frozenset[Permission]
    expires_at: datetime | None = None
    previous_secret_hash: str | None = None
    previous_ends_at: datetime | None = None
    last_used_at: datetime | None = None
    secret_used_at: datetime | None = None
    """When the present secret was first used; None while nobody is known to have received it."""
    revoked_at: datetime | None = None
    created_at: datetime

    def is_active(self, *, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def opens(self, secret_hash: str, *, now: datetime) -> bool:
        """Whether the secret is good now. It was found by its hash, so nothing is left to be guessed here."""
        if not self.is_active(now=now):
            return False
        if secret_hash == self.secret_hash:
            return True
        is_previous = secret_hash == self.previous_secret_hash
        return is_previous and self.previous_ends_at is not None and now < self.previous_ends_at

    def is_retiring(self, secret_hash: str) -> bool:
        """Whether this is the secret before the last rotation."""
        return secret_hash != self.secret_hash

    def ends_at(self, secret_hash: str) -> datetime | None:
        """When this secret ends by itself; None for never."""
        ends = [self.expires_at, self.previous_ends_at if self.is_retiring(secret_hash) else None]
        return min((end for end in ends if end), default=None)

    def revoked(self, *, now: datetime) -> "ApiKey":
        return self if self.revoked_at else replace(self, revoked_at=now)

    def rotated(self, secret: str, *, overlap: timedelta, now: datetime) -> "ApiKey":
        """Under a new secret; the one that programs bear ends after the overlap, and any other at once.

        They bear the present one, unless it was never used and the one before it is still good: then the answer that
        had the present one was lost, or nobody has deployed it yet.
        """
        if not self.is_active(now=now):
            raise ApiKeyNotActive
        overlaps = self.previous_ends_at is not None and now < self.previous_ends_at
        borne = self.previous_secret_hash if overlaps and self.secret_used_at is None else self.secret_hash
        return replace(
            self,
            secret_hash=hash_of(secret),
            last4=secret[-4:],
            previous_secret_hash=borne if overlap else None,
            previous_ends_at=now + overlap if overlap else None,
            secret_used_at=None,
        )


def hash_of(secret: str) -> str:
    """A plain digest is enough: the secret has 256 random bits, so no salt, pepper or slowness adds anything to guess.

    Keys are looked up by it. How long that takes tells of the hash, which leads nobody back to a secret.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def new_api_key(
    name: str, permissions: frozenset[Permission], *, expires_at: datetime | None = None, now: datetime
) -> tuple[ApiKey, str]:
    """The key as it is kept, and its secret, which exists nowhere else."""
    secret = new_secret()
    key = ApiKey(
        id=new_id(IdPrefix.API_KEY),
        name=name,
        secret_hash=hash_of(secret),
        last4=secret[-4:],
        permissions=permissions,
        expires_at=expires_at,
        created_at=now,
    )
    return key, secret
