"""How much of an invoice can be taken back.

An issued invoice never changes, so a mistake, or time that is not used, is credited: by credit notes, which together
never come to more than what was printed. One reduces what is still to be paid, or puts into the customer's balance what
was paid. What went back to a card, or is in dispute, is not given a second time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.charges import Charge
from domain.errors import CreditTooHigh, InvalidInput, InvoiceNotCreditable, NotFound
from domain.invoices import CreditNote, CreditReduces, Invoice, InvoiceLine, InvoiceState
from domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Creditable:
    """What can be credited of an invoice now; none of it below zero."""

    in_all: Money
    """What was printed, less what was credited."""
    due: Money
    """What nobody has paid."""
    kept: Money
    """What was paid, by charges or by the balance, and has not gone back."""

    def most(self, reduces: CreditReduces) -> Money:
        return min(self.in_all, self.due if reduces is CreditReduces.DUE else self.kept)


def creditable(invoice: Invoice, notes: Sequence[CreditNote], charges: Iterable[Charge]) -> Creditable:
    """`charges` are all that have paid it: its own, or those of its order."""
    if invoice.state in (InvoiceState.DRAFT, InvoiceState.VOID):
        raise InvoiceNotCreditable(invoice.state)
    nothing = Money.zero(invoice.currency)
    charges = list(charges)
    captured = Money.total((charge.captured for charge in charges), currency=invoice.currency)
    left = Money.total((charge.refundable for charge in charges), currency=invoice.currency)
    given = Money.total((note.amount for note in notes), currency=invoice.currency)
    into_balance = (note.amount for note in notes if note.reduces is CreditReduces.BALANCE)
    kept = left + invoice.balance_applied - Money.total(into_balance, currency=invoice.currency)
    return Creditable(
        in_all=max(invoice.total - given, nothing),
        due=max(invoice.due - captured, nothing) if invoice.takes_money else nothing,
        kept=max(kept, nothing),
    )


def check_creditable(creditable: Creditable, amount: Money, reduces: CreditReduces) -> None:
    if amount > (most := creditable.most(reduces)):
        raise CreditTooHigh(str(most))


def credited_of(line: InvoiceLine, amount: Money | None, notes: Sequence[CreditNote]) -> InvoiceLine:
    """The line of a credit note, under the id of the invoice's line that it takes back of; None: all that is left."""
    before = (each.amount for note in notes for each in note.lines if each.id == line.id)
    left = line.amount - Money.total(before, currency=line.amount.currency)
    if not left.is_positive:
        raise InvalidInput("Of this line there is nothing to be credited.", path=("invoiceLineId",))
    if amount is not None and amount > left:
        raise CreditTooHigh(str(left))
    part = left if amount is None else amount
    # What a unit costs explains the whole line alone.
    return line if part == line.amount else replace(line, amount=part, unit_amount=None, flat_amount=None)


def line_of(invoice: Invoice, line_id: str) -> InvoiceLine:
    for line in invoice.lines:
        if line.id == line_id:
            return line
    raise NotFound("invoice line", path=("invoiceLineId",))


def parted(lines: Sequence[InvoiceLine], amount: Money) -> tuple[tuple[InvoiceLine, ...], tuple[InvoiceLine, ...]]:
    """The first of these lines that come to the amount, and the others; the line in between is in both, in parts."""
    first: list[InvoiceLine] = []
    others: list[InvoiceLine] = []
    for line in lines:
        part = min(line.amount, amount)
        amount -= part
        if part.is_positive:
            first.append(replace(line, amount=part))
        if line.amount > part:
            others.append(replace(line, amount=line.amount - part))
    return tuple(first), tuple(others)
