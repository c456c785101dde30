"""Databases for tests: fixtures that run a test on SQLite and on PostgreSQL.

- `database_url`: a database of its own for each test, on both kinds, with the tables that the migrations make.
- `database`: the same, opened.
- `new_database_url(dialect)`: for a test that wants one kind only, or several databases; `migrated=False` for an
  empty one.

One PostgreSQL serves the whole run, also under xdist: whoever needs it first starts it (see `postgres_server`), and
it ends with the process that started the run. The tables are made once in a template and copied for each test.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import asyncpg  # type: ignore[import-untyped]
import pytest

from persistence.database import Database
from persistence.orm import PAYDESK, App
from persistence.sql import Dialect

ROOT = Path(__file__).parents[1]

# The folder that the processes of one run share; the variable is inherited by xdist's workers.
RUN_FOLDER = "PAYDESK_TEST_RUN_FOLDER"

_START_SECONDS = 60


class NewDatabaseUrl(Protocol):
    def __call__(self, dialect: Dialect, *, app: App = PAYDESK, migrated: bool = True) -> str: ...


@pytest.fixture
def new_database_url(tmp_path: Path) -> Iterator[NewDatabaseUrl]:
    with ExitStack() as made:

        def make(dialect: Dialect, *, app: App = PAYDESK, migrated: bool = True) -> str:
            return made.enter_context(temporary_database(dialect, tmp_path, app=app, migrated=migrated))

        yield make


@contextmanager
def temporary_database(dialect: Dialect, folder: Path, *, app: App = PAYDESK, migrated: bool = True) -> Iterator[str]:
    """The URL of a new one, which is gone afterwards; `folder` holds the file of SQLite."""
    if dialect is Dialect.SQLITE:
        yield _new_sqlite(folder, app, migrated=migrated)
        return
    url = _new_postgres(app, migrated=migrated)
    yield url
    server, _, name = url.rpartition("/")
    _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def backup_of(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Copies a database that nobody has open, as a backup does; the URL of the copy."""
    made: list[str] = []

    def copy(url: str) -> str:
        if url.startswith("sqlite"):
            path = tmp_path / f"{uuid.uuid4().hex}.sqlite3"
            shutil.copyfile(url.removeprefix("sqlite://"), path)
            return f"sqlite://{path}"
        server, _, original = url.rpartition("/")
        name = f"test_{uuid.uuid4().hex}"
        _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
        made.append(f"{server}/{name}")
        return made[-1]

    yield copy
    for url in made:
        server, _, name = url.rpartition("/")
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=list(Dialect), ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return Dialect(request.param)


@pytest.fixture
def database_url(dialect: Dialect, new_database_url: NewDatabaseUrl) -> str:
    return new_database_url(dialect)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


def pytest_configure(config: pytest.Config) -> None:
    if RUN_FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="paydesk-tests-"))
        os.environ[RUN_FOLDER] = str(folder)
        config.add_cleanup(lambda: _end_run(folder))


def _end_run(folder: Path) -> None:
    del os.environ[RUN_FOLDER]
    if (folder / "server.pid").exists():
        # The server takes the folder along.
        os.kill(int((folder / "server.pid").read_text()), 15)
        deadline = time.monotonic() + 15
        while folder.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def _new_sqlite(folder: Path, app: App, *, migrated: bool) -> str:
    path = folder / f"{uuid.uuid4().hex}.sqlite3"
    if migrated:
        shutil.copyfile(_sqlite_template(app), path)
    return f"sqlite://{path}"


def _new_postgres(app: App, *, migrated: bool) -> str:
    template = _postgres_template(app) if migrated else "template0"
    name = f"test_{uuid.uuid4().hex}"
    server = postgres_server()
    _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"{server}/{name}"


@cache
def postgres_server() -> str:
    """The URL of the run's server, without a database; starts it when nobody has."""
    folder = _run_folder()
    url = folder / "postgres.url"
    with _locked(folder / "server.lock"):
        if not url.exists():
            _start_server(folder)
            _wait_for(url)
    return url.read_text()


@cache
def _sqlite_template(app: App) -> Path:
    path = _run_folder() / f"template_{app.label}.sqlite3"
    with _locked(path.with_suffix(".lock")):
        if not path.exists():
            unfinished = path.with_suffix(".new")
            _migrate(f"sqlite://{unfinished}", app)
            unfinished.rename(path)
    return path


@cache
def _postgres_template(app: App) -> str:
    name = f"template_{app.label}"
    server = postgres_server()
    finished = _run_folder() / f"{name}.finished"
    with _locked(finished.with_suffix(".lock")):
        if not finished.exists():
            _administer(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
            _migrate(f"{server}/{name}", app)
            finished.touch()
    return name


def _migrate(url: str, app: App) -> None:
    """In a process of its own: Tortoise's models speak one dialect at a time in each process."""
    program = (
        "import asyncio, sys\n"
        "from persistence.database import Database\n"
        "from persistence.migrate import migrate\n"
        "from persistence.orm import App\n"
        "async def main(url, *app):\n"
        "    database = await Database.open(url, app=App(*app))\n"
        "    await migrate(database)\n"
        "    await database.close()\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, url, app.label, app.models, app.migrations],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise AssertionError(f"the migrations of {app.label} fail on {url.partition(':')[0]}:\n{done.stderr}")


def _start_server(folder: Path) -> None:
    owner = _owner_of_the_run()
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "postgres_server.py", folder, str(owner)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / "server.pid").write_text(str(server.pid))
    # Popen would warn that its process still runs; it is ended by `_end_run`.
    server.returncode = 0


def _owner_of_the_run() -> int:
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _wait_for(url: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not url.exists():
        if time.monotonic() > deadline:
            logs = [path.read_text(errors="replace") for path in sorted(url.parent.glob("*.log"))]
            raise AssertionError("PostgreSQL did not start:\n" + "\n".join(logs))
        time.sleep(0.05)


def _administer(server: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(f"{server}/postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    _in_a_thread(execute)


def _in_a_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A fixture without `async` may run beside a running event loop, so this one has a thread of its own."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # handed to the caller below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for failure in failures:
        raise failure


def _run_folder() -> Path:
    return Path(os.environ[RUN_FOLDER])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
