"""The time that the business lives by.

Services take a `Clock` and never ask the machine, so that a test, and later a customer on a test clock, can live at
another moment. Leases and back-off are not business time: they run on the database's clock.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def whole_seconds(moment: datetime) -> datetime:
    """As moments of billing are written down: whoever reads one can compute with it what we have computed."""
    return moment.replace(microsecond=0)
