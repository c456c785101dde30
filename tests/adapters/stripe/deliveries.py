"""Webhooks as Stripe would send them."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def event_of(kind: str, *, key: str = "evt_1", livemode: bool = False, **about: Any) -> dict[str, Any]:
    """Of an intent, unless `about` says otherwise."""
    found = {"object": "payment_intent", "id": "pi_1", "metadata": {}} if "object" not in about else {}
    return {
        "id": key,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(NOON.timestamp()),
        "data": {"object": {**found, **about}},
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def signed(body: bytes, *, secret: str, moment: datetime | None = None) -> dict[str, str]:
    """https://docs.stripe.com/webhooks/signature; of any bytes, which the SDK's own helper does for texts alone."""
    at = int((moment or datetime.now(UTC)).timestamp())
    mark = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={mark}"}
