"""What we owe a customer, or they owe us, that no invoice has asked for: one amount for each currency.

It is moved by insert-only entries, each under the name of what caused it, so nothing is put there twice. Above zero we
owe the customer, and their next invoice is the less; below zero an amount was too small to be charged, and the next
invoice asks for it too.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import IdPrefix, new_id
from domain.money import Money


class BalanceReason(StrEnum):
    APPLIED = "APPLIED"
    """It paid an invoice, or a part of one; above zero, the invoice was called off."""
    CREDITED = "CREDITED"
    """The credits of an invoice were more than its charges."""
    CARRIED_OVER = "CARRIED_OVER"
    """An invoice came to less than a provider charges; above zero, a later one asks for it, or its credits pay it."""
    CREDIT_NOTE = "CREDIT_NOTE"
    GRANTED = "GRANTED"
    """Somebody of the staff gave it, or took it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceEntry:
    id: str
    customer_id: str
    cause: str
    """What it was written for: its name is unique among all entries."""
    reason: BalanceReason
    amount: Money
    """What the balance grows by; never zero."""
    invoice_id: str | None = None
    note: str | None = None
    """What whoever granted it said of it; None of all others."""
    created_at: datetime


def applied_cause(invoice_id: str) -> str:
    """The opening of an invoice moves the balance once at most."""
    return f"invoice:{invoice_id}:opened"


def carried_cause(invoice_id: str) -> str:
    """So it does for what is too little to be charged."""
    return f"invoice:{invoice_id}:carried"


def credited_cause(credit_note_id: str) -> str:
    return f"credit_note:{credit_note_id}"


def voided_cause(invoice_id: str) -> str:
    """What the opening of an invoice has moved is moved back once at most."""
    return f"invoice:{invoice_id}:voided"


def granted_cause(entry_id: str) -> str:
    return f"granted:{entry_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerBalance:
    customer_id: str
    amount: Money


def entry(
    customer_id: str, amount: Money, reason: BalanceReason, *, cause: str, invoice_id: str | None = None, now: datetime
) -> BalanceEntry:
    return BalanceEntry(
        id=new_id(IdPrefix.BALANCE_ENTRY),
        customer_id=customer_id,
        cause=cause,
        reason=reason,
        amount=amount,
        invoice_id=invoice_id,
        created_at=now,
    )
