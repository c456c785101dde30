"""Which time it is for a customer: the real one, unless they live by a test clock.

Periods, trials, dunning and invoices go by it. Whatever concerns a provider, a key, a lease or a job does not.
"""

from datetime import datetime

from domain.store import Transaction


async def now_of(tx: Transaction, customer_id: str, *, now: datetime) -> datetime:
    """Asked once, at the beginning of a transaction; `now` is the real time."""
    clock = await tx.test_clocks.of_customer(customer_id)
    return now if clock is None else clock.now
