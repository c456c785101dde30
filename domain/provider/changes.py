"""What a provider lists for reconciliation: what was made or changed at an account, ours or not."""

from dataclasses import dataclass
from datetime import datetime

from domain.provider.disputes import DisputeResult
from domain.provider.results import ChargeResult, RefundResult
from domain.provider.words import Outcome, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCharge:
    """A charge as the provider lists it. Enough to compare; before anything is booked it is fetched."""

    charge_ref: str
    made_at: datetime
    livemode: bool
    order_id: str | None
    invoice_id: str | None = None
    charge_id: str | None
    """What we wrote to it in `ChargeRequest.metadata`, where it is kept. Untrusted: anybody with the account's keys may
    have written it."""
    picture: ChargeResult
    """UNKNOWN where the provider's object cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRefund:
    """As `ListedCharge`."""

    refund_ref: str
    made_at: datetime
    livemode: bool
    refund_id: str | None
    charge_ref: str | None
    picture: RefundResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesPage:
    outcome: Outcome
    """SUCCEEDED, or UNKNOWN when the provider gave no usable list."""
    charges: tuple[ListedCharge, ...] = ()
    refunds: tuple[ListedRefund, ...] = ()
    disputes: tuple[DisputeResult, ...] = ()
    cursor: str | None = None
    """Where the next page begins, in the provider's words; None behind the last one."""
    refusal: Refusal | None = None
