"""A PostgreSQL that can be stopped as a power cut stops it, and started again."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.postgres_server import as_nobody, binaries, free_port, initialise, wait_until_ready

_SETTINGS = {
    # What decides about what survives is as PostgreSQL has it: fsync, synchronous_commit, full_page_writes.
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
}
_END_SECONDS = 30.0


class Postgres:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._programs = binaries(folder)
        with self._log.open("wb") as log:
            initialise(self._programs, self._data, log)
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    async def start(self) -> None:
        self._server = self._begin()
        await asyncio.to_thread(wait_until_ready, self._server, self._data)

    async def restart_immediately(self, *, away_seconds: float = 0.0) -> None:
        """What `pg_ctl restart -m immediate` does: every session is cut off, and the start recovers from the log.

        `away_seconds`: how long nobody listens at least, for a server whose files are in memory is back in no time.
        """
        restarting = asyncio.create_task(self._restart(away_seconds))
        try:
            await asyncio.shield(restarting)
        except asyncio.CancelledError:
            # The storm is over in the middle of it: what was stopped comes back all the same.
            await restarting
            raise

    async def _restart(self, away_seconds: float) -> None:
        await self.stop()
        await asyncio.sleep(away_seconds)
        await self.start()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            await asyncio.to_thread(self._server.wait, _END_SECONDS)

    def _begin(self) -> "subprocess.Popen[bytes]":
        arguments = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self._port), "-k", self._data, *arguments],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_nobody(),
            )


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Postgres]:
    server = await asyncio.to_thread(Postgres, folder)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
