"""Amounts as Braintree writes them, and as we read what it shows."""

import pytest

from adapters.braintree.amounts import money_of, written
from adapters.braintree.reading import UNREADABLE
from domain.errors import AmountNotRepresentable
from domain.money import Money


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(12_34, "USD"), "12.34"),
        (Money(10_00, "EUR"), "10.00"),
        (Money(1, "USD"), "0.01"),
        (Money(1_999, "JPY"), "1999"),
        (Money(4_501, "ISK"), "4501"),
        (Money(25_001, "UGX"), "25001"),
        (Money(30_000_50, "MGA"), "30000.50"),
        (Money(1_234, "KWD"), "1.234"),
        (Money(10, "JPY"), "10"),
        (Money(1_000_000_000_00, "USD"), "1000000000.00"),
    ],
)
def test_an_amount_is_written_in_major_units_and_never_with_an_exponent(money: Money, text: str) -> None:
    assert written(money) == text
    assert money_of(text, money.currency) == money


@pytest.mark.parametrize("money", [Money(1_0000, "CLF"), Money(1_0001, "UYW"), Money(-1, "USD")])
def test_what_braintree_has_no_words_for_is_refused(money: Money) -> None:
    with pytest.raises(AmountNotRepresentable):
        written(money)


@pytest.mark.parametrize(
    ("text", "currency", "money"),
    [
        ("3.00", "JPY", Money(3, "JPY")),
        ("3", "USD", Money(3_00, "USD")),
        ("1.5", "KWD", Money(1_500, "KWD")),
        ("0.00", "USD", Money(0, "USD")),
        ("10.000", "USD", Money(10_00, "USD")),
    ],
)
def test_a_value_is_read_however_many_decimals_it_is_shown_with(text: str, currency: str, money: Money) -> None:
    assert money_of(text, currency) == money


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("3.50", "JPY"),
        ("1.005", "USD"),
        ("ten", "USD"),
        ("", "USD"),
        (None, "USD"),
        (10, "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
        ("1E+400", "USD"),
        ("99999999999999999999", "USD"),
        ("1.00", "XAU"),
        ("1.00", ""),
        ("1.00", None),
    ],
)
def test_what_is_no_amount_cannot_be_read(text: object, currency: object) -> None:
    with pytest.raises(UNREADABLE):
        money_of(text, currency)
