"""What recurring billing is about: plans, add-ons and discounts, subscriptions; and the days on which it happens.

https://developer.paypal.com/braintree/docs/guides/recurring-billing/overview.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.emulators.braintree.things import PaymentMethod
from tests.emulators.braintree.xmltext import Tree

PENDING, ACTIVE, PAST_DUE, CANCELED, EXPIRED = "Pending", "Active", "Past Due", "Canceled", "Expired"
RUNNING = frozenset({PENDING, ACTIVE, PAST_DUE})

ADD_ON, DISCOUNT = "add_on", "discount"

LAST_OF_MONTH = 31
"""As a billing day: the last day of each month, however many it has. 29 and 30 are no billing days."""


@dataclass(slots=True)
class Modification:
    """An add-on or a discount: one of the Control Panel's, or what a plan or a subscription has of it."""

    id: str
    kind: str
    amount: Decimal
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    description: str | None = None
    quantity: int = 1
    number_of_billing_cycles: int | None = None
    """None for as long as there is a subscription."""
    current_billing_cycle: int = 0
    is_current: bool = False
    """Whether the current cycle has it."""

    @property
    def applies(self) -> bool:
        """Whether the next cycle has it."""
        return self.number_of_billing_cycles is None or self.current_billing_cycle < self.number_of_billing_cycles

    @property
    def total(self) -> Decimal:
        """What it does to the price."""
        return self.amount * self.quantity * (1 if self.kind == ADD_ON else -1)


@dataclass(slots=True)
class Plan:
    """What a subscription begins as; a change of it changes no subscription."""

    id: str
    name: str
    price: Decimal
    currency: str
    billing_frequency: int
    """In months."""
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    billing_day_of_month: int | None = None
    number_of_billing_cycles: int | None = None
    trial_period: bool = False
    trial_duration: int | None = None
    trial_duration_unit: str | None = None
    modifications: list[Modification] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SubscriptionEvent:
    timestamp: datetime
    status: str
    price: Decimal
    balance: Decimal
    currency: str
    plan_id: str
    source: str


@dataclass(slots=True)
class Subscription:
    id: str
    plan_id: str
    method: PaymentMethod
    merchant_account_id: str
    currency: str
    price: Decimal
    billing_frequency: int
    created_at: datetime
    updated_at: datetime
    first_billing_date: date
    next_billing_date: date
    billing_day_of_month: int
    status: str
    number_of_billing_cycles: int | None = None
    """None for one that never expires."""
    trial_period: bool = False
    trial_duration: int | None = None
    trial_duration_unit: str | None = None
    modifications: list[Modification] = field(default_factory=list)
    descriptor: Tree = field(default_factory=dict)
    current_billing_cycle: int = 0
    period_start: date | None = None
    period_end: date | None = None
    paid_through: date | None = None
    balance: Decimal = Decimal(0)
    """What is owed besides the coming period; negative for what is owed to the customer."""
    failure_count: int = 0
    retries: int = 0
    """How often the current period was tried again by itself."""
    past_due_since: date | None = None
    transaction_ids: list[str] = field(default_factory=list)
    """The newest first."""
    history: list[SubscriptionEvent] = field(default_factory=list)
    """The newest first."""

    @property
    def amount(self) -> Decimal:
        """Of the next period: discounts take away no more than there is."""
        changes = sum((each.total for each in self.modifications if each.applies), Decimal(0))
        return max(self.price + changes, Decimal(0))

    @property
    def is_in_trial(self) -> bool:
        return self.trial_period and self.status == ACTIVE and self.current_billing_cycle == 0

    @property
    def had_its_cycles(self) -> bool:
        """Whether the current period is its last one."""
        return self.cycles_left is not None and self.cycles_left <= 0

    @property
    def cycles_left(self) -> int | None:
        number = self.number_of_billing_cycles
        return None if number is None else number - self.current_billing_cycle

    def next_period(self) -> date:
        """The day after the current one."""
        if self.period_end is None:
            return self.next_billing_date
        return self.period_end + timedelta(days=1)

    def open_period(self, day: date) -> None:
        """The next cycle begins."""
        following = months_later(day, self.billing_frequency, self.billing_day_of_month)
        for each in self.modifications:
            each.is_current = each.applies
            each.current_billing_cycle += each.is_current
        self.current_billing_cycle += 1
        self.period_start, self.period_end = day, following - timedelta(days=1)
        self.retries = 0

    def record(self, now: datetime, source: str) -> None:
        """What was changed, if anything that the history tells was."""
        event = SubscriptionEvent(now, self.status, self.price, self.balance, self.currency, self.plan_id, source)
        self.updated_at = now
        told = (event.status, event.price, event.balance, event.currency, event.plan_id)
        last = self.history[0] if self.history else None
        if last is None or told != (last.status, last.price, last.balance, last.currency, last.plan_id):
            self.history.insert(0, event)


def billing_day(day: date) -> int:
    """The day of the month on which one that begins then is billed."""
    return day.day if day.day < 29 else LAST_OF_MONTH


def months_later(day: date, months: int, day_of_month: int) -> date:
    """The billing day so many months after this one; the last of the month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day_of_month, monthrange(year, month + 1)[1]))


def next_day_of_month(today: date, day_of_month: int) -> date:
    """The first such day from today on."""
    this_month = months_later(today, 0, day_of_month)
    return this_month if this_month >= today else months_later(today, 1, day_of_month)


def in_period(today: date, duration: int, unit: str) -> date:
    """So many days or months after today."""
    return today + timedelta(days=duration) if unit == "day" else months_later(today, duration, today.day)
