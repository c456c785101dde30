"""An emulator as an ASGI application: it works requests to their end, delivers, and does what is due."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.emulators.common.wire import RAW_SEND, Reply, Silence

_log = logging.getLogger(__name__)

_TICK_SECONDS = 0.2
"""How often what is due is looked for while nobody asks."""


class Outbox(Protocol):
    async def run(self) -> None: ...


class Account(Protocol):
    def catch_up(self) -> None: ...


class Emulator(Protocol):
    @property
    def outbox(self) -> Outbox: ...

    @property
    def account(self) -> Account: ...


class Counter:
    """Where requests are taken, and who works on them."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def take(self, work: Coroutine[Any, Any, Reply | Silence]) -> Response:
        """The work's answer. It goes on when the client hangs up."""
        task = asyncio.create_task(work, context=contextvars.Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return (await asyncio.shield(task)).response()

    async def close(self) -> None:
        await _end(*self._under_way)


def application(emulator: Emulator, counter: Counter, routes: Sequence[Route]) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running = [asyncio.create_task(emulator.outbox.run()), asyncio.create_task(_tick(emulator))]
        try:
            yield
        finally:
            await _end(*running)
            await counter.close()

    return _App(routes=[Route("/healthz", _healthz, methods=["GET"]), *routes], lifespan=lifespan)


class _App(Starlette):
    """Keeps hold of the server's own `send`: a misbehaving emulator ends connections, and ASGI has no word for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[RAW_SEND] = send
        await super().__call__(scope, receive, send)


async def _tick(emulator: Emulator) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        try:
            emulator.account.catch_up()
        except Exception:
            # One thing that is due and fails keeps nothing else from being done in its time.
            _log.exception("Something that was due could not be done.")


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
