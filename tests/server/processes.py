"""The `paydesk` command as its users run it: a process of its own, in a folder of its own, with its own settings.

Tests start a hundred of them, so they are children of one that has imported the gateway (`tests.server.commands`). That
`python server.py` and the installed command come up too is shown by the documentation's examples, chaos and benchmarks.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx

from tests.databases import ROOT
from tests.server.commands import Command, Commands

PAYDESK = (sys.executable, ROOT / "server.py")

ADMIN_KEY = "a-key-for-tests-that-opens-everything"
RETURN_URL = "https://shop.example/thanks?order=1"

START_SECONDS = 40.0
"""Two seconds on an idle machine; a test run keeps every core busy."""
END_SECONDS = 20.0

Settings = Mapping[str, str]


def settings(database_url: str, folder: Path, **more: str) -> dict[str, str]:
    """A sandbox's settings. `more` are settings without their prefix, such as `worker="false"`."""
    chosen = {
        "environment": "sandbox",
        "database_url": database_url,
        "provider": "fake",
        "admin_key": ADMIN_KEY,
        "return_urls": "https://shop.example",
        "fake_books": str(folder / "books.sqlite3"),
    }
    return {f"PAYDESK_{name.upper()}": value for name, value in (chosen | more).items()}


def run_paydesk(*arguments: str, settings: Settings, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    with tempfile.TemporaryDirectory() as beside:
        output, errors = Path(beside, "output"), Path(beside, "errors")
        command = commands().start(
            *arguments, folder=folder, environment=_environment(settings), output=output, errors=errors
        )
        try:
            code = command.wait(START_SECONDS)
        finally:
            command.kill()
        return subprocess.CompletedProcess(arguments, code, output.read_text(), errors.read_text())


@cache
def commands() -> Commands:
    return Commands(_environment({}))


@dataclass
class Process:
    """A command that runs until it is ended. Its output goes to a file, so that a full pipe never stops it."""

    popen: subprocess.Popen[bytes] | Command
    log: Path
    address: str = ""
    settings: Settings = field(default_factory=dict)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def terminate(self) -> int:
        """Ask it to end, and give its exit code."""
        self.popen.terminate()
        return self.popen.wait(END_SECONDS)

    def kill(self) -> None:
        """`kill -9`: nothing of it runs after this."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(END_SECONDS)


@contextmanager
def paydesk(*arguments: str, settings: Settings, folder: Path) -> Iterator[Process]:
    log = _next_log(folder, arguments[0])
    command = commands().start(*arguments, folder=folder, environment=_environment(settings), output=log)
    process = Process(command, log, settings=settings)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.kill()


def start(*command: str | Path, name: str, settings: Settings, folder: Path) -> Process:
    """Runs until somebody ends it. `name` is what its log is called after."""
    log = _next_log(folder, name)
    with log.open("wb") as output:
        popen = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Process(popen, log, settings=settings)


def _next_log(folder: Path, name: str) -> Path:
    return folder / f"{len(list(folder.glob('*.log')))}-{name}.log"


@contextmanager
def serving(settings: Settings, folder: Path) -> Iterator[Process]:
    """`paydesk serve` on a free port, ready for requests."""
    port = free_port()
    with paydesk("serve", settings={**settings, "PAYDESK_PORT": str(port)}, folder=folder) as gateway:
        gateway.address = f"http://127.0.0.1:{port}"
        wait_until_answering(gateway, "/readyz")
        yield gateway


@contextmanager
def fake_bank(settings: Settings, folder: Path) -> Iterator[Process]:
    """`paydesk fake-provider` on a free port."""
    port = free_port()
    with paydesk("fake-provider", "--port", str(port), settings=settings, folder=folder) as bank:
        bank.address = f"http://127.0.0.1:{port}"
        wait_until_answering(bank, "/healthz")
        yield bank


def wait_until_answering(process: Process, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.popen.poll() is None, f"it stopped by itself:\n{process.output}"
        try:
            if httpx.get(process.address + path, trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"it did not answer in {START_SECONDS:.0f} s:\n{process.output}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _environment(settings: Settings) -> dict[str, str]:
    # No `.env` of whoever runs the tests; and a coloured log could not be searched.
    return os.environ | {"PAYDESK_ENV_FILE": "", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"} | dict(settings)
