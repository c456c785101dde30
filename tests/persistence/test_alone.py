"""One gateway has a SQLite file for itself, unless all who use it were asked to share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from persistence.alone import alone_on
from persistence.database import DatabaseUnavailable
from tests.databases import ROOT

HOLD = """
import sys
from persistence.alone import alone_on
with alone_on(sys.argv[1], shared=False):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/shop/paydesk.sqlite3"


@pytest.mark.parametrize(("first", "second"), [(False, False), (False, True), (True, False)])
def test_a_second_gateway_is_refused_unless_both_were_asked_to_share(url: str, first: bool, second: bool) -> None:
    with (
        alone_on(url, shared=first),
        pytest.raises(DatabaseUnavailable, match=rf"in use by another gateway or worker \(process {os.getpid()}\)"),
        alone_on(url, shared=second),
    ):
        raise AssertionError("it was let in")
    with alone_on(url, shared=second):
        pass


def test_any_number_may_share(url: str) -> None:
    with alone_on(url, shared=True), alone_on(url, shared=True), alone_on(url, shared=True):
        pass


def test_a_link_leads_to_the_same_database(url: str, tmp_path: Path) -> None:
    with alone_on(url, shared=False):
        link = tmp_path / "link.sqlite3"
        link.symlink_to(tmp_path / "shop" / "paydesk.sqlite3")
        with pytest.raises(DatabaseUnavailable), alone_on(f"sqlite://{link}", shared=False):
            raise AssertionError("it was let in")


def test_whoever_is_killed_has_given_the_file_back(url: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatabaseUnavailable, match=f"process {holder.pid}"), alone_on(url, shared=False):
            raise AssertionError("it was let in")
        holder.kill()
        holder.wait()
    with alone_on(url, shared=False):
        pass


def test_a_place_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DatabaseUnavailable, match="cannot be opened"),
        alone_on(f"sqlite://{tmp_path}/file/x", shared=False),
    ):
        raise AssertionError("it was let in")


def test_on_postgresql_nobody_is_alone() -> None:
    url = "postgres://paydesk@127.0.0.1:1/paydesk"
    with alone_on(url, shared=False), alone_on(url, shared=False):
        pass
