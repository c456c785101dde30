"""The emulator over HTTP: Stripe's API under /v1, the bank's page under /3d-secure, and /_control for tests."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.emulators.stripe import authentication
from tests.emulators.stripe.control import control_routes
from tests.emulators.stripe.refusals import Json, Refused
from tests.emulators.stripe.server import Emulator, Received
from tests.emulators.stripe.wire import RAW_SEND

_log = logging.getLogger(__name__)

_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Request-Id"}
"""Pages call the API from their own origins, with the publishable key."""
_ALLOWED = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
}
_TICK_SECONDS = 0.2
"""How often what is due is looked for while nobody asks."""


def stripe_app(emulator: Emulator) -> Starlette:
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
            Route("/3d-secure/{id}", counter.show_page, methods=["GET"]),
            Route("/3d-secure/{id}", counter.leave_page, methods=["POST"]),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/{path:path}", _preflight, methods=["OPTIONS"]),
            Route("/{path:path}", counter.api, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
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
        received = Received(request.method, request.url.path, request.url.query, request.headers, await request.body())
        # The work goes on when the client hangs up.
        task = asyncio.create_task(self._emulator.take(received), context=contextvars.Context())
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        response = (await asyncio.shield(task)).response()
        response.headers.update(_ANY_ORIGIN)
        return response

    async def show_page(self, request: Request) -> Response:
        try:
            return HTMLResponse(authentication.page(self._intent(request)))
        except Refused as refused:
            return HTMLResponse(str(refused), status_code=refused.status)

    async def leave_page(self, request: Request) -> Response:
        """303 to where the shop wanted its customer to come back."""
        account = self._emulator.account
        outcome = parse_qs((await request.body()).decode(errors="replace")).get("outcome")
        succeeded = outcome == ["succeeded"]
        try:
            intent = self._intent(request)
            if intent["status"] == "canceled":
                succeeded = False  # the shop has called it off meanwhile
            else:
                authentication.finish(account, intent, succeeded=succeeded)
        except Refused as refused:
            return HTMLResponse(str(refused), status_code=refused.status)
        url = authentication.return_url(account, intent, succeeded=succeeded)
        return HTMLResponse("You can close this page.") if url is None else RedirectResponse(url, status_code=303)

    def _intent(self, request: Request) -> Json:
        account = self._emulator.account
        account.catch_up()
        intent = authentication.intent_of(account, request.path_params["id"])
        if not authentication.has_key(account, intent, request.query_params.get("key", "")):
            raise Refused(404, "This link leads nowhere.")
        return intent


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


async def _preflight(_: Request) -> Response:
    return Response(status_code=204, headers=_ANY_ORIGIN | _ALLOWED)


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
