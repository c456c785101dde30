"""Server keys: `pdk_` and 256 random bits, shown once, kept as a hash."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from domain.ids import IdPrefix, new_id
from domain.principals import Permission

KEY_PREFIX = "pdk_"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: str
    name: str
    secret_hash: str
    permissions: frozenset[Permission]
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime

    def revoked(self, *, now: datetime) -> "ApiKey":
        return self if self.revoked_at else replace(self, revoked_at=now)


def hash_of(secret: str) -> str:
    """A plain digest is enough: the secret has 256 bits, so there is nothing to guess and nothing to slow down."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_api_key(name: str, permissions: frozenset[Permission], *, now: datetime) -> tuple[ApiKey, str]:
    """The key as it is kept, and its secret, which exists nowhere else."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id(IdPrefix.API_KEY),
        name=name,
        secret_hash=hash_of(secret),
        permissions=permissions,
        created_at=now,
    )
    return key, secret
