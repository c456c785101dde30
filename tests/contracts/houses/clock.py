"""The machine's time, which a test may put forward."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    @property
    def was_moved(self) -> bool:
        return bool(self._ahead)

    def advance(self, by: timedelta) -> None:
        self._ahead += by
