"""A shop's webhook receiver, which keeps what arrives and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import stripe

from tests.emulators.stripe_shop import Shop

SECRET = "whsec_of_the_shop"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Delivered:
    body: bytes
    signature: str

    def opened(self, secret: str = SECRET) -> stripe.Event:
        """The event; SignatureVerificationError when it is not signed with the secret, or too long ago."""
        event: stripe.Event = stripe.Webhook.construct_event(self.body, self.signature, secret)
        return event


@dataclass(slots=True)
class Receiver:
    url: str = ""
    status: int = 200
    """What the next deliveries are answered."""
    delivered: list[Delivered] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, what arrives waits for its answer."""

    def __post_init__(self) -> None:
        self.answers.set()

    @property
    def types(self) -> list[str]:
        """Of what arrived with a good signature, in order, which is no order of events: several are sent at once."""
        return [each.opened().type for each in self.delivered]

    def of(self, kind: str) -> list[Delivered]:
        return [each for each in self.delivered if each.opened().type == kind]

    async def until(self, arrived: Callable[["Receiver"], bool]) -> None:
        """Wait until that is so."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while not arrived(self):
                await asyncio.sleep(0.01)

    async def until_count(self, count: int) -> None:
        await self.until(lambda receiver: len(receiver.delivered) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = (line.partition(": ") for line in head.split("\r\n")[1:])
        headers = {name.lower(): value for name, _, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        self.delivered.append(Delivered(body, headers["stripe-signature"]))
        await self.answers.wait()
        writer.write(f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(shop: Shop, *secrets: str, events: tuple[str, ...] = ("*",)) -> AsyncIterator[Receiver]:
    """A receiver that the emulator delivers to from now on."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhooks"
        endpoint: dict[str, Any] = {
            "url": receiver.url,
            "secrets": list(secrets or (SECRET,)),
            "enabled_events": list(events),
        }
        await shop.control("webhooks", {"endpoints": [endpoint]})
        yield receiver
        await shop.control("webhooks", {"endpoints": []})
