"""From a request to its answers, the same over HTTP, event streams and sockets: one for queries and mutations, and one
for each event of a subscription.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
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

from schema.http.aside import Aside
from schema.http.body import GraphQLRequest
from schema.http.clients import Client
from schema.http.cost import Costing, root_fields
from schema.http.documents import Document
from schema.http.refusals import Refusal, refuse_document
from schema.limits import INTROSPECTION_FIELDS, LimitExceeded, Limits
from schema.masking import ErrorFormatter, ExposedError, cause_of, format_all, format_error

Payload = dict[str, Any]

_log = logging.getLogger("paydesk.graphql")


class Interrupted(Exception):
    """A subscription does not get on just now. Whoever comes back with the last cursor misses nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that may be executed."""

    document: Document
    operation: OperationDefinitionNode
    variables: dict[str, Any]
    """Those that the operation declares: a subscription keeps them for as long as it lasts."""
    cost: int | None
    """What one answer may cost; None for introspection."""
    reads_schema: bool
    """Whether it asks for the schema, and for nothing else."""
    client: Client
    """Who takes turns with the others for what is done beside the loop."""

    @property
    def kind(self) -> OperationType:
        return self.operation.operation


class Engine:
    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        limits: Limits,
        formatter: ErrorFormatter,
        suggestions: bool,
        transient: Callable[[Exception], bool],
        aside: Aside,
    ) -> None:
        self._aside = aside
        self._schema: GraphQLSchema = schema._schema
        self._executor_class = schema.execution_context_class
        self._limits = limits
        self._format = formatter
        self._suggestions = suggestions
        self._is_transient = transient

    def prepare(self, document: Document, wanted: GraphQLRequest, *, client: Client) -> Prepared:
        operation = document.operation(wanted.operation_name)
        asked = root_fields(document.tree, operation)
        reads_schema = not asked.isdisjoint(INTROSPECTION_FIELDS)
        is_introspection = all(name.startswith("__") for name in asked)
        if reads_schema and not is_introspection:
            # It would be answered on the event loop, where the rest of it has to be, and hold up everybody.
            message = "Ask for “__schema” and “__type” in an operation of their own."
            raise refuse_document([format_error(None, ExposedError(message, code="OPERATION_NOT_SUPPORTED"))])
        cost = None if is_introspection else self._cost(document, operation, wanted)
        declared = {definition.variable.name.value for definition in operation.variable_definitions or ()}
        variables = {name: value for name, value in wanted.variables.items() if name in declared}
        return Prepared(document, operation, variables, cost, reads_schema, client)

    async def answer(self, prepared: Prepared, context: object) -> Payload:
        """Of a query or a mutation."""
        execute = self._executor(prepared, context).execute_operation
        if prepared.reads_schema:
            # It waits for nothing; the whole schema is 200 KB of answer, made in one go.
            result = await self._aside.do(execute, client=prepared.client)
        else:
            result = execute()
        # The other kind of result needs @defer or @stream, which this schema does not have.
        return self._payload(prepared, cast(ExecutionResult, await result if isawaitable(result) else result))

    async def answers(self, prepared: Prepared, context: object) -> AsyncGenerator[Payload]:
        """Of any operation.

        Raises `Refusal` when it cannot begin, and when a subscription has to end early; `Interrupted` when one has to
        be taken up again.
        """
        if prepared.kind is not OperationType.SUBSCRIPTION:
            yield await self.answer(prepared, context)
            return
        executor = self._executor(prepared, context)
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            self._refuse_to_go_on(source.errors)
            raise refuse_document(format_all(source.errors or [], self._format, most=self._limits.errors))
        async with aclosing(map_source_to_response_event(executor, source)) as results:
            while True:
                try:
                    result = await anext(results)
                except StopAsyncIteration:
                    return
                except Exception as error:  # of a resolver, whatever it is: `_format` decides what the client reads
                    wrapped = GraphQLError(str(error), original_error=error)
                    self._refuse_to_go_on([wrapped])
                    raise refuse_document([self._format(wrapped)]) from None
                self._refuse_to_go_on(result.errors)
                yield self._payload(prepared, result)

    def _refuse_to_go_on(self, errors: Sequence[GraphQLError] | None) -> None:
        for error in errors or ():
            if self._is_transient(cause := cause_of(error)):
                _log.warning("a subscription was interrupted", exc_info=cause)
                raise Interrupted from cause

    def _most(self, operation: OperationDefinitionNode) -> int:
        if operation.operation is OperationType.SUBSCRIPTION:
            return min(self._limits.cost, self._limits.cost_of_an_event)
        return self._limits.cost

    def _cost(self, document: Document, operation: OperationDefinitionNode, wanted: GraphQLRequest) -> int:
        """What the operation may cost; refuses what is too dear."""
        cost = Costing(self._schema, document.tree, operation, wanted.variables).total()
        if cost > (maximum := self._most(operation)):
            message = f"The operation may cost {cost}, more than {maximum}. Ask for fewer or smaller lists."
            error = LimitExceeded(message, code="QUERY_TOO_COSTLY", limit=maximum)
            raise refuse_document([format_error(None, error)])
        return cost

    def _executor(self, prepared: Prepared, context: object) -> Any:
        executor = self._executor_class.build(
            self._schema,
            prepared.document.tree,
            context_value=context,
            raw_variable_values=prepared.variables,
            operation_name=prepared.operation.name.value if prepared.operation.name else None,
            max_coercion_errors=self._limits.errors - 1,
            is_awaitable=cast(Any, optimized_is_awaitable),
            hide_suggestions=not self._suggestions,
            operation_extensions=None,
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
            payload["extensions"] = {"cost": {"requested": prepared.cost, "maximum": self._most(prepared.operation)}}
        return payload


def is_subscription(prepared: Prepared) -> bool:
    return prepared.kind is OperationType.SUBSCRIPTION


__all__ = ["Engine", "Interrupted", "Payload", "Prepared", "Refusal", "is_subscription"]
