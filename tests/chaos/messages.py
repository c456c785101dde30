"""HTTP/1.1, as far as a wire has to understand it: one request a connection, and the bytes that answer it."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

Handler = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]

_LONGEST_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    target: str
    """Such as `/v1/charge`."""
    headers: tuple[tuple[str, str], ...]
    body: bytes
    method: str = "POST"

    @property
    def call(self) -> str:
        return self.target.rpartition("/")[2]

    def as_bytes(self) -> bytes:
        """As it came, but for the connection, which serves this one request."""
        kept = [(name, value) for name, value in self.headers if name.lower() != "connection"]
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in kept)]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + self.body


class Listener:
    """A port of this machine that can be closed, so that connecting is refused, and opened again."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        self.refuse()
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            await self._handle(await _read(reader), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has been killed
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._lines.discard(line)
            writer.close()


@asynccontextmanager
async def listening(handle: Handler) -> AsyncIterator[Listener]:
    listener = Listener(handle)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.close()


async def ask(port: int, request: Request) -> bytes:
    """Everything that is answered on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.as_bytes())
        await writer.drain()
        return await reader.read(-1)
    finally:
        writer.close()


def answer(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status} So", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def error(status: int, code: str, *headers: str) -> bytes:
    said: dict[str, Any] = {"error": {"code": code, "message": "Said by the wire."}}
    return answer(status, json.dumps(said).encode(), *headers)


def body_of(answered: bytes) -> tuple[int, bytes]:
    head, _, body = answered.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


async def send(writer: asyncio.StreamWriter, answered: bytes) -> None:
    writer.write(answered)
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Lingering for no time makes the kernel answer with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n"))[:_LONGEST_HEAD].decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    method, target, _ = first.split(" ")
    return Request(target, headers, await reader.readexactly(length), method)
