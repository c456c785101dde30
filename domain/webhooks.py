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

from domain.card_numbers import has_card_number, has_iban
from domain.provider import WebhookSubject


class DeliveryState(StrEnum):
    STORED = "STORED"
    APPLIED = "APPLIED"
    IGNORED = "IGNORED"
    """Genuine, but about something that the gateway does not follow, or a card that stayed unknown."""
    PARKED = "PARKED"
    """Of the other mode, or about money that stayed unknown: nothing was changed; a person may look."""
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
    dispute_id: str | None
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
    "card|cvc|cvv|fingerprint|iban|last4|number|exp_?(iry|iration)?_?(month|year|date)|security_?code|sort_?code|routing"
    "|nonce|password|secret|token"
    "|address|billing|birth|email|name|passport|phone|postal|postcode|shipping|social_?security|tax_?id|vat_?id"
)
"""Of fields: cards, accounts, secrets, and who it is, in whichever provider's spelling."""

_WITHHELD_WORDS: Final = frozenset(
    {"bin", "city", "dob", "given", "ip", "line1", "line2", "msisdn", "pan", "ssn", "street", "surname", "zip"}
)
"""The same, where the letters are also a part of other words, such as a receipt's."""

_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def redacted(value: Any) -> Any:
    """What a provider sent, for staff to read: without cards, secrets and people, before it is ever stored.

    Adapters leave such things out already. This is the last line, for the field that a provider adds tomorrow.
    """
    match value:
        case Mapping():
            return {
                WITHHELD if _is_number_of_somebody(str(name)) else str(name): WITHHELD
                if each is not None and _is_withheld(str(name))
                else redacted(each)
                for name, each in value.items()
            }
        case list() | tuple():
            return [redacted(each) for each in value]
        case str() if _is_number_of_somebody(value):
            return WITHHELD
        case int() if not isinstance(value, bool) and has_card_number(str(value)):
            return WITHHELD
        # No amount: digits that a provider's JSON wrote as a float. Nothing is computed with what is stored here.
        case float() if has_card_number(f"{value:.0f}"):
            return WITHHELD
        case _:
            return value


def _is_withheld(name: str) -> bool:
    words = [word.lower() for word in _WORD_BEGINS.split(name)]
    return not _WITHHELD_WORDS.isdisjoint(words) or _WITHHELD_NAMES.search(name.lower()) is not None


def _is_number_of_somebody(text: str) -> bool:
    return has_card_number(text) or has_iban(text)
