"""`Retry-After`: when a provider that turns a request away wants to be asked again (RFC 9110, 10.2.3)."""

from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3_600.0
"""A hint, not an order: what is longer is a mistake, and unknown outcomes are looked into every hour anyway."""


def seconds_of(value: str | None, *, now: datetime) -> float | None:
    """Seconds, or a date that is told as seconds from now; None for anything else."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_SECONDS)
