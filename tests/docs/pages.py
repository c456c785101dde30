"""The pages of the documentation, and the pieces of Markdown that tests look at."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"

_FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\n\Z")
_HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `remark` is the HTML comment on the line above it, which readers do not see."""

    language: str
    text: str
    line: int
    remark: str


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(set(DOCS.rglob("*.md")) - set(EXAMPLES.rglob("*.md")))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str) -> Iterator[Block]:
    for found in _FENCE.finditer(text):
        above = _COMMENT.search(text[: found.start()])
        yield Block(
            language=found[1],
            text=found[2],
            line=text.count("\n", 0, found.start()) + 1,
            remark=above[1] if above else "",
        )


def prose(text: str) -> str:
    """Without the fenced blocks."""
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings: lower case, no punctuation, hyphens for spaces."""
    slugs: set[str] = set()
    for heading in _HEADING.findall(prose(text)):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        slugs.add(slug if slug not in slugs else f"{slug}-1")
    return slugs


def names_of(node: ast.stmt) -> list[str]:
    """What this statement of a module or class defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
