"""GraphQL over HTTP: one Starlette endpoint, independent of what the schema is about.

It is not built on Strawberry's view. That one answers errors in plain text, knows neither
`application/graphql-response+json` nor limits, and decides too early (bodies are parsed before they are
measured) and too late (the operation is chosen after validation). Strawberry's Schema stays: its types, its
resolvers and its executor class run here unchanged, through graphql-core's own functions.
"""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.execution import optimized_is_awaitable

from schema.http.answers import answer, answer_refusal, answer_result
from schema.http.body import GraphQLRequest, request_from_get, request_from_post
from schema.http.cost import Costing, is_introspection
from schema.http.documents import Document, Documents
from schema.http.negotiation import GRAPHQL_RESPONSE, JSON, Accept
from schema.http.refusals import Refusal, refuse, refuse_document
from schema.http.request_id import HEADER, request_id, request_id_of
from schema.http.trusted import TrustedDocuments
from schema.limits import LimitExceeded, Limits
from schema.masking import (
    ErrorFormatter,
    ExposedError,
    MaskingFormatter,
    NotCheckedNow,
    Unauthenticated,
    format_all,
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
    """An ASGI endpoint: `Route("/graphql", GraphQLView(...))`.

    `context` makes what resolvers see, from the request's headers. It may raise `Unauthenticated` (401),
    `NotCheckedNow` (503) or another `ExposedError` (403). `graphiql` answers browsers, with a page of its own.
    `error_formatter` decides what clients read of a resolver's exception. `trusted` are the documents that can be
    asked for by their id; `needs_trusted` tells of a context whether its principal may send those alone.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        context: Callable[[Request], Awaitable[object]],
        limits: Limits | None = None,
        graphiql: Callable[[Request], Awaitable[Response]] | None = None,
        introspection: bool = True,
        debug_suggestions: bool = False,
        error_formatter: ErrorFormatter | None = None,
        trusted: TrustedDocuments | None = None,
        needs_trusted: Callable[[Any], bool] = lambda _context: False,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("GraphQLView runs neither Strawberry extensions nor operation directives")
        self._graphql_schema: GraphQLSchema = schema._schema
        self._executor_class = schema.execution_context_class
        self._context = context
        self._limits = limits or Limits()
        self._graphiql = graphiql
        self._suggestions = debug_suggestions
        self._format = error_formatter or MaskingFormatter()
        self._max_body_bytes = max_body_bytes
        self._needs_trusted = needs_trusted
        self._documents = Documents(
            self._graphql_schema,
            self._limits,
            introspection=introspection,
            suggestions=debug_suggestions,
            trusted=trusted,
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
            return answer_result(await self._answer(request), media_type)
        except Refusal as refusal:
            return answer_refusal(refusal, media_type)
        except ClientDisconnect:
            raise
        except Exception as error:
            return answer({"errors": [mask(error)]}, 500, media_type)

    async def _answer(self, request: Request) -> dict[str, Any]:
        """In this order: an unreadable body costs no look-up of a key, an unknown key costs no parsing."""
        wanted = await self._read(request)
        context = await self._authenticate(request)
        document = self._documents.wanted(wanted, trusted_only=self._needs_trusted(context))
        operation = document.operation(wanted.operation_name)
        refuse_operation(request, operation)
        cost = self._cost(document, operation, wanted)
        result = await self._execute(document, wanted, context)
        payload: dict[str, Any] = {}
        if result.errors:
            payload["errors"] = format_all(result.errors, self._format, most=self._limits.errors)
        payload["data"] = result.data
        if cost is not None:
            payload["extensions"] = {"cost": {"requested": cost, "maximum": self._limits.cost}}
        return payload

    async def _read(self, request: Request) -> GraphQLRequest:
        if request.method in SAFE_METHODS:
            return request_from_get(request)
        return await request_from_post(request, max_bytes=self._max_body_bytes)

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

    def _cost(self, document: Document, operation: OperationDefinitionNode, wanted: GraphQLRequest) -> int | None:
        """What the operation may cost, or None for introspection; refuses what is too dear."""
        if is_introspection(operation):
            return None
        cost = Costing(self._graphql_schema, document.tree, operation, wanted.variables).total()
        if cost > (maximum := self._limits.cost):
            message = f"The operation may cost {cost}, more than {maximum}. Ask for fewer or smaller lists."
            error = LimitExceeded(message, code="QUERY_TOO_COSTLY", limit=maximum)
            raise refuse_document([format_error(None, error)])
        return cost

    async def _execute(self, document: Document, wanted: GraphQLRequest, context: object) -> ExecutionResult:
        executor = self._executor_class.build(
            self._graphql_schema,
            document.tree,
            context_value=context,
            raw_variable_values=wanted.variables,
            operation_name=wanted.operation_name,
            max_coercion_errors=self._limits.errors - 1,
            is_awaitable=cast(Any, optimized_is_awaitable),
            hide_suggestions=not self._suggestions,
            operation_extensions=wanted.extensions,
        )
        if isinstance(executor, list):
            code = "BAD_USER_INPUT"
            raise refuse_document([format_error(e, ExposedError(e.message, code=code)) for e in executor])
        result = executor.execute_operation()
        # The other kind of result needs @defer or @stream, which this schema does not have.
        return cast(ExecutionResult, await result if isawaitable(result) else result)


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
    if accept.preferred() is None:
        raise refuse(406, "NOT_ACCEPTABLE", f"This address answers with {GRAPHQL_RESPONSE} or {JSON}.")


def refuse_operation(request: Request, operation: OperationDefinitionNode) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        message = "Subscriptions are not served as a single answer."
        raise refuse_document([format_error(None, ExposedError(message, code="OPERATION_NOT_SUPPORTED"))])
    if operation.operation is OperationType.MUTATION and request.method in SAFE_METHODS:
        raise refuse(405, "METHOD_NOT_ALLOWED", "Mutations are sent with POST.", {"Allow": "POST"})
