"""Serving an emulator for tests: on their own loop, or beside them on a thread for one test after another."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread

import uvicorn
from starlette.applications import Starlette

_POLL_SECONDS = 0.01
_START_SECONDS = 30.0


@asynccontextmanager
async def running(listener: socket.socket, app: Starlette) -> AsyncIterator[None]:
    """On the running loop."""
    server = uvicorn.Server(server_config(app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(_POLL_SECONDS)
            if serving.done():
                await serving
        yield
    finally:
        server.should_exit = True
        await serving


@contextmanager
def running_aside(listener: socket.socket, app: Starlette) -> Iterator[None]:
    """On a thread of its own."""
    server = uvicorn.Server(server_config(app))
    thread = Thread(target=server.run, args=([listener],), name="emulator", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if not server.started:
            raise RuntimeError("The emulator did not start.")
        yield
    finally:
        server.should_exit = True
        thread.join()


def server_config(app: Starlette, *, port: int = 0) -> uvicorn.Config:
    """uvicorn's; who still waits for an answer when it ends waits in vain."""
    return uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        # wire.py reaches for the loop's transports, which it knows of asyncio's own.
        loop="asyncio",
        log_level="warning",
        lifespan="on",
        # Idle connections stay open for longer than clients keep them, as at the providers.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """On a free port of loopback; the address."""
    # Named as TCP, so that asyncio switches Nagle's algorithm off: else each answer waits 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"
