"""What a provider tells by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class WebhookSubject(StrEnum):
    CHARGE = "CHARGE"
    REFUND = "REFUND"
    PAYMENT_METHOD = "PAYMENT_METHOD"
    DISPUTE = "DISPUTE"
    OTHER = "OTHER"
    """Genuine, but about something that the gateway does not follow: stored, and then left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A verified delivery. It tells that something changed; what it changed to is fetched again."""

    key: str
    """The provider's event id, or a digest of the payload where it has none: one key is one event."""
    kind: str
    subject: WebhookSubject
    subject_ref: str | None
    operation_id: str | None
    livemode: bool
    occurred_at: datetime
    payload: Mapping[str, Any]
    """Redacted; kept for staff."""


class WebhookRejected(Exception):
    """The delivery is not from the provider, or cannot be read: 400, and nothing is stored."""
