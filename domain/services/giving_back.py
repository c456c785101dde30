"""Giving back what was billed and is not used: never to somebody who has not paid it.

A credit belongs to the invoice of its period, and is a credit note of that: first of what is still to be paid, and what
was paid goes into the balance. Money goes back to a card by a refund alone, which somebody decides about.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.changes import split
from domain.credits import creditable
from domain.errors import ChargeInProgress
from domain.invoices import Invoice, InvoiceLine, InvoiceState
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
    if not amount.is_positive or billed.invoice_id is None:
        return credits_
    invoice = there(await tx.invoices.get_for_update(billed.invoice_id), billed.invoice_id)
    if invoice.state not in (InvoiceState.OPEN, InvoiceState.PAID):
        # It was called off, or given up: nobody has paid what it was for.
        _, left = split(credits_, min(amount, max(invoice.total, Money.zero(billed.currency))))
        return left
    credited = await _credit(tx, invoice, _above_zero(credits_), cause=cause, actor=actor, told=told)
    _, left = split(credits_, amount - credited.rest)
    return left


async def reduce_owed(
    tx: Transaction, billed: BilledPeriod, lines: Lines, *, cause: str, actor: str, told: datetime
) -> Lines:
    """Of a change that gives something back, what reduces the invoice of its period, where that is not paid; returns
    the lines that are left. As `give_back` otherwise."""
    reduces = await reduces_owed(tx, billed, lines)
    if not reduces.is_positive or billed.invoice_id is None:
        return lines
    invoice = there(await tx.invoices.get_for_update(billed.invoice_id), billed.invoice_id)
    taken, left = split(lines, reduces)
    await _credit(tx, invoice, taken, cause=cause, actor=actor, told=told)
    return left


async def reduces_owed(tx: Transaction, billed: BilledPeriod, lines: Lines) -> Money:
    """How much of what these lines give back altogether nobody has paid yet."""
    nothing = Money.zero(billed.currency)
    back = -_total(lines, billed.currency)
    if not back.is_positive or billed.invoice_id is None:
        return nothing
    invoice = there(await tx.invoices.get(billed.invoice_id), billed.invoice_id)
    if invoice.state is not InvoiceState.OPEN:
        return nothing
    notes = await tx.invoices.credit_notes(invoice.id)
    return min(back, creditable(invoice, notes, await charges_of(tx, invoice)).due)


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
