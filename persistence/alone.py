"""One gateway on one SQLite file, unless the operator asks for more.

SQLite takes one writer at a time, and a second gateway is more often a mistake (an old container that was not stopped,
two replicas on one volume) than a plan. So each holds a lock on a file beside the database for as long as it lives. It
is the kernel's: whoever is killed with -9 has given it back. Not on the database itself, whose own locks a process
loses when it closes any other handle of the same file.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from persistence.address import SqliteAddress, parse_address
from persistence.failures import DatabaseUnavailable
from persistence.sqlite import create_file

_SUFFIX: Final = "-gateway"
"""Beside SQLite's own `-wal` and `-shm`. The file stays: two that delete and make it anew could both have a lock."""


@contextmanager
def alone_on(url: str, *, shared: bool) -> Iterator[None]:
    """While the block runs, no other gateway has this SQLite file; with `shared`, none that has not asked to share it.

    Raises DatabaseUnavailable when another one has. On PostgreSQL any number may run, and this does nothing.
    """
    address = parse_address(url)
    if not isinstance(address, SqliteAddress):
        yield
        return
    # Through a link it is the same database.
    database = address.path.resolve()
    create_file(database)
    file = _opened(database.with_name(database.name + _SUFFIX))
    try:
        _lock(file, database, shared=shared)
        yield
    finally:
        # The lock goes with it.
        os.close(file)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"{path} cannot be written ({error.strerror})") from None


def _lock(file: int, database: Path, *, shared: bool) -> None:
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DatabaseUnavailable(
            f"{database} is in use by another gateway or worker (process {_holder(file)}). SQLite is for one: stop "
            "that one, use PostgreSQL, or set PAYDESK_SQLITE_SHARED=true for all that are meant to share the file."
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)


def _holder(file: int) -> str:
    """Of several that share it, the last that came; in another container its number means something else."""
    return os.pread(file, 20, 0).decode("ascii", "replace") or "unknown"
