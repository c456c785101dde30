"""Who issues invoices: what is printed on them, how they are numbered, and what is done when they are not paid.

Numbers have no gap and no end: each is given in the commit that issues its document, under the lock of this row, so a
commit that fails gives its number back. The row is a leaf in the order of locks: whoever holds it locks nothing more.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypedDict

from domain.customers import Address
from domain.dunning import DunningPolicy
from domain.errors import InvalidInput
from domain.periods import zone_named

DEFAULT_ISSUER_ID: Final = "iss_00000000000000000000000000"
"""The one that every deployment has from its first day on; a migration wrote it."""

_PREFIX = re.compile(r"[A-Z0-9/_-]{0,19}[A-Z/_-]|")
_DIGITS: Final = 6
"""Written at least; the millionth document has one more, and none has to be numbered anew."""


class Series(StrEnum):
    """What has numbers of its own."""

    INVOICES = "INVOICES"
    CREDIT_NOTES = "CREDIT_NOTES"


class TrialEnd(StrEnum):
    """What becomes of a subscription whose trial is over, and of whose customer no card is known."""

    CANCEL = "CANCEL"
    """Nobody has agreed to pay."""
    PAST_DUE = "PAST_DUE"
    """Its invoice is opened, and waits for a card as one that was declined does."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who issued a document, or for whom, as it is printed on it for ever."""

    name: str | None = None
    address: Address | None = None
    tax_id: str | None = None
    email: str | None = None


class IssuerChanges(TypedDict, total=False):
    """What an update names; what it leaves out stays."""

    name: str | None
    address: Address | None
    tax_id: str | None
    footer: str | None
    invoice_prefix: str
    credit_note_prefix: str
    time_zone: str
    dunning: DunningPolicy
    on_trial_end_without_card: TrialEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    id: str
    name: str | None = None
    address: Address | None = None
    tax_id: str | None = None
    footer: str | None = None
    invoice_prefix: str = "INV-"
    credit_note_prefix: str = "CRN-"
    next_invoice_number: int = 1
    next_credit_note_number: int = 1
    time_zone: str = "UTC"
    """In which its subscriptions' periods begin, unless one says otherwise."""
    dunning: DunningPolicy = field(default_factory=DunningPolicy)
    on_trial_end_without_card: TrialEnd = TrialEnd.CANCEL
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        zone_named(self.time_zone)
        for path, prefix in (("invoicePrefix", self.invoice_prefix), ("creditNotePrefix", self.credit_note_prefix)):
            # Behind a digit the numbers would run into it: INV1 and 1 are read as INV and 11.
            if not _PREFIX.fullmatch(prefix):
                raise InvalidInput("A prefix is at most 20 of A-Z, 0-9, / _ and -, and ends in no digit.", path=(path,))

        if self.invoice_prefix == self.credit_note_prefix:
            raise InvalidInput("Invoices and credit notes need prefixes of their own.", path=("creditNotePrefix",))

    def changed(self, changes: IssuerChanges, *, now: datetime) -> "Issuer":
        """What was printed stays; a number that is given from now on begins with the prefix as it is then."""
        return replace(self, **changes, updated_at=now)

    @property
    def party(self) -> Party:
        return Party(name=self.name, address=self.address, tax_id=self.tax_id)

    def invoice_numbered(self, *, now: datetime) -> "tuple[Issuer, Number]":
        number = Number(self.next_invoice_number, _printed(self.invoice_prefix, self.next_invoice_number))
        return replace(self, next_invoice_number=number.sequence + 1, updated_at=now), number

    def credit_note_numbered(self, *, now: datetime) -> "tuple[Issuer, Number]":
        """In a series of its own."""
        number = Number(self.next_credit_note_number, _printed(self.credit_note_prefix, self.next_credit_note_number))
        return replace(self, next_credit_note_number=number.sequence + 1, updated_at=now), number


@dataclass(frozen=True, slots=True)
class Number:
    sequence: int
    """From 1 on, of one issuer; without gaps."""
    printed: str


def _printed(prefix: str, sequence: int) -> str:
    return f"{prefix}{sequence:0{_DIGITS}d}"
