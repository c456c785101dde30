"""The emulator's time: the machine's, put forward by tests."""

import time


class MovableClock:
    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead_seconds

    @property
    def ahead_seconds(self) -> float:
        return self._ahead_seconds

    def advance(self, seconds: float) -> None:
        """Put it forward. Backwards would undo what has happened already; that is what a reset is for."""
        if seconds < 0:
            raise ValueError("The clock only goes forward.")
        self._ahead_seconds += seconds
