"""Decisions: what a person said of money that the gateway could not find out by itself, or had asked them to look at.

The timeline tells what changed; a decision keeps why. It is written in the commit of the change, and never changed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.charges import ReviewReason


class DecisionKind(StrEnum):
    REVIEW_CLOSED = "REVIEW_CLOSED"
    """Somebody has looked, and nothing is left to be done."""
    SETTLED = "SETTLED"
    """Somebody has found out what became of a charge or refund, at the provider or at the bank."""


class MoneyFound(StrEnum):
    """What a person found out about money whose way was unknown."""

    MOVED = "MOVED"
    NOT_MOVED = "NOT_MOVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    id: str
    kind: DecisionKind
    charge_id: str
    refund_id: str | None = None
    """Of a SETTLED refund."""
    reason: ReviewReason | None = None
    """Of the review that was closed."""
    found: MoneyFound | None = None
    """Of what was SETTLED."""
    note: str
    """Why, in the words of whoever decided."""
    actor: str
    created_at: datetime
