"""The double-entry ledger: every movement of money, twice, summing to zero.

Entries are only ever added (a trigger in the database holds that). The cause of a movement is unique with its account,
so the same evidence, however often it comes, books once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import IdPrefix, new_id
from domain.money import Money

_LONGEST_NAME = 40
"""Of a provider's name in a cause: its end, in which names differ."""


class LedgerAccount(StrEnum):
    PROVIDER_CLEARING = "PROVIDER_CLEARING"
    """What the provider owes us."""
    PAYMENTS = "PAYMENTS"
    REFUNDS = "REFUNDS"
    DISPUTES = "DISPUTES"
    """What banks have taken for disputes that are open or lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    id: str
    cause: str
    account: LedgerAccount
    amount: Money
    """Debit above zero, credit below."""
    charge_id: str
    refund_id: str | None
    dispute_id: str | None = None
    livemode: bool
    created_at: datetime


def capture_entries(
    charge_id: str, *, before: Money, captured: Money, livemode: bool, now: datetime
) -> tuple[LedgerEntry, ...]:
    """The money that the provider took beyond what was known, under a cause that names the total reached."""
    return _movement(
        LedgerAccount.PROVIDER_CLEARING,
        LedgerAccount.PAYMENTS,
        captured - before,
        cause=f"{charge_id}/captured/{captured.minor_units}",
        charge_id=charge_id,
        refund_id=None,
        livemode=livemode,
        now=now,
    )


def refunded_cause(refund_id: str, second: str | None = None) -> str:
    """`second`: the provider's name of a refund of the same request, after the first one's money had come back.

    Where an account keeps no keys a request may have made two.
    """
    return f"{refund_id}/refunded{_named(second)}"


def _named(second: str | None) -> str:
    return f"/{second[-_LONGEST_NAME:]}" if second else ""


def refund_entries(
    refund_id: str, *, second: str | None = None, charge_id: str, amount: Money, livemode: bool, now: datetime
) -> tuple[LedgerEntry, ...]:
    return _movement(
        LedgerAccount.REFUNDS,
        LedgerAccount.PROVIDER_CLEARING,
        amount,
        cause=refunded_cause(refund_id, second),
        charge_id=charge_id,
        refund_id=refund_id,
        livemode=livemode,
        now=now,
    )


def returned_entries(
    refund_id: str, *, second: str | None = None, charge_id: str, amount: Money, livemode: bool, now: datetime
) -> tuple[LedgerEntry, ...]:
    """A refund whose money came back: the opposite of `refund_entries`, which stay."""
    return _movement(
        LedgerAccount.PROVIDER_CLEARING,
        LedgerAccount.REFUNDS,
        amount,
        cause=f"{refund_id}/returned{_named(second)}",
        charge_id=charge_id,
        refund_id=refund_id,
        livemode=livemode,
        now=now,
    )


def dispute_entries(
    dispute_id: str, *, number: int, by: Money, charge_id: str, livemode: bool, now: datetime
) -> tuple[LedgerEntry, ...]:
    """What a dispute has taken; below zero, given back. `number` counts its movements, for it may take more than once:
    one that was lost is won on appeal, one that was won is lost after all."""
    debit, credit = LedgerAccount.DISPUTES, LedgerAccount.PROVIDER_CLEARING
    if not by.is_positive:
        debit, credit, by = credit, debit, -by
    return _movement(
        debit,
        credit,
        by,
        cause=f"{dispute_id}/moved/{number}",
        charge_id=charge_id,
        dispute_id=dispute_id,
        livemode=livemode,
        now=now,
    )


def _movement(
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: Money,
    *,
    cause: str,
    charge_id: str,
    refund_id: str | None = None,
    dispute_id: str | None = None,
    livemode: bool,
    now: datetime,
) -> tuple[LedgerEntry, ...]:
    if amount.is_zero:
        return ()
    return tuple(
        LedgerEntry(
            id=new_id(IdPrefix.LEDGER_ENTRY),
            cause=cause,
            account=account,
            amount=signed,
            charge_id=charge_id,
            refund_id=refund_id,
            dispute_id=dispute_id,
            livemode=livemode,
            created_at=now,
        )
        for account, signed in ((debit, amount), (credit, -amount))
    )
