"""Discrepancies: written down once however often they are found, closed by the run that misses them, or by a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.charges import Charge
from domain.clock import Clock
from domain.discrepancies import LONGEST_NOTE, Discrepancy, Finding
from domain.errors import DiscrepancyOpen, NotFound
from domain.events import EventKind, new_event
from domain.ids import IdPrefix, prefix_of
from domain.payables import Payable
from domain.principals import Permission, Principal
from domain.refunds import Refund
from domain.store import Store, Transaction
from domain.texts import clean_text


class DiscrepancyService:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def close(self, principal: Principal, discrepancy_id: str, *, note: str, lift: bool = False) -> str:
        """A person has seen to it. It opens again if it grows.

        With `lift` the order that it names can be charged again, and the charge refunded; without, that stays refused.
        """
        principal.require(Permission.UPKEEP_WRITE)
        note = clean_text(note, "note", longest=LONGEST_NOTE)
        async with self._store.transaction() as tx:
            found = await tx.discrepancies.get_for_update(discrepancy_id)
            if found is None:
                raise NotFound("discrepancy", path=("discrepancyId",))
            now = self._clock.now()
            closed = found.closed(actor=principal.actor, note=note, lift=lift, now=now)
            if await _is_about_somebody_erased(tx, closed):
                closed = replace(closed, note=None)  # who was erased is named in no note either
            await tx.discrepancies.save(closed)
            await _tell(tx, EventKind.DISCREPANCY_CLOSED, closed, actor=principal.actor, now=now)
        return discrepancy_id


async def write_down(tx: Transaction, finding: Finding, *, actor: str, now: datetime) -> None:
    known = await tx.discrepancies.find_for_update(finding.account, finding.kind, finding.subject)
    if known is None:
        found = Discrepancy.of(finding, now=now)
        # False where a rival has found the same at the same moment, and tells of it.
        is_new = await tx.discrepancies.insert_if_new(found)
    else:
        found = known.found_again(finding, now=now)
        is_new = found.is_open and not known.is_open
        await tx.discrepancies.save(found)
    if is_new:
        await _tell(tx, EventKind.DISCREPANCY_OPENED, found, actor=actor, now=now)


async def close_if_gone(
    tx: Transaction, discrepancy_id: str, *, not_seen_since: datetime, actor: str, now: datetime
) -> None:
    found = await tx.discrepancies.get_for_update(discrepancy_id)
    if found is None or not found.is_open or found.seen_at >= not_seen_since:
        return
    gone = found.gone(actor=actor, now=now)
    await tx.discrepancies.save(gone)
    await _tell(tx, EventKind.DISCREPANCY_CLOSED, gone, actor=actor, now=now)


async def check_may_charge(tx: Transaction, payable_id: str, path: str = "orderId") -> None:
    """The money of this order or invoice may be at the provider already, under a charge that is not known here.

    `path` leads to the field of the input that named it or its charge.
    """
    if await tx.discrepancies.blocks_charging(payable_id):
        raise DiscrepancyOpen("invoice" if prefix_of(payable_id) is IdPrefix.INVOICE else "order", path=(path,))


async def check_may_refund(tx: Transaction, charge_id: str) -> None:
    if await tx.discrepancies.blocks_refunding(charge_id):
        raise DiscrepancyOpen("charge", path=("chargeId",))


async def _tell(tx: Transaction, kind: EventKind, about: Discrepancy, *, actor: str, now: datetime) -> None:
    """In its own timeline, and in those of the objects that it names, where there are such.

    Not in the customer's: it concerns the shop alone.
    """
    subjects = [record.id for record in await _named(tx, about)]
    data = {
        "kind": about.kind,
        "state": about.state,
        "account": about.account,
        "providerRef": about.provider_ref,
        "lifted": about.lifted or None,
    }
    told = {name: value for name, value in data.items() if value is not None}
    await tx.events.add(new_event(kind, about.id, *subjects, actor=actor, livemode=about.livemode, now=now, data=told))


async def _named(tx: Transaction, about: Discrepancy) -> Sequence[Payable | Charge | Refund]:
    """The records of ours that it names, where there are such."""
    order = await tx.orders.get(about.order_id) if about.order_id else None
    invoice = await tx.invoices.get(about.invoice_id) if about.invoice_id else None
    charge = await tx.charges.get(about.charge_id) if about.charge_id else None
    refund = await tx.refunds.get(about.refund_id) if about.refund_id else None
    return [record for record in (refund, charge, order, invoice) if record is not None]


async def _is_about_somebody_erased(tx: Transaction, about: Discrepancy) -> bool:
    """Read once the discrepancy is locked: whoever is being erased at this moment waits for it, or has been."""
    customers = {record.customer_id for record in await _named(tx, about)}
    read = [await tx.customers.get(customer_id) for customer_id in customers]
    return any(customer is not None and customer.redacted_at is not None for customer in read)
