"""Amounts as Braintree counts them: https://developer.paypal.com/braintree/docs/reference/general/currencies.

They are decimal strings in major units, in the currency of the merchant account that a sale names: nothing else says
which one it is. The decimals are those of ISO 4217, of which Braintree takes three at most
(https://developer.paypal.com/braintree/graphql/reference/types/amount). What it shows may have some that the currency
lacks (3 JPY as `3.00`), so values are read, never texts. The SDK would write a `Decimal` with the exponent that it
happens to have, and does not write floats: it is given texts.
"""

from adapters.braintree.reading import Unreadable, number, text
from domain.errors import AmountNotRepresentable
from domain.money import Money, currency_exponent

_MOST_DECIMALS = 3


def written(money: Money) -> str:
    """AmountNotRepresentable where Braintree writes no amount as fine, or none below zero."""
    if money.exponent > _MOST_DECIMALS or money.minor_units < 0:
        raise AmountNotRepresentable(money.minor_units)
    return f"{money.decimal:f}"


def least_amount(currency: str) -> Money:
    """Its smallest unit: Braintree refuses what is not above zero (81531, AmountMustBeGreaterThanZero in the SDK's
    `error_codes`), and names no other limit; a processor's own (815193) is not told beforehand."""
    return Money(1, currency)


def money_of(amount: object, currency: object) -> Money:
    """Ours for Braintree's; Unreadable where we have no unit as fine."""
    code = text(currency)
    units = number(amount) * 10 ** currency_exponent(code)
    if units != units.to_integral_value():
        raise Unreadable(code)
    return Money(int(units), code)
