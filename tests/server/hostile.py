"""Requests that want to keep the gateway busy, each as large as is let in: the worst of some fifty kinds."""

import itertools
import json
from collections.abc import Callable, Mapping

LARGEST_BODY = 256 * 1024


def document(query: str, **variables: object) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


_numbers = itertools.count()


def unseen(body: bytes) -> bytes:
    """The same document in words that no gateway has kept."""
    asked = json.loads(body)
    return json.dumps(asked | {"query": f"{asked['query']} #{next(_numbers)}"}).encode()


def filled(head: str, piece: str, tail: str = "") -> bytes:
    """A document of as many pieces as a body holds."""
    room = LARGEST_BODY - len(document(head + tail))
    return document(head + piece * (room // len(json.dumps(piece)[1:-1])) + tail)


def _fragments(count: int, inside: str) -> str:
    spread = " ".join(f"...f{number}" for number in range(count))
    made = " ".join(f"fragment f{number} on Order {{ {inside} }}" for number in range(count))
    return f"{{ orders {{ nodes {{ {spread} }} }} }} {made}"


def _an_order(lines: int) -> bytes:
    line = {"name": "x", "unitAmount": {"minorUnits": 1, "currency": "USD"}}
    return document(
        "mutation($input: OrderCreateInput!) { orderCreate(input: $input) { order { id } userErrors { code } } }",
        input={"customerId": "cus_none", "lines": [line] * lines},
    )


_TYPE = "{ kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }"
THE_WHOLE_SCHEMA = (
    "__schema { types { kind name description fields(includeDeprecated: true) { name description args { name "
    f"description type {_TYPE} defaultValue }} type {_TYPE} }} inputFields {{ name type {_TYPE} }} "
    f"interfaces {_TYPE} enumValues {{ name description }} possibleTypes {_TYPE} }} }}"
)

HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "arrays in arrays": lambda: b'{"query": ' + b"[" * (LARGEST_BODY - 20),
    "130,000 numbers": lambda: b'{"query":"{ a }","variables":{"a":[' + b"1," * 130_000 + b"1]}}",
    "halves of surrogate pairs": lambda: b'{"query":"{ a }","variables":{"a":"' + b"\\ud800" * 43_000 + b'"}}',
    "a literal 250,000 deep": lambda: filled("{ a(b: ", "["),
    "a selection 130,000 deep": lambda: filled("{", "a{"),
    "120,000 fields": lambda: filled("{ ", "a ", "}"),
    "a string of 250,000 characters": lambda: filled('{ a(b: "', "x", '") }'),
    "a text of 120,000 lines": lambda: filled('{ a(b: """', "\n", '""") }'),
    "a name of 250,000 letters": lambda: filled("{ ", "a", " }"),
    "a document of comments": lambda: filled("{ ", "#\n", "a }"),
    "60 fragments that are compared": lambda: document(_fragments(60, "a b c d e f g h i j k l m n o p q r s t u v")),
    "fragments without an end": lambda: document(_fragments(30, "...f0 ...f1")),
    "an object of 600 wrong values": lambda: document(
        "{ orders(filter: {" + " ".join(f"a{number}: {number}" for number in range(640)) + "}) { nodes { id } } }"
    ),
    "400 operations": lambda: document(" ".join(f"query q{number} {{ a{number} }}" for number in range(380))),
    "the largest order": lambda: _an_order(500),
    "the whole schema, twice": lambda: document(f"{{ a: {THE_WHOLE_SCHEMA} b: {THE_WHOLE_SCHEMA} }}"),
    "the whole schema, in a fragment": lambda: document(
        f"{{ ...S }} fragment S on Query {{ a: {THE_WHOLE_SCHEMA} b: {THE_WHOLE_SCHEMA} }}"
    ),
    "the whole schema, beside something": lambda: document(
        f"{{ me {{ id }} ... {{ a: {THE_WHOLE_SCHEMA} b: {THE_WHOLE_SCHEMA} }} }}"
    ),
}
