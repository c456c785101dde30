"""The HTTP that is not GraphQL: webhooks in, and whether the gateway is well."""

import logging
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.bodies import Bodies, BodyTooLarge, BodyTooSlow
from adapters.shared import Shared
from domain.provider import WebhookRejected
from domain.reconciliation import Standing
from domain.services.webhooks import UnknownAccount, WebhookService

LARGEST_WEBHOOK = 256 * 1024
"""The largest event that Stripe documents is below 64 KiB."""
WEBHOOK_SECONDS = 10.0
"""For all of its body. Providers send theirs in one go, and give up an answer after 10 to 30 seconds themselves."""
MOST_WEBHOOKS_AT_ONCE = 200
"""Of which the bodies are still coming, 50 MiB together at most; the oldest of more is cut off."""
READINESS_SECONDS = 1.0
"""How old an answer of `/readyz` may be. Load balancers ask every few seconds; anybody else may ask without end, and
each time it is found out something is written."""

# What is still to come of a body is not waited for.
_CLOSE = {"Connection": "close"}

_log = logging.getLogger("paydesk.http")


def webhook_routes(
    webhooks: WebhookService, *, seconds: float = WEBHOOK_SECONDS, most_at_once: int = MOST_WEBHOOKS_AT_ONCE
) -> list[Route]:
    """`seconds` and `most_at_once` are for the bodies, whose senders nobody knows before they are there."""
    bodies = Bodies(most_bytes=LARGEST_WEBHOOK, most_at_once=most_at_once, seconds=seconds)

    async def receive(request: Request) -> Response:
        """200 only after the commit; 400 for what is not from the provider; 5xx when it could not be stored."""
        try:
            body = await bodies.read(request)
        except BodyTooLarge:
            return JSONResponse({"error": "too large"}, status_code=413, headers=_CLOSE)
        except BodyTooSlow:
            return JSONResponse({"error": "too slow"}, status_code=408, headers=_CLOSE)
        try:
            new = await webhooks.receive(request.path_params["account"], request.headers, body)
        except UnknownAccount:
            return JSONResponse({"error": "no such account"}, status_code=404)
        except WebhookRejected as error:
            _log.warning("webhook refused: %s", error)
            return JSONResponse({"error": "not accepted"}, status_code=400)
        except Exception:
            _log.exception("webhook could not be stored")
            return JSONResponse({"error": "try again"}, status_code=503, headers={"Retry-After": "30"})
        return JSONResponse({"received": True, "repeated": not new})

    async def answer_challenge(request: Request) -> Response:
        """A provider may ask whether its webhooks will arrive at whoever has its keys."""
        try:
            answer = webhooks.challenge(request.path_params["account"], request.query_params)
        except UnknownAccount:
            return JSONResponse({"error": "no such account"}, status_code=404)
        except WebhookRejected as error:
            _log.warning("webhook challenge refused: %s", error)
            return JSONResponse({"error": "not accepted"}, status_code=400)
        if answer is None:
            return JSONResponse({"error": "webhooks are posted"}, status_code=405, headers={"Allow": "POST"})
        return PlainTextResponse(answer, headers={"Cache-Control": "no-store"})

    return [
        Route("/webhooks/{account}", receive, methods=["POST"]),
        Route("/webhooks/{account}", answer_challenge, methods=["GET"]),
    ]


def health_routes(
    ready: Callable[[], Awaitable[list[str]]], *, recovery: Callable[[], Awaitable[Standing | None]]
) -> list[Route]:
    """`/healthz`: the process answers. `/readyz`: it can work; `ready` gives what it lacks, in plain words.

    In recovery it is ready too, for reads are served; but it says so, and how far reconciliation is.
    """

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def look() -> tuple[dict[str, object], int]:
        lacks = await ready()
        told: dict[str, object] = {"status": "not ready" if lacks else "ok", "lacks": lacks}
        standing = None if lacks else await recovery()
        if standing is not None:
            told |= {"recovering": True, "reconciliation": standing}
        return told, 503 if lacks else 200

    looked = Shared(look, seconds=READINESS_SECONDS)

    async def readiness(_request: Request) -> Response:
        told, status = await looked()
        return JSONResponse(told, status_code=status)

    return [Route("/healthz", health, methods=["GET"]), Route("/readyz", readiness, methods=["GET"])]


class RequestLog:
    """One line a request, with its id, which the answer carries too. Bodies and headers are never logged."""

    def __init__(self, app: ASGIApp, *, request_id_of: Callable[[Request], str], bind: Callable[[str], None]) -> None:
        self._app = app
        self._request_id_of = request_id_of
        self._bind = bind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id_of(Request(scope))
        scope.setdefault("state", {})["request_id"] = request_id
        self._bind(request_id)
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"x-request-id"]
                message = {**message, "headers": [*headers, (b"x-request-id", request_id.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            status = status or 500  # Starlette answers so, further out
            raise
        finally:
            milliseconds = round((time.perf_counter() - began) * 1000, 1)
            told = {"method": scope["method"], "path": scope["path"], "status": status, "milliseconds": milliseconds}
            _log.info("request", extra=told)
