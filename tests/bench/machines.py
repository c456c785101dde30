"""What the benches run on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import ROOT

_START_SECONDS = 60
_DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "autovacuum=on")


@contextmanager
def postgres(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """The server that the tests use. It does without fsync, which reading does not notice; `durable` has it as it is
    in production, for a commit is the dearest part of a write.
    """
    folder.mkdir(mode=0o755)
    command = [sys.executable, str(ROOT / "tests" / "postgres_server.py"), str(folder), str(os.getpid())]
    command += _DURABLE if durable else ()
    with (folder / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not (folder / "postgres.url").exists():
                if time.monotonic() > deadline:
                    raise TimeoutError((folder / "server.log").read_text(encoding="utf-8", errors="replace"))
                time.sleep(0.05)
            yield f"{(folder / 'postgres.url').read_text()}/postgres"
        finally:
            server.terminate()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
