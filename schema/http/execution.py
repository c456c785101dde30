"""From a request to its answers, the same over HTTP, event streams and sockets: one for queries and mutations, and one
for each event of a subscription.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    map_source_to_response_event,
)
from strawberry.execution import optimized_is_awaitable

from schema.http.body import GraphQLRequest
from schema.http.cost import Costing, is_introspection
from schema.http.documents import Document
from schema.http.refusals import Refusal, refuse_document
from schema.limits import LimitExceeded, Limits
from schema.masking import ErrorFormatter, ExposedError, format_all, format_error

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that may be executed."""

    document: Document
    operation: OperationDefinitionNode
    wanted: GraphQLRequest
    cost: int | None
    """What one answer may cost; None for introspection."""

    @property
    def kind(self) -> OperationType:
        return self.operation.operation


class Engine:
    def __init__(
        self, schema: strawberry.Schema, *, limits: Limits, formatter: ErrorFormatter, suggestions: bool
    ) -> None:
        self._schema: GraphQLSchema = schema._schema
        self._executor_class = schema.execution_context_class
        self._limits = limits
        self._format = formatter
        self._suggestions = suggestions

    def prepare(self, document: Document, wanted: GraphQLRequest) -> Prepared:
        operation = document.operation(wanted.operation_name)
        return Prepared(document, operation, wanted, self._cost(document, operation, wanted))

    async def answer(self, prepared: Prepared, context: object) -> Payload:
        """Of a query or a mutation."""
        result = self._executor(prepared, context).execute_operation()
        # The other kind of result needs @defer or @stream, which this schema does not have.
        return self._payload(prepared, cast(ExecutionResult, await result if isawaitable(result) else result))

    async def answers(self, prepared: Prepared, context: object) -> AsyncGenerator[Payload]:
        """Of any operation. Raises `Refusal` when it cannot begin, and when a subscription has to end early."""
        if prepared.kind is not OperationType.SUBSCRIPTION:
            yield await self.answer(prepared, context)
            return
        executor = self._executor(prepared, context)
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise refuse_document(format_all(source.errors or [], self._format, most=self._limits.errors))
        async with aclosing(map_source_to_response_event(executor, source)) as results:
            while True:
                try:
                    result = await anext(results)
                except StopAsyncIteration:
                    return
                except Exception as error:
                    raise refuse_document([self._format(GraphQLError(str(error), original_error=error))]) from None
                yield self._payload(prepared, result)

    def _cost(self, document: Document, operation: OperationDefinitionNode, wanted: GraphQLRequest) -> int | None:
        """What the operation may cost, or None for introspection; refuses what is too dear."""
        if is_introspection(operation):
            return None
        cost = Costing(self._schema, document.tree, operation, wanted.variables).total()
        if cost > (maximum := self._limits.cost):
            message = f"The operation may cost {cost}, more than {maximum}. Ask for fewer or smaller lists."
            error = LimitExceeded(message, code="QUERY_TOO_COSTLY", limit=maximum)
            raise refuse_document([format_error(None, error)])
        return cost

    def _executor(self, prepared: Prepared, context: object) -> Any:
        executor = self._executor_class.build(
            self._schema,
            prepared.document.tree,
            context_value=context,
            raw_variable_values=prepared.wanted.variables,
            operation_name=prepared.wanted.operation_name,
            max_coercion_errors=self._limits.errors - 1,
            is_awaitable=cast(Any, optimized_is_awaitable),
            hide_suggestions=not self._suggestions,
            operation_extensions=prepared.wanted.extensions,
        )
        if isinstance(executor, list):
            code = "BAD_USER_INPUT"
            raise refuse_document([format_error(e, ExposedError(e.message, code=code)) for e in executor])
        return executor

    def _payload(self, prepared: Prepared, result: ExecutionResult) -> Payload:
        payload: Payload = {}
        if result.errors:
            payload["errors"] = format_all(result.errors, self._format, most=self._limits.errors)
        payload["data"] = result.data
        if prepared.cost is not None:
            payload["extensions"] = {"cost": {"requested": prepared.cost, "maximum": self._limits.cost}}
        return payload


def is_subscription(prepared: Prepared) -> bool:
    return prepared.kind is OperationType.SUBSCRIPTION


__all__ = ["Engine", "Payload", "Prepared", "Refusal", "is_subscription"]
