"""Discrepancies: where the provider's books and ours differ, after all that could be settled was settled.

A run of the reconciliation finds them, each under its kind and subject, so that finding one again is not another one.
A discrepancy closes by itself when a later run finds that it is gone, or a person closes it, with a note. What a person
has accepted stays closed unless it grows. That somebody has looked does not undo what has happened there: what keeps
money from moving twice keeps on doing so, unless that person lifts it in so many words.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.charges import Charge, ChargeState
from domain.disputes import Dispute
from domain.errors import DiscrepancyClosed
from domain.ids import IdPrefix, new_id, prefix_of
from domain.money import Money
from domain.provider import ChargeResult, DisputeResult, ListedCharge, ListedRefund, Outcome, RefundResult
from domain.refunds import Refund, RefundState


class DiscrepancyKind(StrEnum):
    FOREIGN_CHARGE = "FOREIGN_CHARGE"
    """Money was taken or is held there by a charge that bears no id of ours."""
    LOST_CHARGE = "LOST_CHARGE"
    """As FOREIGN_CHARGE, but it bears an id of ours that no row here has: rows were lost, as by a restored backup."""
    DUPLICATE_CHARGE = "DUPLICATE_CHARGE"
    """A second charge there for one charge of ours."""
    MISSING_CHARGE = "MISSING_CHARGE"
    """Taken or held here, and the provider says that it knows of no such charge."""
    CAPTURED_DIFFERS = "CAPTURED_DIFFERS"
    CHARGE_STATE_DIFFERS = "CHARGE_STATE_DIFFERS"
    """Ended here, and there it may still take money; or the other way round."""
    CAPTURED_AFTER_END = "CAPTURED_AFTER_END"
    """Ended here without money, and taken there all the same. It is booked; who believed the end should know."""
    FOREIGN_REFUND = "FOREIGN_REFUND"
    """Money of a charge of ours went back there by a refund that bears no id of ours."""
    LOST_REFUND = "LOST_REFUND"
    DUPLICATE_REFUND = "DUPLICATE_REFUND"
    MISSING_REFUND = "MISSING_REFUND"
    REFUND_AMOUNT_DIFFERS = "REFUND_AMOUNT_DIFFERS"
    REFUND_STATE_DIFFERS = "REFUND_STATE_DIFFERS"
    DISPUTE_DIFFERS = "DISPUTE_DIFFERS"
    """A dispute about a charge of ours that could not be read, or not be booked as the provider has it."""
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    MODE_DIFFERS = "MODE_DIFFERS"
    """One side is live, the other a test."""
    UNREADABLE = "UNREADABLE"
    """The provider lists something that cannot be read, or that cannot be booked."""


class DiscrepancyState(StrEnum):
    OPEN = "OPEN"
    GONE = "GONE"
    """A later run found both sides alike."""
    CLOSED = "CLOSED"
    """A person has closed it."""


BLOCKS_CHARGING = frozenset(
    {
        DiscrepancyKind.LOST_CHARGE,
        DiscrepancyKind.DUPLICATE_CHARGE,
        DiscrepancyKind.CHARGE_STATE_DIFFERS,
        DiscrepancyKind.CURRENCY_DIFFERS,
        DiscrepancyKind.UNREADABLE,
    }
)
"""While one of these names an order and stands, the order takes no further charge: its money may be taken already."""

BLOCKS_REFUNDING = frozenset(
    {
        DiscrepancyKind.LOST_REFUND,
        DiscrepancyKind.FOREIGN_REFUND,
        DiscrepancyKind.DUPLICATE_REFUND,
        DiscrepancyKind.REFUND_STATE_DIFFERS,
    }
)
"""While one of these names a charge and stands, nothing more of it is given back: it may have gone back already.

So does an UNREADABLE refund.
"""

_ABOUT_REFUNDS = BLOCKS_REFUNDING | {DiscrepancyKind.MISSING_REFUND, DiscrepancyKind.REFUND_AMOUNT_DIFFERS}

STAYS_UNTIL_CLOSED = frozenset({DiscrepancyKind.CAPTURED_AFTER_END, DiscrepancyKind.MODE_DIFFERS})
"""A later look does not see them: what was booked differs no more, and only lists tell the mode."""

HELD_IN_VAIN_FOR = timedelta(hours=1)
"""A hold for a charge that has ended here is released by a job; only if that takes so long is it a discrepancy."""

LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference, as a run found it."""

    account: str
    kind: DiscrepancyKind
    subject: str
    """What it is about: the provider's ref, or our id of what is missing there. Unique with account and kind."""
    provider_ref: str | None = None
    operation_id: str | None = None
    order_id: str | None = None
    invoice_id: str | None = None
    charge_id: str | None = None
    refund_id: str | None = None
    """Ours; of what was lost, as the provider's object names it. Then there may be no such row."""
    here: Money | None = None
    there: Money | None = None
    here_state: str | None = None
    there_outcome: Outcome | None = None
    livemode: bool

    @property
    def is_about_refund(self) -> bool:
        return self.refund_id is not None or self.kind in _ABOUT_REFUNDS

    @property
    def size(self) -> int:
        """How much money is at stake, in minor units."""
        here, there = self.here, self.there
        if here is not None and there is not None and here.currency == there.currency:
            return abs(there.minor_units - here.minor_units)
        return max(amount.minor_units if amount else 0 for amount in (here, there))


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy(Finding):
    id: str
    state: DiscrepancyState = DiscrepancyState.OPEN
    note: str | None = None
    """Why a person closed it."""
    closed_by: str | None = None
    closed_at: datetime | None = None
    lifted: bool = False
    """A person has let the money move that it had kept from moving."""
    opened_at: datetime
    seen_at: datetime
    """When a run last found it."""

    @property
    def is_open(self) -> bool:
        return self.state is DiscrepancyState.OPEN

    @property
    def blocks(self) -> bool:
        """Whether it keeps its order or invoice from being charged, or its charge from being refunded."""
        if self.state is DiscrepancyState.GONE or self.lifted:
            return False
        charging = (self.order_id or self.invoice_id) is not None and self.kind in BLOCKS_CHARGING
        refunding = self.kind in BLOCKS_REFUNDING or (self.kind is DiscrepancyKind.UNREADABLE and self.is_about_refund)
        return charging or (self.charge_id is not None and refunding)

    @staticmethod
    def of(finding: Finding, *, now: datetime) -> "Discrepancy":
        return Discrepancy(**_fields_of(finding), id=new_id(IdPrefix.DISCREPANCY), opened_at=now, seen_at=now)

    def found_again(self, finding: Finding, *, now: datetime) -> "Discrepancy":
        """What a person has accepted is left as they saw it, until it grows."""
        if self.state is DiscrepancyState.CLOSED and not self._has_grown(finding):
            return replace(self, seen_at=now)
        seen = replace(self, **_fields_of(finding), seen_at=now)
        if self.is_open:
            return seen
        return replace(
            seen, state=DiscrepancyState.OPEN, opened_at=now, note=None, closed_by=None, closed_at=None, lifted=False
        )

    def _has_grown(self, finding: Finding) -> bool:
        return finding.size > self.size or finding.there_outcome is not self.there_outcome

    def gone(self, *, actor: str, now: datetime) -> "Discrepancy":
        return replace(self, state=DiscrepancyState.GONE, closed_by=actor, closed_at=now)

    def closed(self, *, actor: str, note: str, lift: bool, now: datetime) -> "Discrepancy":
        """One that was closed and still blocks can be closed once more, to lift it."""
        if not self.is_open and not (lift and self.blocks):
            raise DiscrepancyClosed
        return replace(self, state=DiscrepancyState.CLOSED, note=note, closed_by=actor, closed_at=now, lifted=lift)


def _fields_of(finding: Finding) -> dict[str, Any]:
    return {field.name: getattr(finding, field.name) for field in fields(Finding)}


# --- what differs -----------------------------------------------------------------------------------------------------

_MAY_STILL_TAKE = frozenset({Outcome.AUTHORIZED, Outcome.REQUIRES_ACTION, Outcome.PENDING})
_GAVE_BACK = frozenset({Outcome.SUCCEEDED, Outcome.VOIDED})
_MAY_HAVE_GIVEN_BACK = _GAVE_BACK | _MAY_STILL_TAKE | {Outcome.UNKNOWN}


def charge_difference(charge: Charge, picture: ChargeResult, *, now: datetime) -> DiscrepancyKind | None:
    """In what our charge differs from the provider's; None where they agree, or the provider did not say."""
    if picture.outcome is Outcome.UNKNOWN:
        return None
    told = (picture.authorized, picture.captured, picture.refunded)
    if any(amount is not None and amount.currency != charge.amount.currency for amount in told):
        return DiscrepancyKind.CURRENCY_DIFFERS
    there = picture.captured or Money.zero(charge.amount.currency)
    if there != charge.captured:
        return DiscrepancyKind.CAPTURED_DIFFERS
    if picture.outcome in _MAY_STILL_TAKE and not charge.is_live and charge.captured.is_zero:
        is_being_released = picture.outcome is Outcome.AUTHORIZED and now - charge.updated_at < HELD_IN_VAIN_FOR
        return None if is_being_released else DiscrepancyKind.CHARGE_STATE_DIFFERS
    if picture.outcome not in _MAY_STILL_TAKE and charge.is_live:
        return DiscrepancyKind.CHARGE_STATE_DIFFERS
    return None


def is_behind(charge: Charge, picture: ChargeResult, *, now: datetime) -> bool:
    """Whether the provider tells something of the charge that has not been heard here."""
    after = charge.after(picture, now=now)
    return (after.state, after.captured, after.charge_ref) != (charge.state, charge.captured, charge.charge_ref)


def ended_without_money(charge: Charge) -> bool:
    return charge.has_ended_unpaid and charge.captured.is_zero


def refund_difference(refund: Refund, picture: RefundResult) -> DiscrepancyKind | None:
    if picture.outcome is Outcome.UNKNOWN:
        return None
    if refund.is_in_another_currency(picture):
        return DiscrepancyKind.CURRENCY_DIFFERS
    gave_back_here, gave_back_there = refund.state is RefundState.SUCCEEDED, picture.outcome in _GAVE_BACK
    is_open_there = picture.outcome in _MAY_STILL_TAKE
    if gave_back_here and gave_back_there:
        same = picture.amount is None or picture.amount == refund.amount
        return None if same else DiscrepancyKind.REFUND_AMOUNT_DIFFERS
    if gave_back_here is not gave_back_there and not (is_open_there and (gave_back_here or refund.is_waiting)):
        return DiscrepancyKind.REFUND_STATE_DIFFERS
    if is_open_there and not refund.is_waiting and not gave_back_here:
        return DiscrepancyKind.REFUND_STATE_DIFFERS
    return None


def unknown_charge(account: str, listed: ListedCharge) -> Finding | None:
    """A charge there that we have no row of; None where it surely has no money, holds none and can take none."""
    picture = listed.picture
    if not _may_have_money(picture):
        return None
    order_id, invoice_id = _our_id(listed.order_id, IdPrefix.ORDER), _our_id(listed.invoice_id, IdPrefix.INVOICE)
    charge_id = _our_id(listed.charge_id, IdPrefix.CHARGE)
    operation_id = _our_id(picture.operation_id, IdPrefix.OPERATION)
    kind = DiscrepancyKind.UNREADABLE if picture.outcome is Outcome.UNKNOWN else DiscrepancyKind.FOREIGN_CHARGE
    return Finding(
        account=account,
        kind=DiscrepancyKind.LOST_CHARGE if order_id or invoice_id or charge_id or operation_id else kind,
        subject=listed.charge_ref,
        provider_ref=listed.charge_ref,
        operation_id=operation_id,
        order_id=order_id,
        invoice_id=invoice_id,
        charge_id=charge_id,
        there=money_there(picture),
        there_outcome=picture.outcome,
        livemode=listed.livemode,
    )


def _may_have_money(picture: ChargeResult) -> bool:
    if picture.outcome in _MAY_STILL_TAKE or picture.outcome is Outcome.UNKNOWN:
        return True
    there = money_there(picture)
    # A success that names no amount has taken one all the same.
    return picture.outcome is Outcome.SUCCEEDED if there is None else not there.is_zero


def unknown_refund(account: str, listed: ListedRefund, charge: Charge | None) -> Finding | None:
    """A refund there that we have no row of; None where nothing went back, or where its charge is none of ours.

    Of that one the charge's own discrepancy tells. A refund whose charge is not named may be of one of ours.
    """
    if not may_have_given_back(listed.picture) or (charge is None and listed.charge_ref is not None):
        return None
    refund_id = _our_id(listed.refund_id, IdPrefix.REFUND)
    operation_id = _our_id(listed.picture.operation_id, IdPrefix.OPERATION)
    return Finding(
        account=account,
        kind=DiscrepancyKind.LOST_REFUND if refund_id or operation_id else DiscrepancyKind.FOREIGN_REFUND,
        subject=listed.refund_ref,
        provider_ref=listed.refund_ref,
        operation_id=operation_id,
        order_id=charge.order_id if charge else None,
        invoice_id=charge.invoice_id if charge else None,
        charge_id=charge.id if charge else None,
        refund_id=refund_id,
        there=listed.picture.amount,
        there_outcome=listed.picture.outcome,
        livemode=listed.livemode,
    )


def unreadable(account: str, listed: ListedCharge | ListedRefund) -> Finding:
    """Something there that makes no sense: whom it names is all that can be told."""
    if isinstance(listed, ListedCharge):
        return Finding(
            account=account,
            kind=DiscrepancyKind.UNREADABLE,
            subject=listed.charge_ref,
            provider_ref=listed.charge_ref,
            order_id=_our_id(listed.order_id, IdPrefix.ORDER),
            invoice_id=_our_id(listed.invoice_id, IdPrefix.INVOICE),
            charge_id=_our_id(listed.charge_id, IdPrefix.CHARGE),
            there_outcome=Outcome.UNKNOWN,
            livemode=listed.livemode,
        )
    refund_id = _our_id(listed.refund_id, IdPrefix.REFUND)
    return Finding(
        account=account,
        kind=DiscrepancyKind.UNREADABLE if refund_id else DiscrepancyKind.FOREIGN_REFUND,
        subject=listed.refund_ref,
        provider_ref=listed.refund_ref,
        refund_id=refund_id,
        there_outcome=Outcome.UNKNOWN,
        livemode=listed.livemode,
    )


def money_there(picture: ChargeResult) -> Money | None:
    """What the provider took and has not given back; of a hold, what it holds."""
    if picture.outcome is Outcome.AUTHORIZED:
        return picture.authorized
    if picture.captured is None or picture.refunded is None or picture.captured.currency != picture.refunded.currency:
        return picture.captured
    return picture.captured - picture.refunded


def may_have_given_back(picture: RefundResult) -> bool:
    return picture.outcome in _MAY_HAVE_GIVEN_BACK


def of_charge(charge: Charge, kind: DiscrepancyKind, *, ref: str | None, picture: ChargeResult | None) -> Finding:
    """A difference about a charge of ours; without a picture, the provider knows of none."""
    return Finding(
        account=charge.account,
        kind=kind,
        subject=ref or charge.id,
        provider_ref=ref,
        operation_id=picture.operation_id if picture else None,
        order_id=charge.order_id,
        invoice_id=charge.invoice_id,
        charge_id=charge.id,
        here=charge.authorized if charge.state is ChargeState.AUTHORIZED else charge.captured,
        there=_taken_or_held(picture) if picture else None,
        here_state=charge.state,
        there_outcome=picture.outcome if picture else None,
        livemode=charge.livemode,
    )


def of_refund(refund: Refund, kind: DiscrepancyKind, *, ref: str | None, picture: RefundResult | None) -> Finding:
    return Finding(
        account=refund.account,
        kind=kind,
        subject=ref or refund.id,
        provider_ref=ref,
        operation_id=picture.operation_id if picture else None,
        order_id=refund.order_id,
        invoice_id=refund.invoice_id,
        charge_id=refund.charge_id,
        refund_id=refund.id,
        here=refund.amount if refund.state is RefundState.SUCCEEDED else Money.zero(refund.amount.currency),
        there=picture.amount if picture else None,
        here_state=refund.state,
        there_outcome=picture.outcome if picture else None,
        livemode=refund.livemode,
    )


def of_dispute(
    account: str, listed: DisputeResult, charge: Charge | None = None, dispute: Dispute | None = None
) -> Finding | None:
    """A dispute that could not be read or booked; None where the provider does not even name it."""
    if listed.dispute_ref is None:
        return None
    return Finding(
        account=account,
        kind=DiscrepancyKind.DISPUTE_DIFFERS,
        subject=listed.dispute_ref,
        provider_ref=listed.dispute_ref,
        order_id=charge.order_id if charge else None,
        invoice_id=charge.invoice_id if charge else None,
        charge_id=charge.id if charge else None,
        here=dispute.amount if dispute else None,
        there=listed.amount,
        here_state=dispute.state if dispute else None,
        there_outcome=Outcome.UNKNOWN,
        livemode=listed.livemode,
    )


def _taken_or_held(picture: ChargeResult) -> Money | None:
    """Without regard to refunds, which are compared one by one."""
    return picture.authorized if picture.outcome is Outcome.AUTHORIZED else picture.captured


def _our_id(value: str | None, prefix: IdPrefix) -> str | None:
    """What stands in a provider's object is as untrusted as any input."""
    return value if value is not None and prefix_of(value) is prefix else None
