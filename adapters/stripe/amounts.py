"""Amounts as Stripe counts them: https://docs.stripe.com/currencies.

Its decimals are not always ISO's, and a number is never passed through: ISK and UGX have none at ISO and are written
with two that have to be 00, MGA has two there and none here, and three decimals have to end in 0. HUF and TWD are
special for payouts only. How much may be charged at most is Stripe's to say.
"""

from adapters.stripe.reading import Unreadable, text, whole
from domain.errors import AmountNotRepresentable
from domain.money import Money, currency_exponent

_WITHOUT_DECIMALS = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
_WRITTEN_WITH_TWO = frozenset({"ISK", "UGX"})

_STEPS = dict.fromkeys(_THREE_DECIMALS, 10) | dict.fromkeys(_WRITTEN_WITH_TWO, 100)
"""What an amount has to be a multiple of."""


_LEAST = {
    "AED": 2_00,
    "AUD": 50,
    "BGN": 1_00,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CZK": 15_00,
    "DKK": 2_50,
    "EUR": 50,
    "GBP": 30,
    "HKD": 4_00,
    "HUF": 175_00,
    "INR": 50,
    "JPY": 50,
    "MXN": 10_00,
    "MYR": 2_00,
    "NOK": 3_00,
    "NZD": 50,
    "PLN": 2_00,
    "RON": 2_00,
    "SEK": 3_00,
    "SGD": 50,
    "THB": 10_00,
    "USD": 50,
}
"""https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in ISO's minor units.

The page names them by the currency that the account settles in, and here they are taken for the currency of the charge,
which is the same for most shops. What is converted has to come to as much at the rate of the day."""


def least_amount(currency: str) -> Money:
    """Of a currency that is not in the table: what Stripe has a number for, since nobody knows the rate beforehand."""
    theirs = exponent_of(currency)
    step = _STEPS.get(currency, 1) * 10 ** currency_exponent(currency) // 10 ** (theirs or 0)
    return Money(_LEAST.get(currency) or max(step, 1), currency)


def exponent_of(currency: str) -> int | None:
    """How many decimals Stripe writes; None where that is not known, and no amount can be told."""
    if currency in _WITHOUT_DECIMALS:
        return 0
    if currency in _THREE_DECIMALS:
        return 3
    if currency in _WRITTEN_WITH_TWO or currency_exponent(currency) == 2:
        return 2
    return None


def amount_of(money: Money) -> int:
    """In Stripe's units; AmountNotRepresentable where it has none for this, or too coarse ones."""
    exponent = exponent_of(money.currency)
    if exponent is None:
        raise AmountNotRepresentable(money.minor_units)
    amount = money.decimal.scaleb(exponent)
    if amount != int(amount) or int(amount) % _STEPS.get(money.currency, 1):
        raise AmountNotRepresentable(money.minor_units)
    return int(amount)


def money_of(amount: object, currency: object) -> Money:
    """Ours for Stripe's; Unreadable where we have no unit as fine."""
    code = text(currency).upper()
    exponent = exponent_of(code)
    if exponent is None:
        raise Unreadable(code)
    ours = currency_exponent(code)
    scaled = whole(amount) * 10 ** max(ours - exponent, 0)
    units, rest = divmod(scaled, 10 ** max(exponent - ours, 0))
    if rest:
        raise Unreadable(code)
    return Money(units, code)


def currency_of(money: Money) -> str:
    return money.currency.lower()
