"""Webhooks in: what a provider told us, stored before it is believed.

A verified delivery becomes a row and a job in one commit, and only then is answered. What it says is never booked: the
object is fetched again, and goes through the rule that the direct answer would have used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.provider import WebhookSubject


class DeliveryState(StrEnum):
    STORED = "STORED"
    APPLIED = "APPLIED"
    IGNORED = "IGNORED"
    """Genuine, but about something that the gateway does not follow."""
    PARKED = "PARKED"
    """Of the other mode, or about an object that stayed unknown: nothing was changed; a person may look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    id: str
    account: str
    event_key: str
    """One key is one event; unique with the account."""
    kind: str
    subject: WebhookSubject
    subject_ref: str | None
    operation_id: str | None
    livemode: bool
    payload: Mapping[str, Any]
    state: DeliveryState = DeliveryState.STORED
    occurred_at: datetime
    received_at: datetime
    ended_at: datetime | None = None

    def ended(self, state: DeliveryState, *, now: datetime) -> "WebhookDelivery":
        return replace(self, state=state, ended_at=now)

    def emptied(self) -> "WebhookDelivery":
        """Without what it said: it is about somebody whose data was erased."""
        return replace(self, payload={})
