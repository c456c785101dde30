"""Answers as they travel, and connections that end without one."""

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.emulators.common.faults import WireFault

RAW_SEND = "emulator.raw_send"
"""Where in a request's scope the server's own `send` stands."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return Response(self.body, status_code=self.status, media_type=self.content_type, headers=dict(self.headers))


class Silence(StrEnum):
    """No answer comes: how the connection ends."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"

    def response(self) -> Response:
        return _Quiet(self)


class Lost(Exception):
    """The request did not arrive: nothing is done, nothing answered."""


def arriving(reply: Reply, fault: StrEnum | None) -> Reply | Silence:
    """What is left of an answer on such a wire."""
    match fault:
        case WireFault.LOSE_ANSWER:
            return Silence.CLOSE
        case WireFault.RESET:
            return Silence.RESET
        case WireFault.HANG:
            return Silence.HANG
        case WireFault.TRUNCATE:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
    return reply


class _Quiet(Response):
    def __init__(self, silence: Silence) -> None:
        super().__init__()
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._silence is not Silence.HANG:
            _end_connection(scope[RAW_SEND], reset=self._silence is Silence.RESET)
        # Returning now would make the server send a 500; it has nothing to send to once the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            continue


def _end_connection(raw_send: Callable[..., Awaitable[None]], *, reset: bool) -> None:
    """ASGI has no word for it, so this reaches for uvicorn's transport, which its `send` is bound to."""
    transport = raw_send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's own cycle
    if reset:
        # Lingering for no time makes the kernel send RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
