"""What follows a gateway: clients of its sockets and event streams, over TCP, message by message."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.schema.gateway import ADMIN

Json = dict[str, Any]

PATIENCE_SECONDS = 20.0
"""For what comes at once on an idle machine."""
SILENCE_SECONDS = 0.7
"""In which nothing comes: longer than a reader's look on SQLite, and than a signal takes on PostgreSQL."""

TRANSPORT = "graphql-transport-ws"


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """The application on a port of this machine; its address without the scheme."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=5, **options
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class SocketClient:
    """Speaks `graphql-transport-ws` in single messages."""

    def __init__(
        self,
        address: str,
        *,
        subprotocols: tuple[str, ...] = (TRANSPORT,),
        headers: Mapping[str, str] | None = None,
        origin: str | None = None,
        **options: Any,
    ) -> None:
        self._opening = connect(
            f"ws://{address}/graphql",
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            additional_headers=headers,
            origin=origin,  # type: ignore[arg-type]
            proxy=None,
            **options,
        )
        self.raw: ClientConnection

    async def __aenter__(self) -> Self:
        self.raw = await self._opening.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._opening.__aexit__(kind, error, traceback)

    async def send(self, **message: Any) -> None:
        await self.raw.send(json.dumps(message))

    async def receive(self) -> Json:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message: Json = json.loads(await self.raw.recv())
        return message

    async def init(self, authorization: str | None = ADMIN) -> None:
        payload = {"Authorization": authorization} if authorization else None
        await self.send(type="connection_init", payload=payload)
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, operation_id: str, query: str, **variables: Any) -> None:
        await self.send(id=operation_id, type="subscribe", payload={"query": query, "variables": variables})

    async def data(self, operation_id: str) -> Json:
        """Of the next message, which is an answer without errors."""
        message = await self.receive()
        assert (message["id"], message["type"]) == (operation_id, "next"), message
        assert "errors" not in message["payload"], message
        data: Json = message["payload"]["data"]
        return data

    async def error_code(self, operation_id: str) -> str:
        """Of the next message, which is the error that ended the operation."""
        message = await self.receive()
        assert (message["id"], message["type"]) == (operation_id, "error"), message
        return str(message["payload"][0]["extensions"]["code"])

    async def silent(self) -> bool:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self.raw.recv()
        except TimeoutError:
            return True
        return False

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the closing frame, once it is there; what else comes is passed over."""
        closed = None
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                while True:
                    await self.raw.recv()
            except ConnectionClosed as ended:
                closed = ended.rcvd
        assert closed, "the connection broke off"
        return closed.code, closed.reason


@asynccontextmanager
async def connected(address: str, authorization: str | None = ADMIN, **options: Any) -> AsyncIterator[SocketClient]:
    async with SocketClient(address, **options) as client:
        await client.init(authorization)
        yield client


class EventStreamClient:
    """Reads an event stream as bytes: events end with an empty line, and lines with LF."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_bytes()
        self._read = b""
        self.comments = 0

    async def event(self) -> tuple[str, Json | None] | None:
        """The next one: its name, and its data if there are any. None at the end of the stream."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                while b"\n\n" not in self._read:
                    chunk = await anext(self._chunks, None)
                    if chunk is None:
                        assert self._read == b""
                        return None
                    assert b"\r" not in chunk
                    self._read += chunk
                block, _, self._read = self._read.partition(b"\n\n")
                if block == b":":
                    self.comments += 1
                    continue
                name, data = block.decode().split("\n")
                text = data.removeprefix("data:").strip()
                return name.removeprefix("event: "), json.loads(text) if text else None

    async def data(self) -> Json:
        event = await self.event()
        assert event, "the stream has ended"
        name, payload = event
        assert name == "next", event
        assert payload, event
        assert "errors" not in payload, payload
        data: Json = payload["data"]
        return data


@asynccontextmanager
async def streaming(
    address: str, query: str, *, authorization: str | None = ADMIN, accept: str = "text/event-stream", **variables: Any
) -> AsyncIterator[EventStreamClient]:
    headers = {"accept": accept} | ({"authorization": authorization} if authorization else {})
    async with (
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client,
        client.stream(
            "POST", f"http://{address}/graphql", json={"query": query, "variables": variables}, headers=headers
        ) as response,
    ):
        yield EventStreamClient(response)
