"""`paydesk` with a worker that breaks a moment after it has begun: `python -m tests.server.broken_worker serve`."""

import asyncio

import server
from adapters.worker import Worker


class Broke(Exception):
    pass


async def work(self: Worker, stop: asyncio.Event) -> None:
    await asyncio.sleep(0.2)
    raise Broke


if __name__ == "__main__":
    Worker.work = work  # type: ignore[method-assign]
    server.main()
