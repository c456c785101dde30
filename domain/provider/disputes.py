"""Disputes: a customer asks their bank for the money back, and the bank takes it from the merchant until it decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.money import Money
from domain.provider.words import Outcome, Refusal


class DisputeState(StrEnum):
    """How a customer's complaint to their bank is doing. The bank decides it, months later, once and for all."""

    NEEDS_RESPONSE = "NEEDS_RESPONSE"
    UNDER_REVIEW = "UNDER_REVIEW"
    WON = "WON"
    """The money stays with the merchant; of an inquiry: it was closed, and no dispute came of it."""
    LOST = "LOST"
    ACCEPTED = "ACCEPTED"
    """Lost, because the merchant said so."""


class DisputeReason(StrEnum):
    """What the customer says, in the words that the card schemes' many codes have in common."""

    FRAUDULENT = "FRAUDULENT"
    NOT_RECOGNIZED = "NOT_RECOGNIZED"
    DUPLICATE = "DUPLICATE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    PRODUCT_NOT_RECEIVED = "PRODUCT_NOT_RECEIVED"
    PRODUCT_UNACCEPTABLE = "PRODUCT_UNACCEPTABLE"
    SUBSCRIPTION_CANCELED = "SUBSCRIPTION_CANCELED"
    CREDIT_NOT_PROCESSED = "CREDIT_NOT_PROCESSED"
    GENERAL = "GENERAL"
    """None of these, or none was given."""


class EvidenceKind(StrEnum):
    """What a merchant can tell the bank, as text. Adapters know the provider's name for each."""

    PRODUCT_DESCRIPTION = "PRODUCT_DESCRIPTION"
    CUSTOMER_NAME = "CUSTOMER_NAME"
    CUSTOMER_EMAIL = "CUSTOMER_EMAIL"
    CUSTOMER_IP = "CUSTOMER_IP"
    BILLING_ADDRESS = "BILLING_ADDRESS"
    SHIPPING_ADDRESS = "SHIPPING_ADDRESS"
    SHIPPING_CARRIER = "SHIPPING_CARRIER"
    SHIPPING_DATE = "SHIPPING_DATE"
    SHIPPING_TRACKING_NUMBER = "SHIPPING_TRACKING_NUMBER"
    SERVICE_DATE = "SERVICE_DATE"
    ACCESS_LOG = "ACCESS_LOG"
    """That the customer used what they bought: times, addresses, downloads."""
    CANCELLATION_POLICY = "CANCELLATION_POLICY"
    CANCELLATION_REBUTTAL = "CANCELLATION_REBUTTAL"
    REFUND_POLICY = "REFUND_POLICY"
    REFUND_REFUSAL = "REFUND_REFUSAL"
    DUPLICATE_EXPLANATION = "DUPLICATE_EXPLANATION"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRequest:
    """All that is said for a dispute, for most providers hear a merchant only once."""

    operation_id: str
    dispute_ref: str
    evidence: Mapping[EvidenceKind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRequest:
    operation_id: str
    dispute_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeResult:
    """A dispute as the provider has it now, where `outcome` is SUCCEEDED; then everything but the dates is known.

    FAILED: the request was refused, and says nothing of the dispute. NOT_SENT and UNKNOWN as everywhere.
    """

    outcome: Outcome
    dispute_ref: str | None = None
    charge_ref: str | None = None
    state: DisputeState | None = None
    amount: Money | None = None
    """What the customer wants back, in the charge's currency; without the provider's fee."""
    is_inquiry: bool = False
    """The bank only asks: no money is taken unless a dispute comes of it. A dispute takes it at once, and gives it back
    when it is won."""
    reason: DisputeReason | None = None
    scheme_code: str | None = None
    """The card scheme's own code of the reason (Visa's 10.4), for staff."""
    respond_by: datetime | None = None
    opened_at: datetime | None = None
    livemode: bool = False
    refusal: Refusal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
