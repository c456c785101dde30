"""Serving the emulator for tests: on their own loop, or beside them on a thread for one test after another."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from tests.emulators.common.serving import listening, running, running_aside
from tests.emulators.stripe.account import Pace
from tests.emulators.stripe.app import stripe_app
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.server import Emulator

Served = tuple[str, Emulator]
"""Its address, and itself."""


@asynccontextmanager
async def serving(*, keys: Keys | None = None, seed: int = 0, pace: Pace | None = None) -> AsyncIterator[Served]:
    """The emulator on the running loop and a free port."""
    with listening() as (listener, address):
        emulator = Emulator(public_url=address, keys=keys, seed=seed, pace=pace)
        async with running(listener, stripe_app(emulator)):
            yield address, emulator


@contextmanager
def serving_aside(*, keys: Keys | None = None) -> Iterator[Served]:
    """The emulator on a thread and a free port. Change it through /_control: it belongs to the other thread's loop."""
    with listening() as (listener, address):
        emulator = Emulator(public_url=address, keys=keys, seed=0)
        with running_aside(listener, stripe_app(emulator)):
            yield address, emulator
