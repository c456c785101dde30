"""Cancels a coroutine at an await that the test chooses."""

import asyncio
import itertools
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any


async def at_every_await(work: Callable[[], Coroutine[Any, Any, object]]) -> AsyncIterator[int]:
    """Runs the work again and again, cancelled at its first await, its second, …, until it gets through.

    Yields the number of the await after each cancelled run.
    """
    for number in itertools.count(1):
        task = asyncio.create_task(_cancelled_at(work(), number))
        try:
            await task
        except asyncio.CancelledError:
            yield number
        else:
            return


async def _cancelled_at(work: Coroutine[Any, Any, object], number: int) -> object:
    return await _step_by_step(work, number)


@types.coroutine
def _step_by_step(work: Coroutine[Any, Any, object], number: int) -> Generator[Any, Any, object]:
    task = asyncio.current_task()
    assert task is not None
    failure: BaseException | None = None
    for step in itertools.count(1):
        try:
            future = work.send(None) if failure is None else work.throw(failure)
        except StopIteration as stop:
            return stop.value
        if step == number:
            task.cancel()
        failure = None
        try:
            yield future
        except BaseException as error:
            failure = error
    raise AssertionError("unreachable: the loop has no end")
