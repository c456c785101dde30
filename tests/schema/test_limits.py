"""Documents that are too large are refused in words and at once; those that are merely large are served."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
from graphql import get_introspection_query, parse

from schema.http.documents import Documents
from schema.limits import LimitExceeded, Limits, check_document
from schema.view import GraphQLView
from tests.schema.conftest import LEGACY, Ask, asking, client_of, codes, message, toy_context, toy_schema


def aliases(count: int, body: str = "hello") -> str:
    return " ".join(f"a{number}: {body}" for number in range(count))


def nested(depth: int) -> str:
    return "{ boat " + "{ twin " * (depth - 2) + "{ id }" + " }" * (depth - 2) + " }"


def chain(length: int, spreads: int) -> str:
    """Each fragment spreads the next one several times: `spreads` to the power of `length` in all."""
    links = [f"fragment f{n} on Boat {{ id {f'twin {{ ...f{n + 1} }} ' * spreads} }}" for n in range(length)]
    return "{ boat { ...f0 } } " + " ".join(links) + f" fragment f{length} on Boat {{ id }}"


ABUSES = {
    "10,000 aliases": ("{" + aliases(10_000) + "}", {"TOO_MANY_TOKENS"}),
    "400 aliases": ("{ boat {" + aliases(400, "id") + "} }", {"TOO_MANY_ALIASES"}),
    "aliases in fragments": (
        "{ boat { ...F twin { ...F } } } fragment F on Boat {" + aliases(8, "id") + "}",
        {"TOO_MANY_ALIASES"},
    ),
    "16 root fields": ("{" + " ".join(["hello", "double"] * 8) + "}", {"TOO_MANY_ROOT_FIELDS"}),
    "16 mutations": (
        "mutation {" + aliases(8, 'launch(name: "x")') + " ... on Mutation {" + aliases(8, "launch") + "} }",
        {"TOO_MANY_ALIASES", "TOO_MANY_ROOT_FIELDS"},
    ),
    "root fields in fragments": (
        "{ ...A ...B } fragment A on Query { " + "hello " * 8 + "} fragment B on Query { " + "hello " * 8 + "}",
        {"TOO_MANY_ROOT_FIELDS"},
    ),
    "one field 600 times": ("{ boat {" + " twin { id }" * 450 + "} }", {"TOO_MANY_REPEATS"}),
    "one field in 50 inline fragments": ("{ boat {" + " ... { twin { id } }" * 50 + "} }", {"TOO_MANY_REPEATS"}),
    "one field on 200 invented types": (
        "{ boat {" + " ".join(f"... on T{n} {{ twin {{ id }} }}" for n in range(190)) + "} }",
        {"TOO_MANY_FRAGMENTS"},
    ),
    "130 fragments": (
        "{ boat {"
        + " ".join(f"...f{n}" for n in range(120))
        + "} } "
        + " ".join(f"fragment f{n} on Boat {{ twin {{ id }} }}" for n in range(120)),
        {"TOO_MANY_FRAGMENTS"},
    ),
    "20,000 lists in a literal": (
        "{ ids(ids: " + "[" * 20_000 + "]" * 20_000 + ") }",
        {"QUERY_TOO_DEEP", "TOO_MANY_TOKENS"},
    ),
    "20,000 objects in a literal": (
        "{ paint(paint: " + "{a:" * 20_000 + "1" + "}" * 20_000 + ") }",
        {"QUERY_TOO_DEEP", "TOO_MANY_TOKENS"},
    ),
    "10,000 items in a literal": ("{ ids(ids: [" + "1 " * 10_000 + "]) }", {"TOO_MANY_TOKENS"}),
    "10,000 selections": ("{ boat" * 10_000, {"QUERY_TOO_DEEP"}),
    "100 selections": (nested(100), {"QUERY_TOO_DEEP"}),
    "16 selections": (nested(16), {"QUERY_TOO_DEEP"}),
    "depth through fragments": (chain(20, 1), {"QUERY_TOO_DEEP"}),
    "fragments in a circle": (
        "{ boat { ...A } } fragment A on Boat { twin { ...B } } fragment B on Boat { twin { ...A } }",
        {"GRAPHQL_VALIDATION_FAILED"},
    ),
    "a fragment in itself": (
        "{ boat { ...A } } fragment A on Boat { id ...A }",
        {"GRAPHQL_VALIDATION_FAILED"},
    ),
    "fragments that unfold without end": (chain(12, 3), {"TOO_MANY_REPEATS", "QUERY_TOO_COSTLY"}),
    "50,000 comments": ("{ hello }" + "#\n" * 50_000, {"TOO_MANY_TOKENS"}),
    "30 directives": ("{ hello " + "@skip(if: true) " * 30 + "}", {"TOO_MANY_DIRECTIVES"}),
    "directives everywhere": (
        "{ " + " ".join(f"{field} @skip(if: true) @include(if: true)" for field in ["hello", "double"] * 6) + "}",
        {"TOO_MANY_DIRECTIVES"},
    ),
    "directives on variables": (
        "query (" + " ".join(f"$v{n}: Int @a @b @c" for n in range(8)) + ") { hello }",
        {"TOO_MANY_DIRECTIVES"},
    ),
    "the schema six times": (
        "{" + aliases(6, "__schema { types { name fields { name } } }") + "}",
        {"TOO_MANY_ROOT_FIELDS"},
    ),
    "a number of 5,000 digits": ("{ double(n: " + "9" * 5_000 + ") }", {"BAD_USER_INPUT"}),
    "a float of 5,000 digits": ("{ double(n: 1." + "9" * 5_000 + ") }", {"BAD_USER_INPUT"}),
    "a number in a list in a directive": (
        "{ hello @skip(if: [{a: " + "9" * 5_000 + "}]) }",
        {"BAD_USER_INPUT"},
    ),
}


async def answered_within(seconds: float, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The first answer. Its CPU time counts, and of three tries the best: a collection of garbage is nobody's abuse."""
    took = []
    responses = []
    for _ in range(3):
        started = time.process_time()
        responses.append(await send())
        took.append(time.process_time() - started)
        if took[-1] < seconds:
            return responses[0]
    raise AssertionError(f"took {took} s each time")


@pytest.mark.fault("F25", "F59")
@pytest.mark.parametrize("abuse", ABUSES)
async def test_abuse_is_refused_at_once_and_by_name(ask: Ask, abuse: str) -> None:
    query, expected = ABUSES[abuse]
    response = await answered_within(0.2, lambda: ask(query))
    assert response.status_code == 422
    assert "data" not in response.json()
    assert set(codes(response)) <= expected


async def test_older_clients_get_a_limit_with_200(ask: Ask) -> None:
    response = await ask(nested(16), accept=LEGACY)
    assert response.status_code == 200
    assert codes(response) == ["QUERY_TOO_DEEP"]


async def test_a_limit_is_told_with_its_number(ask: Ask) -> None:
    response = await ask(nested(16))
    assert message(response) == "The document nests more than 15 fields."
    assert response.json()["errors"][0]["extensions"] == {"code": "QUERY_TOO_DEEP", "limit": 15}


@pytest.mark.parametrize(
    "query",
    [
        nested(15),
        "{" + aliases(15) + "}",
        "{ boat {" + aliases(15, "id") + "} }",
        "{ hello @skip(if: false) @include(if: true) }",
        "query A { boat {" + aliases(10, "id") + "} } query B { boat {" + aliases(10, "id") + "} }",
        "{ boat {"
        + " ".join(f"...f{n}" for n in range(50))
        + "} } "
        + " ".join(f"fragment f{n} on Boat {{ id name twin {{ id }} }}" for n in range(50)),
        "{ boats(first: 100) { edges { cursor node { id } } pageInfo { endCursor } } }",
    ],
)
async def test_what_is_merely_large_is_served(ask: Ask, query: str) -> None:
    operation = "A" if query.startswith("query A") else None
    response = await answered_within(0.2, lambda: ask(query, operationName=operation))
    assert response.status_code == 200


@pytest.mark.fault("F59")
async def test_the_largest_valid_document_does_not_hold_up_the_others(ask: Ask) -> None:
    leaves = "id name sails { area }"
    selection = "{ " + leaves + " twin { " * 10 + leaves + " }" * 10 + " }"
    query = "{ boat " + selection + " nodes(ids: [" + '"boat_001" ' * 1_500 + "]) { id } }"
    response = await answered_within(0.4, lambda: ask(query))
    assert response.status_code == 200


@pytest.mark.parametrize("options", [{}, {"specified_by_url": True, "input_value_deprecation": True}])
async def test_introspection_is_free_and_not_too_deep(ask: Ask, options: dict[str, bool]) -> None:
    response = await ask(get_introspection_query(**options))
    assert response.status_code == 200
    assert response.json()["data"]["__schema"]["queryType"]["name"] == "Query"
    assert "extensions" not in response.json()


def test_every_limit_can_be_set() -> None:
    strict = Limits(depth=1, aliases=0, root_fields=1, repeats=0, fragments=0, directives=0, introspection_fields=0)
    documents = {
        "QUERY_TOO_DEEP": "{ boat { id } }",
        "TOO_MANY_ALIASES": "{ a: hello }",
        "TOO_MANY_FRAGMENTS": "{ ...F } fragment F on Query { hello }",
        "TOO_MANY_DIRECTIVES": "query @a { hello }",
    }
    for code, text in documents.items():
        with pytest.raises(LimitExceeded) as refused:
            check_document(parse(text), strict)
        assert refused.value.code == code
        check_document(parse(text), Limits())
    with pytest.raises(LimitExceeded, match="introspection"):
        check_document(parse("{ __schema { types { name } } }"), strict)
    with pytest.raises(LimitExceeded, match="twice"):
        check_document(parse("{ hello hello }"), replace(strict, root_fields=2))


class TestCost:
    @pytest.mark.parametrize(
        ("query", "cost"),
        [
            ("{ hello }", 1),
            ("{ __typename }", None),
            ("{ hello __typename }", 1),
            ("{ boat { id twin { id } } }", 4),
            ("{ boat { sails { area } } }", 1 + 1 + 5),
            ("{ boats { nodes { id name } } }", 1 + 1 + 20 * 2),
            ("{ boats(first: 3) { nodes { id name } pageInfo { endCursor } } }", 1 + 1 + 3 * 2 + 2),
            ("{ boats(last: 3) { edges { node { id } } } }", 1 + 1 + 3 * 2),
            ("{ boats(first: 3) { ...C } } fragment C on BoatConnection { nodes { id } }", 1 + 1 + 3),
            ('{ nodes(ids: ["boat_001", "boat_002"]) { id name } }', 1 + 2 * 2),
            ('mutation { launch(name: "x") }', 10),
        ],
    )
    async def test_every_answer_says_what_it_may_have_cost(self, ask: Ask, query: str, cost: int | None) -> None:
        response = await ask(query)
        assert response.status_code == 200
        if cost is None:
            assert "extensions" not in response.json()
        else:
            assert response.json()["extensions"] == {"cost": {"requested": cost, "maximum": 10_000}}

    async def test_a_page_size_in_a_variable_counts(self, ask: Ask) -> None:
        query = "query ($n: Int = 7) { boats(first: $n) { nodes { id } } }"
        assert (await ask(query, {"n": 2})).json()["extensions"]["cost"]["requested"] == 4
        assert (await ask(query)).json()["extensions"]["cost"]["requested"] == 9
        assert (await ask(query, {"n": None})).json()["extensions"]["cost"]["requested"] == 22

    async def test_what_is_too_dear_is_not_run(self, ask: Ask) -> None:
        ids = "query ($ids: [ID!]!) { nodes(ids: $ids) { id name twin { id name twin { id } } } }"
        response = await ask(ids, {"ids": ["boat_001"] * 2_000})
        assert response.status_code == 422
        assert codes(response) == ["QUERY_TOO_COSTLY"]
        assert "14001" in message(response)

    async def test_a_page_that_is_too_large_is_told_so_by_the_list(self, ask: Ask) -> None:
        response = await ask("{ boats(first: 1000000000) { nodes { id } } }")
        assert codes(response) == ["BAD_USER_INPUT"]

    async def test_the_limit_can_be_set(self) -> None:
        view = GraphQLView(toy_schema(), context=toy_context, limits=Limits(cost=2))
        async with client_of(view) as client:
            assert (await asking(client)("{ hello double }")).status_code == 200
            assert codes(await asking(client)("{ hello double boat { id } }")) == ["QUERY_TOO_COSTLY"]


class TestDocuments:
    def make(self) -> Documents:
        return Documents(toy_schema()._schema, Limits(), introspection=True, suggestions=False)

    def test_a_document_is_read_once(self) -> None:
        documents = self.make()
        assert documents.prepare("{ hello }") is documents.prepare("{ hello }")

    def test_what_is_kept_is_bounded(self) -> None:
        documents = self.make()
        first = documents.prepare("{ hello }")
        for number in range(60):
            documents.prepare(f"query Q{number} {{ hello }}" + " " * 10_000)
        assert documents.prepare("{ hello }") is not first
        assert documents._characters <= 400_000
        assert documents._characters == sum(map(len, documents._kept))

    def test_what_is_used_is_kept(self) -> None:
        documents = self.make()
        first = documents.prepare("{ hello }")
        for number in range(60):
            documents.prepare(f"query Q{number} {{ hello }}" + " " * 10_000)
            assert documents.prepare("{ hello }") is first


@pytest.mark.fault("F59")
async def test_a_server_in_the_wild_refuses_10_mb_and_knows_294(served: str) -> None:
    body = b'{"query": "{ hello(name: \\"' + b"x" * 10_000_000 + b'\\") }"}'
    async with httpx.AsyncClient(base_url=served, timeout=20) as client:
        headers = {"content-type": "application/json"}
        response = await client.post("/graphql", content=body, headers=headers)
        assert response.status_code == 413
        assert codes(response) == ["PAYLOAD_TOO_LARGE"]
        response = await client.post("/graphql", json={"query": "{ hello refused }"})
        assert response.status_code == 294
        assert response.json()["data"] == {"hello": "hello world", "refused": None}
