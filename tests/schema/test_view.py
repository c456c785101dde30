"""The endpoint as clients meet it: statuses, media types, bodies and what they may read of an error."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response
from starlette.types import Message

from schema.masking import ExposedError, MaskingFormatter
from schema.view import GraphQLView
from tests.schema.conftest import LEGACY, MODERN, Ask, asking, client_of, codes, message, toy_context, toy_schema
from tests.schema.toys import launched

HELLO = {"query": "{ hello }"}


async def post(client: httpx.AsyncClient, content: bytes, accept: str = MODERN) -> httpx.Response:
    headers = {"content-type": "application/json", "accept": accept}
    return await client.post("/graphql", content=content, headers=headers)


class TestMediaTypes:
    @pytest.mark.parametrize(
        ("accept", "answered"),
        [
            (None, MODERN),
            ("", MODERN),
            ("*/*", MODERN),
            ("application/*", MODERN),
            (MODERN, MODERN),
            (LEGACY, LEGACY),
            (f"{MODERN}, {LEGACY};q=0.9", MODERN),
            (f"{LEGACY}, {MODERN}", MODERN),
            (f"{MODERN};q=0.5, {LEGACY}", LEGACY),
            (f"{MODERN};q=0, */*", LEGACY),
            (f"{LEGACY}; charset=utf-8", LEGACY),
            (f'{LEGACY}; charset="UTF-8"', LEGACY),
            (f"{MODERN}, application/graphql+json, {LEGACY}, text/event-stream, multipart/mixed", MODERN),
            ("APPLICATION/JSON", LEGACY),
        ],
    )
    async def test_the_media_type_that_the_client_likes_best_is_served(
        self, client: httpx.AsyncClient, accept: str | None, answered: str
    ) -> None:
        headers = {} if accept is None else {"accept": accept}
        response = await client.post("/graphql", json=HELLO, headers=headers)
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{answered}; charset=utf-8"
        assert response.headers["vary"] == "Accept"
        assert response.json()["data"] == {"hello": "hello world"}

    @pytest.mark.parametrize(
        "accept",
        [
            "text/html",
            "application/jsonp",
            "text/event-stream;q=0",
            f"{LEGACY};q=0",
            f"{LEGACY};charset=utf-16",
            f"{LEGACY};q=high",
            "nonsense",
            ",;,",
        ],
    )
    async def test_a_client_that_takes_neither_gets_406(self, client: httpx.AsyncClient, accept: str) -> None:
        response = await client.post("/graphql", json=HELLO, headers={"accept": accept})
        assert response.status_code == 406
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert codes(response) == ["NOT_ACCEPTABLE"]

    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "text/plain",
            "application/jsonp",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=utf-16",
            "application/json; charset=latin-1",
        ],
    )
    async def test_a_body_that_is_not_json_in_utf8_gets_415(
        self, client: httpx.AsyncClient, content_type: str | None
    ) -> None:
        headers = {"accept": MODERN} | ({"content-type": content_type} if content_type else {})
        response = await client.post("/graphql", content=b'{"query":"{hello}"}', headers=headers)
        assert response.status_code == 415
        assert codes(response) == ["UNSUPPORTED_MEDIA_TYPE"]

    async def test_a_compressed_body_gets_415(self, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        response = await client.post("/graphql", content=b"\x1f\x8b", headers=headers)
        assert response.status_code == 415

    @pytest.mark.parametrize("content_type", ["application/json;charset=UTF-8", 'Application/JSON; charset="utf8"'])
    async def test_utf8_may_be_spelled_out(self, client: httpx.AsyncClient, content_type: str) -> None:
        response = await client.post("/graphql", content=b'{"query":"{hello}"}', headers={"content-type": content_type})
        assert response.status_code == 200


class TestMethods:
    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "QUERY", "TRACE"])
    async def test_another_method_gets_405_with_what_is_allowed(self, client: httpx.AsyncClient, method: str) -> None:
        response = await client.request(method, "/graphql")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"
        assert codes(response) == ["METHOD_NOT_ALLOWED"]

    async def test_options_says_what_is_allowed(self, client: httpx.AsyncClient) -> None:
        response = await client.options("/graphql")
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"

    async def test_head_is_get_without_the_body(self, served: str) -> None:
        async with httpx.AsyncClient(base_url=served) as client:
            got = await client.get("/graphql", params=HELLO)
            head = await client.head("/graphql", params=HELLO)
            refused = await client.head("/graphql", params={"query": 'mutation { launch(name: "x") }'})
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
        assert head.headers["content-type"] == got.headers["content-type"]
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert launched == []

    @pytest.mark.parametrize("accept", [MODERN, LEGACY, "*/*"])
    async def test_a_query_may_be_sent_with_get(self, client: httpx.AsyncClient, accept: str) -> None:
        parameters = {
            "query": "query A($n: Int!) { double(n: $n) } query B { hello }",
            "operationName": "A",
            "variables": '{"n": 21}',
            "extensions": "",
        }
        response = await client.get("/graphql", params=parameters, headers={"accept": accept})
        assert response.status_code == 200
        assert response.json()["data"] == {"double": 42}

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_a_mutation_over_get_gets_405_and_changes_nothing(
        self, client: httpx.AsyncClient, accept: str
    ) -> None:
        parameters = {"query": 'query Q { hello } mutation M { launch(name: "x") }', "operationName": "M"}
        response = await client.get("/graphql", params=parameters, headers={"accept": accept})
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert "data" not in response.json()
        assert launched == []

    async def test_a_query_beside_a_mutation_may_be_asked_for_with_get(self, client: httpx.AsyncClient) -> None:
        parameters = {"query": 'query Q { hello } mutation M { launch(name: "x") }', "operationName": "Q"}
        response = await client.get("/graphql", params=parameters, headers={"accept": MODERN})
        assert response.json()["data"] == {"hello": "hello world"}

    @pytest.mark.parametrize(
        ("query_string", "status"),
        [
            ("", 422),
            ("query=", 422),
            ("query={hello}&query={double}", 422),
            ("query={hello}&variables=[1]", 422),
            ("query={hello}&variables={nonsense", 400),
            ("query={hello}&extensions=1", 422),
            ("query=" + "x" * 20_000, 414),
        ],
    )
    async def test_get_parameters_that_are_no_request_are_refused(
        self, client: httpx.AsyncClient, query_string: str, status: int
    ) -> None:
        response = await client.get(f"/graphql?{query_string}", headers={"accept": MODERN})
        assert response.status_code == status
        assert set(response.json()) == {"errors"}

    async def test_a_picture_on_a_foreign_page_is_no_client(self, client: httpx.AsyncClient) -> None:
        foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "accept": "image/*,*/*;q=0.8"}
        response = await client.get("/graphql", params=HELLO, headers=foreign)
        assert response.status_code == 403
        own = foreign | {"sec-fetch-site": "same-origin"}
        assert (await client.get("/graphql", params=HELLO, headers=own)).status_code == 200
        asked_for = foreign | {"sec-fetch-mode": "cors"}
        assert (await client.get("/graphql", params=HELLO, headers=asked_for)).status_code == 200


class TestBodies:
    @pytest.mark.fault("F59")
    async def test_a_body_that_does_not_end_is_not_waited_for(self) -> None:
        parts: list[Message] = [{"type": "http.request", "body": b'{"query": "', "more_body": True}]
        sent: list[Message] = []

        async def receive() -> Message:
            if parts:
                return parts.pop()
            await asyncio.Event().wait()
            raise AssertionError("nothing more comes")

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json"), (b"accept", MODERN.encode())]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        await GraphQLView(toy_schema(), context=toy_context, body_seconds=0.05)(scope, receive, send)

        assert sent[0]["status"] == 408
        assert (b"connection", b"close") in sent[0]["headers"]
        [error] = json.loads(sent[1]["body"])["errors"]
        assert error["extensions"]["code"] == "REQUEST_TIMEOUT"

    @pytest.mark.fault("F59")
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"   ",
            b"NONSENSE",
            b'{"query": ',
            b'{"query": "{hello}"} {}',
            b'{"query": "\xff\xfe"}',
            b'{"query": "\xed\xa0\x80"}',
            b'\xef\xbb\xbf{"query": "{hello}"}',
            b'{"query": "\\ud800"}',
            b'{"query": "{hello}", "variables": {"\\udc00": 1}}',
            b'{"query": "{hello}", "variables": {"n": ' + b"1" * 5_000 + b"}}",
            b'{"query": "{hello}", "variables": {"n": 1e400}}',
            b'{"query": "{hello}", "variables": {"n": NaN}}',
            b'{"query": "{hello}", "variables": {"n": -Infinity}}',
            b'{"query": "{hello}", "variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"query": "{hello}", "variables": {"n": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}}",
            b"[" * 100_000,
            b'{"query": "{hello}", "variables": {"n": ' + b"[" * 70 + b"]" * 70 + b"}}",
            b'{"query": "{hello}", "query": "{double}"}',
            b'{"query": "{hello}", "variables": {"n": 1, "n": 2}}',
            b'{"query": "a\nb"}',
        ],
    )
    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_an_unreadable_body_gets_400(self, client: httpx.AsyncClient, content: bytes, accept: str) -> None:
        response = await post(client, content, accept)
        assert response.status_code == 400
        assert set(response.json()) == {"errors"}
        assert codes(response) == ["BAD_REQUEST"]
        assert message(response).startswith("The request cannot be read: ")

    @pytest.mark.parametrize(
        "content",
        [
            b"null",
            b"1",
            b'"x"',
            b"true",
            b"[]",
            b'[{"query": "{hello}"}]',
            b"{}",
            b'{"qeury": "{hello}"}',
            b'{"query": null}',
            b'{"query": 1}',
            b'{"query": {"a": 1}}',
            b'{"query": "{hello}", "variables": [1]}',
            b'{"query": "{hello}", "variables": "x"}',
            b'{"query": "{hello}", "operationName": 0}',
            b'{"query": "{hello}", "operationName": {}}',
            b'{"query": "{hello}", "extensions": false}',
        ],
    )
    async def test_readable_json_that_is_no_request_gets_422(self, client: httpx.AsyncClient, content: bytes) -> None:
        response = await post(client, content)
        assert response.status_code == 422
        assert set(response.json()) == {"errors"}
        assert codes(response) == ["BAD_REQUEST"]
        assert (await post(client, content, LEGACY)).status_code == 400

    @pytest.mark.parametrize("parameter", ["variables", "operationName", "extensions"])
    async def test_null_is_the_same_as_nothing(self, client: httpx.AsyncClient, parameter: str) -> None:
        response = await client.post("/graphql", json=HELLO | {parameter: None})
        assert response.status_code == 200

    async def test_unknown_parameters_are_ignored(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/graphql", json=HELLO | {"id": 7, "operationName": ""})
        assert response.json()["data"] == {"hello": "hello world"}

    @pytest.mark.fault("F59")
    async def test_a_body_over_the_limit_gets_413_before_anything_parses(self, client: httpx.AsyncClient) -> None:
        started = time.perf_counter()
        response = await post(client, b'{"query": "{ hello(name: \\"' + b"[" * 10_000_000 + b'\\") }"}')
        assert time.perf_counter() - started < 1
        assert response.status_code == 413
        assert codes(response) == ["PAYLOAD_TOO_LARGE"]

    async def test_a_body_without_a_length_is_measured_while_it_arrives(self, client: httpx.AsyncClient) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 10_000

        headers = {"content-type": "application/json"}
        response = await client.post("/graphql", content=chunks(), headers=headers)
        assert response.status_code == 413

    async def test_a_lie_about_the_length_does_not_help(self, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json", "content-length": "10"}
        response = await client.post("/graphql", content=b" " * 1_000_000, headers=headers)
        assert response.status_code == 413
        boast = headers | {"content-length": "9" * 5_000}
        assert (await client.post("/graphql", content=b"{}", headers=boast)).status_code == 413

    async def test_a_body_at_the_limit_is_served(self, client: httpx.AsyncClient) -> None:
        body = json.dumps(HELLO).encode().ljust(256 * 1024)
        assert (await post(client, body)).status_code == 200
        assert (await post(client, body + b" ")).status_code == 413

    async def test_too_many_values_are_refused_before_they_are_coerced(self, ask: Ask) -> None:
        response = await ask("query ($ids: [Int!]!) { ids(ids: $ids) }", {"ids": [1] * 60_000})
        assert response.status_code == 422
        assert codes(response) == ["TOO_MANY_VALUES"]

    @pytest.mark.fault("F59")
    @pytest.mark.parametrize(
        ("query", "variables"),
        [
            ("query ($x: String!) { hello(name: $x) }", {"x": "a\0b"}),
            ("query ($x: Metadata!) { metadata(metadata: $x) }", {"x": {"a\0b": "c"}}),
            ('{ hello(name: "a\\u0000b") }', None),
            ('{ hello(name: "a\0b") }', None),
            ('{ hello(name: """a\0b""") }', None),
            ('query ($x: String = "\\u0000") { hello(name: $x) }', None),
            ('{ nodes(ids: ["boat_001", "\\u0000"]) { id } }', None),
            ('{ metadata(metadata: {a: "\\u0000"}) }', None),
        ],
    )
    async def test_nul_is_refused_wherever_it_stands(
        self, ask: Ask, query: str, variables: dict[str, object] | None
    ) -> None:
        response = await ask(query, variables)
        assert response.status_code == 422
        assert codes(response) == ["BAD_USER_INPUT"]
        assert "NUL" in message(response)


class TestRequestErrors:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("{ hello { x } }", "GRAPHQL_VALIDATION_FAILED"),
            ("type A { b: Int }", "GRAPHQL_VALIDATION_FAILED"),
            ("fragment F on Query { ...F } { ...F }", "GRAPHQL_VALIDATION_FAILED"),
            ("fragment A on Query { ...B } fragment B on Query { ...A } { ...A }", "GRAPHQL_VALIDATION_FAILED"),
            ("{ wish(wish: {name: $undefined}) }", "GRAPHQL_VALIDATION_FAILED"),
            ("fragment F on Query { wish(wish: {name: $undefined}) } { ...F }", "GRAPHQL_VALIDATION_FAILED"),
            ('{ wish(wish: {name: "a", number: 1}) }', "GRAPHQL_VALIDATION_FAILED"),
            ("subscription { ticks }", "GRAPHQL_VALIDATION_FAILED"),
            ("query A { hello } query B { hello }", "OPERATION_RESOLUTION_FAILURE"),
            ("query ($n: Int!) { double(n: $n) }", "BAD_USER_INPUT"),
        ],
    )
    async def test_a_document_that_cannot_be_executed_gets_422_without_data(
        self, ask: Ask, query: str, code: str
    ) -> None:
        response = await ask(query)
        assert response.status_code == 422
        assert "data" not in response.json()
        assert set(codes(response)) == {code}

    @pytest.mark.parametrize("query", ["{", "", '{ hello(name: "\\ud800") }', "{ 1 }"])
    async def test_a_document_that_cannot_be_parsed_gets_400_without_data(self, ask: Ask, query: str) -> None:
        response = await ask(query)
        assert response.status_code == 400
        assert set(response.json()) == {"errors"}
        assert codes(response) == ["GRAPHQL_PARSE_FAILED"]

    async def test_older_clients_get_the_same_with_200(self, ask: Ask) -> None:
        for query in ("{", "{ nothing }", "query A { hello } query B { hello }", "query ($n: Int!) { double(n: $n) }"):
            response = await ask(query, accept=LEGACY)
            assert response.status_code == 200
            assert set(response.json()) == {"errors"}

    async def test_of_two_operations_the_named_one_runs(self, ask: Ask) -> None:
        query = "query A { hello } query B { double }"
        assert (await ask(query, operationName="B")).json()["data"] == {"double": 2}
        response = await ask(query, operationName="C")
        assert response.status_code == 422
        assert codes(response) == ["OPERATION_RESOLUTION_FAILURE"]
        response = await ask("{ hello }", operationName="C")
        assert codes(response) == ["OPERATION_RESOLUTION_FAILURE"]

    @pytest.mark.parametrize("value", ["x", 1.5, True, None, 2**31, [1, 2], {"a": 1}])
    async def test_a_variable_of_the_wrong_type_is_named(self, ask: Ask, value: object) -> None:
        response = await ask("query ($n: Int!) { double(n: $n) }", {"n": value})
        assert response.status_code == 422
        assert codes(response) == ["BAD_USER_INPUT"]
        assert "$n" in message(response)

    async def test_a_variable_for_a_one_of_input_names_one_thing(self, ask: Ask) -> None:
        query = "query ($wish: Wish!) { wish(wish: $wish) }"
        assert (await ask(query, {"wish": {"number": 3}})).json()["data"] == {"wish": "3"}
        for wrong in ({}, {"name": "a", "number": 1}, {"name": None}):
            response = await ask(query, {"wish": wrong})
            assert response.status_code == 422
            assert codes(response) == ["BAD_USER_INPUT"]

    async def test_an_argument_that_is_wrong_only_when_it_runs_is_the_callers(self, ask: Ask) -> None:
        response = await ask("query ($n: Int) { double(n: $n) }", {"n": None})
        assert response.status_code == 294
        assert codes(response) == ["BAD_USER_INPUT"]

    async def test_suggestions_are_for_development(self, ask: Ask) -> None:
        assert "hello" not in message(await ask("{ helo }"))
        async with client_of(GraphQLView(toy_schema(), context=toy_context, debug_suggestions=True)) as client:
            assert "'hello'" in message(await asking(client)("{ helo }"))

    async def test_at_most_20_errors_are_told(self, ask: Ask) -> None:
        response = await ask("{ boat { " + " ".join(f"missing{n}" for n in range(100)) + " } }")
        assert len(response.json()["errors"]) == 20
        query = "query ($ids: [Int!]!) { ids(ids: $ids) }"
        response = await ask(query, {"ids": ["x"] * 100})
        assert len(response.json()["errors"]) == 20

    async def test_messages_do_not_echo_a_long_value(self, ask: Ask) -> None:
        secret = "correct horse battery staple " * 100
        for response in (
            await ask("query ($n: Int!) { double(n: $n) }", {"n": secret}),
            await ask("query ($p: Paint!) { paint(paint: $p) }", {"p": {"layers": secret, "colour": secret}}),
            await ask(f'{{ double(n: "{secret}") }}'),
            await ask(f'query ($c: Colour = "{secret}") {{ hello }}'),
        ):
            assert response.status_code == 422
            for error in response.json()["errors"]:
                assert len(error["message"]) <= 401
                assert secret[:110] not in error["message"]

    async def test_a_subscription_is_told_that_it_needs_another_transport(self) -> None:
        async with client_of(GraphQLView(toy_schema(subscriptions=True), context=toy_context)) as client:
            response = await asking(client)("subscription { ticks }")
        assert response.status_code == 422
        assert codes(response) == ["OPERATION_NOT_SUPPORTED"]

    @pytest.mark.parametrize(
        ("query", "served"),
        [
            ('{ __typename __type(name: "Boat") { name } }', True),
            ('{ ...F } fragment F on Query { ... { __type(name: "Boat") { name } } }', True),
            ('{ hello __type(name: "Boat") { name } }', False),
            ("{ hello ...F } fragment F on Query { __schema { queryType { name } } }", False),
            ("{ ...F ... { hello } } fragment F on Query { ... { __schema { queryType { name } } } }", False),
            ("{ hello ...F } fragment F on Query { __typename }", True),
        ],
    )
    async def test_the_schema_is_asked_for_by_itself(self, ask: Ask, query: str, served: bool) -> None:
        response = await ask(query)
        assert response.status_code == (200 if served else 422)
        assert served or codes(response) == ["OPERATION_NOT_SUPPORTED"]

    async def test_introspection_can_be_switched_off(self, ask: Ask) -> None:
        query = "{ __schema { queryType { name } } }"
        assert (await ask(query)).json()["data"] == {"__schema": {"queryType": {"name": "Query"}}}
        async with client_of(GraphQLView(toy_schema(), context=toy_context, introspection=False)) as client:
            for refused in (query, '{ __type(name: "Boat") { name } }'):
                response = await asking(client)(refused)
                assert response.status_code == 422
                assert all("introspection" in error["message"] for error in response.json()["errors"])
            assert (await asking(client)("{ __typename }")).json()["data"] == {"__typename": "Query"}


class TestExecution:
    async def test_data_with_errors_gets_294(self, ask: Ask) -> None:
        response = await ask("{ hello refused }")
        assert response.status_code == 294
        assert response.json()["data"] == {"hello": "hello world", "refused": None}
        assert (await ask("{ hello refused }", accept=LEGACY)).status_code == 200

    async def test_data_that_an_error_took_away_is_null_and_there(self, ask: Ask) -> None:
        response = await ask("{ hello brokenHard }")
        assert response.status_code == 294
        assert response.json()["data"] is None

    async def test_an_exposed_error_says_its_sentence(self, ask: Ask) -> None:
        (error,) = (await ask("{ refused }")).json()["errors"]
        assert error == {
            "message": "The boat has sunk.",
            "locations": [{"line": 1, "column": 3}],
            "path": ["refused"],
            "extensions": {"code": "BOAT_SUNK", "boat": "boat_001"},
        }

    async def test_an_unexpected_error_is_masked_and_logged(self, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR, "paydesk.graphql"):
            response = await ask("{ broken }")
        (error,) = response.json()["errors"]
        assert error["message"].startswith("Internal error.")
        assert "hunter2" not in response.text
        assert error["extensions"] == {"code": "INTERNAL", "requestId": response.headers["x-request-id"]}
        (record,) = caplog.records
        assert record.exc_info is not None
        assert "hunter2" in str(record.exc_info[1])
        assert record.__dict__["request_id"] == response.headers["x-request-id"]

    async def test_a_result_that_cannot_be_sent_is_our_fault(self, ask: Ask) -> None:
        response = await ask("{ hugeAmount }")
        assert response.status_code == 294
        assert codes(response) == ["INTERNAL"]

    async def test_at_most_20_errors_of_an_execution_are_told(self, ask: Ask) -> None:
        response = await ask("{ manyBroken }")
        assert response.json()["data"] == {"manyBroken": [None] * 50}
        assert len(response.json()["errors"]) == 20
        assert codes(response)[-1] == "TOO_MANY_ERRORS"
        assert response.json()["errors"][-1]["message"].startswith("31 ")

    async def test_errors_of_another_tree_are_shown_as_the_table_says(self) -> None:
        table = MaskingFormatter({LookupError: lambda e: ExposedError(f"no {e}", code="NOT_FOUND")})
        assert table(GraphQLError("x", original_error=IndexError("boat")))["extensions"] == {"code": "NOT_FOUND"}
        assert table(GraphQLError("x", original_error=IndexError("boat")))["message"] == "no boat"
        assert table(GraphQLError("x", original_error=OSError("disk")))["extensions"]["code"] == "INTERNAL"

    async def test_a_lone_surrogate_in_a_result_does_not_break_the_answer(self, ask: Ask) -> None:
        response = await ask("{ loneSurrogate hello }")
        assert response.status_code == 200
        assert b"\\ud800" in response.content

    async def test_the_context_is_made_once_per_request_and_may_fail(self, caplog: pytest.LogCaptureFixture) -> None:
        async def failing(_request: HTTPConnection) -> object:
            raise ConnectionError("no database at 10.0.0.7")

        async with client_of(GraphQLView(toy_schema(), context=failing)) as client:
            response = await asking(client)("{ hello }")
        assert response.status_code == 500
        assert codes(response) == ["INTERNAL"]
        assert "10.0.0.7" not in response.text
        assert "10.0.0.7" in caplog.text

    async def test_a_mutation_runs_once_in_order(self, ask: Ask) -> None:
        response = await ask('mutation { a: launch(name: "a") b: launch(name: "b") }')
        assert response.status_code == 200
        assert launched == ["a", "b"]


class TestPrincipals:
    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_a_bad_key_gets_401_whatever_it_asks_for(self, client: httpx.AsyncClient, accept: str) -> None:
        headers = {"authorization": "Bearer bad", "accept": accept}
        for query in ("{ hello }", "{ nothing }"):
            response = await client.post("/graphql", json={"query": query}, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert set(response.json()) == {"errors"}
            assert codes(response) == ["UNAUTHENTICATED"]

    async def test_a_principal_may_be_refused_altogether(self) -> None:
        async def closed(_request: HTTPConnection) -> object:
            raise ExposedError("This key was revoked.", code="FORBIDDEN")

        async with client_of(GraphQLView(toy_schema(), context=closed)) as client:
            response = await asking(client)("{ hello }")
        assert response.status_code == 403
        assert codes(response) == ["FORBIDDEN"]


class TestRequestId:
    async def test_a_sane_id_is_taken_over(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/graphql", json=HELLO, headers={"x-request-id": "shop-7.a_B"})
        assert response.headers["x-request-id"] == "shop-7.a_B"

    @pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "<script>", "ü".encode()])
    async def test_any_other_is_replaced(self, client: httpx.AsyncClient, given: str | bytes | None) -> None:
        headers = {} if given is None else {"x-request-id": given}
        response = await client.post("/graphql", json=HELLO, headers=headers)  # type: ignore[arg-type]
        made = response.headers["x-request-id"]
        assert made != given
        assert len(made) == 26

    async def test_every_answer_has_one(self, client: httpx.AsyncClient) -> None:
        for response in (
            await client.put("/graphql"),
            await post(client, b"null"),
            await post(client, b"{"),
            await client.post("/graphql", json=HELLO, headers={"accept": "text/html"}),
        ):
            assert response.headers["x-request-id"]
            assert response.headers["cache-control"] == "no-store"


class TestGraphiQL:
    @pytest.fixture
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        async def page(_request: HTTPConnection) -> Response:
            return HTMLResponse("<title>explorer</title>")

        async with client_of(GraphQLView(toy_schema(), context=toy_context, graphiql=page)) as client:
            yield client

    async def test_the_address_bar_of_a_browser_gets_the_page(self, browser: httpx.AsyncClient) -> None:
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
        response = await browser.get("/graphql", params=HELLO, headers={"accept": accept})
        assert response.text == "<title>explorer</title>"
        assert response.headers["x-request-id"]

    @pytest.mark.parametrize("accept", ["*/*", MODERN, LEGACY, f"{LEGACY}, text/html;q=0.5"])
    async def test_nobody_else_does(self, browser: httpx.AsyncClient, accept: str) -> None:
        response = await browser.get("/graphql", params=HELLO, headers={"accept": accept})
        assert response.json()["data"] == {"hello": "hello world"}

    async def test_without_a_page_html_is_not_acceptable(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/graphql", headers={"accept": "text/html"})).status_code == 406


async def test_strawberry_extensions_are_not_silently_ignored() -> None:
    schema = toy_schema()
    schema.extensions = (object,)  # type: ignore[assignment]
    with pytest.raises(ValueError, match="extensions"):
        GraphQLView(schema, context=toy_context)
