"""Credit notes: a part of an issued invoice is taken back, under a number of its own.

Money that was taken is never sent back by one: it goes into the balance, and a refund is a step of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.balances import BalanceEntry, BalanceReason, credited_cause, entry
from domain.clock import Clock
from domain.credits import check_creditable, creditable, credited_of, line_of, parted
from domain.errors import (
    AmountNotPositive,
    ChargeInProgress,
    CreditTooHigh,
    CurrencyMismatch,
    InvalidInput,
    NotFound,
    told_of,
)
from domain.events import EventKind
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.invoices import CREDITED_BY_HAND, CreditNote, CreditReduces, Invoice, InvoiceLine, LineKind
from domain.issuers import Number
from domain.money import Money
from domain.principals import Permission, Principal
from domain.services import paid_invoices
from domain.services.business_time import now_of
from domain.services.invoice_events import tell
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_invoice, there
from domain.services.settlement import captured_of, charges_of
from domain.store import Store, Transaction
from domain.texts import clean_text

UNNAMED = "Credit"
"""What stands beside an amount that nobody has named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedLine:
    invoice_line_id: str
    amount: Money | None
    """None: all of it that was not credited yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCreditNote:
    """Lines, or an amount with a name; neither: all that can be credited."""

    invoice_id: str
    lines: Sequence[CreditedLine] = ()
    amount: Money | None = None
    name: str | None = None
    """What is printed beside the amount."""
    reduces: CreditReduces | None = None
    """None: what is still to be paid, or of a paid invoice what was paid."""
    request: KeyedRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    notes: tuple[CreditNote, ...]
    invoice: Invoice
    """As it is now; paid, where nothing is due any more."""
    rest: Money
    """What the invoice had not been for, so that none of its credit notes can say it."""


class CreditNoteService:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, principal: Principal, command: CreateCreditNote) -> str:
        """The id of the credit note."""
        principal.require(Permission.INVOICES_WRITE)
        if command.lines and command.amount is not None:
            raise InvalidInput("Either lines or an amount says what is credited.", path=("amount",))
        name = clean_text(command.name, "name") if command.name is not None else None
        async with self._store.transaction() as tx:
            known = await tx.invoices.get(command.invoice_id)
            if known is None or not principal.sees(known.customer_id):
                raise NotFound("invoice", path=("invoiceId",))
            invoice = await lock_invoice(tx, known.id)
            if made := await made_before(tx, command.request):
                return made
            notes = await tx.invoices.credit_notes(invoice.id)
            can_be = creditable(invoice, notes, await charges_of(tx, invoice))
            reduces = command.reduces or (CreditReduces.DUE if can_be.due.is_positive else CreditReduces.BALANCE)
            lines = _lines(command, invoice, notes, name, most=can_be.most(reduces))
            check_creditable(can_be, _sum(lines, invoice.currency), reduces)
            told = self._clock.now()
            draft = _Wanted(reduces, lines, id=new_id(IdPrefix.CREDIT_NOTE))
            await claim(tx, command.request, draft.id, now=told)
            await _issue(tx, invoice, [draft], cause=f"{CREDITED_BY_HAND}{draft.id}", actor=principal.actor, now=told)
        return draft.id


async def credit(
    tx: Transaction, invoice: Invoice, lines: Sequence[InvoiceLine], *, cause: str, actor: str, now: datetime
) -> Credited:
    """Take back what these lines say, above zero, of an issued invoice that is locked (see `lock_invoice`): first what
    nobody has paid of it, so that nobody gets to spend what they never paid, and the rest into the balance.

    What went back to a card meanwhile is not given again. `cause` names what it is for, so that it is credited once:
    UniqueTaken, `credit_notes_cause`, where it was. An invoice of which nothing is due any more is paid, and then its
    subscription may go on (see `paid_invoices`), so whoever changes the subscription saves it before, and reads it
    again afterwards. ChargeInProgress while a charge would take what is credited. `now` is real time. Locks the balance
    and the issuer.
    """
    notes = await tx.invoices.credit_notes(invoice.id)
    can_be = creditable(invoice, notes, await charges_of(tx, invoice))
    within, _ = parted(lines, can_be.in_all)
    of_due, others = parted(within, can_be.due)
    of_balance, _ = parted(others, can_be.kept)
    wanted = [
        _Wanted(reduces, part, id=new_id(IdPrefix.CREDIT_NOTE))
        for reduces, part in ((CreditReduces.DUE, of_due), (CreditReduces.BALANCE, of_balance))
        if part
    ]
    issued, invoice = await _issue(tx, invoice, wanted, cause=cause, actor=actor, now=now)
    rest = _sum(lines, invoice.currency) - _sum(within, invoice.currency)
    return Credited(notes=issued, invoice=invoice, rest=rest)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A credit note that has no number yet."""

    reduces: CreditReduces
    lines: tuple[InvoiceLine, ...]
    id: str

    @property
    def amount(self) -> Money:
        return _sum(self.lines, self.lines[0].amount.currency)


async def _issue(
    tx: Transaction, invoice: Invoice, wanted: Sequence[_Wanted], *, cause: str, actor: str, now: datetime
) -> tuple[tuple[CreditNote, ...], Invoice]:
    """Number them, and do what follows; in the order of locks."""
    if not wanted:
        return (), invoice
    told, now = now, await now_of(tx, invoice.customer_id, now=now)
    into_balance = [each for each in wanted if each.reduces is CreditReduces.BALANCE]
    if into_balance:
        await tx.balances.get_for_update(invoice.customer_id, invoice.currency)
    for each in wanted:
        if each.reduces is CreditReduces.DUE:
            invoice = await _reduce(tx, invoice, each.amount, actor=actor, now=now, told=told)
    for each in into_balance:
        await tx.balances.insert(_credited(invoice, each, now=told))
    for each in wanted:
        data = {"creditNote": each.id, "amount": each.amount.minor_units, "currency": invoice.currency}
        await tell(tx, EventKind.INVOICE_CREDITED, invoice, actor=actor, now=now, told=told, data=data)
    # Last of all, as when an invoice is opened.
    issuer = there(await tx.issuers.get_for_update(invoice.issuer_id), invoice.issuer_id)
    notes = []
    for each in wanted:
        issuer, number = issuer.credit_note_numbered(now=told)
        notes.append(_note(invoice, each, number, cause=f"{cause}:{each.reduces.lower()}", now=now))
    await tx.issuers.save(issuer)
    for note in notes:
        await tx.invoices.insert_credit_note(note)
    return tuple(notes), invoice


async def _reduce(
    tx: Transaction, invoice: Invoice, amount: Money, *, actor: str, now: datetime, told: datetime
) -> Invoice:
    if any(charge.is_live for charge in await charges_of(tx, invoice)):
        raise ChargeInProgress(path=("invoiceId",))
    invoice = await tx.invoices.save(invoice.reduced(amount, now=now))
    if await captured_of(tx, invoice) < invoice.due:
        return invoice
    return await paid_invoices.pay(tx, invoice, actor=actor, now=told)


def _credited(invoice: Invoice, wanted: _Wanted, *, now: datetime) -> BalanceEntry:
    return entry(
        invoice.customer_id,
        wanted.amount,
        BalanceReason.CREDIT_NOTE,
        cause=credited_cause(wanted.id),
        invoice_id=invoice.id,
        now=now,
    )


def _note(invoice: Invoice, wanted: _Wanted, number: Number, *, cause: str, now: datetime) -> CreditNote:
    return CreditNote(
        id=wanted.id,
        invoice_id=invoice.id,
        issuer_id=invoice.issuer_id,
        customer_id=invoice.customer_id,
        number=number,
        cause=cause,
        lines=wanted.lines,
        amount=wanted.amount,
        reduces=wanted.reduces,
        livemode=invoice.livemode,
        created_at=now,
    )


def _lines(
    command: CreateCreditNote, invoice: Invoice, notes: Sequence[CreditNote], name: str | None, *, most: Money
) -> tuple[InvoiceLine, ...]:
    if not command.lines:
        amount = most if command.amount is None else _of(invoice, command.amount)
        if not amount.is_positive:
            raise CreditTooHigh(str(most))
        line_id = new_id(IdPrefix.INVOICE_LINE)
        return (InvoiceLine(id=line_id, kind=LineKind.CREDIT, name=name or UNNAMED, amount=amount),)
    lines: dict[str, InvoiceLine] = {}
    for place, wanted in enumerate(command.lines):
        with told_of("lines", str(place)):
            if wanted.invoice_line_id in lines:
                raise InvalidInput("This line is named twice.", path=("invoiceLineId",))
            line = line_of(invoice, wanted.invoice_line_id)
            part = None if wanted.amount is None else _of(invoice, wanted.amount)
            lines[line.id] = replace(credited_of(line, part, notes), kind=LineKind.CREDIT)
    return tuple(lines.values())


def _of(invoice: Invoice, amount: Money) -> Money:
    if amount.currency != invoice.currency:
        raise CurrencyMismatch(expected=invoice.currency, actual=amount.currency, path=("amount", "currency"))
    if not amount.is_positive:
        raise AmountNotPositive(path=("amount",))
    return amount


def _sum(lines: Sequence[InvoiceLine], currency: str) -> Money:
    return Money.total((line.amount for line in lines), currency=currency)
