"""What a stock Strawberry gets wrong over HTTP, point by point, against a whole gateway.

The list was found by trying Strawberry 0.341. Each point has one test here, in the order of the list, so that it can be
read as a whole; the details are in the tests of the parts (test_view.py, test_scalars.py, test_pagination.py, ...).
"""

import re
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.types import Message

from persistence.sql import Dialect
from schema.graphiql import CONTENT_SECURITY_POLICY
from schema.http.trusted import sha256_id
from schema.root import build_schema
from server import application
from tests.databases import NewDatabaseUrl
from tests.schema.conftest import LEGACY, MODERN, Ask, codes, message
from tests.schema.gateway import ADMIN, Shop, assert_worded, by_hand, open_shop, settings_for

HELLO = "{ __typename }"

URQL = f"{MODERN}, application/graphql+json, {LEGACY}, text/event-stream, multipart/mixed"
"""What urql sends with every query."""


async def post(shop: Shop, content: bytes, **headers: str) -> httpx.Response:
    sent = {"content-type": LEGACY, "accept": MODERN, "authorization": ADMIN, **headers}
    return await shop.client.post("/graphql", content=content, headers=sent)


async def test_01_graphql_response_json_is_served(shop: Shop) -> None:
    for accept in (MODERN, f"{MODERN}, {LEGACY};q=0.9", "*/*"):
        response = await post(shop, b'{"query": "{ __typename }"}', accept=accept)
        assert response.headers["content-type"] == f"{MODERN}; charset=utf-8"


@pytest.mark.parametrize(
    ("query", "status"), [("{", 400), ("{ nothing }", 422), ("query($n: Int!) { __typename }", 422)]
)
async def test_02_a_request_that_does_not_run_has_a_status_and_no_data(shop: Shop, query: str, status: int) -> None:
    response = await shop.send(query, as_=ADMIN)
    assert response.status_code == status
    assert set(response.json()) == {"errors"}


async def test_03_of_two_operations_none_runs_unless_it_is_named(shop: Shop) -> None:
    two = "mutation A { " + create("a") + " } mutation B { " + create("b") + " }"
    response = await shop.send(two, as_=ADMIN)
    assert (response.status_code, codes(response)) == (422, ["OPERATION_RESOLUTION_FAILURE"])
    assert await shop.count("customers") == 0


def create(name: str) -> str:
    return f'customerCreate(input: {{name: "{name}"}}) {{ customer {{ id }} }}'


@pytest.mark.parametrize(
    "content",
    [
        b"null",
        b"1",
        b'"x"',
        b'{"query": "\xff"}',
        b'{"query": "{ __typename }", "variables": {"n": ' + b"1" * 5_000 + b"}}",
        b'{"query": "{ __typename }", "variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["null", "number", "string", "not UTF-8", "5000 digits", "nested 100,000 deep"],
)
async def test_04_no_body_makes_the_gateway_fail(shop: Shop, content: bytes) -> None:
    for accept in (MODERN, LEGACY):
        response = await post(shop, content, accept=accept)
        assert response.status_code in (400, 422)
        assert codes(response) == ["BAD_REQUEST"]


async def test_05_a_body_has_a_limit(shop: Shop) -> None:
    response = await post(shop, b'{"query": "{ __typename }"}'.ljust(10_000_000))
    assert (response.status_code, codes(response)) == (413, ["PAYLOAD_TOO_LARGE"])


async def test_06_every_refusal_is_graphql_and_never_plain_text(shop: Shop) -> None:
    refused = [
        await post(shop, b"nonsense"),
        await post(shop, b"{}", **{"content-type": "text/plain"}),
        await post(shop, b"{}", accept="image/png"),
        await post(shop, b'{"query": "{ __typename }"}', authorization="Bearer wrong"),
        await shop.client.put("/graphql"),
        await shop.client.get("/graphql"),
    ]
    assert [response.status_code for response in refused] == [400, 415, 406, 401, 405, 422]
    for response in refused:
        assert re.fullmatch(r"application/(graphql-response\+)?json; charset=utf-8", response.headers["content-type"])
        assert_worded(message(response))


async def test_07_405_says_what_is_allowed(shop: Shop) -> None:
    mutation = {"query": "mutation { " + create("a") + " }"}
    assert (await shop.client.delete("/graphql")).headers["allow"] == "GET, HEAD, POST, OPTIONS"
    sent = await shop.client.get("/graphql", params=mutation, headers={"authorization": ADMIN})
    assert (sent.status_code, sent.headers["allow"]) == (405, "POST")
    assert await shop.count("customers") == 0


async def test_08_a_subscription_by_plain_post_is_told_what_is_wrong(shop: Shop) -> None:
    response = await shop.send("subscription { events { cursor } }", as_=ADMIN)
    assert (response.status_code, codes(response)) == (422, ["OPERATION_NOT_SUPPORTED"])
    assert "text/event-stream" in message(response)


async def test_09_a_client_that_could_also_read_a_stream_gets_one_answer(shop: Shop) -> None:
    response = await post(shop, b'{"query": "{ __typename }"}', accept=URQL)
    assert response.headers["content-type"] == f"{MODERN}; charset=utf-8"
    assert response.json()["data"] == {"__typename": "Query"}


async def test_10_events_are_parted_as_urql_parts_them(shop: Shop) -> None:
    response = await post(shop, b'{"query": "{ __typename }"}', accept="text/event-stream")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "\r" not in response.text
    assert '"__typename":"Query"' in response.text.split("\n\n")[1]


async def test_11_what_an_exception_says_stays_here(ask: Ask) -> None:
    response = await ask("{ broken }")
    assert codes(response) == ["INTERNAL"]
    assert "hunter2" not in response.text
    assert response.headers["x-request-id"] in response.text


async def test_12_only_surprises_are_masked(shop: Shop) -> None:
    assert "Syntax Error" in message(await shop.send("{", as_=ADMIN))
    assert "Cannot query field 'nothing'" in message(await shop.send("{ nothing }", as_=ADMIN))


@pytest.mark.parametrize("cursor", ["x", "AAAA", "====", "é", "bm90aGluZw=="])
async def test_13_a_bad_cursor_is_told_in_words(shop: Shop, cursor: str) -> None:
    response = await shop.send("query($c: String) { orders(after: $c) { nodes { id } } }", {"c": cursor}, as_=ADMIN)
    assert codes(response) == ["BAD_USER_INPUT"]
    assert "cursor" in message(response)
    assert "padding" not in message(response)


async def test_14_first_and_last_exclude_each_other(shop: Shop) -> None:
    response = await shop.send("{ orders(first: 1, last: 1) { nodes { id } } }", as_=ADMIN)
    assert codes(response) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("amount", ["Infinity", "NaN", "1e400", "10.50", 10.5, 1e3, True, 2**53, [1], None])
async def test_15_an_amount_is_a_whole_number_and_nothing_like_it(shop: Shop, amount: object) -> None:
    line = by_hand(1) | {"unitAmount": {"minorUnits": amount, "currency": "USD"}}
    sent = {"input": {"customerId": await shop.customer(), "lines": [line]}}
    response = await shop.send(
        "mutation($input: OrderCreateInput!) { orderCreate(input: $input) { order { id } } }", sent, as_=ADMIN
    )
    assert (response.status_code, codes(response)) == (422, ["BAD_USER_INPUT"])
    assert await shop.count("orders") == 0


@pytest.mark.parametrize("literal", ["10.5", "1e3", '"10"', '"Infinity"', "1e400"])
async def test_15_nor_is_a_literal(shop: Shop, literal: str) -> None:
    line = f'{{name: "Tea", quantity: 1, unitAmount: {{minorUnits: {literal}, currency: "USD"}}}}'
    order = f'orderCreate(input: {{customerId: "{await shop.customer()}", lines: [{line}]}})'
    response = await shop.send(f"mutation {{ {order} {{ order {{ id }} }} }}", as_=ADMIN)
    assert response.status_code == 422
    assert await shop.count("orders") == 0


async def test_16_application_jsonp_is_neither_read_nor_served(shop: Shop) -> None:
    body = b'{"query": "{ __typename }"}'
    assert (await post(shop, body, **{"content-type": "application/jsonp"})).status_code == 415
    assert (await post(shop, body, accept="application/jsonp")).status_code == 406


async def test_17_graphiql_is_for_browsers_alone(shop: Shop) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    opened = await shop.client.get("/graphql", headers={"accept": browser})
    assert opened.headers["content-type"].startswith("text/html")
    for accept in ("*/*", LEGACY, MODERN, URQL):
        asked = await shop.client.get("/graphql", params={"query": HELLO}, headers={"accept": accept})
        assert asked.json()["data"] == {"__typename": "Query"}


async def test_18_graphiql_loads_nothing_from_elsewhere(shop: Shop) -> None:
    page = await shop.client.get("/graphql", headers={"accept": "text/html"})
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert not re.search(r"https?:", CONTENT_SECURITY_POLICY)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.text)


@pytest.mark.parametrize("offered", [["graphql-ws"], []], ids=["legacy", "none"])
async def test_19_the_legacy_protocol_for_sockets_is_not_spoken(shop: Shop, offered: list[str]) -> None:
    accepted, closed = await handshake(shop, offered)
    assert accepted.get("subprotocol") is None
    assert (closed["type"], closed["code"]) == ("websocket.close", 4406)


async def handshake(shop: Shop, offered: list[str]) -> list[Message]:
    """What the gateway does with a socket whose client offers these protocols."""
    done: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(sent: Message) -> None:
        done.append(sent)

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "ws",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"host", b"gateway.test")],
        "subprotocols": offered,
        "client": ("127.0.0.1", 1),
        "server": ("gateway.test", 80),
        "state": {},
    }
    await application(shop.running)(cast(Any, scope), receive, send)
    return done


async def test_20_persisted_documents_are_served(tmp_path: Path, new_database_url: NewDatabaseUrl) -> None:
    (tmp_path / "hello.graphql").write_text(HELLO)
    chosen = settings_for(tmp_path, new_database_url(Dialect.SQLITE), documents=tmp_path / "hello.graphql")
    async with open_shop(chosen) as shop:
        response = await post(shop, f'{{"documentId": "{sha256_id(HELLO)}"}}'.encode())
        assert response.json()["data"] == {"__typename": "Query"}
        unknown = await post(shop, b'{"documentId": "sha256:unknown"}')
        assert (unknown.status_code, codes(unknown)) == (404, ["PERSISTED_DOCUMENT_NOT_FOUND"])


def test_21_the_types_make_a_second_schema_too() -> None:
    second = build_schema.__wrapped__()
    assert second is not build_schema()
    assert second.as_str() == build_schema().as_str()
