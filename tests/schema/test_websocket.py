"""`graphql-transport-ws`, message by message, with any schema."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed, InvalidStatus

from schema.http.live import Live, LiveLimits, Owner
from schema.http.origins import Origins
from schema.limits import Limits
from schema.masking import NotCheckedNow
from schema.view import GraphQLView
from tests.schema.conftest import toy_context, toy_schema
from tests.schema.live import PATIENCE_SECONDS, SocketClient, connected, serving
from tests.schema.toys import Slow, launched

GOOD = "Bearer good"
DEAR = "QUERY_TOO_COSTLY"


class Toy:
    def __init__(self, address: str, live: Live) -> None:
        self.address = address
        self.live = live

    def open(self, **options: Any) -> SocketClient:
        return SocketClient(self.address, **options)

    async def ended(self) -> None:
        """Nothing is left of any client."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.live.connections or self.live.operations or Slow.running:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def toy(
    *, limits: Limits | None = None, options: dict[str, Any] | None = None, **live: Any
) -> AsyncIterator[Toy]:
    Slow.reset()
    launched.clear()
    open_ones = Live(LiveLimits(**live))
    view = GraphQLView(
        toy_schema(subscriptions=True), context=toy_context, live=open_ones, limits=limits, **(options or {})
    )
    app = Starlette(routes=[Route("/graphql", view), WebSocketRoute("/graphql", view.socket)])
    async with serving(app, ws_max_size=open_ones.limits.message_bytes) as address:
        yield Toy(address, open_ones)


# --- the connection -------------------------------------------------------------------------------------------------


async def test_the_subprotocol_is_agreed_on() -> None:
    async with toy() as toys, toys.open(subprotocols=("graphql-ws", "graphql-transport-ws")) as client:
        assert client.raw.subprotocol == "graphql-transport-ws"
        assert client.raw.response
        assert client.raw.response.headers["x-request-id"]


@pytest.mark.parametrize("subprotocols", [("graphql-ws",), ()], ids=["the legacy one", "none"])
async def test_another_subprotocol_is_refused(subprotocols: tuple[str, ...]) -> None:
    async with toy() as toys, toys.open(subprotocols=subprotocols) as client:
        code, reason = await client.closed()
        assert (code, "graphql-transport-ws" in reason) == (4406, True)


@pytest.mark.fault("F61")
async def test_a_client_has_to_begin_soon() -> None:
    async with toy(init_seconds=0.2) as toys, toys.open() as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_a_client_begins_once() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.send(type="connection_init")
        assert await client.closed() == (4429, "Too many initialisation requests")


@pytest.mark.fault("F61")
async def test_nothing_runs_before_the_beginning() -> None:
    async with toy() as toys, toys.open() as client:
        await client.subscribe("1", "{ hello }")
        assert await client.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    ("payload", "header"),
    [
        ({"Authorization": GOOD}, None),
        ({"authorization": GOOD}, None),
        (None, GOOD),
        ({"Authorization": GOOD}, "Bearer bad"),
        ({"Authorization": None, "else": 1}, GOOD),
        (None, None),
    ],
)
async def test_credentials_come_in_the_first_message_or_in_the_header(payload: Any, header: str | None) -> None:
    headers = {"Authorization": header} if header else None
    async with toy() as toys, toys.open(headers=headers) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(("payload", "header"), [({"Authorization": "Bearer bad"}, GOOD), (None, "Bearer bad")])
async def test_bad_credentials_close_the_socket(payload: Any, header: str) -> None:
    async with toy() as toys, toys.open(headers={"Authorization": header}) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.closed() == (4403, "Forbidden")


async def test_pings_are_answered_at_any_time() -> None:
    async with toy() as toys, toys.open() as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        await client.init(GOOD)
        await client.send(type="pong", payload={"unasked": True})
        await client.send(type="ping", payload={"at": 1})
        assert await client.receive() == {"type": "pong", "payload": {"at": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "",
        "[]",
        "null",
        '"ping"',
        "{}",
        '{"type": "nonsense"}',
        '{"type": ["ping"]}',
        '{"type": "ping", "type": "ping"}',
        '{"type": "ping", "payload": 1}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "connection_init", "payload": {"Authorization": 5}}',
        '{"type": "connection_init", "payload": {"Authorization": "a", "authorization": "b"}}',
        '{"type": "next", "id": "1", "payload": {}}',
        "[" * 10_000,
        '{"type": ' + "9" * 5000 + "}",
        b"bytes",
    ],
)
async def test_what_is_no_message_closes_the_socket(text: str | bytes) -> None:
    async with toy() as toys, toys.open() as client:
        await client.raw.send(text)
        code, reason = await client.closed()
        assert code == 4400
        assert reason


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "x" * 201, "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "1", "payload": {}},
        {"type": "subscribe", "id": "1", "payload": {"query": 1}},
        {"type": "subscribe", "id": "1", "payload": [{"query": "{ hello }"}]},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}},
        {"type": "complete"},
        {"type": "complete", "id": 5},
    ],
)
async def test_a_malformed_operation_closes_the_socket(message: dict[str, Any]) -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.send(**message)
        assert (await client.closed())[0] == 4400


async def test_a_message_that_is_too_large_closes_the_socket() -> None:
    async with toy(message_bytes=1_000) as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "{ hello }", name="x" * 2_000)
        assert (await client.closed())[0] == 1009


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, None, True),
        ("http://{address}", None, True),
        ("https://shop.example", None, True),
        ("http://localhost:5173", None, True),
        ("https://evil.example", None, False),
        ("https://shop.example.evil.example", None, False),
        ("null", None, False),
    ],
)
async def test_pages_of_other_sites_open_no_socket(origin: str | None, host: None, allowed: bool) -> None:
    origins = Origins(listed=["https://shop.example"], pattern=r"https?://localhost(:\d+)?")
    async with toy(options={"origins": origins}) as toys:
        opening = toys.open(origin=origin and origin.format(address=toys.address))
        if allowed:
            async with opening as client:
                await client.init(GOOD)
            return
        with pytest.raises(InvalidStatus) as refused:
            await opening.__aenter__()
        assert refused.value.response.status_code == 403


# --- operations -----------------------------------------------------------------------------------------------------


async def test_a_query_is_answered_once_and_its_id_is_free_again() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        for turn in ("one", "two"):
            await client.subscribe("same", "query($name: String!) { hello(name: $name) }", name=turn)
            assert await client.receive() == {
                "id": "same",
                "type": "next",
                "payload": {
                    "data": {"hello": f"hello {turn}"},
                    "extensions": {"cost": {"requested": 1, "maximum": 10_000}},
                },
            }
            assert await client.receive() == {"id": "same", "type": "complete"}


async def test_a_mutation_and_the_chosen_operation_of_several() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        query = 'mutation A { launch(name: "a") } mutation B { launch(name: "b") }'
        await client.send(id="1", type="subscribe", payload={"query": query, "operationName": "B"})
        assert await client.data("1") == {"launch": "b"}
        assert await client.receive() == {"id": "1", "type": "complete"}
    assert launched == ["b"]


async def test_a_subscription_ends_with_complete() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "subscription { count(to: 3) }")
        assert [await client.data("1") for _ in range(3)] == [{"count": number} for number in (1, 2, 3)]
        assert await client.receive() == {"id": "1", "type": "complete"}
        await client.send(id="1", type="complete")
        await client.send(id="unknown", type="complete")
        assert await client.silent()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ hello", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: Int!) { double(n: $n) }", "BAD_USER_INPUT"),
        ("query A { hello } query B { hello }", "OPERATION_RESOLUTION_FAILURE"),
        (
            "{ boats(first: 100) { nodes { sails { area } twin { sails { area } twin { sails { area } } } } } }",
            "QUERY_TOO_COSTLY",
        ),
        ("{" + "".join(f"a{n}: hello " for n in range(20)) + "}", "TOO_MANY_ALIASES"),
        ("subscription { fails }", "BOAT_SUNK"),
        ("subscription { refuses }", "BOAT_SUNK"),
        ("subscription { breaks }", "INTERNAL"),
        ("subscription { count(to: 1) twice: count(to: 2) }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_cannot_begin_is_an_error_and_the_socket_stays(query: str, code: str) -> None:
    async with toy(limits=Limits(cost=2_000)) as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", query)
        assert await client.error_code("1") == code
        await client.subscribe("1", "{ hello }")
        assert await client.data("1") == {"hello": "hello world"}


async def test_a_subscription_that_breaks_off_ends_with_an_error() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "subscription { count(to: 2, thenBreak: true) }")
        assert [await client.data("1"), await client.data("1")] == [{"count": 1}, {"count": 2}]
        message = await client.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert "hunter2" not in json.dumps(message)
        assert await client.silent()


async def test_errors_of_fields_come_with_the_data() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "{ hello broken }")
        message = await client.receive()
        assert (message["type"], message["payload"]["data"]) == ("next", {"hello": "hello world", "broken": None})
        (error,) = message["payload"]["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["broken"], "INTERNAL")
        assert error["extensions"]["requestId"].endswith(".1"), "the socket's id, and the number of the operation"
        assert await client.receive() == {"id": "1", "type": "complete"}


async def test_an_id_belongs_to_one_operation_at_a_time() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "subscription { waits }")
        await client.subscribe("1", "{ hello }")
        assert await client.closed() == (4409, "Subscriber for 1 already exists")


async def test_many_operations_run_side_by_side() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("wait", "subscription { waits }")
        for number in range(20):
            await client.subscribe(str(number), "subscription($to: Int!) { count(to: $to) }", to=3)
        counted: dict[str, list[int]] = {}
        ended = 0
        while ended < 20:
            message = await client.receive()
            if message["type"] == "complete":
                ended += 1
            else:
                counted.setdefault(message["id"], []).append(message["payload"]["data"]["count"])
        assert counted == {str(number): [1, 2, 3] for number in range(20)}
        assert toys.live.operations == 1


async def test_who_completes_gets_nothing_more_and_the_source_is_closed() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "subscription { waits }")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not Slow.running:
                await asyncio.sleep(0.01)
        await client.send(id="1", type="complete")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while Slow.running or toys.live.operations:
                await asyncio.sleep(0.01)
        assert await client.silent()
        await client.subscribe("1", "{ hello }")
        assert await client.data("1") == {"hello": "hello world"}


async def test_a_mutation_whose_client_left_runs_to_its_end() -> None:
    async with toy() as toys:
        async with connected(toys.address, GOOD) as client:
            await client.subscribe("1", 'mutation { launchSlowly(name: "a") }')
            await client.subscribe("2", 'mutation { launchSlowly(name: "b") }')
            async with asyncio.timeout(PATIENCE_SECONDS):
                while Slow.running < 2:
                    await asyncio.sleep(0.01)
            await client.send(id="2", type="complete")
        await toys.ended()
    assert sorted(launched) == ["a", "b"]


@pytest.mark.fault("F61")
async def test_a_socket_has_so_many_operations_at_once_and_no_more() -> None:
    async with toy(operations=3) as toys, connected(toys.address, GOOD) as client:
        for number in range(4):
            await client.subscribe(str(number), "subscription { waits }")
        assert await client.error_code("3") == "TOO_MANY_OPERATIONS"
        await client.send(id="0", type="complete")
        await client.subscribe("5", "{ hello }")
        assert await client.data("5") == {"hello": "hello world"}


@pytest.mark.fault("F61")
async def test_a_socket_begins_so_many_operations_a_second() -> None:
    async with toy(operations_at_first=5, operations_per_second=1) as toys, connected(toys.address, GOOD) as client:
        refused = 0
        for number in range(8):
            await client.subscribe(str(number), "{ hello }")
            message = await client.receive()
            if message["type"] == "error":
                assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
                refused += 1
            else:
                assert (await client.receive())["type"] == "complete"
        assert 1 <= refused <= 3


async def test_a_process_and_a_principal_have_so_many_connections() -> None:
    async with toy(arrivals=2, connections_of_one_principal=2) as toys:
        async with connected(toys.address, GOOD), connected(toys.address, GOOD):
            async with toys.open() as third:
                await third.send(type="connection_init", payload={"Authorization": GOOD})
                assert await third.closed() == (1013, "Too many connections.")
            await until(lambda: toys.live.connections == 2)
            async with toys.open(), toys.open(), toys.open() as fifth:
                assert await fifth.closed() == (1013, "Too many connections.")
        await toys.ended()
        async with connected(toys.address, GOOD):
            pass


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    """Its socket fills up, and the producer stands still with it: memory stays as it is."""
    async with toy(send_seconds=0.5) as toys, connected(toys.address, GOOD, compression=None) as client:
        client.raw.transport.pause_reading()
        await client.subscribe("1", "subscription { floods }")
        await toys.ended()
        assert Slow.produced < 2_000, "64 KiB each: it was held up, not buffered"
        client.raw.transport.abort()


async def test_clients_are_told_when_the_server_goes_away() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client, toys.open() as early:
        await client.subscribe("1", "subscription { waits }")
        await until(lambda: Slow.running == 1)
        toys.live.go_away()
        assert await client.closed() == (1001, "The server is going away.")
        assert await early.closed() == (1001, "The server is going away.")
        await toys.ended()
        async with toys.open() as late:
            assert (await late.closed())[0] == 1013


@pytest.mark.parametrize("error", [ConnectionError("the password is hunter2"), NotCheckedNow(30)], ids=repr)
async def test_an_outage_at_the_beginning_is_no_refusal(error: Exception) -> None:
    """Clients try again after 1013, and would give up after 4403 or 4500."""

    async def away(_connection: HTTPConnection) -> object:
        raise error

    view = GraphQLView(toy_schema(subscriptions=True), context=away)
    app = Starlette(routes=[WebSocketRoute("/graphql", view.socket)])
    async with serving(app) as address, SocketClient(address) as client:
        await client.send(type="connection_init")
        assert await client.closed() == (1013, "Try again later.")


# --- how much a client may say --------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [{"type": "ping"}, {"type": "pong"}, {"type": "complete", "id": "1"}])
async def test_whoever_says_too_much_is_disconnected(message: dict[str, Any]) -> None:
    async with toy(messages_at_first=5, messages_per_second=1) as toys, connected(toys.address, GOOD) as client:
        for _ in range(10):
            await client.send(**message)
        assert await client.closed() == (4429, "Too many messages.")


async def test_a_long_message_counts_for_several() -> None:
    async with toy(messages_at_first=8, messages_per_second=1) as toys, connected(toys.address, GOOD) as client:
        await client.send(type="pong", payload={"much": "x" * 150_000})
        assert await client.closed() == (4429, "Too many messages.")


async def test_before_the_beginning_there_is_little_to_say() -> None:
    async with toy() as toys, toys.open() as talking, toys.open() as shouting:
        for _ in range(6):
            await talking.send(type="pong")
        assert await talking.closed() == (4429, "Too many messages.")
        await shouting.send(type="pong", payload={"much": "x" * 20_000})
        assert (await shouting.closed())[0] == 1009


async def test_a_long_ping_is_not_sent_back() -> None:
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.send(type="ping", payload={"much": "x" * 2_000})
        assert await client.receive() == {"type": "pong"}


# --- how much there may be ------------------------------------------------------------------------------------------


async def test_those_who_do_not_say_who_they_are_take_nobody_s_place() -> None:
    async with toy(arrivals=3, connections=1) as toys, toys.open(), toys.open():
        await until(lambda: toys.live.connections == 2)
        async with connected(toys.address, GOOD) as client:
            await client.subscribe("1", "{ hello }")
            assert await client.data("1") == {"hello": "hello world"}
            async with toys.open() as second:
                await second.send(type="connection_init", payload={"Authorization": GOOD})
                assert await second.closed() == (1013, "Too many connections.")


@dataclass(frozen=True, slots=True)
class Somebody:
    owner: Owner


@asynccontextmanager
async def customers(**limits: Any) -> AsyncIterator[str]:
    async def context(_connection: HTTPConnection) -> object:
        return Somebody(Owner("customer:ada", is_customer=True))

    Slow.reset()
    view = GraphQLView(toy_schema(subscriptions=True), context=context, live=Live(LiveLimits(**limits)))
    async with serving(Starlette(routes=[WebSocketRoute("/graphql", view.socket)])) as address:
        yield address


async def test_a_customer_has_fewer_connections_than_a_server() -> None:
    async with (
        customers(connections_of_one_customer=1) as address,
        connected(address, None),
        SocketClient(address) as second,
    ):
        await second.send(type="connection_init")
        assert await second.closed() == (1013, "Too many connections.")


@pytest.mark.parametrize("limit", ["operations_of_one_customer", "operations_of_all"])
async def test_operations_are_counted_over_all_sockets(limit: str) -> None:
    async with (
        customers(**{limit: 2}) as address,
        connected(address, None) as one,
        connected(address, None) as two,
    ):
        await one.subscribe("1", "subscription { waits }")
        await two.subscribe("1", "subscription { waits }")
        await until(lambda: Slow.running == 2)
        await two.subscribe("2", "{ hello }")
        assert await two.error_code("2") == "TOO_MANY_OPERATIONS"
        await one.send(id="1", type="complete")
        await until(lambda: Slow.running == 1)
        await two.subscribe("2", "{ hello }")
        assert await two.data("2") == {"hello": "hello world"}


async def test_mutations_that_nobody_waits_for_count_too() -> None:
    async with toy(operations=1) as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", 'mutation { launchSlowly(name: "a") }')
        await until(lambda: Slow.running == 1)
        await client.send(id="1", type="complete")
        await client.subscribe("2", "{ hello }")
        assert await client.error_code("2") == "TOO_MANY_OPERATIONS"
        await until(lambda: toys.live.operations == 0)
        await client.subscribe("3", "{ hello }")
        assert await client.data("3") == {"hello": "hello world"}


async def test_an_event_may_cost_less_than_a_request() -> None:
    async with toy(limits=Limits(cost_of_an_event=1)) as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", "subscription { boats { afloat } }")
        assert await client.error_code("1") == DEAR
        await client.subscribe("2", "{ boat { name } }")
        assert await client.data("2") == {"boat": {"name": "BOAT_000"}}


@pytest.mark.parametrize("query", ["subscription { breaksForAMoment }", "subscription { boats { afloat } }"])
async def test_a_failure_that_passes_brings_clients_back(query: str) -> None:
    """An error would end the subscription for good."""
    async with toy() as toys, connected(toys.address, GOOD) as client:
        await client.subscribe("1", query)
        await client.data("1")
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "Try again later.")


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)
