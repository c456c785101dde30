"""The first statement of every creating transaction: does this client key belong to a request already made?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.idempotency import KeyedRequest, fingerprint
from domain.principals import Principal
from domain.store import Transaction


def keyed(principal: Principal, mutation: str, key: str | None, values: Mapping[str, Any]) -> KeyedRequest | None:
    """The request under its key; None for a mutation that came without one. `values` are the input as it was sent."""
    if key is None:
        return None
    return KeyedRequest(principal=principal.name, mutation=mutation, key=key, fingerprint=fingerprint(values))


async def made_before(tx: Transaction, request: KeyedRequest | None) -> str | None:
    """The object that this very request has made; IdempotencyConflict when the key belongs to another request."""
    if request is None:
        return None
    key = await tx.keys.find(request)
    if key is None:
        return None
    key.check_same(request)
    return key.object_id


async def claim(tx: Transaction, request: KeyedRequest | None, object_id: str, *, now: datetime) -> str | None:
    """Take the key for an object about to be made; or give the object of the one who was first.

    A refusal later in the transaction rolls the claim back, so it burns no key.
    """
    if request is None:
        return None
    rival = await tx.keys.claim(request, object_id, now=now)
    if rival is None:
        return None
    rival.check_same(request)
    return rival.object_id
