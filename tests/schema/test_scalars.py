"""What may be written for an amount, a time, a currency, a URL and notes, as literal and as variable."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from schema.scalars import (
    LARGEST_MINOR_UNITS,
    format_instant,
    parse_currency,
    parse_instant,
    parse_metadata,
    parse_minor_units,
    parse_url,
)
from tests.schema.conftest import Ask, codes

AMOUNT = "query ($x: MinorUnits!) { amount(minorUnits: $x) }"


class TestMinorUnits:
    @pytest.mark.parametrize("amount", [0, -5, 1050, LARGEST_MINOR_UNITS, -LARGEST_MINOR_UNITS])
    async def test_an_amount_comes_back_exact(self, ask: Ask, amount: int) -> None:
        assert (await ask(AMOUNT, {"x": amount})).json()["data"] == {"amount": amount}
        assert (await ask(f"{{ amount(minorUnits: {amount}) }}")).json()["data"] == {"amount": amount}

    @pytest.mark.fault("F58")
    @pytest.mark.parametrize(
        "wrong", [5.0, 0.5, "5", "", True, None, [1, 2], [], {}, 2**53, -(2**53), 2**64, 10**99, 1e300, -0.0]
    )
    async def test_anything_but_a_whole_number_is_refused(self, ask: Ask, wrong: object) -> None:
        response = await ask(AMOUNT, {"x": wrong})
        assert response.status_code == 422
        assert codes(response) == ["BAD_USER_INPUT"]

    @pytest.mark.parametrize(
        "wrong", ["5.0", "1e3", "1e400", '"5"', "true", "null", "[1]", "{}", "FIVE", "9007199254740992", "NaN"]
    )
    async def test_so_it_is_in_a_literal(self, ask: Ask, wrong: str) -> None:
        response = await ask(f"{{ amount(minorUnits: {wrong}) }}")
        assert response.status_code == 422
        assert codes(response) == ["GRAPHQL_VALIDATION_FAILED"]

    async def test_the_refusal_is_worded_for_people(self, ask: Ask) -> None:
        (error,) = (await ask(AMOUNT, {"x": 10.5})).json()["errors"]
        assert error["message"].endswith("An amount is a whole number of minor units, such as 1050 for 10.50 USD.")

    async def test_a_list_is_not_made_of_one_amount(self) -> None:
        with pytest.raises(GraphQLError):
            parse_minor_units([1])


class TestInstants:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ("2026-01-02T03:04:05.678901Z", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
            ("2026-01-02T03:04:05.6Z", datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)),
            ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
            ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
            ("2026-01-02T03:04:05-00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ],
    )
    def test_rfc_3339_is_read(self, text: str, moment: datetime) -> None:
        assert parse_instant(text) == moment
        assert parse_instant(text).tzinfo is UTC

    @pytest.mark.parametrize(
        "wrong",
        [
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05Z",
            "2026-W01-1T00:00:00Z",
            "20260102T030405Z",
            "2026-02-31T00:00:00Z",
            "2026-01-02T24:00:01Z",
            "2026-01-02T03:04:60Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-01-02T03:04:05+99:99",
            "\uff12026-01-02T03:04:05Z",
            "2026-01-02T03:04:05Z\n",
            "",
            "now",
            1767322800,
            None,
            True,
            {},
        ],
    )
    def test_anything_else_is_refused_in_words(self, wrong: object) -> None:
        with pytest.raises(GraphQLError, match="with its offset"):
            parse_instant(wrong)

    def test_answers_are_in_utc_with_six_digits(self) -> None:
        berlin = timezone(timedelta(hours=2))
        assert format_instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=berlin)) == "2026-01-02T01:04:05.000000Z"
        assert format_instant(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)) == "2026-01-02T03:04:05.678901Z"

    def test_a_time_without_a_zone_is_a_mistake_of_ours(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            format_instant(datetime(2026, 1, 2))  # noqa: DTZ001

    @given(st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))  # noqa: DTZ001
    def test_what_is_written_is_read_as_the_same_instant(self, moment: datetime) -> None:
        assert parse_instant(format_instant(moment)) == moment.astimezone(UTC)

    async def test_it_goes_through_the_api(self, ask: Ask) -> None:
        query = "query ($at: DateTime!) { moment(at: $at) }"
        response = await ask(query, {"at": "2026-01-02T03:04:05+01:00"})
        assert response.json()["data"] == {"moment": "2026-01-02T02:04:05.000000Z"}
        assert codes(await ask(query, {"at": "yesterday"})) == ["BAD_USER_INPUT"]
        assert codes(await ask('{ moment(at: "2026-01-02T03:04:05") }')) == ["GRAPHQL_VALIDATION_FAILED"]


class TestCurrency:
    async def test_three_capitals_are_a_currency(self, ask: Ask) -> None:
        assert (await ask('{ currency(code: "EUR") }')).json()["data"] == {"currency": "EUR"}

    @pytest.mark.parametrize("wrong", ["eur", "EU", "EURO", "€€€", "EUR\n", "ÄÖÜ", 978, None])
    def test_anything_else_is_refused_in_words(self, wrong: object) -> None:
        with pytest.raises(GraphQLError, match="three capital letters"):
            parse_currency(wrong)


class TestURLs:
    @pytest.mark.parametrize(
        "url",
        [
            "https://shop.example/thanks?order=1#top",
            "http://localhost:3000",
            "http://[::1]:8000/x",
            "shop://paid",
            "com.shop.app://return/path",
        ],
    )
    def test_the_web_and_apps_are_reachable(self, url: str) -> None:
        assert parse_url(url) == url

    @pytest.mark.parametrize(
        "wrong",
        [
            "",
            "shop.example",
            "/thanks",
            "//shop.example",
            "javascript:alert(1)",
            "javascript://x/%0aalert(1)",
            "JavaScript://x",
            "data:text/html,x",
            "data://x",
            "file:///etc/passwd",
            "https://",
            "https:///path",
            "https://:80/",
            "https://user:secret@shop.example",
            "https://shop.example:99999",
            "https://[::1",
            "https://shop.example/a b",
            "https://shop.example\\@evil.example",
            "https://shop.example/\n",
            "https://shop.example/" + "x" * 2_048,
            1,
            None,
        ],
    )
    async def test_anything_else_is_refused(self, ask: Ask, wrong: object) -> None:
        with pytest.raises(GraphQLError):
            parse_url(wrong)
        response = await ask("query ($url: URL!) { url(url: $url) }", {"url": wrong})
        assert response.status_code == 422
        assert codes(response) == ["BAD_USER_INPUT"]


class TestMetadata:
    async def test_texts_under_names_are_kept(self, ask: Ask) -> None:
        notes = {"cart": "42", "größe": "", "with space": "x" * 500}
        query = "query ($m: Metadata!) { metadata(metadata: $m) }"
        assert (await ask(query, {"m": notes})).json()["data"] == {"metadata": notes}
        assert (await ask(query, {"m": {}})).json()["data"] == {"metadata": {}}

    async def test_a_literal_is_as_good(self, ask: Ask) -> None:
        response = await ask('{ metadata(metadata: {cart: "42", shop: ""}) }')
        assert response.json()["data"] == {"metadata": {"cart": "42", "shop": ""}}

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            ([], "object"),
            ("a", "object"),
            (None, "object"),
            ({"a": 1}, "quotes"),
            ({"a": None}, "quotes"),
            ({"a": {"b": "c"}}, "quotes"),
            ({"": "a"}, "key"),
            ({"k" * 41: "a"}, "key"),
            ({"a": "x" * 501}, "500"),
            ({str(n): "a" for n in range(51)}, "50 keys"),
        ],
    )
    async def test_anything_else_is_refused_in_words(self, ask: Ask, wrong: object, word: str) -> None:
        with pytest.raises(GraphQLError, match=word):
            parse_metadata(wrong)
        response = await ask("query ($m: Metadata!) { metadata(metadata: $m) }", {"m": wrong})
        assert response.status_code == 422
        assert codes(response) == ["BAD_USER_INPUT"]

    @pytest.mark.parametrize("wrong", ["{a: 1}", "{a: null}", '{a: ["b"]}', '"a"', "[]", "{a: B}", "{a: $v}"])
    async def test_so_it_is_in_a_literal(self, ask: Ask, wrong: str) -> None:
        response = await ask(f'query ($v: String! = "a") {{ hello(name: $v) metadata(metadata: {wrong}) }}')
        assert response.status_code == 422
        assert codes(response) == ["GRAPHQL_VALIDATION_FAILED"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON_VALUES)
def test_a_scalar_takes_a_value_or_refuses_it_in_one_sentence(value: object) -> None:
    for parse in (parse_minor_units, parse_instant, parse_currency, parse_url, parse_metadata):
        assert outcome_of(parse, value) in ("taken", "refused in a sentence")


def outcome_of(parse: Callable[[object], object], value: object) -> str:
    try:
        parse(value)
    except GraphQLError as refusal:
        short = refusal.message.endswith(".") and len(refusal.message) < 120
        return "refused in a sentence" if short else refusal.message
    return "taken"
