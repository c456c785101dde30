"""What a quantity costs: for each unit, altogether, or by tiers.

Amounts are whole minor units throughout, those of tiers too. Prices below one minor unit (0.2 cents a call) make sense
for what is metered by the thousand, not for seats and licences, of which a customer has a number that was agreed upon.

    PER_UNIT    7 seats at 10.00                             70.00
    FLAT        49.00 however many                           49.00
    VOLUME      up to 5 at 10.00, more at 8.00               7 × 8.00 = 56.00
    GRADUATED   the first 5 at 10.00, those above at 8.00    5 × 10.00 + 2 × 8.00 = 66.00
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from domain.errors import AmountNotRepresentable, CurrencyMismatch, InvalidInput
from domain.money import Money
from domain.orders import MAXIMUM_QUANTITY

MOST_TIERS = 50
"""Each may become a line of an invoice, and a price list of more steps is a formula."""


class PricingModel(StrEnum):
    PER_UNIT = "PER_UNIT"
    FLAT = "FLAT"
    VOLUME = "VOLUME"
    """The tier that the quantity lies in prices all of it. So a little more may cost less."""
    GRADUATED = "GRADUATED"
    """Each tier prices the units that lie in it."""


TIERED = frozenset({PricingModel.VOLUME, PricingModel.GRADUATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """From the unit after the tier before up to, and with, the unit `up_to`."""

    up_to: int | None
    """None in the last tier, which has no end."""
    unit_amount: Money
    flat_amount: Money
    """Once, as soon as a unit lies in the tier; of VOLUME, only in the tier that prices all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """Units that are priced alike: a line of an invoice."""

    first_unit: int
    """Counted from 1."""
    quantity: int
    unit_amount: Money
    flat_amount: Money

    @property
    def amount(self) -> Money:
        return self.unit_amount * self.quantity + self.flat_amount


@dataclass(frozen=True, slots=True)
class Pricing:
    """How a price becomes an amount. Made by `per_unit`, `flat` and `tiered`.

    A price for each unit is one tier without an end, and a flat one such a tier whose units cost nothing more.
    """

    model: PricingModel
    tiers: tuple[Tier, ...] = field(kw_only=True)

    @staticmethod
    def per_unit(unit_amount: Money) -> "Pricing":
        tier = Tier(up_to=None, unit_amount=unit_amount, flat_amount=Money.zero(unit_amount.currency))
        return Pricing(PricingModel.PER_UNIT, tiers=(_checked(tier),))

    @staticmethod
    def flat(amount: Money) -> "Pricing":
        tier = Tier(up_to=None, unit_amount=Money.zero(amount.currency), flat_amount=amount)
        return Pricing(PricingModel.FLAT, tiers=(_checked(tier),))

    @staticmethod
    def tiered(model: PricingModel, tiers: Sequence[Tier]) -> "Pricing":
        """InvalidInput unless the tiers are in order, of one currency, and the last alone has no end."""
        if model not in TIERED:
            raise InvalidInput(f"A price that is {model} has no tiers.", path=("tiers",))
        if not 1 <= len(tiers) <= MOST_TIERS:
            raise InvalidInput(f"A price has from 1 to {MOST_TIERS} tiers.", path=("tiers",))
        for number, tier in enumerate(tiers):
            _check_place(tier, number, is_last=number == len(tiers) - 1)
            _checked(tier, "tiers", str(number))
            if tier.unit_amount.currency != tiers[0].unit_amount.currency:
                raise CurrencyMismatch(
                    expected=tiers[0].unit_amount.currency,
                    actual=tier.unit_amount.currency,
                    path=("tiers", str(number), "unitAmount"),
                )
        for number, (before, tier) in enumerate(pairwise(tiers), start=1):
            if tier.up_to is not None and tier.up_to <= (before.up_to or 0):
                raise InvalidInput("Each tier ends above the one before.", path=("tiers", str(number), "upTo"))
        return Pricing(model, tiers=tuple(tiers))

    @property
    def currency(self) -> str:
        return self.tiers[0].unit_amount.currency

    def amount(self, quantity: int) -> Money:
        """What a whole period of so many costs. InvalidInput for a quantity that nobody can have, or whose price is
        more than an amount can be."""
        return Money.total((line.amount for line in self.lines(quantity)), currency=self.currency)

    def lines(self, quantity: int) -> tuple[PricedLine, ...]:
        """One, and of GRADUATED one for each tier that is reached; refuses what `amount` refuses."""
        if not 1 <= quantity <= MAXIMUM_QUANTITY:
            raise InvalidInput(f"A quantity is from 1 to {MAXIMUM_QUANTITY}.", path=("quantity",))
        try:
            lines = tuple(self._lines(quantity))
            Money.total((line.amount for line in lines), currency=self.currency)
        except AmountNotRepresentable as too_much:
            raise too_much.at("quantity") from None
        return lines

    def _lines(self, quantity: int) -> list[PricedLine]:
        if self.model is PricingModel.GRADUATED:
            return self._one_a_tier(quantity)
        tier = next(tier for tier in self.tiers if tier.up_to is None or quantity <= tier.up_to)
        # What is flat is one thing, however many may use it.
        return [_line(tier, 1, quantity=1 if self.model is PricingModel.FLAT else quantity)]

    def _one_a_tier(self, quantity: int) -> list[PricedLine]:
        lines = []
        first_unit = 1
        for tier in self.tiers:
            last_unit = quantity if tier.up_to is None else min(tier.up_to, quantity)
            lines.append(_line(tier, first_unit, quantity=last_unit - first_unit + 1))
            first_unit = last_unit + 1
            if first_unit > quantity:
                break
        return lines


def _line(tier: Tier, first_unit: int, *, quantity: int) -> PricedLine:
    return PricedLine(
        first_unit=first_unit, quantity=quantity, unit_amount=tier.unit_amount, flat_amount=tier.flat_amount
    )


def _check_place(tier: Tier, number: int, *, is_last: bool) -> None:
    if is_last and tier.up_to is not None:
        raise InvalidInput("The last tier has no end.", path=("tiers", str(number), "upTo"))
    if not is_last and tier.up_to is None:
        raise InvalidInput("Only the last tier has no end.", path=("tiers", str(number), "upTo"))
    if tier.up_to is not None and tier.up_to < 1:
        raise InvalidInput("A tier has one unit at least.", path=("tiers", str(number), "upTo"))


def _checked(tier: Tier, *path: str) -> Tier:
    for name, amount in (("unitAmount", tier.unit_amount), ("flatAmount", tier.flat_amount)):
        if amount.minor_units < 0:
            raise InvalidInput("A price cannot be below zero.", path=(*path, name))
        if amount.currency != tier.unit_amount.currency:
            raise CurrencyMismatch(expected=tier.unit_amount.currency, actual=amount.currency, path=(*path, name))
    return tier
