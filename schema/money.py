"""Money, as clients read and write it."""

import copy
import re
from functools import lru_cache
from typing import Annotated

import strawberry
from babel import Locale, UnknownLocaleError
from babel.numbers import NumberPattern

from domain.errors import CurrencyUnknown
from domain.money import Money as DomainMoney
from schema.masking import ExposedError
from schema.scalars import Currency, MinorUnits

_LONGEST_LOCALE = 35  # RFC 5646, section 4.4.1: what a program has to expect of a language tag

_TOUCHING = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


@strawberry.type(name="Money", description="An amount of money, in the smallest unit of its currency.")
class Money:
    minor_units: MinorUnits = strawberry.field(
        description="Whole smallest units: 1050 is 10.50 USD and 1050 JPY. Compute with this."
    )
    currency: Currency = strawberry.field(description="Currency code of ISO 4217, such as `EUR`.")

    @strawberry.field(description="In major units, with all decimals of the currency, such as `10.50`. For display.")
    def decimal(root: strawberry.Parent[DomainMoney]) -> str:
        return str(root.decimal)

    @strawberry.field(description="Written out for people of a locale, such as `$10.50` or `10,50 $`.")
    def formatted(
        root: strawberry.Parent[DomainMoney],
        locale: Annotated[str, strawberry.argument(description="A language tag such as `en` or `de-CH`.")] = "en",
    ) -> str:
        return format_money(root, locale)


@strawberry.input(description="An amount of money, in the smallest unit of its currency.")
class MoneyInput:
    minor_units: MinorUnits = strawberry.field(description="Whole smallest units: 1050 is 10.50 USD and 1050 JPY.")
    currency: Currency = strawberry.field(description="Currency code of ISO 4217, such as `EUR`.")

    def to_domain(self, *path: str) -> DomainMoney:
        try:
            return DomainMoney(self.minor_units, self.currency)
        except CurrencyUnknown as error:
            raise error.at(*path, "currency") from None


def format_money(amount: DomainMoney, locale: str) -> str:
    """With the decimals of ISO 4217, which Babel's own table does not always share.

    Where a locale has no sign for a currency its code stands there, and CLDR's `currencySpacing` keeps it off the
    digits; Babel does not.
    """
    written = _pattern(locale, amount.exponent).apply(
        amount.decimal, Locale.parse(_known_locale(locale)), currency=amount.currency, currency_digits=False
    )
    return _TOUCHING.sub("\u00a0", written)


@lru_cache(maxsize=256)
def _pattern(locale: str, exponent: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(Locale.parse(_known_locale(locale)).currency_formats["standard"])
    pattern.frac_prec = (exponent, exponent)
    return pattern


@lru_cache(maxsize=256)
def _known_locale(locale: str) -> str:
    try:
        if len(locale) <= _LONGEST_LOCALE:
            return str(Locale.parse(locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError):
        pass
    raise ExposedError("This locale is not known.", code="BAD_USER_INPUT", argument="locale")
