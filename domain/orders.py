"""Orders: lines while open, then placed, then complete when they are paid.

    OPEN ──place──▶ PLACED ──fully paid──▶ COMPLETED
      │               │
      └──cancel───────┴──▶ CANCELED          (EXPIRED likewise, when the deadline passes unpaid)

Whether an order is paid is never set: it follows from its charges and refunds (`payment_state`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.errors import (
    CurrencyMismatch,
    InvalidInput,
    NotFound,
    OrderAlreadyPaid,
    OrderEmpty,
    OrderNotCancelable,
    OrderNotOpen,
    OrderNotPayable,
    StaleVersion,
)
from domain.money import Money

MAXIMUM_LINES = 500
"""A page of an invoice has 30 lines; an order of more than 500 is a batch import, which wants its own way in."""
MAXIMUM_QUANTITY = 1_000_000
LONGEST_LIFE = timedelta(days=5 * 365)
"""An order that waits longer for its money is a contract, and wants other words."""


class OrderState(StrEnum):
    OPEN = "OPEN"
    PLACED = "PLACED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


WAITING_STATES = frozenset({OrderState.OPEN, OrderState.PLACED})
"""Its deadline ends it, where it has one."""


class PaymentState(StrEnum):
    UNPAID = "UNPAID"
    AUTHORIZED = "AUTHORIZED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    OVERPAID = "OVERPAID"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    DISPUTED = "DISPUTED"


def payment_state(
    *, total: int, authorized: int, captured: int, refunded: int, disputed: int = 0, placed: bool
) -> PaymentState:
    """What an order's charges say, in minor units of its currency, summed over all of them.

    `authorized` is what charges hold without having taken it, `disputed` what banks have taken from us: while a dispute
    is open, and for good when it is lost. That comes before all else, for the money is not there. Nothing to pay counts
    as paid once the order is placed: an open order without lines is not. `persistence.queries` has the same rule in
    SQL, for filters; a test holds the two together.
    """
    if disputed:
        return PaymentState.DISPUTED
    kept = captured - refunded
    if captured and kept <= 0:
        return PaymentState.REFUNDED
    if kept > total:
        return PaymentState.OVERPAID
    if kept == total and placed:
        return PaymentState.PAID
    if refunded:
        return PaymentState.PARTIALLY_REFUNDED
    if captured:
        return PaymentState.PARTIALLY_PAID
    return PaymentState.AUTHORIZED if authorized else PaymentState.UNPAID


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A copy of what was sold: a later change of the product does not reach it."""

    id: str
    product_id: str | None
    price_id: str | None
    """Both None on a line that a server wrote by hand."""
    name: str
    unit_amount: Money
    quantity: int

    def __post_init__(self) -> None:
        if not 1 <= self.quantity <= MAXIMUM_QUANTITY:
            raise InvalidInput(f"A quantity is from 1 to {MAXIMUM_QUANTITY}.", path=("quantity",))

    @property
    def amount(self) -> Money:
        return self.unit_amount * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    id: str
    customer_id: str
    state: OrderState = OrderState.OPEN
    currency: str
    lines: tuple[OrderLine, ...] = ()
    version: int = 1
    """Goes up by one with every save; two writers cannot both win."""
    external_id: str | None = None
    external_version: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None
    placed_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_at: datetime | None = None
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def total(self) -> Money:
        return Money.total((line.amount for line in self.lines), currency=self.currency)

    @property
    def to_pay(self) -> Money:
        """What its charges are to take altogether."""
        return self.total

    @property
    def takes_money(self) -> bool:
        """Whether money that arrives is for it; else somebody has to look at it."""
        return self.state is OrderState.PLACED

    # --- what may happen --------------------------------------------------------------------------------------------

    def check_version(self, expected: int | None) -> None:
        if expected is not None and expected != self.version:
            raise StaleVersion(expected=expected, actual=self.version)

    def check_open(self) -> None:
        if self.state is not OrderState.OPEN:
            raise OrderNotOpen(self.state)

    def check_payable(self, *, captured: Money, now: datetime) -> None:
        if self.state in (OrderState.CANCELED, OrderState.EXPIRED):
            raise OrderNotPayable(self.state)
        if self.state is not OrderState.COMPLETED and self.expires_at and self.expires_at <= now:
            raise OrderNotPayable(OrderState.EXPIRED)  # whoever writes that down is only late
        if not self.lines:
            raise OrderEmpty
        if self.state is OrderState.COMPLETED or (captured.is_positive and captured >= self.total):
            raise OrderAlreadyPaid

    def check_cancelable(self, *, kept: Money) -> None:
        """`kept` is what its charges took and refunds have not given back."""
        if self.state is OrderState.COMPLETED or kept.is_positive:
            raise OrderNotCancelable(OrderState.COMPLETED if self.state is OrderState.COMPLETED else "paid in part")
        if self.state not in WAITING_STATES:
            raise OrderNotCancelable(self.state)

    # --- what happens -----------------------------------------------------------------------------------------------

    def with_line(self, line: OrderLine, *, now: datetime) -> "Order":
        self.check_open()
        if line.unit_amount.currency != self.currency:
            raise CurrencyMismatch(expected=self.currency, actual=line.unit_amount.currency)
        if line.unit_amount.minor_units < 0:
            raise InvalidInput("A price cannot be below zero.", path=("unitAmount",))
        if len(self.lines) >= MAXIMUM_LINES:
            raise InvalidInput(f"An order has {MAXIMUM_LINES} lines at most.", path=("orderId",))
        return self._with_lines((*self.lines, line), now=now)

    def with_quantity(self, line_id: str, quantity: int, *, now: datetime) -> "Order":
        self.check_open()
        self.line(line_id)
        lines = (replace(line, quantity=quantity) if line.id == line_id else line for line in self.lines)
        return self._with_lines(tuple(lines), now=now)

    def without_line(self, line_id: str, *, now: datetime) -> "Order":
        self.check_open()
        self.line(line_id)
        return self._with_lines(tuple(line for line in self.lines if line.id != line_id), now=now)

    def placed(self, *, now: datetime) -> "Order":
        """Placed, and complete at once when there is nothing to pay."""
        self.check_open()
        if not self.lines:
            raise OrderEmpty
        order = replace(self, state=OrderState.PLACED, placed_at=now, updated_at=now)
        return order.completed(now=now) if order.total.is_zero else order

    def completed(self, *, now: datetime) -> "Order":
        return replace(self, state=OrderState.COMPLETED, completed_at=now, updated_at=now)

    def canceled(self, *, now: datetime) -> "Order":
        return replace(self, state=OrderState.CANCELED, canceled_at=now, updated_at=now)

    def expired(self, *, now: datetime) -> "Order":
        return replace(self, state=OrderState.EXPIRED, updated_at=now)

    def line(self, line_id: str) -> OrderLine:
        for line in self.lines:
            if line.id == line_id:
                return line
        raise NotFound("order line", path=("lineId",))

    def _with_lines(self, lines: tuple[OrderLine, ...], *, now: datetime) -> "Order":
        # A total past 2^53 - 1 is refused here, by adding up, and not when somebody reads the order.
        Money.total((line.amount for line in lines), currency=self.currency)
        return replace(self, lines=lines, updated_at=now)
