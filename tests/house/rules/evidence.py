"""What was measured to lose money once, and would again (docs/architecture.md): each a few lines of syntax."""

import ast
from collections.abc import Iterator, Sequence

from tests.house.rules.source import Finding, Function, Source, last_name, within

_FINAL = frozenset({"SUCCEEDED", "AUTHORIZED", "DECLINED", "FAILED", "VOIDED", "EXPIRED", "NOT_SENT"})
_VAGUE = frozenset(
    {
        "Exception",
        "BaseException",
        "TimeoutError",
        "CancelledError",
        "OSError",
        "ConnectionError",
        "ConnectionResetError",
        "AnswerLost",
        # httpx
        "HTTPError",
        "HTTPStatusError",
        "NetworkError",
        "ProtocolError",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "RequestError",
        "TimeoutException",
        "TransportError",
        "WriteError",
        "WriteTimeout",
        # An answer that cannot be read is no answer.
        "JSONDecodeError",
        "KeyError",
        "TypeError",
        "ValueError",
    }
)
"""After these it may have happened."""

_OF_THE_DATABASE = frozenset(
    {
        "Exception",
        "BaseException",
        "BaseORMException",
        "IntegrityError",
        "LostUpdate",
        "OperationalError",
        "PostgresError",
        "UniqueTaken",
        "UniqueViolationError",
    }
)
_STOCK = {
    "select_for_update": "does nothing on SQLite, without a word",
    "in_transaction": "keeps its connection for ever when it is cancelled while it opens",
    "atomic": "keeps its connection for ever when it is cancelled while it opens",
    "generate_schemas": "leaves out constraints and triggers: tables come from the migrations",
}
"""Tortoise's own, and why we have others."""


def a_vague_failure_is_no_outcome(sources: Sequence[Source]) -> list[Finding]:
    """DECLINED, FAILED and NOT_SENT want evidence. A timeout, a reset or an unreadable answer is UNKNOWN."""
    return [
        Finding(source.name, node.lineno, f"after `{'`, `'.join(caught)}` nothing is known, and not `{outcome}`")
        for source in sources
        for handler in source.nodes
        if isinstance(handler, ast.ExceptHandler) and (caught := _caught(handler.type) & _VAGUE)
        for node in within(handler.body)
        if isinstance(node, ast.Attribute) and last_name(node.value) == "Outcome" and (outcome := node.attr) in _FINAL
    ]


def a_failed_statement_ends_its_transaction(sources: Sequence[Source]) -> list[Finding]:
    """A caught error of the database leaves a transaction that is over on PostgreSQL, and goes on on SQLite."""
    return [
        Finding(source.name, handler.lineno, "a failure of the database is caught inside its transaction")
        for source in sources
        for node in _inside(source)
        if isinstance(node, ast.Try) and any(isinstance(each, ast.Await) for each in within(node.body))
        for handler in node.handlers
        if _caught(handler.type) & _OF_THE_DATABASE
        and not any(isinstance(each, ast.Raise) for each in within(handler.body))
    ]


def a_task_has_a_context_of_its_own(sources: Sequence[Source]) -> list[Finding]:
    """Otherwise it inherits whatever its maker has open, a transaction among it."""
    found = []
    for source in sources:
        for node in source.nodes:
            if not isinstance(node, ast.Call):
                continue
            name = last_name(node.func)
            if name in ("ensure_future", "TaskGroup"):
                found.append(Finding(source.name, node.lineno, f"`{name}` gives its task the context of its maker"))
            if name == "create_task" and not any(keyword.arg == "context" for keyword in node.keywords):
                found.append(Finding(source.name, node.lineno, "`create_task` without `context=contextvars.Context()`"))
    return found


def tortoise_s_own_transactions_and_locks_are_not_used(sources: Sequence[Source]) -> list[Finding]:
    return [
        Finding(source.name, node.lineno, f"`{name}` {_STOCK[name]}")
        for source in sources
        for node in source.nodes
        if isinstance(node, ast.Call) and (name := last_name(node.func)) in _STOCK
    ]


def _caught(kind: ast.expr | None) -> frozenset[str]:
    if kind is None:
        return frozenset({"BaseException"})
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return frozenset(name for each in kinds if (name := last_name(each)))


def _inside(source: Source) -> Iterator[ast.AST]:
    """What runs in a transaction of the domain: see `transactions`."""
    for node in source.nodes:
        opens = isinstance(node, ast.AsyncWith) and any(_opens(item.context_expr) for item in node.items)
        is_given_one = isinstance(node, Function) and any(each.arg == "tx" for each in node.args.args)
        if isinstance(node, ast.AsyncWith | Function) and (opens or is_given_one):
            yield from within(node.body)


def _opens(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == "transaction"
