"""Nothing is spawned inside a transaction.

A task that outlives the block writes to a connection that was given back, and one that does not makes two statements
share it. The connection refuses the first at run time; this finds both when the code is written.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "adapters", "persistence", "schema")
SPAWNING = {"create_task", "ensure_future", "gather", "TaskGroup", "to_thread", "run_in_executor", "wait_for"}


def sources() -> list[Path]:
    return [ROOT / "server.py", *(path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")))]


def test_no_transaction_spawns_a_task() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in sources() if path.exists() for line in spawned(path.read_text())
    ]

    assert found == []


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
    return [
        call.lineno
        for block in ast.walk(ast.parse(program))
        if isinstance(block, ast.AsyncWith) and any(opens_a_transaction(item) for item in block.items)
        for statement in block.body
        for call in ast.walk(statement)
        if isinstance(call, ast.Call) and name_of(call) in SPAWNING
    ]


def opens_a_transaction(item: ast.withitem) -> bool:
    return isinstance(item.context_expr, ast.Call) and name_of(item.context_expr) == "transaction"


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
