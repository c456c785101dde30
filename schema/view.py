"""GraphQL over HTTP: one Starlette endpoint, independent of what the schema is about.

It is not built on Strawberry's view. That one answers errors in plain text, knows neither
`application/graphql-response+json` nor limits, and decides too early (bodies are parsed before they are
measured) and too late (the operation is chosen after validation). Strawberry's Schema stays: its types, its
resolvers and its executor class run here unchanged, through graphql-core's own functions.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from graphql import OperationDefinitionNode, OperationType
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from domain.store import StoreUnavailable
from schema.http.answers import answer, answer_refusal, answer_result
from schema.http.aside import Aside
from schema.http.body import BODY_SECONDS, GraphQLRequest, request_from_get, request_from_post
from schema.http.clients import client_of
from schema.http.documents import Documents
from schema.http.execution import Engine, Prepared, is_subscription
from schema.http.live import Live, expiry_of, owner_of
from schema.http.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, Accept
from schema.http.origins import SAME_ORIGIN, Origins, refuse_foreign_page
from schema.http.refusals import Refusal, refuse, refuse_document
from schema.http.request_id import HEADER, request_id, request_id_of
from schema.http.sse import EventStream, refused_stream
from schema.http.trusted import TrustedDocuments
from schema.http.websocket import Socket
from schema.limits import Limits
from schema.masking import (
    ErrorFormatter,
    ExposedError,
    MaskingFormatter,
    NotCheckedNow,
    Unauthenticated,
    format_error,
    mask,
)

__all__ = ["ExposedError", "GraphQLView", "Limits", "MaskingFormatter", "NotCheckedNow", "Unauthenticated"]

# A 10 MB literal was seen to block the event loop for 8 s. The largest request that a shop sends, an order
# of some hundred lines with notes, has 60 KiB.
MAX_BODY_BYTES = 256 * 1024

METHODS = "GET, HEAD, POST, OPTIONS"
# HEAD is GET whose body the server leaves out (RFC 9110, 9.3.2).
SAFE_METHODS = ("GET", "HEAD")

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="paydesk"'}


class GraphQLView:
    """An ASGI endpoint: `Route("/graphql", view)`, and for sockets `WebSocketRoute("/graphql", view.socket)`.

    `context` makes what resolvers see, from the request's headers; once for each operation. It may raise
    `Unauthenticated` (401), `NotCheckedNow` (503) or another `ExposedError` (403). `graphiql` answers browsers, with a
    page of its own. `error_formatter` decides what clients read of a resolver's exception. `trusted` are the documents
    that can be asked for by their id; `needs_trusted` tells of a context whether its principal may send those alone.
    `transient` tells of an exception whether it may be gone in a moment, so that a subscription is taken up again.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        context: Callable[[HTTPConnection], Awaitable[object]],
        limits: Limits | None = None,
        graphiql: Callable[[Request], Awaitable[Response]] | None = None,
        introspection: bool = True,
        debug_suggestions: bool = False,
        error_formatter: ErrorFormatter | None = None,
        trusted: TrustedDocuments | None = None,
        needs_trusted: Callable[[Any], bool] = lambda _context: False,
        transient: Callable[[Exception], bool] = lambda error: isinstance(error, ConnectionError),
        max_body_bytes: int = MAX_BODY_BYTES,
        body_seconds: float = BODY_SECONDS,
        live: Live | None = None,
        origins: Origins = SAME_ORIGIN,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("GraphQLView runs neither Strawberry extensions nor operation directives")
        self._context = context
        self._limits = limits or Limits()
        self._graphiql = graphiql
        self._live = live or Live()
        self._origins = origins
        aside = Aside()
        self._engine = Engine(
            schema,
            aside=aside,
            limits=self._limits,
            formatter=error_formatter or MaskingFormatter(),
            suggestions=debug_suggestions,
            transient=lambda error: isinstance(error, NotCheckedNow) or transient(error),
        )
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds
        self._needs_trusted = needs_trusted
        self._documents = Documents(
            schema._schema,
            self._limits,
            introspection=introspection,
            suggestions=debug_suggestions,
            trusted=trusted,
            aside=aside,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        request.state.request_id = request_id_of(request)
        token = request_id.set(request.state.request_id)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # it left while it was sending; nothing has begun
        finally:
            request_id.reset(token)
        response.headers[HEADER] = request.state.request_id
        await response(scope, receive, send)

    async def socket(self, websocket: WebSocket) -> None:
        """Queries, mutations and subscriptions over `graphql-transport-ws`."""
        if not self._origins.allow(websocket):
            await refuse_foreign_page(websocket)
            return
        websocket.state.request_id = request_id_of(websocket)
        request_id.set(websocket.state.request_id)
        await Socket(
            websocket, live=self._live, engine=self._engine, prepare=self._prepare, context=self._context
        ).serve()

    async def _respond(self, request: Request) -> Response:
        accept = Accept(", ".join(request.headers.getlist("accept")))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": METHODS})
        if request.method in SAFE_METHODS and self._graphiql and wants_page(request, accept):
            return await self._graphiql(request)
        media_type = accept.preferred() or JSON
        try:
            refuse_method(request)
            refuse_unacceptable(accept)
            return await self._answer(request, accept, media_type)
        except Refusal as refusal:
            if accept.prefers_stream() and refusal.is_about_document:
                return refused_stream(refusal, live=self._live)
            return answer_refusal(refusal, media_type)
        except ClientDisconnect:
            raise
        except StoreUnavailable as error:
            return answer({"errors": [mask(error)]}, 503, media_type, headers={"Retry-After": "1"})
        except Exception as error:
            return answer({"errors": [mask(error)]}, 500, media_type)

    async def _answer(self, request: Request, accept: Accept, media_type: str) -> Response:
        """In this order: an unreadable body costs no look-up of a key, an unknown key costs no parsing."""
        wanted = await self._read(request)
        context = await self._authenticate(request)
        prepared = await self._prepare(wanted, context, request)
        refuse_operation(request, prepared.operation, accept)
        if accept.prefers_stream() or is_subscription(prepared):
            answers = self._engine.answers(prepared, context)
            return EventStream(
                answers,
                live=self._live,
                owner=owner_of(context),
                expires_at=expiry_of(context),
                changes=prepared.kind is OperationType.MUTATION,
            )
        return answer_result(await self._engine.answer(prepared, context), media_type)

    async def _prepare(self, wanted: GraphQLRequest, context: object, connection: HTTPConnection) -> Prepared:
        client = client_of(connection, context)
        document = await self._documents.wanted(wanted, trusted_only=self._needs_trusted(context), client=client)
        return self._engine.prepare(document, wanted, client=client)

    async def _read(self, request: Request) -> GraphQLRequest:
        if request.method in SAFE_METHODS:
            return request_from_get(request)
        return await request_from_post(request, max_bytes=self._max_body_bytes, seconds=self._body_seconds)

    async def _authenticate(self, request: Request) -> object:
        try:
            return await self._context(request)
        except Unauthenticated as error:
            raise Refusal(401, [format_error(None, error)], headers=CHALLENGE) from None
        except NotCheckedNow as error:
            retry_after = {"Retry-After": str(error.retry_after_seconds)}
            raise Refusal(503, [format_error(None, error)], headers=retry_after) from None
        except ExposedError as error:
            raise Refusal(403, [format_error(None, error)]) from None


def wants_page(request: Request, accept: Accept) -> bool:
    """Whether this is a browser's address bar.

    A script of another site that reads the answer sends its Origin; in development the page holds a token, so it
    is not to be read by a page that CORS lets ask.
    """
    return accept.prefers_html() and "origin" not in request.headers


def refuse_method(request: Request) -> None:
    if request.method not in (*SAFE_METHODS, "POST"):
        raise refuse(405, "METHOD_NOT_ALLOWED", "Use POST, or GET for queries.", {"Allow": METHODS})
    # Queries change nothing and our credentials are headers that browsers do not add by themselves, but an
    # <img> on a foreign page has no business here. What passes (fetch with CORS) is answered by CORS.
    foreign = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if request.method in SAFE_METHODS and foreign and request.headers.get("sec-fetch-mode") != "cors":
        raise refuse(403, "CROSS_SITE_REQUEST", "Pages of other sites have to send queries with POST or CORS.")


def refuse_unacceptable(accept: Accept) -> None:
    if accept.preferred() is None and not accept.takes_stream():
        message = f"This address answers with {GRAPHQL_RESPONSE}, {JSON} or {EVENT_STREAM}."
        raise refuse(406, "NOT_ACCEPTABLE", message)


def refuse_operation(request: Request, operation: OperationDefinitionNode, accept: Accept) -> None:
    if operation.operation is OperationType.SUBSCRIPTION and not accept.takes_stream():
        message = f"Subscriptions are served to those who accept {EVENT_STREAM}, and over WebSockets."
        raise refuse_document([format_error(None, ExposedError(message, code="OPERATION_NOT_SUPPORTED"))])
    if operation.operation is OperationType.SUBSCRIPTION and request.method == "HEAD":
        raise refuse(405, "METHOD_NOT_ALLOWED", "A stream without its body would say nothing.", {"Allow": "GET, POST"})
    if operation.operation is OperationType.MUTATION and request.method in SAFE_METHODS:
        raise refuse(405, "METHOD_NOT_ALLOWED", "Mutations are sent with POST.", {"Allow": "POST"})
