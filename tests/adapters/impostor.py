"""Somebody in the provider's place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Impostor:
    """Says the same to everybody, or what was put down for an address."""

    address: str = ""
    status: int = 200
    body: bytes = b"{}"
    headers: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Others than `body`, by what the address ends in."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(length[0]) if length else 0)
        path = head.split(b" ")[1].decode()
        body = next((body for end, body in self.bodies.items() if path.endswith(end)), self.body)
        length_told = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        told = f"HTTP/1.1 {self.status} Thus\r\n{length_told}{self.headers}\r\n"
        writer.write(told.encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def impostor() -> AsyncIterator[Impostor]:
    made = Impostor()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    async with server:
        made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
