"""The bank as a server of its own: `paydesk fake-provider`.

POST /v1/{call}         what the port asks, bearer key
POST /control/script    {"script": "charge#3=decline", "seed": 0}: misbehave from now; bearer key
GET  /control/truth     what was really captured, refunded and withdrawn; bearer key
POST /control/disputes  {"charge_ref": "fch_…"}, and if wanted reason, amount, is_inquiry: the customer complains
POST /control/disputes/{ref}  {"won": true}: decide it
/fake/…                 the tokenizer and the 3D Secure page (pages.py)
GET  /healthz
"""

import asyncio
import contextvars
import hmac
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.fake.bank import Bank, Silence
from adapters.fake.bodies import BodyRefused, read_body
from adapters.fake.calls import Fields, Refused
from adapters.fake.delivery import WebhookSender
from adapters.fake.misbehaviour import ScriptUnreadable
from adapters.fake.pages import fake_routes
from domain.provider import DisputeReason

_log = logging.getLogger(__name__)

_LONGEST_BODY = 256 * 1024
_RAW_SEND = "paydesk.fake.raw_send"


def fake_bank_app(bank: Bank, *, api_key: str, webhooks: WebhookSender | None = None) -> Starlette:
    """The whole bank over HTTP; with `webhooks`, its events are delivered while the app runs."""
    if not api_key:
        raise ValueError("The fake bank's server needs a key that its clients name.")
    counter = _Counter(bank, api_key)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        delivering = (
            asyncio.create_task(webhooks.run(), context=contextvars.Context()) if webhooks is not None else None
        )
        try:
            yield
        finally:
            await counter.close()
            if delivering is not None:
                delivering.cancel()
                with suppress(asyncio.CancelledError):
                    await delivering

    return _BankApp(
        routes=[
            *fake_routes(bank),
            Route("/v1/{call}", counter.call, methods=["POST"]),
            Route("/control/script", counter.script, methods=["POST"]),
            Route("/control/truth", counter.truth, methods=["GET"]),
            Route("/control/disputes", counter.open_dispute, methods=["POST"]),
            Route("/control/disputes/{ref}", counter.decide_dispute, methods=["POST"]),
            Route("/healthz", _healthz, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


class _BankApp(Starlette):
    """Keeps hold of the server's own `send`: a misbehaving bank ends connections, and ASGI has no word for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_RAW_SEND] = send
        await super().__call__(scope, receive, send)


class _Counter:
    def __init__(self, bank: Bank, api_key: str) -> None:
        self._bank = bank
        self._api_key = api_key.encode()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def call(self, request: Request) -> Response:
        try:
            raw = await self._body(request)
        except _Turned as turned:
            return turned.response
        # The work goes on when the client hangs up: that is what makes an answer that never came so awkward.
        task = asyncio.create_task(self._bank.serve(request.path_params["call"], raw), context=contextvars.Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        reply = await asyncio.shield(task)
        if isinstance(reply, Silence):
            return _Quiet(reply)
        headers = {"Retry-After": reply.retry_after} if reply.retry_after else None
        return Response(reply.body, status_code=reply.status, media_type=reply.content_type, headers=headers)

    async def script(self, request: Request) -> Response:
        try:
            raw = await self._body(request)
        except _Turned as turned:
            return turned.response
        try:
            body = orjson.loads(raw)
            script, seed = body["script"], body.get("seed", 0)
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
            return _error(400, "body_invalid", "Send a JSON object with script and, if wanted, seed.")
        if not isinstance(script, str) or type(seed) is not int:
            return _error(400, "body_invalid", "script is a text, seed a whole number.")
        try:
            await asyncio.to_thread(self._bank.misbehave, script, seed=seed)
        except ScriptUnreadable as unreadable:
            return _error(422, "script_unreadable", str(unreadable))
        return JSONResponse({"script": script, "seed": seed})

    async def truth(self, request: Request) -> Response:
        try:
            await self._body(request)
        except _Turned as turned:
            return turned.response
        return JSONResponse((await asyncio.to_thread(self._bank.truth)).as_json())

    async def open_dispute(self, request: Request) -> Response:
        try:
            asked = await self._asked(request)
            ref = await asyncio.to_thread(
                self._bank.open_dispute,
                asked.text("charge_ref"),
                reason=asked.optional_text("reason") or DisputeReason.FRAUDULENT,
                amount=asked.amount() if "amount" in asked.body else None,
                is_inquiry=asked.flag("is_inquiry", default=False),
            )
        except _Turned as turned:
            return turned.response
        except Refused as refused:
            return JSONResponse(refused.answer.body, status_code=refused.answer.status)
        return JSONResponse({"dispute_ref": ref}, status_code=201)

    async def decide_dispute(self, request: Request) -> Response:
        try:
            asked = await self._asked(request)
            won = asked.flag("won")
            await asyncio.to_thread(self._bank.decide_dispute, request.path_params["ref"], won=won)
        except _Turned as turned:
            return turned.response
        except Refused as refused:
            return JSONResponse(refused.answer.body, status_code=refused.answer.status)
        return JSONResponse({"dispute_ref": request.path_params["ref"], "won": won})

    async def _asked(self, request: Request) -> Fields:
        try:
            body = orjson.loads(await self._body(request))
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise _Turned(_error(400, "body_invalid", "The body has to be a JSON object."))
        return Fields(body)

    async def _body(self, request: Request) -> bytes:
        """The body of whoever has the key; nothing is read for others."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), self._api_key):
            raise _Turned(_error(401, "configuration", "The key is wrong."))
        try:
            return await read_body(request, longest=_LONGEST_BODY)
        except BodyRefused as refused:
            raise _Turned(_error(refused.status, refused.code, str(refused))) from None

    async def close(self) -> None:
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


class _Turned(Exception):
    """Turned away at the door."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


class _Quiet(Response):
    """No answer: the connection hangs, closes, or is reset."""

    def __init__(self, silence: Silence) -> None:
        super().__init__()
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._silence is not Silence.HANG:
            _end_connection(scope[_RAW_SEND], reset=self._silence is Silence.RESET)
        # Returning now would make the server send a 500; it has nothing to send to once the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            continue


def _end_connection(raw_send: Callable[..., Awaitable[None]], *, reset: bool) -> None:
    """ASGI cannot do it, so this reaches for uvicorn's transport, which its `send` is bound to."""
    transport = getattr(getattr(raw_send, "__self__", None), "transport", None)
    if transport is None:
        _log.warning("This server's connections cannot be ended from inside; the answer hangs instead.")
        return
    if reset:
        # Lingering for no time makes the kernel answer with RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
