"""The emulator over HTTP: Braintree's API under /merchants, and /_control for tests."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.emulators.braintree.calls import Upload
from tests.emulators.braintree.control import control_routes
from tests.emulators.braintree.server import Emulator, Received
from tests.emulators.braintree.wire import RAW_SEND

_log = logging.getLogger(__name__)

_TICK_SECONDS = 0.2
"""How often what is due is looked for while nobody asks."""


def braintree_app(emulator: Emulator) -> Starlette:
    counter = _Counter(emulator)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running = [asyncio.create_task(emulator.outbox.run()), asyncio.create_task(_tick(emulator))]
        try:
            yield
        finally:
            await _end(*running, *counter.under_way)

    return _App(
        routes=[
            *control_routes(emulator),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/{path:path}", counter.api, methods=["GET", "POST", "PUT", "DELETE"]),
        ],
        lifespan=lifespan,
    )


class _App(Starlette):
    """Keeps hold of the server's own `send`: a misbehaving emulator ends connections, and ASGI has no word for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[RAW_SEND] = send
        await super().__call__(scope, receive, send)


class _Counter:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.under_way: set[asyncio.Task[Any]] = set()

    async def api(self, request: Request) -> Response:
        received = await _received(request)
        # The work goes on when the client hangs up.
        task = asyncio.create_task(self._emulator.take(received), context=contextvars.Context())
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return (await asyncio.shield(task)).response()


async def _received(request: Request) -> Received:
    about = (request.method, request.url.path, request.url.query, request.headers)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Received(*about, await request.body())
    fields, upload = {}, None
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                upload = Upload(value.filename or "", value.content_type or "", await value.read())
            else:
                fields[name] = value
    return Received(*about, b"", fields, upload)


async def _tick(emulator: Emulator) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        try:
            emulator.account.catch_up()
        except Exception:
            _log.exception("Something that was due could not be done.")


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
