"""Opening an invoice: what it takes along, what it asks for, and its number.

The only way in which an invoice gets its number, and the balance pays one. Whoever is to be charged for it locks their
payment method before; what is locked here, the balance and then the issuer, comes last in the order of locks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.balances import BalanceEntry, BalanceReason, applied_cause, carried_cause, entry
from domain.customers import Customer
from domain.deployment import Deployment
from domain.errors import AccountNotConfigured
from domain.events import EventKind
from domain.ids import IdPrefix, new_id
from domain.invoices import MOST_LINES, Invoice, InvoiceReason, InvoiceState, Opening, PendingLine, opened
from domain.issuers import DEFAULT_ISSUER_ID, Party
from domain.money import Money
from domain.services.invoice_events import tell
from domain.services.locking import there
from domain.services.teller import Teller
from domain.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What an invoice would be, were it opened now."""

    invoice: Invoice
    """Still a draft, with the lines that waited for it behind its own."""
    opening: Opening
    waiting: tuple[PendingLine, ...] = ()
    """Those that it takes along."""


class Invoicing:
    def __init__(self, *, teller: Teller, deployment: Deployment) -> None:
        self._teller = teller
        self._deployment = deployment

    def begun(
        self,
        customer_id: str,
        currency: str,
        reason: InvoiceReason,
        *,
        issuer_id: str = DEFAULT_ISSUER_ID,
        subscription_id: str | None = None,
        period_start: datetime | None = None,
        now: datetime,
    ) -> Invoice:
        """A draft without lines, which nobody has written down yet; `now` is business time."""
        return Invoice(
            id=new_id(IdPrefix.INVOICE),
            issuer_id=issuer_id,
            customer_id=customer_id,
            subscription_id=subscription_id,
            period_start=period_start,
            reason=reason,
            currency=currency,
            due=Money.zero(currency),
            balance_applied=Money.zero(currency),
            livemode=self._deployment.livemode,
            created_at=now,
            updated_at=now,
        )

    async def draft(
        self, tx: Transaction, draft: Invoice, *, account: str | None = None, takes_along: bool = True
    ) -> Drafted:
        """What it would be if it were opened now: nothing is locked and nothing written. Arguments as for `open`."""
        balance = await tx.balances.get(draft.customer_id, draft.currency)
        return self._drafted(draft, await _waiting(tx, draft) if takes_along else (), balance, account)

    async def open(
        self,
        tx: Transaction,
        draft: Invoice,
        *,
        account: str | None = None,
        takes_along: bool = True,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> Invoice:
        """The invoice with its number: PAID where nothing is to be charged, else OPEN.

        A draft that is written down already is locked. `account` is the one that it will be charged through, which
        takes no less than a certain amount; None where nobody knows yet: that of new cards. What is dropped unless it
        is paid `takes_along` no lines that wait, which would be dropped with it. `now` is the customer's time, `told`
        the real one.
        """
        # Under its lock nobody else takes the same lines along, nor the same balance.
        balance = await tx.balances.get_for_update(draft.customer_id, draft.currency)
        drafted = self._drafted(draft, await _waiting(tx, draft) if takes_along else (), balance, account)
        return await _issue(tx, drafted, actor=actor, now=now, told=told)

    def _drafted(self, draft: Invoice, waiting: Sequence[PendingLine], balance: Money, account: str | None) -> Drafted:
        draft.check_draft()
        # What does not fit waits for the next invoice: a renewal is not refused because of it.
        taken = tuple(waiting[: MOST_LINES - len(draft.lines)])
        if taken:
            draft = draft.with_lines((*draft.lines, *(each.line for each in taken)), now=draft.updated_at)
        opening = opened(draft.total, balance=balance, least=self._least(account, draft.currency))
        return Drafted(invoice=draft, opening=opening, waiting=taken)

    def _least(self, account: str | None, currency: str) -> Money:
        try:
            return self._teller.least_amount(account or self._teller.default_account, currency)
        except AccountNotConfigured:
            # It cannot be charged through either, whoever tries that is told; the invoice is none the less owed.
            return Money.zero(currency)


async def _waiting(tx: Transaction, draft: Invoice) -> Sequence[PendingLine]:
    """For this invoice: of its subscription, and of its customer alone."""
    own = draft.subscription_id
    of_it = await tx.invoices.waiting_lines(draft.customer_id, draft.currency, subscription_id=own) if own else ()
    return [*of_it, *await tx.invoices.waiting_lines(draft.customer_id, draft.currency, subscription_id=None)]


async def _issue(tx: Transaction, drafted: Drafted, *, actor: str, now: datetime, told: datetime) -> Invoice:
    draft, opening = drafted.invoice, drafted.opening
    if await tx.invoices.get(draft.id) is None:
        await tx.invoices.insert(draft)
        await tell(tx, EventKind.INVOICE_CREATED, draft, actor=actor, now=now, told=told)
    for line in drafted.waiting:
        await tx.invoices.take_waiting_line(line, invoice_id=draft.id)
    for moved in _entries(draft, opening, now=told):
        await tx.balances.insert(moved)
    customer = there(await tx.customers.get(draft.customer_id), draft.customer_id)
    await tell(tx, EventKind.INVOICE_OPENED, draft, actor=actor, now=now, told=told)
    if opening.state is InvoiceState.PAID:
        await tell(tx, EventKind.INVOICE_PAID, draft, actor=actor, now=now, told=told)
    return await tx.invoices.save(await numbered(tx, draft, opening, customer, now=now, told=told))


async def numbered(
    tx: Transaction, draft: Invoice, opening: Opening, customer: Customer, *, now: datetime, told: datetime
) -> Invoice:
    """As it is opened, to be written down. Last of all: every other invoice of this issuer waits from here on."""
    issuer = there(await tx.issuers.get_for_update(draft.issuer_id), draft.issuer_id)
    issuer, given = issuer.invoice_numbered(now=told)
    await tx.issuers.save(issuer)
    issued_to = Party(name=customer.name, address=customer.billing_address, email=customer.email)
    return draft.opened(opening, given, issued_by=issuer.party, issued_to=issued_to, now=now)


def _entries(invoice: Invoice, opening: Opening, *, now: datetime) -> Iterator[BalanceEntry]:
    """How the balance is moved: what the customer owes of too little apart from what they are owed."""
    nothing = Money.zero(opening.total.currency)
    before, after = opening.balance_before, opening.balance_after
    used = max(after, nothing) - max(before, nothing)
    reason = BalanceReason.CREDITED if used.is_positive else BalanceReason.APPLIED
    moved = (
        (used, reason, applied_cause(invoice.id)),
        (min(after, nothing) - min(before, nothing), BalanceReason.CARRIED_OVER, carried_cause(invoice.id)),
    )
    for amount, why, cause in moved:
        if not amount.is_zero:
            yield entry(invoice.customer_id, amount, why, cause=cause, invoice_id=invoice.id, now=now)
