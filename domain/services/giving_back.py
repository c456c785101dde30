"""Giving back what was billed and is not used: never to somebody who has not paid it.

A credit belongs to the invoice of its period, and is a credit note of that: first of what is still to be paid, there or
of another invoice of the subscription, and what was paid goes into the balance. Money goes back to a card by a refund
alone, which somebody decides about.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.changes import split
from domain.credits import creditable, parted
from domain.errors import ChargeInProgress
from domain.invoices import CreditReduces, Invoice, InvoiceLine, InvoiceState, LineKind
from domain.money import Money
from domain.services.credit_notes import Credited, credit
from domain.services.locking import there
from domain.services.settlement import charges_of
from domain.store import Transaction
from domain.subscriptions import BilledPeriod

Lines = tuple[InvoiceLine, ...]


async def give_back(
    tx: Transaction, billed: BilledPeriod, credits_: Lines, *, cause: str, actor: str, told: datetime
) -> Lines:
    """Credit lines of an ended or paused period; returns those that its invoice had not been for, as they were.

    The subscription is kept before: an invoice of which nothing is due any more is paid, and it may go on then.
    """
    amount = -_total(credits_, billed.currency)
    if not amount.is_positive:
        return credits_
    rest = await _reduce(tx, billed, _above_zero(credits_), cause=cause, actor=actor, told=told)
    left = _total(rest, billed.currency)
    if rest and billed.invoice_id is not None:
        invoice = there(await tx.invoices.get_for_update(billed.invoice_id), billed.invoice_id)
        if invoice.takes_money or invoice.state is InvoiceState.PAID:
            left = (await _credit(tx, invoice, rest, cause=cause, actor=actor, told=told)).rest
        else:
            left -= min(left, _forgiven(invoice))
    if left.is_positive:
        left -= min(left, await _gone(tx, billed, but=billed.invoice_id))
        left -= min(left, await _by_hand(tx, billed))
    return split(credits_, amount - left)[1]


async def reduce_owed(
    tx: Transaction, billed: BilledPeriod, lines: Lines, *, cause: str, actor: str, told: datetime
) -> Lines:
    """Of a change that gives something back, what nobody has paid; returns the lines that are left. As `give_back`
    otherwise."""
    reduces = await reduces_owed(tx, billed, lines)
    if not reduces.is_positive:
        return lines
    taken, left = split(lines, reduces)
    await _reduce(tx, billed, taken, cause=cause, actor=actor, told=told)
    return left


async def reduces_owed(tx: Transaction, billed: BilledPeriod, lines: Lines) -> Money:
    """How much of what these lines give back altogether nobody has paid: it is owed, was forgiven, or went back."""
    nothing = Money.zero(billed.currency)
    # What a period comes to that begins with the change gives nothing back, and is not to be paid with this either.
    back = -_total([line for line in lines if line.kind is not LineKind.PERIOD], billed.currency)
    if not back.is_positive:
        return nothing
    unpaid = Money.total((due for _, due in await _unpaid(tx, billed)), currency=billed.currency)
    gone = await _gone(tx, billed)
    if billed.invoice_id is not None:
        invoice = there(await tx.invoices.get(billed.invoice_id), billed.invoice_id)
        if invoice.state is InvoiceState.VOID or invoice.discarded_at is not None:
            gone += _forgiven(invoice)
        by_hand = await _by_hand(tx, billed)
        gone += max(min(by_hand, back - max(invoice.total - by_hand, nothing)), nothing)
    owed = min(max(-_total(lines, billed.currency), nothing), unpaid)
    return owed + min(back - owed, gone)


async def _unpaid(tx: Transaction, billed: BilledPeriod) -> Sequence[tuple[Invoice, Money]]:
    """What is due of each invoice of the subscription, above zero: of the period's own first, then of the latest. One
    of a change may be unpaid where that of the period is not."""
    own = await tx.invoices.get(billed.invoice_id) if billed.invoice_id is not None else None
    others = [each for each in await tx.invoices.open_of_subscription(billed.subscription_id) if each != own]
    found = []
    for invoice in (own, *reversed(others)):
        if invoice is not None and invoice.takes_money:
            notes = await tx.invoices.credit_notes(invoice.id)
            found.append((invoice, creditable(invoice, notes, await charges_of(tx, invoice)).most(CreditReduces.DUE)))
    return [(invoice, due) for invoice, due in found if due.is_positive]


async def _reduce(
    tx: Transaction, billed: BilledPeriod, lines: Lines, *, cause: str, actor: str, told: datetime
) -> Lines:
    """Credit lines above zero of what is due; returns those for which there is nothing due."""
    for unpaid, due in await _unpaid(tx, billed):
        part, lines = parted(lines, due)
        if part:
            invoice = there(await tx.invoices.get_for_update(unpaid.id), unpaid.id)
            own = cause if invoice.id == billed.invoice_id else f"{cause}:{invoice.id}"
            await _credit(tx, invoice, part, cause=own, actor=actor, told=told)
    return lines


async def _gone(tx: Transaction, billed: BilledPeriod, *, but: str | None = None) -> Money:
    """What was paid for the period, and went back to a card or is in dispute, and what a change in it was forgiven; the
    invoice `but` does not count."""
    gone = Money.zero(billed.currency)
    for invoice in await tx.invoices.of_period(billed.subscription_id, billed.period.start):
        if invoice.id == but:
            continue
        if invoice.state is InvoiceState.PAID:
            for charge in await charges_of(tx, invoice):
                gone += charge.captured - charge.refundable
        elif invoice.id != billed.invoice_id and _was_applied(invoice, billed):
            gone += _forgiven(invoice)
    return gone


async def _by_hand(tx: Transaction, billed: BilledPeriod) -> Money:
    """What somebody has credited of the invoice of the period already."""
    notes = await tx.invoices.credit_notes(billed.invoice_id) if billed.invoice_id is not None else ()
    return Money.total((note.amount for note in notes if note.is_by_hand), currency=billed.currency)


def _was_applied(invoice: Invoice, billed: BilledPeriod) -> bool:
    """Whether a change was made that nobody pays for: one that waited for its payment was not, and changed no rate."""
    changed = {rate.since for rates in billed.rates.values() for rate in rates}
    is_given_up = invoice.state in (InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE)
    return is_given_up and any(line.kind is LineKind.CHARGE and line.period_start in changed for line in invoice.lines)


def _forgiven(invoice: Invoice) -> Money:
    """What was called off, or never asked for: nobody has paid it."""
    return max(invoice.total, Money.zero(invoice.currency))


async def _credit(
    tx: Transaction, invoice: Invoice, lines: Lines, *, cause: str, actor: str, told: datetime
) -> Credited:
    try:
        return await credit(tx, invoice, lines, cause=cause, actor=actor, now=told)
    except ChargeInProgress:
        raise ChargeInProgress(path=("subscriptionId",)) from None


def _total(lines: Sequence[InvoiceLine], currency: str) -> Money:
    return Money.total((line.amount for line in lines), currency=currency)


def _above_zero(lines: Sequence[InvoiceLine]) -> Lines:
    return tuple(replace(line, amount=-line.amount) for line in lines)
