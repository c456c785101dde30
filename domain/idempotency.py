"""Client keys: a key belongs to one request, and points at the row that this request made.

Unique for (principal, mutation, key). No answer is ever stored: a repeat reads the row as it is now.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.errors import IdempotencyConflict, InvalidInput

KEY_LIFETIME = timedelta(hours=72)
"""Longer than any client keeps retrying: a phone that was off for a weekend still gets its one charge."""
LONGEST_KEY = 255
ERASED_FINGERPRINT = ""
"""Of a request whose input named somebody who was erased since: names are guessed easily, and so are their digests.
The key still points at what it made, so that a retry makes nothing twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """What a client asked, reduced to what makes it the same request."""

    principal: str
    mutation: str
    key: str
    """As the client sent it. Only its `digest` is stored: a client may put anything into a key."""
    fingerprint: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()

    def __post_init__(self) -> None:
        # What cannot be printed cannot be stored everywhere either: PostgreSQL takes no NUL, UTF-8 no lone surrogate.
        if not self.key.strip() or len(self.key) > LONGEST_KEY or not self.key.isprintable():
            raise InvalidInput(
                f"An idempotencyKey has 1 to {LONGEST_KEY} printable characters.",
                path=("idempotencyKey",),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    principal: str
    mutation: str
    key: str
    """The digest of what the client sent."""
    fingerprint: str
    object_id: str
    created_at: datetime

    def check_same(self, request: KeyedRequest) -> None:
        """IdempotencyConflict for another request; nobody can tell any more once the fingerprint was erased."""
        if self.fingerprint not in (request.fingerprint, ERASED_FINGERPRINT):
            raise IdempotencyConflict


def fingerprint(values: Mapping[str, Any]) -> str:
    """A digest of the input's values, whatever their order; nothing of them can be read back from it."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
