"""The code that the rules read, and what they say of it."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
FLOORS = ("domain", "adapters", "persistence", "schema")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    """Its path, from the root of the repository: `domain/money.py`."""
    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    """All of the tree."""

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").replace("/", ".")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    name: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.name}:{self.line}: {self.why}"


def read(name: str, text: str) -> Source:
    tree = ast.parse(text)
    return Source(name, tree, tuple(ast.walk(tree)))


def gateway() -> list[Source]:
    """All that is installed; not its tests."""
    files = [ROOT / "server.py", *(file for floor in FLOORS for file in sorted((ROOT / floor).rglob("*.py")))]
    return [
        read(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
        for file in files
        if "node_modules" not in file.parts
    ]


def within(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """What runs when these run: all below, but the bodies of functions and classes that are only defined there."""
    for node in nodes:
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            yield from within(list(ast.iter_child_nodes(node)))


def last_name(node: ast.AST | None) -> str | None:
    """`c` of `a.b.c`, of `c`, of `c[...]`, and of the text "c", as annotations have it."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
        case ast.Constant(value=str(text)):
            return text.split("[")[0].rpartition(".")[2]
        case _:
            return None
