"""A reader's machine: a folder with `.venv`, a shell, and a gateway with the demo shop."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from tests.docs.pages import ROOT
from tests.server.commands import Command
from tests.server.processes import commands

_START_SECONDS = 120
"""A cold start takes two seconds. While other tests keep every core busy it has taken more than thirty."""
_BLOCK_SECONDS = 120
_END = "\x1e"
_ID = re.compile(r"\b([a-z]{2,5})_[0-9a-hjkmnp-tv-z]{26}\b")
_CHALLENGE = re.compile(r'http://[^"]*/fake/3ds/[^"]*')
_ID_OF_THE_READER = re.compile(r"\b([a-z]{2,5})_…")


def _first_event(answer: httpx.Response) -> str:
    return next(line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: "))


def make_demo_shop(folder: Path) -> None:
    _machine(folder)
    done = subprocess.run(
        [".venv/bin/paydesk", "demo"],
        cwd=folder,
        env=_environment() | {"PAYDESK_ENVIRONMENT": "development"},
        check=False,
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
    )
    assert done.returncode == 0, f"paydesk demo ends with {done.returncode}:\n{done.stderr[-4_000:]}"


def token_of(folder: Path, subject: str) -> str:
    """Good on every copy of the shop: the secret that signs it is in the database."""
    return subprocess.run(
        [".venv/bin/paydesk", "token", *subject.split()],
        cwd=folder,
        env=_environment() | {"PAYDESK_ENVIRONMENT": "development"},
        check=True,
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
    ).stdout.strip()


def copy_of(shop: Path, folder: Path) -> None:
    _machine(folder)
    for file in shop.glob("*.sqlite3*"):
        shutil.copyfile(file, folder / file.name)


def _machine(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".venv").symlink_to(sys.prefix)
    # The emulators are started in the folder of the source.
    (folder / "tests").symlink_to(ROOT / "tests")


class Machine:
    """What one page's examples run on. Its ports are free ones; the page's own are replaced in what it says."""

    def __init__(self, folder: Path, *, words: dict[str, str], tokens: Callable[[str], str]) -> None:
        self._folder = folder
        self._port, self._bank_port = _free_port(), _free_port()
        self._words = words | {"8000": str(self._port), "8001": str(self._bank_port)}
        self._environment = _environment() | {"PAYDESK_PORT": str(self._port)}
        self._running = ExitStack()
        self._latest: dict[str, str] = {}
        self._tokens = tokens
        self._challenge = ""

    def __enter__(self) -> Self:
        self._shell = self._running.enter_context(_process(["bash"], self._folder, self._environment, stdin=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def start_gateway(self, **settings: str) -> None:
        """For a page that begins with a gateway which runs already; a page that says how to start one does so."""
        log = self._folder / "stderr.log"
        environment = self._environment | {"PAYDESK_ENVIRONMENT": "development"} | settings
        started = commands().start("serve", folder=self._folder, environment=environment, output=log)
        self._running.callback(_end, started)
        self._wait_for("8000", started)

    def leave_running(self, script: str, *, port: str) -> None:
        """Run it beside the shell, as in a terminal of its own, until the page is read."""
        command = ["bash", "-c", self.here(script)]
        self._wait_for(port, self._running.enter_context(_process(command, self._folder, self._environment)))

    def _wait_for(self, port: str, started: subprocess.Popen[bytes] | Command) -> None:
        try:
            _wait_for_port(int(self._words[port]), started)
        except AssertionError as error:
            logged = (self._folder / "stderr.log").read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"{error}\n{logged[-4_000:]}") from None

    def run(self, script: str) -> tuple[int, str]:
        """The exit code and the output of a block in the reader's shell."""
        stdin, stdout = _pipe(self._shell.stdin), _pipe(self._shell.stdout)
        stdin.write(f"{self.here(script)}\nprintf '\\n{_END}%s\\n' $?\n".encode())
        stdin.flush()
        lines: list[str] = []
        while not (line := stdout.readline().decode()).startswith(_END):
            if not line:
                raise AssertionError(f"the shell ended:\n{''.join(lines)}")
            lines.append(line)
        output = self._as_in_the_page("".join(lines).removesuffix("\n"))
        self._remember(output)
        return int(line.removeprefix(_END)), output

    def ask(
        self,
        document: str,
        *,
        subject: str,
        operation: str | None = None,
        variables: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """Send a document as GraphiQL would; `ord_…` stands for the order that was seen last.

        Of a subscription it is the first message.
        """
        query = _ID_OF_THE_READER.sub(lambda found: self._latest[found[1]], self.here(document))
        follows = query.lstrip().startswith("subscription")
        with httpx.stream(
            "POST",
            f"http://127.0.0.1:{self._port}/graphql",
            json={"query": query, "operationName": operation, "variables": variables},
            headers={
                "Authorization": f"Bearer {self._tokens(subject)}",
                "Accept": "text/event-stream" if follows else "application/json",
            },
            timeout=_BLOCK_SECONDS,
            trust_env=False,
        ) as answer:
            text = _first_event(answer) if follows else answer.read().decode()
        self._remember(text)
        payload: dict[str, object] = httpx.Response(200, text=self._as_in_the_page(text)).json()
        return payload

    def answer_challenge(self, choice: str) -> str:
        """Press a button of the 3D Secure page that was seen last; where that leads."""
        answer = httpx.post(self._challenge, data={"answer": choice}, trust_env=False)
        return str(answer.headers.get("location", ""))

    def _remember(self, answer: str) -> None:
        for found in _ID.finditer(answer):
            self._latest[found[1]] = found[0]
        for found in _CHALLENGE.finditer(answer):
            self._challenge = self.here(found[0])

    def here(self, script: str) -> str:
        for theirs, ours in self._words.items():
            script = re.sub(rf"(?<!\d){re.escape(theirs)}(?!\d)", ours, script)
        return script

    def _as_in_the_page(self, output: str) -> str:
        for theirs, ours in self._words.items():
            output = output.replace(ours, theirs)
        return output


def _environment() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PAYDESK_", "STRIPE_", "BRAINTREE_"))
    }
    return kept | {"NO_PROXY": "*", "no_proxy": "*", "PYTHONWARNINGS": "default"}


@contextmanager
def _process(
    command: list[str], folder: Path, environment: dict[str, str], *, stdin: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """In a group of its own, which ends as a whole; its standard error goes to a file that failures show."""
    with (folder / "stderr.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdin else log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()


def _end(command: Command) -> None:
    command.terminate()
    try:
        command.wait(timeout=20)
    except subprocess.TimeoutExpired:
        command.kill()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for_port(port: int, process: subprocess.Popen[bytes] | Command) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}: the process ended with {process.poll()}")
