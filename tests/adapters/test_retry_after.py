"""When a provider wants to be asked again, in the two ways in which HTTP says it."""

from datetime import UTC, datetime

import pytest

from adapters.retry_after import seconds_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Sat, 21 Nov 2026 12:02:00 GMT", 120.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", 3_600.0),
        ("Sun, 21 Nov 2027 12:00:00 GMT", 3_600.0),
    ],
)
def test_seconds_and_dates_are_read(value: str, seconds: float) -> None:
    assert seconds_of(value, now=NOON) == seconds


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-1", "1.5", "１２", "Sat, 21 Nov 2026 12:02:00", "Sat, 99 Nov 2026 12:02:00 GMT"]
)
def test_anything_else_is_no_hint(value: str | None) -> None:
    assert seconds_of(value, now=NOON) is None
