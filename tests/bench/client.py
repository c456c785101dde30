"""A client that costs little: one connection, one request after the other, and no library around it."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Answer:
    body: Any
    seconds: float


class Client:
    def __init__(self, address: str, path: str, secret: str) -> None:
        place = urlsplit(address)
        self._host, self._port = place.hostname, place.port
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {secret}\r\n"
            "Content-Type: application/json\r\nAccept: application/graphql-response+json, application/json\r\n"
        )

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def ask(self, body: object) -> Answer:
        text = orjson.dumps(body)
        request = f"{self._head}Content-Length: {len(text)}\r\n\r\n".encode() + text
        began = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        answer = await self._reader.readexactly(length)
        seconds = time.perf_counter() - began
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(head.decode() + answer.decode())
        return Answer(orjson.loads(answer), seconds)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
