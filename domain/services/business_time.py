"""Which time it is for a customer: the real one, unless they live by a test clock.

Periods, trials, dunning and invoices go by it. Whatever concerns a provider, a key, a lease or a job does not.

While their clock is being advanced, what is due happens to them, and nobody changes anything of theirs. Who asks for a
change is known to the task that asks (`asking`), as in `domain.audit`: work that goes on by itself runs outside it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from domain.store import Transaction
from domain.test_clocks import TestClock

_asks: ContextVar[bool] = ContextVar("asks", default=False)


@contextmanager
def asking() -> Iterator[None]:
    """Somebody asks for what is done in here: a mutation."""
    token = _asks.set(True)
    try:
        yield
    finally:
        _asks.reset(token)


async def now_of(tx: Transaction, customer_id: str, *, now: datetime) -> datetime:
    """Asked once, at the beginning of a transaction; `now` is the real time. Raises ClockAdvancing for who asks."""
    clock = await clock_of(tx, customer_id)
    return now if clock is None else clock.now


async def clock_of(tx: Transaction, customer_id: str) -> TestClock | None:
    """The one that they live by, which stands still until the transaction ends. As `now_of` otherwise."""
    clock = await tx.test_clocks.of_customer(customer_id)
    if clock is not None and _asks.get():
        clock.check_ready()
    return clock
