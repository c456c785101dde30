"""Money adds up exactly, refuses what is no money, and reads as people write it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency as IsoCurrency

from domain.errors import AmountNotRepresentable, CurrencyMismatch, CurrencyUnknown
from domain.money import MAXIMUM_MINOR_UNITS, Money, currency_exponent
from tests.domain.examples import currencies, many, minor_units, usd

EVERY_CURRENCY = [currency.value for currency in IsoCurrency if currency.exponent is not None]

half = st.integers(-MAXIMUM_MINOR_UNITS // 2, MAXIMUM_MINOR_UNITS // 2)


class TestCurrencies:
    @pytest.mark.parametrize(
        ("currency", "exponent"),
        [
            ("USD", 2),
            ("EUR", 2),
            ("JPY", 0),
            ("KRW", 0),
            ("KWD", 3),
            ("BHD", 3),
            ("ISK", 0),  # Stripe takes two decimals: the adapter's business
            ("UGX", 0),  # likewise
            ("MGA", 2),  # ISO writes 2, although five iraimbilanja are one ariary
            ("CLF", 4),
        ],
    )
    def test_the_exponent_is_that_of_iso_4217(self, currency: str, exponent: int) -> None:
        assert currency_exponent(currency) == exponent
        assert Money(1, currency).exponent == exponent

    @pytest.mark.parametrize(
        "code", ["XAU", "XAG", "XTS", "XXX", "XDR", "ABC", "usd", "Usd", "USD ", "", "US", "840", "US Dollar", "ＵＳＤ"]
    )
    def test_what_is_no_currency_of_money_is_refused(self, code: str) -> None:
        for _ in range(2):  # a refusal must not be remembered as an answer
            with pytest.raises(CurrencyUnknown) as refused:
                Money(100, code)
            assert refused.value.currency == code

    def test_a_refusal_does_not_echo_a_whole_book(self) -> None:
        with pytest.raises(CurrencyUnknown) as refused:
            Money(1, "x" * 100_000)
        assert len(refused.value.message) < 200


class TestAmounts:
    @pytest.mark.parametrize("amount", [MAXIMUM_MINOR_UNITS, -MAXIMUM_MINOR_UNITS, 0])
    def test_the_largest_amounts_are_those_that_json_carries_exactly(self, amount: int) -> None:
        assert int(float(Money(amount, "USD").minor_units)) == amount

    @pytest.mark.fault("F58")
    @pytest.mark.parametrize(
        "amount",
        [2**53, -(2**53), 10**400, 1.0, 10.5, float("nan"), float("inf"), True, False, "10", None, Decimal(10)],
    )
    def test_anything_but_a_whole_number_of_that_size_is_refused(self, amount: Any) -> None:
        with pytest.raises(AmountNotRepresentable):
            Money(amount, "USD")

    @many
    @given(half, half, currencies)
    def test_what_was_added_can_be_taken_away_again(self, first: int, second: int, currency: str) -> None:
        one, other = Money(first, currency), Money(second, currency)
        assert one + other == other + one == Money(first + second, currency)
        assert one + other - other == one
        assert -(one - other) == other - one

    @pytest.mark.fault("F58")
    @many
    @given(minor_units, minor_units)
    def test_a_sum_beyond_the_largest_amount_is_refused_and_never_rounded(self, first: int, second: int) -> None:
        if abs(first + second) <= MAXIMUM_MINOR_UNITS:
            assert (usd(first) + usd(second)).minor_units == first + second
        else:
            with pytest.raises(AmountNotRepresentable):
                _ = usd(first) + usd(second)

    @many
    @given(st.lists(st.integers(0, 10**12), max_size=20), currencies)
    def test_a_total_is_the_sum_of_all(self, amounts: list[int], currency: str) -> None:
        total = Money.total((Money(amount, currency) for amount in amounts), currency=currency)
        assert total == Money(sum(amounts), currency)

    @many
    @given(st.lists(st.integers(0, 10**12), min_size=1, max_size=8), currencies, st.randoms(use_true_random=False))
    def test_an_amount_that_is_given_out_in_parts_is_given_out_whole(
        self, parts: list[int], currency: str, chance: Any
    ) -> None:
        amount = Money(sum(parts), currency)
        left = amount
        for part in parts:
            left -= Money(part, currency)
        assert left.is_zero
        chance.shuffle(parts)
        assert Money.total((Money(part, currency) for part in parts), currency=currency) == amount

    @many
    @given(st.integers(-(10**9), 10**9), st.integers(0, 40), currencies)
    def test_a_multiple_is_that_many_of_them(self, amount: int, quantity: int, currency: str) -> None:
        one = Money(amount, currency)
        assert one * quantity == Money.total([one] * quantity, currency=currency)

    def test_the_total_of_nothing_is_zero_of_its_currency(self) -> None:
        assert Money.total([], currency="JPY") == Money.zero("JPY")

    @many
    @given(minor_units, minor_units)
    def test_amounts_of_one_currency_are_ordered_as_their_numbers(self, first: int, second: int) -> None:
        one, other = usd(first), usd(second)
        assert (one < other, one <= other, one > other, one >= other, one == other) == (
            first < second,
            first <= second,
            first > second,
            first >= second,
            first == second,
        )

    @many
    @given(st.lists(minor_units, min_size=1, max_size=10))
    def test_amounts_are_sorted_as_their_numbers(self, amounts: list[int]) -> None:
        sorted_amounts = sorted(usd(amount) for amount in amounts)
        assert [money.minor_units for money in sorted_amounts] == sorted(amounts)
        assert max(sorted_amounts) == usd(max(amounts))

    @pytest.mark.parametrize(
        "mix",
        [
            lambda one, other: one + other,
            lambda one, other: one - other,
            lambda one, other: one < other,
            lambda one, other: one <= other,
            lambda one, other: one > other,
            lambda one, other: one >= other,
            lambda one, other: Money.total([one, other], currency=one.currency),
        ],
    )
    def test_two_currencies_never_meet(self, mix: Any) -> None:
        with pytest.raises(CurrencyMismatch) as refused:
            mix(Money(1, "USD"), Money(1, "EUR"))
        assert {refused.value.expected, refused.value.actual} == {"USD", "EUR"}
        assert Money(1, "USD") != Money(1, "EUR")

    def test_a_multiple_is_exact_and_cannot_be_a_fraction(self) -> None:
        assert usd(3_33) * 3 == usd(9_99)
        with pytest.raises(AmountNotRepresentable):
            _ = usd(3_33) * 0.5  # type: ignore[operator]
        with pytest.raises(AmountNotRepresentable):
            _ = usd(MAXIMUM_MINOR_UNITS) * 2

    def test_only_more_than_zero_is_positive(self) -> None:
        assert [usd(amount).is_positive for amount in (-1, 0, 1)] == [False, False, True]
        assert [usd(amount).is_zero for amount in (-1, 0, 1)] == [False, True, False]


class TestRendering:
    @pytest.mark.parametrize(
        ("money", "text"),
        [
            (Money(10_50, "USD"), "10.50 USD"),
            (Money(-5, "EUR"), "-0.05 EUR"),
            (Money(0, "USD"), "0.00 USD"),
            (Money(0, "KWD"), "0.000 KWD"),
            (Money(1, "CLF"), "0.0001 CLF"),
            (Money(1_050, "JPY"), "1050 JPY"),
            (Money(1, "KWD"), "0.001 KWD"),
            (Money(MAXIMUM_MINOR_UNITS, "USD"), "90071992547409.91 USD"),
            (Money(MAXIMUM_MINOR_UNITS, "JPY"), "9007199254740991 JPY"),
        ],
    )
    def test_an_amount_reads_as_people_write_it(self, money: Money, text: str) -> None:
        assert str(money) == text

    @many
    @given(minor_units, currencies)
    def test_the_decimal_has_the_currencys_decimals_and_loses_nothing(self, amount: int, currency: str) -> None:
        money = Money(amount, currency)
        assert money.decimal.as_tuple().exponent == -money.exponent
        assert int(money.decimal * 10**money.exponent) == amount
        assert "E" not in str(money).removesuffix(currency)

    @many
    @given(minor_units, st.sampled_from(EVERY_CURRENCY))
    def test_what_is_written_is_read_as_the_same_amount(self, amount: int, currency: str) -> None:
        text, _, code = str(Money(amount, currency)).partition(" ")
        assert code == currency
        assert Money(int(Decimal(text).scaleb(currency_exponent(currency))), currency) == Money(amount, currency)
