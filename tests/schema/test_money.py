"""Money as clients read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from schema.money import format_money
from tests.domain.examples import currencies, many, minor_units
from tests.schema.gateway import Shop


@pytest.mark.parametrize(
    ("currency", "minor_units", "decimal", "locale", "formatted"),
    [
        ("USD", 1050, "10.50", "en", "$10.50"),
        ("USD", 123456789, "1234567.89", "en-US", "$1,234,567.89"),
        ("EUR", 1050, "10.50", "de-DE", "10,50\u00a0€"),
        ("EUR", 5, "0.05", "fr-FR", "0,05\u00a0€"),
        ("CHF", 123456, "1234.56", "de-CH", "CHF\u00a01’234.56"),
        ("JPY", 1050, "1050", "ja-JP", "￥1,050"),
        ("JPY", 0, "0", "en", "¥0"),
        ("KWD", 1050, "1.050", "en", "KWD\u00a01.050"),
        ("HUF", 1050, "10.50", "en", "HUF\u00a010.50"),
        ("USD", 9007199254740991, "90071992547409.91", "en", "$90,071,992,547,409.91"),
    ],
)
async def test_money_is_written_out_for_people(
    shop: Shop, currency: str, minor_units: int, decimal: str, locale: str, formatted: str
) -> None:
    price_id = await shop.price(minor_units, currency)
    query = (
        "query($id: ID!, $locale: String!) { price(id: $id) { amount { minorUnits currency decimal "
        "formatted(locale: $locale) } } }"
    )

    data = await shop.execute(query, {"id": price_id, "locale": locale})

    assert data["price"]["amount"] == {
        "minorUnits": minor_units,
        "currency": currency,
        "decimal": decimal,
        "formatted": formatted,
    }


@many
@given(minor_units, currencies, st.sampled_from(["en", "de-CH", "fr-FR", "hi-IN", "ja-JP", "pt-BR"]))
def test_no_way_of_writing_it_out_rounds(amount: int, currency: str, locale: str) -> None:
    money = Money(amount, currency)

    digits = "".join(character for character in format_money(money, locale) if character.isdigit())

    assert digits == str(abs(money.decimal)).replace(".", "")


@pytest.mark.parametrize("locale", ["", "tlh", "en_XX_nonsense_nonsense", "x" * 10_000, "../../etc/passwd", "é", "-"])
async def test_an_unknown_locale_is_told_of(shop: Shop, locale: str) -> None:
    price_id = await shop.price()
    query = "query($id: ID!, $locale: String!) { price(id: $id) { amount { formatted(locale: $locale) } } }"

    error = await shop.denied(query, {"id": price_id, "locale": locale})

    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", "locale")
