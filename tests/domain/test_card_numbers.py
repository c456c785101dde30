"""A card number is found however it is written; what only looks like one passes."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.card_numbers import has_card_number
from tests.domain.examples import many

# The numbers that the brands and the providers publish for tests.
CARDS = {
    "Visa": "4242424242424242",
    "Visa, 13 digits": "4222222222222",
    "Visa, 19 digits": "4000000000000000006",
    "Mastercard": "5555555555554444",
    "Mastercard, the new range": "2223003122003222",
    "Mastercard, the end of the new range": "2720990000000007",
    "American Express": "378282246310005",
    "American Express, 34": "343434343434343",
    "Discover": "6011111111111117",
    "Discover, 65": "6555900000604105",
    "Discover, 644": "6445644564456445",
    "Diners Club": "36227206271667",
    "Diners Club, 16 digits": "3056930009020004",
    "Diners Club, 38": "38520000023237",
    "JCB": "3566002020360505",
    "UnionPay": "6200000000000005",
    "UnionPay, 19 digits": "6205500000000000004",
    "Maestro": "6759649826438453",
    "Maestro, 13 digits": "5018000000007",
}
VISA = CARDS["Visa"]


def in_groups(digits: str, separator: str, size: int = 4) -> str:
    return separator.join(digits[place : place + size] for place in range(0, len(digits), size))


class TestCardNumbers:
    @pytest.mark.parametrize("separator", ["", " ", "-", ".", "  ", " - ", "\u00a0", "\u2009", "–", "\t", "_"])
    @pytest.mark.parametrize("digits", CARDS.values(), ids=CARDS.keys())
    def test_every_brand_is_found_with_any_separator(self, digits: str, separator: str) -> None:
        assert has_card_number(in_groups(digits, separator))

    def test_american_express_is_found_as_it_is_printed(self) -> None:
        assert has_card_number("3782 822463 10005")

    @pytest.mark.parametrize(
        "text",
        [
            f"my card is {VISA}, thanks",
            f"card{VISA}card",
            f"({VISA})",
            f"+{VISA}",
            f"{VISA} 12/28 123",
            f"{VISA} 123",
            f"{in_groups(VISA, ' ')} 12 28",
            f"{in_groups(VISA, ' ')} 1228 123",
            f"12 {in_groups(VISA, ' ')}",
            f"1. {in_groups(VISA, ' ')}",
            f"2026-03-01 {in_groups(VISA, ' ')}",
            f"call 030 1234567 or {VISA}",
            f"NR12 {in_groups(VISA, ' ')}",
            f"6011 {in_groups(VISA, ' ')} 4242",
            f"first line\n{VISA}\nthird line",
            f"{VISA}@example.org",
            "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
            "４２４２ ４２４２ ４２４２ ４２４２",
        ],
    )
    def test_a_number_is_found_wherever_it_stands(self, text: str) -> None:
        assert has_card_number(text)

    @many
    @given(st.text(alphabet=st.characters(exclude_categories=["Nd"])), st.sampled_from(sorted(CARDS.values())))
    def test_no_words_around_it_hide_it(self, words: str, digits: str) -> None:
        assert has_card_number(f"{words}\n{digits}\n{words}")

    @many
    @given(st.sampled_from(sorted(CARDS.values())), st.lists(st.integers(1, 18), max_size=6), st.sampled_from(" .-"))
    def test_it_is_found_in_groups_of_any_size(self, digits: str, cuts: list[int], separator: str) -> None:
        written = "".join(separator + digit if place in cuts else digit for place, digit in enumerate(digits))
        # Thirteen digits in one piece can be a barcode; in groups they are not.
        assert has_card_number(written)


class TestWhatOnlyLooksAlike:
    @pytest.mark.parametrize("digits", CARDS.values(), ids=CARDS.keys())
    @many
    @given(change=st.integers(1, 9), place=st.integers(0, 18))
    def test_one_wrong_digit_makes_it_no_card_number(self, digits: str, change: int, place: int) -> None:
        place %= len(digits)
        wrong = digits[:place] + str((int(digits[place]) + change) % 10) + digits[place + 1 :]
        assert not has_card_number(wrong)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Order 1234567890123456",
            "order 2026030112345678",
            "4242424242424241",  # the check digit
            "424242424242424",  # 15 digits
            "42424242424242424242",  # 20 digits
            "9999999999999995",  # no brand, right check digit
            "0000000000000000",
            "1111111111111117",
            "invoice 2026-03-01/000123",
            "+49 1512 3456789",
            "+4915123456789",
            "+1 (415) 555-2671",
            "+43 660 12345678",
            "0044 20 7946 0958",
            "IMEI 356938035643809",
            "ICCID 8949020000000000000",
            "EAN 4006381333931",
            "GTIN 4901234567894",
            "ISBN 978-3-16-148410-0",
            "2026-03-01 09:30:00.123457",
            "20260301093000123",
            "1772357400000000000",
            "48.858370, 2.294481",
            "550e8400-e29b-41d4-a716-446655440000",
            "IBAN DE89 3704 0044 0532 0130 00",
            "GB82 WEST 1234 5698 7654 32",
            "chg_01k9zq4m8e6w1v3c5x7b9d2f4g",
            "4242\n4242\n4242\n4242",
            "4242, 4242, 4242, 4242",
            "a4b2c4d2e4f2g4h2i4j2k4l2m4n2o4p2",
        ],
    )
    def test_near_misses_pass(self, text: str) -> None:
        assert not has_card_number(text)

    @many
    @given(st.integers(10**10, 10**12 - 1), st.sampled_from(["49", "43", "41", "44", "81"]))
    def test_phone_numbers_with_a_country_code_pass(self, subscriber: int, country: str) -> None:
        assert not has_card_number(f"+{country}{subscriber}")

    @many
    @given(st.integers(400, 499), st.integers(0, 10**9 - 1))
    def test_the_barcodes_of_german_and_japanese_goods_pass(self, origin: int, article: int) -> None:
        body = f"{origin}{article:09}"
        check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body)) % 10
        assert not has_card_number(f"{body}{check}")

    @many
    @given(st.integers(4 * 10**7, 6 * 10**7), st.integers(0, 10**10 - 1))
    def test_german_ibans_pass_although_banks_begin_as_cards_do(self, bank: int, number: int) -> None:
        basic = f"{bank}{number:010}"
        iban = f"DE{98 - int(basic + '131400') % 97:02}{basic}"
        assert not has_card_number(in_groups(iban, " "))
        assert not has_card_number(iban)

    @many
    @given(st.uuids())
    def test_uuids_pass(self, value: uuid.UUID) -> None:
        assert not has_card_number(str(value))

    @many
    @given(st.text(alphabet=st.characters(exclude_categories=["Nd"]), max_size=200))
    def test_text_without_digits_passes(self, text: str) -> None:
        assert not has_card_number(text)


def test_a_long_row_of_digits_is_read_in_reasonable_time() -> None:
    assert not has_card_number("4 " * 2_500)
    assert not has_card_number("4" * 5_000)
