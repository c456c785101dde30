"""Webhooks in: what a provider told us, stored before it is believed.

A verified delivery becomes a row and a job in one commit, and only then is answered. What it says is never booked: the
object is fetched again, and goes through the rule that the direct answer would have used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.card_numbers import has_card_number
from domain.provider import WebhookSubject


class DeliveryState(StrEnum):
    STORED = "STORED"
    APPLIED = "APPLIED"
    IGNORED = "IGNORED"
    """Genuine, but about something that the gateway does not follow."""
    PARKED = "PARKED"
    """Of the other mode, or about an object that stayed unknown: nothing was changed; a person may look."""
    FAILED = "FAILED"
    """Stored, and its job was given up. No state of the row: the job says it, so that the two cannot disagree."""


KEPT_STATES: Final = tuple(state for state in DeliveryState if state is not DeliveryState.FAILED)
"""The states that a row may have."""


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
    replayed_at: datetime | None = None
    """When a person last had it applied again."""

    def ended(self, state: DeliveryState, *, now: datetime) -> "WebhookDelivery":
        return replace(self, state=state, ended_at=now)

    def replayed(self, *, now: datetime) -> "WebhookDelivery":
        """As if it had just come."""
        return replace(self, state=DeliveryState.STORED, ended_at=None, replayed_at=now)

    @property
    def is_followed(self) -> bool:
        """Whether it is about something that can be applied at all."""
        return self.subject is not WebhookSubject.OTHER and self.subject_ref is not None

    def emptied(self) -> "WebhookDelivery":
        """Without what it said: it is about somebody whose data was erased."""
        return replace(self, payload={})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A delivery as it is read: with the state that its job gives it, and the record of ours that it is about."""

    id: str
    account: str
    kind: str
    state: DeliveryState
    subject_ref: str | None
    charge_id: str | None
    refund_id: str | None
    payment_method_id: str | None
    livemode: bool
    payload: Mapping[str, Any]
    occurred_at: datetime
    received_at: datetime
    ended_at: datetime | None
    replayed_at: datetime | None
    tries: int | None
    """Of its job; None when it is done. The same for the next two."""
    last_error: str | None
    next_try_at: datetime | None


WITHHELD: Final = "[withheld]"

_WITHHELD_NAMES: Final = re.compile(
    "card|cvc|cvv|fingerprint|iban|last4|number|exp_?(iry|iration)?_?(month|year|date)"
    "|nonce|password|secret|token"
    "|address|billing|email|name|phone|shipping",
    re.IGNORECASE,
)
"""Of fields: cards, secrets, and who it is, in whichever provider's spelling."""


def redacted(value: Any) -> Any:
    """What a provider sent, for staff to read: without cards, secrets and people, before it is ever stored.

    Adapters leave such things out already. This is the last line, for the field that a provider adds tomorrow.
    """
    match value:
        case Mapping():
            return {
                str(name): WITHHELD if each is not None and _WITHHELD_NAMES.search(str(name)) else redacted(each)
                for name, each in value.items()
            }
        case list() | tuple():
            return [redacted(each) for each in value]
        case str() | int() if not isinstance(value, bool) and has_card_number(str(value)):
            return WITHHELD
        case _:
            return value
