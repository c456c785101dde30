"""Which user errors each mutation can answer with, as the tests have seen it.

`refusals.toml` is what the reference shows. A test that is refused with a code that is not in it fails, so it lacks
none that is tested. A run of all the tests fails when it has a code that no test saw. With `PAYDESK_TEST_REWRITE=1` it
is written anew.
"""

import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

from domain.errors import ErrorCode

FILE = Path(__file__).with_suffix(".toml")
REWRITES = os.environ.get("PAYDESK_TEST_REWRITE") == "1"

_SEEN = pytest.StashKey[Path]()
_FOLDER = "PAYDESK_TEST_REFUSALS"
"""Where the processes of one run note what they saw: a file for each pair of mutation and code."""


@cache
def recorded() -> Mapping[str, tuple[str, ...]]:
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {mutation: tuple(codes) for mutation, codes in found.items()}


def saw(mutation: str, codes: Iterable[str]) -> None:
    """Called with every payload that a test gets."""
    for code in codes:
        if folder := os.environ.get(_FOLDER):
            (Path(folder) / f"{mutation}.{code}").touch()
        assert REWRITES or code in recorded().get(mutation, ()), (
            f"{mutation} answered {code}, which {FILE.name} does not have: PAYDESK_TEST_REWRITE=1 adds it"
        )


# --- one run of all the tests -----------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    if _FOLDER not in os.environ:  # the first process of the run; those of xdist inherit it
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="paydesk-refusals-")
        config.stash[_SEEN] = Path(os.environ[_FOLDER])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = session.config.stash.get(_SEEN, None)
    if folder is None:
        return
    os.environ.pop(_FOLDER, None)
    seen = sorted(tuple(note.name.split(".")) for note in folder.iterdir())
    shutil.rmtree(folder)
    if REWRITES:
        _write(seen, whole=_is_whole(session) and exitstatus == 0)
    elif _is_whole(session) and exitstatus == 0:
        unseen = {(name, code) for name, codes in recorded().items() for code in codes} - set(seen)
        if unseen:
            told = ", ".join(f"{name} {code}" for name, code in sorted(unseen))
            session.config.get_terminal_writer().line(f"{FILE.name} has what no test saw: {told}", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_whole(session: pytest.Session) -> bool:
    chosen = session.config.option
    return session.config.args_source is pytest.Config.ArgsSource.TESTPATHS and not (chosen.keyword or chosen.markexpr)


def _write(seen: Iterable[tuple[str, ...]], *, whole: bool) -> None:
    """In the order of `ErrorCode`; a part of the tests adds, all of them also take away."""
    known = {name: set(codes) for name, codes in recorded().items()} if FILE.exists() and not whole else {}
    for name, code in seen:
        known.setdefault(name, set()).add(code)
    order = list(ErrorCode)
    lines = ["# Written by the tests; see refusals.py."]
    for name, codes in sorted(known.items()):
        lines.append(f"{name} = [")
        lines += [f'    "{code}",' for code in sorted(codes, key=lambda code: order.index(ErrorCode(code)))]
        lines.append("]")
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
