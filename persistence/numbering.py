"""Giving events their numbers on PostgreSQL: the order of commits, made after the commit.

A position is handed out while a transaction writes, so one that took a lower position may commit later, behind a reader
who has passed it. Numbers are therefore given to what is committed already, by one at a time: whoever holds the lock
takes what waits, oldest first, and commits. What commits meanwhile gets a higher number, next time.

So nothing waits for a long transaction, of ours or of anybody else in the same cluster, and a number means the same
after the database was dumped and restored; both are not so with transaction ids and snapshots. The cost is a
transaction of its own for each burst of commits: two statements and a NOTIFY, off the path of any request. NOTIFY takes
a lock of the whole cluster until its commit is on the disk, which is why the transactions that move money do not send
it themselves.

Who dies in between loses nothing: what has no number waits for the next who looks.
"""

import asyncio
import contextvars
import logging
from typing import Final

from persistence.connections import Connection
from persistence.database import Database

CHANNEL: Final = "paydesk_feed"
BATCH: Final = 1_000
"""Events numbered in one transaction, some 30 ms of work; a backlog of any size is a number of these."""
PAUSE_SECONDS: Final = 0.01
"""Between two transactions of one process: bounds their number under load, and is not noticed by who waits."""
LONGEST_WAIT_SECONDS: Final = 0.5
"""Between two looks while another process has the lock. Nobody who waits for it holds a connection of the pool."""

# Any number that nothing else in the same database uses as an advisory lock.
_ADVISORY_LOCK: Final = 7_034_521_108

_ANY_WAITS: Final = "SELECT 1 AS waits FROM event_feed WHERE sequence IS NULL LIMIT 1"

# What is committed when this statement begins, under the lock: a statement of its own, or it would not see what its
# predecessor has just numbered. Position decides among those that wait, so of two commits one after the other the first
# has the lower number.
_NUMBER: Final = """
    WITH last AS MATERIALIZED (
        SELECT COALESCE(MAX(sequence), 0) AS sequence FROM event_feed
    ), oldest AS MATERIALIZED (
        SELECT position FROM event_feed WHERE sequence IS NULL ORDER BY position LIMIT $1
    ), numbered AS MATERIALIZED (
        SELECT position, ROW_NUMBER() OVER (ORDER BY position) AS nth FROM oldest
    )
    UPDATE event_feed SET sequence = last.sequence + numbered.nth
    FROM last, numbered WHERE event_feed.position = numbered.position
"""

_log = logging.getLogger(__name__)


class Numbering:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self._wanted = False
        self._one_at_a_time = asyncio.Lock()

    def soon(self) -> None:
        """After a commit: in a task of its own, so that whoever has committed does not wait."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name="numbering of events", context=contextvars.Context()
            )

    async def all_that_waits(self) -> None:
        """Everything that is committed by now has a number when this returns."""
        async with self._one_at_a_time:
            wait = PAUSE_SECONDS
            while await self._any_waits():
                numbered = await self._database.run(_number)
                if numbered is None:
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                elif numbered < BATCH:
                    return

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self.all_that_waits()
            except Exception:
                # The next commit or reader finds them waiting.
                _log.exception("events could not be numbered")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _any_waits(self) -> bool:
        """Looked at without the lock: most who ask find that another was faster."""
        async with self._database.reader() as connection:
            return await connection.fetch_one(_ANY_WAITS) is not None


async def _number(connection: Connection) -> int | None:
    """How many it has numbered; None when another process is at it, which is not waited for with a connection."""
    row = await connection.fetch_one("SELECT pg_try_advisory_xact_lock($1) AS mine", _ADVISORY_LOCK)
    if row is None or not row["mine"]:
        return None
    numbered = await connection.execute(_NUMBER, BATCH)
    if numbered:
        await connection.fetch_one("SELECT pg_notify($1, '')", CHANNEL)
    return numbered
