"""Serving the emulator for tests: on their own loop, or beside them on a thread for one test after another."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread

import uvicorn

from tests.emulators.braintree.account import Options, Pace
from tests.emulators.braintree.app import braintree_app
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.server import Emulator

_POLL_SECONDS = 0.01
_START_SECONDS = 30.0

Served = tuple[str, Emulator]
"""Its address, and itself."""


@asynccontextmanager
async def serving(
    *, keys: Keys | None = None, seed: int = 0, pace: Pace | None = None, options: Options | None = None
) -> AsyncIterator[Served]:
    """The emulator on the running loop and a free port. The SDK blocks: it belongs into another thread then."""
    with _listener() as (listener, address):
        emulator = Emulator(keys=keys, seed=seed, pace=pace, options=options)
        server = uvicorn.Server(server_config(emulator))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(_POLL_SECONDS)
                if running.done():
                    await running
            yield address, emulator
        finally:
            server.should_exit = True
            await running


@contextmanager
def serving_aside(*, keys: Keys | None = None) -> Iterator[Served]:
    """The emulator on a thread and a free port. Change it through /_control: it belongs to the other thread's loop."""
    with _listener() as (listener, address):
        emulator = Emulator(keys=keys, seed=0)
        server = uvicorn.Server(server_config(emulator))
        thread = Thread(target=server.run, args=([listener],), name="braintree-emulator", daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not server.started and thread.is_alive() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            if not server.started:
                raise RuntimeError("The emulator did not start.")
            yield address, emulator
        finally:
            server.should_exit = True
            thread.join()


def server_config(emulator: Emulator, *, port: int = 0) -> uvicorn.Config:
    """uvicorn's; who still waits for an answer when it ends waits in vain."""
    return uvicorn.Config(
        braintree_app(emulator),
        host="127.0.0.1",
        port=port,
        access_log=False,
        # wire.py reaches for the loop's transports, which it knows of asyncio's own.
        loop="asyncio",
        log_level="warning",
        lifespan="on",
        # Idle connections stay open for longer than the SDK keeps them.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


@contextmanager
def _listener() -> Iterator[tuple[socket.socket, str]]:
    # Named as TCP, so that asyncio switches Nagle's algorithm off: else each answer waits 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"
