"""What happened, in the words of the business: the timeline of every object, and the outbox.

An event is written in the commit of the change that it tells of, never before and never after. It names all objects
that it concerns, so a refund is seen on its charge, its order and its customer too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.ids import IdPrefix, new_id


class EventKind(StrEnum):
    CUSTOMER_CREATED = "CUSTOMER_CREATED"
    CUSTOMER_UPDATED = "CUSTOMER_UPDATED"
    CUSTOMER_REDACTED = "CUSTOMER_REDACTED"
    PRODUCT_CREATED = "PRODUCT_CREATED"
    PRODUCT_UPDATED = "PRODUCT_UPDATED"
    PRODUCT_ARCHIVED = "PRODUCT_ARCHIVED"
    PRICE_CREATED = "PRICE_CREATED"
    PRICE_ARCHIVED = "PRICE_ARCHIVED"
    PAYMENT_METHOD_REQUESTED = "PAYMENT_METHOD_REQUESTED"
    PAYMENT_METHOD_ATTACHED = "PAYMENT_METHOD_ATTACHED"
    PAYMENT_METHOD_REQUIRES_ACTION = "PAYMENT_METHOD_REQUIRES_ACTION"
    PAYMENT_METHOD_FAILED = "PAYMENT_METHOD_FAILED"
    PAYMENT_METHOD_DETACHED = "PAYMENT_METHOD_DETACHED"
    ORDER_CREATED = "ORDER_CREATED"
    ORDER_LINE_ADDED = "ORDER_LINE_ADDED"
    ORDER_LINE_UPDATED = "ORDER_LINE_UPDATED"
    ORDER_LINE_REMOVED = "ORDER_LINE_REMOVED"
    ORDER_PLACED = "ORDER_PLACED"
    ORDER_COMPLETED = "ORDER_COMPLETED"
    ORDER_CANCELED = "ORDER_CANCELED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    CHARGE_CREATED = "CHARGE_CREATED"
    CHARGE_REQUIRES_ACTION = "CHARGE_REQUIRES_ACTION"
    CHARGE_AUTHORIZED = "CHARGE_AUTHORIZED"
    CHARGE_CAPTURE_REQUESTED = "CHARGE_CAPTURE_REQUESTED"
    CHARGE_CAPTURE_FAILED = "CHARGE_CAPTURE_FAILED"
    CHARGE_VOID_REQUESTED = "CHARGE_VOID_REQUESTED"
    CHARGE_SUCCEEDED = "CHARGE_SUCCEEDED"
    CHARGE_DECLINED = "CHARGE_DECLINED"
    CHARGE_FAILED = "CHARGE_FAILED"
    CHARGE_VOIDED = "CHARGE_VOIDED"
    CHARGE_EXPIRED = "CHARGE_EXPIRED"
    CHARGE_UNKNOWN = "CHARGE_UNKNOWN"
    CHARGE_REVIEW_OPENED = "CHARGE_REVIEW_OPENED"
    CHARGE_REVIEW_CLOSED = "CHARGE_REVIEW_CLOSED"
    REFUND_REQUESTED = "REFUND_REQUESTED"
    REFUND_SUCCEEDED = "REFUND_SUCCEEDED"
    REFUND_FAILED = "REFUND_FAILED"
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    DISPUTE_OPENED = "DISPUTE_OPENED"
    DISPUTE_ESCALATED = "DISPUTE_ESCALATED"
    DISPUTE_AMOUNT_CHANGED = "DISPUTE_AMOUNT_CHANGED"
    DISPUTE_REOPENED = "DISPUTE_REOPENED"
    DISPUTE_EVIDENCE_REQUESTED = "DISPUTE_EVIDENCE_REQUESTED"
    DISPUTE_EVIDENCE_SENT = "DISPUTE_EVIDENCE_SENT"
    DISPUTE_ACCEPTANCE_REQUESTED = "DISPUTE_ACCEPTANCE_REQUESTED"
    DISPUTE_RESPONSE_FAILED = "DISPUTE_RESPONSE_FAILED"
    DISPUTE_UNDER_REVIEW = "DISPUTE_UNDER_REVIEW"
    DISPUTE_WON = "DISPUTE_WON"
    DISPUTE_LOST = "DISPUTE_LOST"
    DISPUTE_ACCEPTED = "DISPUTE_ACCEPTED"
    SUBSCRIPTION_CREATED = "SUBSCRIPTION_CREATED"
    SUBSCRIPTION_TRIAL_STARTED = "SUBSCRIPTION_TRIAL_STARTED"
    SUBSCRIPTION_ACTIVATED = "SUBSCRIPTION_ACTIVATED"
    SUBSCRIPTION_RENEWED = "SUBSCRIPTION_RENEWED"
    SUBSCRIPTION_CHANGED = "SUBSCRIPTION_CHANGED"
    SUBSCRIPTION_CHANGE_SCHEDULED = "SUBSCRIPTION_CHANGE_SCHEDULED"
    SUBSCRIPTION_CANCELLATION_SCHEDULED = "SUBSCRIPTION_CANCELLATION_SCHEDULED"
    SUBSCRIPTION_PAUSE_SCHEDULED = "SUBSCRIPTION_PAUSE_SCHEDULED"
    SUBSCRIPTION_UNDONE = "SUBSCRIPTION_UNDONE"
    SUBSCRIPTION_PAUSED = "SUBSCRIPTION_PAUSED"
    SUBSCRIPTION_RESUMED = "SUBSCRIPTION_RESUMED"
    SUBSCRIPTION_PAST_DUE = "SUBSCRIPTION_PAST_DUE"
    SUBSCRIPTION_UNPAID = "SUBSCRIPTION_UNPAID"
    SUBSCRIPTION_CANCELED = "SUBSCRIPTION_CANCELED"
    SUBSCRIPTION_EXPIRED = "SUBSCRIPTION_EXPIRED"
    INVOICE_CREATED = "INVOICE_CREATED"
    INVOICE_OPENED = "INVOICE_OPENED"
    INVOICE_PAID = "INVOICE_PAID"
    INVOICE_VOIDED = "INVOICE_VOIDED"
    INVOICE_UNCOLLECTIBLE = "INVOICE_UNCOLLECTIBLE"
    DISCREPANCY_OPENED = "DISCREPANCY_OPENED"
    DISCREPANCY_CLOSED = "DISCREPANCY_CLOSED"
    DEFAULT_ACCOUNT_CHANGED = "DEFAULT_ACCOUNT_CHANGED"
    OTHER = "OTHER"
    """Never written: what a newer version wrote, as an older one reads it that runs beside it for a while."""

    @classmethod
    def read(cls, word: str) -> "EventKind":
        try:
            return cls(word)
        except ValueError:
            return cls.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    id: str
    kind: EventKind
    subject_ids: tuple[str, ...]
    """The objects concerned, the one that changed first."""
    actor: str
    """Who or what: `key:key_…`, `staff:ada`, `customer:cus_…`, `provider:fake`, `webhook:whd_…`, `system:resolver`."""
    data: Mapping[str, Any]
    """What changed, as strings, numbers and booleans; no personal data, so that events can outlive a redaction."""
    livemode: bool
    created_at: datetime


def new_event(
    kind: EventKind,
    *subject_ids: str,
    actor: str,
    livemode: bool,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> Event:
    return Event(
        id=new_id(IdPrefix.EVENT),
        kind=kind,
        subject_ids=subject_ids,
        actor=actor,
        data=data or {},
        livemode=livemode,
        created_at=now,
    )
