"""Work that has to run to its end, whoever is cancelled meanwhile."""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Awaits the work in a task of its own; a cancellation of the caller is raised only after the work has
    ended.

    The task gets an empty context: nothing that the caller has in its context variables is worked on by it.
    When the caller was cancelled and the work failed too, the cancellation wins and carries the failure as
    its `__context__`.
    """
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()) is not None:
        cancellation.__context__ = failure
    raise cancellation
