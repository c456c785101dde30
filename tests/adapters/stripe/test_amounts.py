"""Stripe's units, which are not always ISO's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.amounts import amount_of, least_amount, money_of
from adapters.stripe.reading import Unreadable
from domain.errors import AmountNotRepresentable, CurrencyUnknown
from domain.money import Money
from tests.emulators.stripe.amounts import CURRENCIES


def _representable(money: Money) -> bool:
    try:
        amount_of(money)
    except AmountNotRepresentable:
        return False
    return True


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10_000))
def test_whatever_can_be_written_is_read_back_as_the_same_money(currency: str, minor_units: int) -> None:
    try:
        money = Money(minor_units, currency.upper())
    except CurrencyUnknown:
        return  # of the past at ISO by now
    if _representable(money):
        assert money_of(amount_of(money), currency) == money


@pytest.mark.parametrize("currency", ["USD", "EUR", "HUF", "TWD", "JPY", "KRW", "ISK", "UGX", "XAF", "CLP"])
def test_every_whole_amount_of_most_currencies_can_be_written(currency: str) -> None:
    assert all(_representable(Money(units, currency)) for units in range(1, 200))


@pytest.mark.parametrize(
    ("amount", "at_stripe"),
    [
        (Money(1, "USD"), 1),
        (Money(1, "JPY"), 1),
        (Money(1, "ISK"), 100),
        (Money(1, "UGX"), 100),
        (Money(1_00, "MGA"), 1),
        (Money(10, "KWD"), 10),
        (Money(1_00, "TWD"), 1_00),
        (Money(1_00, "HUF"), 1_00),
    ],
    ids=str,
)
def test_one_of_each_kind(amount: Money, at_stripe: int) -> None:
    assert amount_of(amount) == at_stripe
    assert money_of(at_stripe, amount.currency.lower()) == amount


@pytest.mark.parametrize(("amount", "currency"), [(150, "isk"), (1, "ugx"), (1, "iqd"), (1.0, "usd"), (True, "usd")])
def test_an_amount_that_we_have_no_unit_for_is_not_rounded(amount: object, currency: str) -> None:
    with pytest.raises(Unreadable):
        money_of(amount, currency)


@pytest.mark.parametrize(
    ("currency", "least"),
    [("USD", 50), ("GBP", 30), ("JPY", 50), ("HUF", 175_00), ("KRW", 1), ("ISK", 1), ("KWD", 10), ("MGA", 100)],
)
def test_the_least_amount_is_that_of_stripes_table_or_what_it_can_write(currency: str, least: int) -> None:
    assert least_amount(currency) == Money(least, currency)
