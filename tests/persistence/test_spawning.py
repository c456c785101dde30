"""Inside a transaction nothing is spawned, and nothing is awaited but the database.

A task that outlives the block writes to a connection that was given back, and one that does not makes two statements
share it. The connection refuses the first at run time; this finds both when the code is written. A provider that is
asked inside a transaction holds its locks for as long as the provider likes, and is asked again when the transaction is
run again. A transaction is the block that opens it, and every function that takes one as `tx`.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from domain.provider import PaymentProvider
from domain.services.teller import Teller

Node = TypeVar("Node", ast.Call, ast.Await)

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "adapters", "persistence", "schema")
SPAWNING = {"create_task", "ensure_future", "gather", "TaskGroup", "to_thread", "run_in_executor", "wait_for", "spawn"}
ASKING = {
    name
    for port in (PaymentProvider, Teller)
    for name, method in inspect.getmembers(port, inspect.iscoroutinefunction)
    if not name.startswith("_")
}
"""What has an answer that the world outside takes its time for."""


def sources() -> list[Path]:
    return [ROOT / "server.py", *(path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")))]


def test_no_transaction_spawns_a_task() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in sources() if path.exists() for line in spawned(path.read_text())
    ]

    assert found == []


def test_no_transaction_asks_a_provider() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in sources() if path.exists() for line in asking(path.read_text())
    ]

    assert found == []
    assert {"charge", "refund", "void", "find_charge", "send_charge", "send_refund"} <= ASKING


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("await self._teller.send_charge(operation)", [3]),
        ("x = await provider.charge(request)", [3]),
        ("await (await self._provider()).void(request)", [3]),
        ("await asyncio.sleep(1)", [3]),
        ("await self._detached.wait(task, at_most_seconds=1)", [3]),
        ("await tx.charges.get(charge_id)", []),
        ("self._teller.require_support(account, action)", []),
    ],
)
def test_the_finder_finds_who_asks(body: str, lines: list[int]) -> None:
    block = f"async def f():\n    async with self._store.transaction() as tx:\n        {body}\n"
    taking = f"async def f():\n    async def settle(tx: Transaction):\n        {body}\n    await provider.charge(r)\n"

    assert asking(block) == lines
    assert asking(taking) == lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("await asyncio.gather(a(), b())", [3]),
        ("x = 1\n        await loop.run_in_executor(None, f)", [4]),
        ("await a()", []),
    ],
)
def test_the_finder_finds(body: str, lines: list[int]) -> None:
    program = (
        f"async def f():\n    async with self._store.transaction() as tx:\n        {body}\n    asyncio.gather(c())\n"
    )

    assert spawned(program) == lines


def spawned(program: str) -> list[int]:
    return [call.lineno for call in calls(program, ast.Call) if name_of(call) in SPAWNING]


def asking(program: str) -> list[int]:
    awaited = (node.value for node in calls(program, ast.Await) if isinstance(node.value, ast.Call))
    return [call.lineno for call in awaited if name_of(call) in ASKING | {"sleep", "wait"}]


def calls(program: str, kind: type[Node]) -> list[Node]:
    """The nodes of this kind inside transactions, each once, however deep the transactions lie in one another."""
    found = {
        id(node): node
        for body in bodies(ast.parse(program))
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, kind)
    }
    return list(found.values())


def bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        opens = isinstance(node, ast.AsyncWith) and any(opens_a_transaction(item) for item in node.items)
        takes = isinstance(node, ast.AsyncFunctionDef) and any(argument.arg == "tx" for argument in node.args.args)
        if isinstance(node, ast.AsyncWith | ast.AsyncFunctionDef) and (opens or takes):
            yield node.body


def opens_a_transaction(item: ast.withitem) -> bool:
    return isinstance(item.context_expr, ast.Call) and name_of(item.context_expr) == "transaction"


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
