"""What an invoice asks for when it is opened.

Its total is not always what the customer has to pay: there may be a balance, credits may come to more than charges, and
no provider takes a few cents. None of that is lost or rounded away. What is not asked for now stands in the balance of
the customer, and the next invoice begins with it.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput
from domain.money import Money


class InvoiceState(StrEnum):
    """DRAFT → OPEN → PAID | VOID | UNCOLLECTIBLE; what is uncollectible may be paid after all, or called off."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    """It has its number, and never changes again."""
    PAID = "PAID"
    VOID = "VOID"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"


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
