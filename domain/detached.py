"""Work that outlives the request that began it.

Once a provider has been asked, the answer has to be booked whether or not the client still listens. Such work runs in
tasks of its own, each with an empty context, so that nothing of the request (least of all a database connection) goes
along; on shutdown they are given time to end.
"""

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_log = logging.getLogger("paydesk.detached")


class Detached:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def wait(self, task: asyncio.Task[T], *, at_most_seconds: float) -> bool:
        """Whether the work ended in that time. It goes on if it did not, or if the caller is cancelled."""
        done, _ = await asyncio.wait({task}, timeout=at_most_seconds)
        return bool(done)

    async def drain(self, *, grace_seconds: float) -> int:
        """Let everything end; return how many did not. Their jobs finish the story after the next start."""
        deadline = asyncio.get_running_loop().time() + grace_seconds
        pending = set(self._tasks)
        while pending and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(pending, timeout=left)
            pending = set(self._tasks)  # what ended may have begun something else
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=1)
        return len(pending)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("detached work %s failed; its job goes on with it", task.get_name(), exc_info=error)
