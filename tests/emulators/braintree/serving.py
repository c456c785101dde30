"""Serving the emulator for tests: on their own loop, or beside them on a thread for one test after another."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from tests.emulators.braintree.account import Options, Pace
from tests.emulators.braintree.app import braintree_app
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.server import Emulator
from tests.emulators.common.serving import listening, running, running_aside

Served = tuple[str, Emulator]
"""Its address, and itself."""


@asynccontextmanager
async def serving(
    *, keys: Keys | None = None, seed: int = 0, pace: Pace | None = None, options: Options | None = None
) -> AsyncIterator[Served]:
    """The emulator on the running loop and a free port. The SDK blocks: it belongs into another thread then."""
    with listening() as (listener, address):
        emulator = Emulator(keys=keys, seed=seed, pace=pace, options=options)
        async with running(listener, braintree_app(emulator)):
            yield address, emulator


@contextmanager
def serving_aside(*, keys: Keys | None = None) -> Iterator[Served]:
    """The emulator on a thread and a free port. Change it through /_control: it belongs to the other thread's loop."""
    with listening() as (listener, address):
        emulator = Emulator(keys=keys, seed=0)
        with running_aside(listener, braintree_app(emulator)):
            yield address, emulator
