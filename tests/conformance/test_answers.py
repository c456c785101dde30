"""The test of a test: an answer that does not fit is seen not to fit."""

from typing import Any

import pytest
from graphql import build_schema

from tests.conformance.answers import has_no_value_at, misfits, with_more, with_typenames

SCHEMA = build_schema("""
    interface Node { id: ID! }
    type Boat implements Node { id: ID! name: String! length: Int mood: Mood sails: [Sail!]! twin: Boat }
    type Sail { area: Float }
    type Sea implements Node { id: ID! }
    enum Mood { CALM }
    type Query { node: Node boat(id: ID): Boat boats: [Boat]! count: Int! }
""")

BOAT = "{ boat { id name length mood sails { area } } }"
FINE: dict[str, Any] = {"id": "1", "name": "Ada", "length": 4, "mood": "CALM", "sails": [{"area": 1.5}]}
NODE = "{ node { ... on Boat { name } ... on Node { id } } }"


@pytest.mark.parametrize(
    ("document", "data"),
    [
        (BOAT, {"boat": FINE}),
        (BOAT, {"boat": None}),
        (BOAT, {"boat": FINE | {"length": None, "mood": None, "sails": []}}),
        ("{ a: boat { twin { id } } b: count }", {"a": {"twin": None}, "b": 1}),
        ("{ boat { twin { id } twin { name } } }", {"boat": {"twin": {"id": "1", "name": "Ada"}}}),
        (NODE, {"node": {"__typename": "Boat", "name": "Ada", "id": "1"}}),
        (NODE, {"node": {"__typename": "Sea", "id": "1"}}),
    ],
)
def test_an_answer_that_fits(document: str, data: dict[str, Any]) -> None:
    assert misfits(SCHEMA, with_typenames(document, SCHEMA), data) == []


@pytest.mark.parametrize(
    ("document", "data"),
    [
        (BOAT, {"boat": {}}),
        (BOAT, {"boat": FINE | {"more": 1}}),
        (BOAT, {"boat": FINE | {"name": None}}),
        (BOAT, {"boat": FINE | {"name": 1}}),
        (BOAT, {"boat": FINE | {"length": "4"}}),
        (BOAT, {"boat": FINE | {"length": 2**31}}),
        (BOAT, {"boat": FINE | {"mood": "ANGRY"}}),
        (BOAT, {"boat": FINE | {"sails": None}}),
        (BOAT, {"boat": FINE | {"sails": [None]}}),
        (BOAT, {"boat": FINE | {"sails": {"area": 1}}}),
        (BOAT, {"boat": FINE | {"sails": [{"area": "wide"}]}}),
        (BOAT, {"boat": [FINE]}),
        ("{ count }", {"count": None}),
        (NODE, {"node": {"__typename": "Sail", "id": "1"}}),
        (NODE, {"node": {"__typename": "Sea", "id": "1", "name": "Ada"}}),
        (NODE, {"node": {"id": "1"}}),
    ],
)
def test_an_answer_that_does_not_fit(document: str, data: dict[str, Any]) -> None:
    assert len(misfits(SCHEMA, with_typenames(document, SCHEMA), data)) == 1


def test_more_is_asked_for_than_was_made_up() -> None:
    more = with_more("{ boat { twin { id } } }", SCHEMA)
    assert " ".join(more.split()) == "{ boat { twin { id name length mood } id name length mood } }"


def test_an_error_stands_where_the_answer_is_null() -> None:
    assert has_no_value_at({"a": [None]}, ("a", 0, "b"))
    assert has_no_value_at(None, ("a",))
    assert not has_no_value_at({"a": {"b": 0}}, ("a", "b"))
