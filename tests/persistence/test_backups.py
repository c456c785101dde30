"""Another process at the same SQLite file: a backup, or somebody with `sqlite3` at the command line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.principals import Permission
from domain.services.api_keys import ApiKeyService
from persistence.database import Database
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.keys import make_key
from tests.services.shop import MovableClock

HOLD_SECONDS = 0.7
"""Longer than SQLite's own busy handler waits for us at a time."""
HOLD = """
import sqlite3, sys, time
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
writer.execute("COMMIT")
"""


@pytest.mark.fault("F41")
@pytest.mark.parametrize("dialect", [Dialect.SQLITE])
async def test_a_write_waits_for_another_process_to_be_done(database: Database, database_url: str) -> None:
    file = Path(database_url.removeprefix("sqlite://"))
    with holding(file) as other:
        keys = ApiKeyService(store=TortoiseStore(database), clock=MovableClock())
        key, _ = await make_key(keys, "made meanwhile", frozenset({Permission.KEYS_READ}))

    assert other.returncode == 0
    assert [each.id for each in await keys.all()] == [key.id]


@contextmanager
def holding(file: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(file), str(HOLD_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        yield other
