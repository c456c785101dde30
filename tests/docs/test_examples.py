"""What the documentation shows is what a reader gets.

A page's blocks run in the order in which they stand, on a machine of their own with a fresh demo shop:

- `sh` in one shell, `graphql` against the gateway; the `json` or `text` block that follows is the answer.
- `…` stands for whatever: an id, a time, the rest of a line; in a `graphql` block `ord_…` is the order seen last.
- An answer may leave its `extensions` out.

A comment above a block says what differs, several with semicolons between them: `not run: why`; `leave running: 8001`
(in a terminal of its own, until something listens there); `as: ada` (with that customer's token; else a member of staff
asks); `after: confirm` or `after: refuse` (what a customer does on the 3D Secure page seen last); `soon` (asked again
until the answer is there).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.docs.answers import fits, is_as_shown
from tests.docs.pages import Block, blocks, name_of, pages
from tests.docs.running import Machine, copy_of, make_demo_shop, token_of

STAFF = "developer --role admin"
_SOON_SECONDS = 20
POSTGRES = "postgres://paydesk:secret@localhost/paydesk"


@dataclass(frozen=True, slots=True)
class Example:
    block: Block
    answer: Block | None

    @property
    def remarks(self) -> dict[str, str]:
        parts = [part.partition(": ") for part in self.block.remark.split("; ")]
        return {name: value for name, _, value in parts}


def examples_of(page: Path) -> list[Example]:
    found = list(blocks(page.read_text(encoding="utf-8")))
    following: list[Block | None] = [*found[1:], None]
    return [
        Example(block, answer if answer is not None and answer.language in ("json", "text") else None)
        for block, answer in zip(found, following, strict=False)
        if block.language in ("sh", "graphql") and not block.remark.startswith("not run: ")
    ]


PAGES = {name_of(page): page for page in pages() if examples_of(page)}


@dataclass(frozen=True, slots=True)
class Shop:
    folder: Path
    tokens: Callable[[str], str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop") / "paydesk"
    make_demo_shop(folder)
    return Shop(folder, cache(partial(token_of, folder)))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_what_a_reader_gets(
    name: str, shop: Shop, tmp_path: Path, new_database_url: NewDatabaseUrl
) -> None:
    examples = examples_of(PAGES[name])
    copy_of(shop.folder, tmp_path / "paydesk")
    words = {POSTGRES: new_database_url(Dialect.POSTGRES, migrated=False)} if _speaks_of(POSTGRES, examples) else {}

    with Machine(tmp_path / "paydesk", words=words, tokens=shop.tokens) as machine:
        if not any(example.remarks.get("leave running") == "8000" for example in examples):
            machine.start_gateway()
        wrong = [problem for example in examples if (problem := _try(example, machine))]

    logged = (tmp_path / "paydesk" / "stderr.log").read_text(encoding="utf-8", errors="replace")
    assert not wrong, f"{name}, " + "\n".join(wrong) + f"\n\nstandard error:\n{logged[-4_000:]}"


def test_the_first_page_and_the_quickstart_are_among_the_examples() -> None:
    assert {"docs/index.md", "docs/quickstart.md"} <= set(PAGES)


@pytest.mark.parametrize(
    ("shown", "got", "same"),
    [
        ({"id": "ord_…"}, {"id": "ord_01"}, True),
        ({"id": "ord_…"}, {"id": "chg_01"}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"data": None}, {"data": None, "extensions": {}}, True),
        ({"data": None}, {"data": None, "errors": []}, False),
        ({"total": 1}, {"total": True}, False),
    ],
)
def test_an_answer_is_compared_but_for_what_the_ellipsis_stands_for(shown: object, got: object, same: bool) -> None:
    assert is_as_shown(shown, got, top=True) is same


def _speaks_of(text: str, examples: list[Example]) -> bool:
    return any(text in example.block.text for example in examples)


def _try(example: Example, machine: Machine) -> str | None:
    """What is wrong with this example, or None."""
    block, answer, remarks = example.block, example.answer, example.remarks
    if port := remarks.get("leave running"):
        machine.leave_running(block.text, port=port)
        return None
    if block.language == "graphql":
        if choice := remarks.get("after"):
            machine.answer_challenge(choice)
        return _try_document(example, machine, wait_seconds=_SOON_SECONDS if "soon" in remarks else 0)
    code, output = machine.run(block.text)
    if code:
        return f"line {block.line}: exit code {code}\n{output}"
    if answer is None or _same_output(answer, output):
        return None
    return f"line {answer.line}: {output}"


def _try_document(example: Example, machine: Machine, *, wait_seconds: float) -> str | None:
    block, answer, remarks = example.block, example.answer, example.remarks
    deadline = time.monotonic() + wait_seconds
    while True:
        got = machine.ask(block.text, subject=remarks.get("as", STAFF))
        if answer is None:
            return f"line {block.line}: {_pretty(got)}" if "errors" in got else None
        if is_as_shown(json.loads(answer.text), got, top=True):
            return None
        if time.monotonic() >= deadline:
            return f"line {answer.line}: {_pretty(got)}"
        time.sleep(0.2)


def _same_output(answer: Block, output: str) -> bool:
    if answer.language == "text":
        return fits(answer.text.strip(), output.strip())
    try:
        got = json.loads(output)
    except json.JSONDecodeError:
        return False
    return is_as_shown(json.loads(answer.text), got, top=True)


def _pretty(answer: object) -> str:
    return json.dumps(answer, indent=2, ensure_ascii=False)
