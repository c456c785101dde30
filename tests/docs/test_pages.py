"""What can be held about the documentation without running it."""

import ast
import re
from itertools import pairwise
from pathlib import Path
from textwrap import indent
from urllib.parse import unquote

import pytest

from domain.errors import ErrorCode
from tests.docs import generated
from tests.docs.pages import DOCS, ROOT, anchors, blocks, name_of, names_of, pages, prose

ALL = {name_of(page): page for page in pages()}

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PLACE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.py)(?::([\w.]+))?`")
_CODE_IN_THE_SOURCE = re.compile(r'"((?:[A-Z]+_)+[A-Z]+|INTERNAL|UNAUTHENTICATED)"')
_WHERE_REQUESTS_ARE_REFUSED = ("http/*.py", "view.py", "limits.py", "masking.py", "context.py", "pagination.py")


@pytest.mark.parametrize("name", ALL)
def test_every_link_leads_somewhere(name: str) -> None:
    page = ALL[name]
    dead = [link for link in _LINK.findall(prose(page.read_text(encoding="utf-8"))) if not _leads_somewhere(page, link)]

    assert dead == []


@pytest.mark.parametrize("name", [name for name, page in ALL.items() if "generated: " in page.read_text("utf-8")])
def test_what_the_code_knows_is_as_the_code_says(name: str) -> None:
    text = ALL[name].read_text(encoding="utf-8")

    assert text == generated.written(text), f"`make docs` writes {name} anew"


@pytest.mark.parametrize("name", ALL)
def test_every_place_in_the_code_that_a_page_names_is_there(name: str) -> None:
    missing = [
        f"{file}:{part}"
        for file, part in _PLACE.findall(ALL[name].read_text(encoding="utf-8"))
        if not _is_there(ROOT / file, part)
    ]

    assert missing == []


def test_every_page_can_be_reached_from_the_start() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = _LINK.findall(prose(page.read_text(encoding="utf-8")))
        targets = [_target(page, link) for link in links if not _is_foreign(link)]
        waiting += [target for target in targets if target.suffix == ".md" and target.exists()]

    assert set(pages()) - reached == set()


@pytest.mark.parametrize("folder", ["how-to", "concepts", "reference"])
def test_an_index_lists_the_pages_beside_it(folder: str) -> None:
    """The site's navigation is made of these lists; a page that is on none cannot be built."""
    index = DOCS / folder / "index.md"
    listed = re.findall(r"^- \[[^\]]+\]\(([^)]+\.md)\)", index.read_text(encoding="utf-8"), re.MULTILINE)

    pages_beside = {page.name for page in index.parent.glob("*.md")} - {"index.md"}
    pages_below = {f"{page.parent.name}/index.md" for page in index.parent.glob("*/index.md")}

    assert sorted(listed) == sorted(pages_beside | pages_below)


def test_the_codes_of_errors_are_those_of_the_source() -> None:
    named = {
        code
        for pattern in _WHERE_REQUESTS_ARE_REFUSED
        for file in (ROOT / "schema").glob(pattern)
        for code in _CODE_IN_THE_SOURCE.findall(file.read_text(encoding="utf-8"))
    }
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    table = page.partition("## Errors of a request")[2].partition("\n## ")[0]

    listed = {
        code for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for code in re.findall(r"`(\w+)`", cell)
    }

    assert named - listed == set()
    assert listed - named - set(ErrorCode) == set()


@pytest.mark.parametrize("name", ALL)
def test_what_a_page_shows_of_a_program_is_in_it(name: str) -> None:
    shown = [
        (block, ROOT / block.remark.removeprefix("from: "))
        for block in blocks(ALL[name].read_text(encoding="utf-8"))
        if block.remark.startswith("from: ")
    ]

    assert [f"line {block.line}: {file.name}" for block, file in shown if not _is_part(block.text, file)] == []


@pytest.mark.parametrize("name", ALL)
def test_headings_go_down_one_level_at_a_time(name: str) -> None:
    text = prose(ALL[name].read_text(encoding="utf-8"))
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]

    assert levels[:1] == [1]
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("name", ALL)
def test_every_fence_is_closed_and_says_its_language(name: str) -> None:
    text = ALL[name].read_text(encoding="utf-8")

    assert text.count("\n```") == 2 * len(list(blocks(text)))


def _leads_somewhere(page: Path, link: str) -> bool:
    if _is_foreign(link):
        return True
    target = _target(page, link)
    if not target.exists():
        return False
    _, _, anchor = link.partition("#")
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def _is_foreign(link: str) -> bool:
    return link.startswith(("https://", "http://", "mailto:"))


def _target(page: Path, link: str) -> Path:
    file, _, _ = link.partition("#")
    return (page.parent / unquote(file)).resolve() if file else page


def _is_there(file: Path, part: str) -> bool:
    """`file.py:Class.method`, `file.py:function` or `file.py:CONSTANT`."""
    if not file.exists():
        return False
    scope = ast.parse(file.read_text(encoding="utf-8")).body
    for name in filter(None, part.split(".")):
        found = next((node for node in scope if name in names_of(node)), None)
        if found is None:
            return False
        scope = getattr(found, "body", [])
    return True


def _is_part(text: str, file: Path) -> bool:
    """However far to the right it stands in the file."""
    source = file.read_text(encoding="utf-8")
    return any(indent(text, " " * depth) in source for depth in range(0, 24, 2))
