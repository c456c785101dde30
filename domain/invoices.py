"""Invoices, and what one asks for when it is opened.

A draft changes as one likes. When it is opened it gets its number, and from then on nothing that is printed on it ever
changes: a mistake is credited, and not mended.

Its total is not always what the customer has to pay: there may be a balance, credits may come to more than charges, and
no provider takes a few cents. None of that is lost or rounded away. What is not asked for now stands in the balance of
the customer, and the next invoice begins with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from domain.errors import (
    CurrencyMismatch,
    InvalidInput,
    InvoiceAlreadyPaid,
    InvoiceDiscarded,
    InvoiceNotDraft,
    InvoiceNotOpen,
    InvoiceNotPayable,
    NotFound,
    StaleVersion,
)
from domain.issuers import Number, Party
from domain.money import Money

MOST_LINES = 500
"""A hundred and twenty periods of a subscription that began earlier, with a few items each."""


class InvoiceState(StrEnum):
    """DRAFT → OPEN → PAID | VOID | UNCOLLECTIBLE; what is uncollectible may be paid after all, or called off."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    """It has its number, and never changes again."""
    PAID = "PAID"
    VOID = "VOID"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"


class InvoiceReason(StrEnum):
    """What it was made for."""

    CREATE = "CREATE"
    """The first of a subscription."""
    PERIOD = "PERIOD"
    """A renewal; there is one at most for each period."""
    CHANGE = "CHANGE"
    CATCH_UP = "CATCH_UP"
    """All periods of a subscription that had begun before it was made."""
    CANCEL = "CANCEL"
    ONE_OFF = "ONE_OFF"
    ORDER = "ORDER"


class LineKind(StrEnum):
    PERIOD = "PERIOD"
    CREDIT = "CREDIT"
    """For time that was paid and is not used."""
    CHARGE = "CHARGE"
    """For the rest of a period, since a change in its midst."""
    ONE_OFF = "ONE_OFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    id: str
    kind: LineKind
    item_id: str | None = None
    """Of a subscription: which of its items it is for."""
    price_id: str | None = None
    name: str
    """As it was called when the line was made."""
    quantity: int = 1
    unit_amount: Money | None = None
    flat_amount: Money | None = None
    """None, as `unit_amount`, where the line is part of a period, which no price of one unit explains."""
    amount: Money
    """Below zero when it gives something back."""
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLine:
    """A line that waits for the next invoice: of its subscription, where it has one, else of its customer."""

    line: InvoiceLine
    customer_id: str
    subscription_id: str | None = None
    cause: str
    """What made it: unique, so that what is done twice is asked for once."""
    invoice_id: str | None = None
    """The one that has taken it."""
    removed_at: datetime | None = None
    """Since when it waits no longer, and no invoice takes it."""
    created_at: datetime

    @property
    def id(self) -> str:
        return self.line.id


class CreditReduces(StrEnum):
    DUE = "DUE"
    """What was still to be paid of the invoice."""
    BALANCE = "BALANCE"
    """Nothing of it: the customer's balance grows."""


CREDITED_BY_HAND = "by_hand:"
"""What the cause of a credit note begins with that somebody made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """Takes back a part of an invoice that was issued, which itself never changes. It never changes either."""

    id: str
    invoice_id: str
    issuer_id: str
    customer_id: str
    number: Number
    """Of a series of its own."""
    cause: str
    lines: tuple[InvoiceLine, ...]
    """What is credited, above zero."""
    amount: Money
    reduces: CreditReduces
    livemode: bool
    created_at: datetime

    @property
    def is_by_hand(self) -> bool:
        """Somebody made it, and not a change, a pause or an end."""
        return self.cause.startswith(CREDITED_BY_HAND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    id: str
    issuer_id: str
    customer_id: str
    subscription_id: str | None = None
    period_start: datetime | None = None
    """Of a subscription's: the period that it is for; of several, the first."""
    order_id: str | None = None
    """The order whose payment it confirms."""
    reason: InvoiceReason
    state: InvoiceState = InvoiceState.DRAFT
    currency: str
    lines: tuple[InvoiceLine, ...] = ()
    number: Number | None = None
    """None of a draft. One that is called off keeps it."""
    due: Money
    """What its charges are to take, less what was credited of it since it was opened; zero of a draft."""
    balance_applied: Money
    """As `Opening.balance_applied`; zero of a draft."""
    issued_by: Party | None = None
    issued_to: Party | None = None
    """As they are printed; None of a draft, which shows them as they are now."""
    due_at: datetime | None = None
    next_try_at: datetime | None = None
    """When a payment method is charged for it by itself."""
    opened_at: datetime | None = None
    paid_at: datetime | None = None
    voided_at: datetime | None = None
    uncollectible_at: datetime | None = None
    discarded_at: datetime | None = None
    """Of a draft: since when nothing happens to it any more. It never had a number, so none is missing."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    """Goes up by one with every save; two writers cannot both win."""
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def total(self) -> Money:
        return Money.total((line.amount for line in self.lines), currency=self.currency)

    @property
    def to_pay(self) -> Money:
        """What its charges are to take altogether."""
        return self.due

    @property
    def takes_money(self) -> bool:
        """Whether money that arrives is for it; else somebody has to look at it."""
        return self.state in (InvoiceState.OPEN, InvoiceState.UNCOLLECTIBLE)

    @property
    def is_draft(self) -> bool:
        """One that may still become an invoice."""
        return self.state is InvoiceState.DRAFT and self.discarded_at is None

    # --- what may happen --------------------------------------------------------------------------------------------

    def check_version(self, expected: int | None) -> None:
        if expected is not None and expected != self.version:
            raise StaleVersion(expected=expected, actual=self.version)

    def check_draft(self) -> None:
        if self.state is not InvoiceState.DRAFT:
            raise InvoiceNotDraft(self.state)
        if self.discarded_at is not None:
            raise InvoiceDiscarded

    def check_payable(self, *, captured: Money) -> None:
        """`captured` is what its charges have taken."""
        if self.state is InvoiceState.PAID or (self.takes_money and captured >= self.due):
            raise InvoiceAlreadyPaid
        if not self.takes_money:
            raise InvoiceNotPayable(self.state)

    def check_callable_off(self) -> None:
        self._check_open()

    # --- what happens -----------------------------------------------------------------------------------------------

    def with_lines(self, lines: tuple[InvoiceLine, ...], *, now: datetime) -> "Invoice":
        self.check_draft()
        if len(lines) > MOST_LINES:
            raise InvalidInput(f"An invoice has {MOST_LINES} lines at most.", path=("lines",))
        for line in lines:
            if line.amount.currency != self.currency:
                raise CurrencyMismatch(expected=self.currency, actual=line.amount.currency)
        # A total past 2^53 - 1 is refused here, and not when somebody reads the invoice.
        Money.total((line.amount for line in lines), currency=self.currency)
        return replace(self, lines=lines, updated_at=now)

    def without_line(self, line_id: str, *, now: datetime) -> "Invoice":
        self.line(line_id)
        return self.with_lines(tuple(line for line in self.lines if line.id != line_id), now=now)

    def line(self, line_id: str) -> InvoiceLine:
        for line in self.lines:
            if line.id == line_id:
                return line
        raise NotFound("invoice line", path=("lineId",))

    def discarded(self, *, now: datetime) -> "Invoice":
        self.check_draft()
        return replace(self, discarded_at=now, updated_at=now)

    def opened(
        self, opening: "Opening", number: Number, *, issued_by: Party, issued_to: Party, now: datetime
    ) -> "Invoice":
        """With its number, and paid at once where nothing is to be charged."""
        self.check_draft()
        if opening.total != self.total:
            raise ValueError(f"{self.id} is opened for {opening.total}, and its lines say {self.total}")
        opened = replace(
            self,
            state=InvoiceState.OPEN,
            number=number,
            due=opening.due,
            balance_applied=opening.balance_applied,
            issued_by=issued_by,
            issued_to=issued_to,
            due_at=self.due_at or now,
            opened_at=now,
            updated_at=now,
        )
        return opened.paid(now=now) if opening.state is InvoiceState.PAID else opened

    def paid(self, *, now: datetime) -> "Invoice":
        self._check_open()
        return replace(self, state=InvoiceState.PAID, paid_at=now, next_try_at=None, updated_at=now)

    def voided(self, *, now: datetime) -> "Invoice":
        """Called off; the caller has seen to it that nothing of it was taken, nor is being."""
        self._check_open()
        return replace(self, state=InvoiceState.VOID, voided_at=now, next_try_at=None, updated_at=now)

    def uncollectible(self, *, now: datetime) -> "Invoice":
        """Nobody expects it to be paid; money that arrives after all is taken all the same."""
        if self.state is not InvoiceState.OPEN:
            raise InvoiceNotOpen(self.state)
        return replace(self, state=InvoiceState.UNCOLLECTIBLE, uncollectible_at=now, next_try_at=None, updated_at=now)

    def reduced(self, amount: Money, *, now: datetime) -> "Invoice":
        """A part of what is still to be paid was credited; the caller has seen to it that it is not being taken."""
        self._check_open()
        if not amount.is_positive or amount > self.due:
            raise ValueError(f"{amount} of {self.due} is credited of {self.id}")
        return replace(self, due=self.due - amount, updated_at=now)

    def tried_at(self, next_try_at: datetime | None, *, now: datetime) -> "Invoice":
        """Charged by itself at this moment; None when it is not."""
        self._check_open()
        return replace(self, next_try_at=next_try_at, updated_at=now)

    def _check_open(self) -> None:
        if not self.takes_money:
            raise InvoiceNotOpen(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Always `due - balance_after == total - balance_before`: no amount appears, and none goes away."""

    total: Money
    """Of all lines; below zero when credits are more than charges."""
    balance_before: Money
    """What we owe the customer; below zero, what they owe us, because it was too little to be charged."""
    due: Money
    """What is to be charged: nothing, or as much as a provider takes."""
    balance_after: Money

    @property
    def state(self) -> InvoiceState:
        return InvoiceState.OPEN if self.due.is_positive else InvoiceState.PAID

    @property
    def balance_applied(self) -> Money:
        """What the balance has paid; below zero, what was put into it, or was owed from before and is charged now."""
        return self.balance_before - self.balance_after

    @property
    def carried_over(self) -> Money:
        """What the customer owes, and is charged with a later invoice, because it is too little now."""
        return max(-self.balance_after, Money.zero(self.total.currency))


def opened(total: Money, *, balance: Money, least: Money) -> Opening:
    """What an invoice of this total asks for, all of one currency.

    `balance`: as `balance_before`. `least`: the smallest amount that the provider's account charges; zero where it
    takes any. A balance in the customer's favour is used up first; what they owe is added whole.
    """
    if least.minor_units < 0:
        raise InvalidInput("The least amount of an account is not below zero.", path=("least",))
    nothing = Money.zero(total.currency)
    wanted = total - balance
    if wanted >= least:
        return Opening(total=total, balance_before=balance, due=wanted, balance_after=nothing)
    return Opening(total=total, balance_before=balance, due=nothing, balance_after=-wanted)
