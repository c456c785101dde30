"""`paydesk` commands without their imports, which are most of what one costs: a second of every core, over and over.

One process has imported the gateway and waits; each command is a child of it, with its own settings, folder and output,
that does what `python server.py …` does from there on. It has a single thread, as a process that forks should.

    asked   {"number": 1, "arguments": ["serve"], "folder": …, "environment": {…}, "output": …, "errors": …}
    told    a line with the child's process id; and once it is gone, its exit code in the file `<number>.code`
"""

import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_WATCH_SECONDS = 0.02


class Command:
    """What `subprocess.Popen` is, as far as tests need it."""

    def __init__(self, pid: int, code: Path, arguments: tuple[str, ...]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._code = code
        self._arguments = arguments

    def poll(self) -> int | None:
        if self.returncode is None and self._code.exists():
            self.returncode = int(self._code.read_text())
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self._arguments, timeout)
            time.sleep(_WATCH_SECONDS)  # as Popen.wait does: it is no child of ours, so nothing else would wake us
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Commands:
    """The process that waits; it ends with the one that began it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._beside = tempfile.TemporaryDirectory(prefix="paydesk-commands-")
        self._folder = Path(self._beside.name)
        self._number = 0
        self._popen = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.server.commands", self._folder],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, *arguments: str, folder: Path, environment: Mapping[str, str], output: Path, errors: Path | None = None
    ) -> Command:
        """`errors` None: with the output."""
        self._number += 1
        asked = {
            "number": self._number,
            "arguments": arguments,
            "folder": str(folder),
            "environment": dict(environment),
            "output": str(output),
            "errors": str(errors or output),
        }
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(asked) + "\n")
        self._popen.stdin.flush()
        pid = int(self._popen.stdout.readline())
        return Command(pid, self._folder / f"{self._number}.code", arguments)


def _wait_for_work(folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    import server

    # What is imported stays shared with the children: the collector would write into every page of it.
    gc.freeze()
    children: dict[int, int] = {}
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], _WATCH_SECONDS if children else None)
        if readable:
            line = sys.stdin.readline()
            if not line:
                break
            asked = json.loads(line)
            pid = os.fork()
            if pid == 0:
                os._exit(_run(server, asked))
            children[pid] = asked["number"]
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
        for pid in list(children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                _tell(folder / f"{children.pop(pid)}.code", os.waitstatus_to_exitcode(status))
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _tell(file: Path, code: int) -> None:
    """Whole or not at all: somebody may be looking."""
    beside = file.with_suffix(".new")
    beside.write_text(str(code))
    beside.rename(file)


def _run(server: Any, asked: dict[str, Any]) -> int:
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    errors = os.open(asked["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for ours, theirs in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(ours, theirs)
    sys.argv = [str(ROOT / "server.py"), *asked["arguments"]]
    try:
        server.main()
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
        return code if isinstance(code, int) else int(code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _wait_for_work(Path(sys.argv[1]))
