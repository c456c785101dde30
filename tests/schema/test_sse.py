"""Event streams in the words of graphql-sse, with any schema."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route

from schema.http.execution import Payload
from schema.http.live import GOING_AWAY, Ending, Live, LiveLimits, Owner
from schema.http.sse import EventStream
from schema.view import GraphQLView
from tests.schema.conftest import toy_context, toy_schema
from tests.schema.live import PATIENCE_SECONDS, serving, streaming
from tests.schema.toys import Slow, launched

GOOD = "Bearer good"
STREAM = "text/event-stream"
URQL_QUERY = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
URQL_SUBSCRIPTION = "text/event-stream, multipart/mixed"
MODERN = "application/graphql-response+json"


class Toy:
    def __init__(self, address: str, live: Live) -> None:
        self.address = address
        self.live = live

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.live.connections or Slow.running:
                await asyncio.sleep(0.01)

    async def post(self, query: str, *, accept: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            return await client.post(
                f"http://{self.address}/graphql", json={"query": query}, headers={"accept": accept} | headers
            )


@dataclass(frozen=True, slots=True)
class Expiring:
    expires_at: datetime


@asynccontextmanager
async def toy(*, expires_in: float | None = None, **limits: Any) -> AsyncIterator[Toy]:
    async def context(request: HTTPConnection) -> object:
        if expires_in is None:
            return await toy_context(request)
        return Expiring(datetime.now(UTC) + timedelta(seconds=expires_in))

    Slow.reset()
    launched.clear()
    live = Live(LiveLimits(**limits))
    view = GraphQLView(toy_schema(subscriptions=True), context=context, live=live)
    async with serving(Starlette(routes=[Route("/graphql", view)])) as address:
        toys = Toy(address, live)
        yield toys
        await toys.ended()


async def test_a_subscription_is_a_stream_of_events_and_then_completes() -> None:
    async with toy() as toys:
        response = await toys.post("subscription { count(to: 2) }", accept=STREAM)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-request-id"]
    cost = '"extensions":{"cost":{"requested":1,"maximum":2000}}'
    assert response.text == (
        ":\n\n"
        f'event: next\ndata: {{"data":{{"count":1}},{cost}}}\n\n'
        f'event: next\ndata: {{"data":{{"count":2}},{cost}}}\n\n'
        "event: complete\ndata:\n\n"
    )


@pytest.mark.parametrize("accept", [STREAM, URQL_SUBSCRIPTION, URQL_QUERY, f"{MODERN}, {STREAM};q=0.1"])
async def test_whoever_names_event_streams_may_subscribe(accept: str) -> None:
    async with toy() as toys:
        response = await toys.post("subscription { count(to: 1) }", accept=accept)
    assert response.headers["content-type"].startswith(STREAM)
    assert response.text.endswith("event: complete\ndata:\n\n")


@pytest.mark.parametrize("accept", [MODERN, "application/json", "*/*", f"{MODERN}, {STREAM};q=0"])
async def test_whoever_does_not_is_told_what_to_accept(accept: str) -> None:
    async with toy() as toys:
        response = await toys.post("subscription { count(to: 1) }", accept=accept)
    assert response.status_code == (200 if accept == "application/json" else 422)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"
    assert STREAM in error["message"]


@pytest.mark.parametrize("query", ["{ hello }", 'mutation { launch(name: "a") }'])
async def test_urql_reads_queries_as_json(query: str) -> None:
    """It names event streams with every query and takes JSON as gladly."""
    async with toy() as toys:
        response = await toys.post(query, accept=URQL_QUERY)
    assert response.headers["content-type"] == f"{MODERN}; charset=utf-8"
    assert "data" in response.json()


async def test_whoever_takes_event_streams_alone_gets_queries_so_too() -> None:
    async with toy() as toys, streaming(toys.address, "{ hello }", authorization=None) as stream:
        assert await stream.data() == {"hello": "hello world"}
        assert await stream.event() == ("complete", None)
        assert await stream.event() is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ hello", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($to: Int!) { count(to: $to) }", "BAD_USER_INPUT"),
        ("subscription { refuses }", "BOAT_SUNK"),
        ("subscription { fails }", "BOAT_SUNK"),
        ("subscription { breaks }", "INTERNAL"),
    ],
)
async def test_what_cannot_begin_is_told_in_the_stream(query: str, code: str) -> None:
    """A status would make EventSource and graphql-sse's client fail without the reason."""
    async with toy() as toys, streaming(toys.address, query, authorization=None) as stream:
        assert stream.response.status_code == 200
        event = await stream.event()
        assert event
        assert event[0] == "next"
        assert event[1]
        assert [error["extensions"]["code"] for error in event[1]["errors"]] == [code]
        assert "data" not in event[1]
        assert "hunter2" not in json.dumps(event[1])
        assert await stream.event() == ("complete", None)


async def test_what_is_wrong_with_the_exchange_is_a_status() -> None:
    async with toy() as toys:
        bad = await toys.post("{ hello }", accept=STREAM, authorization="Bearer bad")
        form = await toys.post("{ hello }", accept=STREAM, **{"content-type": "text/plain"})
    assert (bad.status_code, bad.headers["content-type"]) == (401, "application/json; charset=utf-8")
    assert form.status_code == 415


async def test_an_error_in_the_middle_ends_the_stream_masked() -> None:
    async with toy() as toys:
        query = "subscription { count(to: 1, thenBreak: true) }"
        async with streaming(toys.address, query, authorization=None) as stream:
            assert await stream.data() == {"count": 1}
            event = await stream.event()
            assert event
            assert event[1]
            (error,) = event[1]["errors"]
            assert error["extensions"]["requestId"] == stream.response.headers["x-request-id"]
            assert await stream.event() == ("complete", None)


async def test_subscriptions_and_queries_come_with_get_too() -> None:
    async with toy() as toys, httpx.AsyncClient(trust_env=False) as client:
        for query, status in (
            ("subscription { count(to: 1) }", 200),
            ("{ hello }", 200),
            ("mutation { __typename }", 405),
        ):
            response = await client.get(
                f"http://{toys.address}/graphql", params={"query": query}, headers={"accept": STREAM}
            )
            assert response.status_code == status
            assert (STREAM in response.headers["content-type"]) == (status == 200)


async def test_a_silent_stream_shows_signs_of_life() -> None:
    query = "subscription { waits }"
    async with toy(keep_alive_seconds=0.05) as toys, streaming(toys.address, query, authorization=None) as stream:
        reading = asyncio.create_task(stream.event())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while stream.comments < 4:
                await asyncio.sleep(0.01)
        assert not reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_client_that_leaves_ends_its_subscription_at_once() -> None:
    """Also one that has nothing to tell: nobody waits for the next event to notice."""
    async with toy() as toys:
        async with streaming(toys.address, "subscription { waits }", authorization=None):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not Slow.running:
                    await asyncio.sleep(0.01)
            assert toys.live.connections == 1
        async with asyncio.timeout(2):
            while Slow.running or toys.live.connections:
                await asyncio.sleep(0.01)


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    query = "subscription { floods }"
    async with toy(send_seconds=0.5) as toys, streaming(toys.address, query, authorization=None):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not Slow.produced or Slow.running:
                await asyncio.sleep(0.05)
        assert Slow.produced < 2_000, "64 KiB each: it was held up, not buffered"


async def test_a_server_that_goes_away_ends_the_stream_without_completing_it() -> None:
    """So clients come back; after `complete` they would believe that it was over."""
    async with toy() as toys, streaming(toys.address, "subscription { waits }", authorization=None) as stream:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not Slow.running:
                await asyncio.sleep(0.01)
        toys.live.go_away()
        assert await stream.event() is None


async def test_a_principal_has_so_many_streams() -> None:
    query = "subscription { waits }"
    async with toy(connections_of_one_principal=1) as toys, streaming(toys.address, query, authorization=None):
        response = await toys.post(query, accept=STREAM)
        assert (response.status_code, response.headers["retry-after"]) == (429, "10")
        assert response.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_CONNECTIONS"


async def test_a_process_that_has_no_room_answers_503() -> None:
    query = "subscription { waits }"
    async with toy(connections=1) as toys, streaming(toys.address, query, authorization=None):
        full = await toys.post(query, accept=STREAM)
        toys.live.go_away()
        leaving = await toys.post(query, accept=STREAM)
    assert [full.status_code, leaving.status_code] == [503, 503]
    assert full.headers["retry-after"] == "10"


async def test_streams_count_as_operations() -> None:
    query = "subscription { waits }"
    async with toy(operations_of_one_principal=1) as toys, streaming(toys.address, query, authorization=None):
        response = await toys.post(query, accept=STREAM)
    assert response.status_code == 429
    assert response.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"


# --- mutations run to their end -------------------------------------------------------------------------------------

TWICE = 'mutation { one: launchSlowly(name: "one") two: launchSlowly(name: "two") }'


async def test_a_token_that_expires_cuts_no_mutation_off() -> None:
    async with toy(expires_in=0.2) as toys, streaming(toys.address, TWICE, authorization=None) as stream:
        assert await stream.data() == {"one": "one", "two": "two"}
        assert await stream.event() == ("complete", None)


async def test_a_server_that_goes_away_cuts_no_mutation_off() -> None:
    async with toy() as toys, streaming(toys.address, TWICE, authorization=None) as stream:
        await until(lambda: Slow.running == 1)
        toys.live.go_away()
        assert await stream.data() == {"one": "one", "two": "two"}
        assert await stream.event() == ("complete", None)


async def test_a_client_that_leaves_cuts_no_mutation_off() -> None:
    async with toy() as toys:
        async with streaming(toys.address, TWICE, authorization=None):
            await until(lambda: Slow.running == 1)
        await until(lambda: launched == ["one", "two"])


# --- nothing is left behind -----------------------------------------------------------------------------------------


async def test_whoever_ends_a_block_before_it_is_entered_ends_it_too() -> None:
    ending = Ending()
    ending.now(GOING_AWAY)
    async with asyncio.timeout(PATIENCE_SECONDS), ending:
        ending.at(datetime.now(UTC) + timedelta(hours=1), GOING_AWAY)
        await asyncio.Event().wait()
    assert ending.reason is GOING_AWAY


async def test_a_client_that_left_before_its_stream_could_begin_leaves_nothing_behind() -> None:
    """Its connection is still full of the answer before, which it never read."""

    def get(query: str, accept: str) -> bytes:
        target = httpx.URL("/graphql", params={"query": query}).raw_path
        return b"GET " + target + b" HTTP/1.1\r\nHost: shop.test\r\nAccept: " + accept.encode() + b"\r\n\r\n"

    async with toy() as toys:
        host, _, port = toys.address.partition(":")
        clients = []
        for _ in range(3):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
            requests = get("{ large }", MODERN) + get("subscription { waits }", STREAM)
            await asyncio.get_running_loop().sock_sendall(client, requests)
            clients.append(client)
        await until(lambda: toys.live.connections == 3)
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        await toys.ended()
        assert toys.live.operations == 0


async def test_a_client_that_does_not_read_before_its_stream_begins_is_given_up() -> None:
    """Nothing is heard of it: only the time tells."""
    never = asyncio.Event()

    async def wait(*_: Any) -> Any:
        await never.wait()

    async def answers() -> AsyncGenerator[Payload]:
        yield {"data": {}}

    live = Live(LiveLimits(send_seconds=0.1))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await EventStream(answers(), live=live, owner=Owner("key:1"))({}, wait, wait)
    assert live.connections == live.operations == 0


# --- what passes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("subscription { breaksForAMoment }", {"breaksForAMoment": 1}),
        ("subscription { boats { afloat } }", {"boats": {"afloat": True}}),
    ],
)
async def test_a_failure_that_passes_ends_the_stream_without_completing_it(query: str, first: Any) -> None:
    async with toy() as toys, streaming(toys.address, query, authorization=None) as stream:
        assert await stream.data() == first
        assert await stream.event() is None


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)
