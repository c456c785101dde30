"""Money: an integer of the smallest unit of its currency.

Exponents come from the ISO 4217 table of the `iso4217` package (USD 2, JPY 0, KWD 3). A provider may use others (ISK
at Stripe); that is the adapter's table, never this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from iso4217 import Currency as IsoCurrency

from domain.errors import AmountNotRepresentable, CurrencyMismatch, CurrencyUnknown

MAXIMUM_MINOR_UNITS = 2**53 - 1
"""The largest integer that every JSON client reads exactly (RFC 8259, section 6)."""


@cache
def currency_exponent(currency: str) -> int:
    """How many decimals the currency has; CurrencyUnknown for codes that are no money (gold, test codes)."""
    try:
        exponent = IsoCurrency(currency).exponent
    except ValueError:
        exponent = None
    if exponent is None:
        raise CurrencyUnknown(currency)
    return int(exponent)


@dataclass(frozen=True, slots=True)
class Money:
    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        currency_exponent(self.currency)
        if type(self.minor_units) is not int or abs(self.minor_units) > MAXIMUM_MINOR_UNITS:
            raise AmountNotRepresentable(self.minor_units)

    @staticmethod
    def zero(currency: str) -> Money:
        return Money(0, currency)

    @staticmethod
    def total(amounts: Iterable[Money], *, currency: str) -> Money:
        """The sum, which is zero of `currency` when there is nothing to add."""
        return sum(amounts, Money.zero(currency))

    @property
    def exponent(self) -> int:
        return currency_exponent(self.currency)

    @property
    def decimal(self) -> Decimal:
        """In major units, with exactly the currency's decimals: Money(10_50, "USD") is 10.50."""
        return Decimal(self.minor_units).scaleb(-self.exponent)

    @property
    def is_zero(self) -> bool:
        return self.minor_units == 0

    @property
    def is_positive(self) -> bool:
        return self.minor_units > 0

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrencyMismatch(expected=self.currency, actual=other.currency)
        return other

    def __add__(self, other: Money) -> Money:
        return Money(self.minor_units + self._same(other).minor_units, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor_units - self._same(other).minor_units, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor_units, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.minor_units * quantity, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor_units < self._same(other).minor_units

    def __le__(self, other: Money) -> bool:
        return self.minor_units <= self._same(other).minor_units

    def __gt__(self, other: Money) -> bool:
        return self.minor_units > self._same(other).minor_units

    def __ge__(self, other: Money) -> bool:
        return self.minor_units >= self._same(other).minor_units

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"
