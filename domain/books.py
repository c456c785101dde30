"""Whether the books agree with themselves: what a check of the ledger finds.

The ledger and the charges are written in the same transactions, so nothing should ever be found. What is found came
past the code: a hand in the database, a restored table, a bug.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.ledger import LedgerAccount
from domain.money import Money

MOST_DIFFERENCES: Final = 100
"""Listed at once: whoever sees so many mends the cause, and not each of them."""


class BookFault(StrEnum):
    UNBALANCED = "UNBALANCED"
    """The entries of one movement are not two that sum to zero."""
    MISPLACED = "MISPLACED"
    """An entry is in another currency or mode than its charge."""
    CHARGE = "CHARGE"
    """An account says of a charge what the charge does not."""
    REFUND = "REFUND"
    """The ledger says of a refund what the refund does not."""
    DISPUTE = "DISPUTE"
    """As REFUND, of a dispute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBalance:
    """All entries of one account in one currency and mode."""

    account: LedgerAccount
    livemode: bool
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDifference:
    fault: BookFault
    charge_id: str
    refund_id: str | None
    dispute_id: str | None
    account: LedgerAccount | None
    """None for a movement, which is in two."""
    cause: str | None
    """Of a movement."""
    expected: Money | None
    """None for what is misplaced, as is `found`: it is in no amount that could be compared."""
    found: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookReport:
    charges: int
    """How many were looked at."""
    balances: tuple[LedgerBalance, ...]
    differences: tuple[BookDifference, ...]
    """By charge; MOST_DIFFERENCES at most."""
    has_more: bool

    @property
    def is_whole(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class BookSpan:
    """Which charges are looked at, by when they were made."""

    since: datetime | None = None
    before: datetime | None = None


class BooksTooLong(Exception):
    """There is more to check than can be done in one go: ask for a shorter span."""
