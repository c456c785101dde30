"""Lists: what may be asked for, what a cursor may be, and how the types print."""

import base64
import json
from typing import Any

import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st

from domain.pages import PageRequest
from schema.masking import ExposedError
from schema.pagination import decode_cursor, encode_cursor, page_arguments
from tests.schema.conftest import Ask, codes, message, toy_schema
from tests.schema.toys import BOATS

PAGE = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  boats(first: $first, after: $after, last: $last, before: $before) {
    nodes { id }
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


async def page(ask: Ask, **arguments: Any) -> dict[str, Any]:
    response = await ask(PAGE, arguments)
    assert response.status_code == 200, response.text
    boats: dict[str, Any] = response.json()["data"]["boats"]
    return boats


def ids(boats: dict[str, Any]) -> tuple[str, ...]:
    return tuple(boat["id"] for boat in boats["nodes"])


class TestPages:
    async def test_a_list_begins_with_20_items(self, ask: Ask) -> None:
        boats = await page(ask)
        assert ids(boats) == BOATS[:20]
        assert [edge["node"]["id"] for edge in boats["edges"]] == list(BOATS[:20])
        assert boats["pageInfo"]["startCursor"] == boats["edges"][0]["cursor"]
        assert boats["pageInfo"]["endCursor"] == boats["edges"][-1]["cursor"]
        assert boats["pageInfo"]["hasNextPage"]
        assert not boats["pageInfo"]["hasPreviousPage"]

    async def test_pages_cover_the_list_forwards_and_backwards(self, ask: Ask) -> None:
        seen: tuple[str, ...] = ()
        boats = await page(ask, first=20)
        seen += ids(boats)
        while boats["pageInfo"]["hasNextPage"]:
            boats = await page(ask, first=20, after=boats["pageInfo"]["endCursor"])
            seen += ids(boats)
        assert seen == BOATS

        boats = await page(ask, last=20)
        seen = ids(boats)
        while boats["pageInfo"]["hasPreviousPage"]:
            boats = await page(ask, last=20, before=boats["pageInfo"]["startCursor"])
            seen = ids(boats) + seen
        assert seen == BOATS

    @pytest.mark.parametrize(
        ("arguments", "argument"),
        [
            ({"first": 0}, "first"),
            ({"first": -1}, "first"),
            ({"first": 101}, "first"),
            ({"last": 0}, "last"),
            ({"last": 101}, "last"),
            ({"first": 1, "last": 1}, "first"),
            ({"first": 1, "before": "x"}, "before"),
            ({"last": 1, "after": "x"}, "after"),
            ({"after": "x", "before": "y"}, "after"),
            ({"after": ""}, "after"),
            ({"after": "Incorrect padding"}, "after"),
            ({"before": "💥"}, "before"),
            ({"after": "A" * 100_000}, "after"),
        ],
    )
    async def test_a_wrong_page_is_refused_and_never_clamped(
        self, ask: Ask, arguments: dict[str, Any], argument: str
    ) -> None:
        response = await ask(PAGE, arguments)
        assert response.status_code == 294
        assert response.json()["data"] == {"boats": None}
        assert codes(response) == ["BAD_USER_INPUT"]
        assert response.json()["errors"][0]["extensions"]["argument"] == argument
        assert argument in message(response)

    def test_the_arguments_become_a_request(self) -> None:
        assert page_arguments(sort="NEWEST") == PageRequest(limit=20, sort="NEWEST")
        assert page_arguments(first=100, sort="NEWEST").limit == 100
        assert page_arguments(last=1, sort="NEWEST") == PageRequest(limit=1, sort="NEWEST", backward=True)
        cursor = encode_cursor("NEWEST", ("ord_1",))
        assert page_arguments(before=cursor, sort="NEWEST") == PageRequest(
            limit=20, sort="NEWEST", backward=True, cursor=("ord_1",)
        )

    def test_arguments_without_a_default_are_not_given(self) -> None:
        nothing: Any = strawberry.UNSET
        request = page_arguments(first=nothing, after=nothing, last=nothing, before=nothing, sort="NEWEST")
        assert request == PageRequest(limit=20, sort="NEWEST")


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class TestCursors:
    @given(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
        st.integers(-(2**63) + 1, 2**63 - 1),
    )
    def test_a_cursor_brings_the_key_back(self, name: str, number: int) -> None:
        text = encode_cursor("NAME", (name, number))
        if len(text) <= 512:
            assert decode_cursor(text, argument="after", sort="NAME", key_types=(str, int)) == (name, number)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "=",
            "====",
            "not base64!",
            "AAA",
            "a" * 513,
            "é",
            forged(None),
            forged([]),
            forged({}),
            forged("x"),
            forged([1]),
            forged([1, "NAME"]),
            forged([1, "NAME", 1]),
            forged([1, "NAME", None]),
            forged([1, "NAME", True]),
            forged([1, "NAME", ["a"]]),
            forged([1, "NAME", "a", "b"]),
            forged([1, "NAME", "a\0"]),
            forged([1, "NAME", "\ud800"]),
            forged([2, "NAME", "a"]),
            forged([True, "NAME", "a"]),
            forged([1.0, "NAME", "a"]),
            forged([1, 5, "a"]),
            base64.urlsafe_b64encode(b"[" * 380).decode(),
            base64.urlsafe_b64encode(b"\xff\xfe").decode(),
            base64.urlsafe_b64encode(b"NaN").decode(),
        ],
    )
    def test_what_this_list_would_not_have_written_is_refused(self, text: str) -> None:
        with pytest.raises(ExposedError, match="not a cursor of this list") as refused:
            decode_cursor(text, argument="after", sort="NAME", key_types=(str,))
        assert refused.value.code == "BAD_USER_INPUT"

    @pytest.mark.parametrize("number", [2**63, -(2**63), 1.5, "1", True])
    def test_a_number_is_one_that_a_database_takes(self, number: object) -> None:
        with pytest.raises(ExposedError):
            decode_cursor(forged([1, "TOTAL", number]), argument="after", sort="TOTAL", key_types=(int,))

    def test_a_cursor_belongs_to_its_sorting(self) -> None:
        with pytest.raises(ExposedError, match="another sorting"):
            decode_cursor(encode_cursor("OLDEST", ("a",)), argument="after", sort="NEWEST", key_types=(str,))

    @given(st.text(max_size=600) | st.binary(max_size=300).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
    def test_no_text_breaks_the_reader(self, text: str) -> None:
        with pytest.raises(ExposedError):
            decode_cursor(text, argument="after", sort="NAME", key_types=(str,))


def test_connections_print_under_plain_names_in_every_schema() -> None:
    for schema in (toy_schema(), toy_schema(subscriptions=True)):
        printed = str(schema)
        assert "type BoatConnection {" in printed
        assert "type BoatEdge {" in printed
        assert "nodes: [Boat!]!" in printed
        assert "edges: [BoatEdge!]!" in printed
        assert "cursors" not in printed
        assert "type PageInfo {" in printed
        assert "): BoatConnection" in printed
