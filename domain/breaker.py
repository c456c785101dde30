"""A circuit breaker: after enough silence of a provider account, requests are refused before they begin.

    CLOSED → OPEN          of the last answers too many were an outage
    OPEN → HALF_OPEN       after a pause something answered: a look-up of a job, or our own check
    HALF_OPEN → CLOSED     the one request that was let through was answered
    HALF_OPEN → OPEN       it was not

Look-ups always pass: they change nothing, and are how the end of an outage is learnt. Declines, refusals and rate
limits are answers of somebody who is alive. What was asked before the state last changed says nothing of the time
since: requests that hang end long after the outage that they met. A breaker decides whether a request is sent, never
what became of one.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

LAST_ANSWERS = 10
"""How many answers are remembered; with the default, five of them in a row or every other one."""


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """Of one request, from before it is sent until it has ended."""

    era: int
    of_look_up: bool


class Breaker:
    """Of one provider account, in one process. `now` are the seconds of a clock that never jumps."""

    def __init__(self, *, failures: int, pause_seconds: float, now: Callable[[], float]) -> None:
        """Opens when `failures` of the last answers, at most ten, were an outage; never with 0."""
        self.state = BreakerState.CLOSED
        self._failures = failures
        self._pause_seconds = pause_seconds
        self._now = now
        self._answers: deque[bool] = deque(maxlen=LAST_ANSWERS)
        self._quiet_until = 0.0
        self._era = 0
        """How often the state has changed."""
        self._trial: Admission | None = None
        """The one request that was let through while half open."""

    @property
    def retry_after_seconds(self) -> int | None:
        """When to ask again, in whole seconds and at least one; None when a request may go now."""
        if self.state is BreakerState.CLOSED or (self.state is BreakerState.HALF_OPEN and self._trial is None):
            return None
        return max(math.ceil(self._quiet_until - self._now()), 1)

    @property
    def is_due(self) -> bool:
        """Whether it is time to look if the outage is over."""
        return self.state is BreakerState.OPEN and self._now() >= self._quiet_until

    def admit(self, *, of_look_up: bool) -> Admission | None:
        """None where a request may not be sent; while half open, one at a time may. `leave` follows."""
        admission = Admission(self._era, of_look_up)
        if of_look_up:
            return admission
        if self.retry_after_seconds is not None:
            return None
        if self.state is BreakerState.HALF_OPEN:
            self._trial = admission
        return admission

    def leave(self, admission: Admission) -> None:
        """The request has ended, answered or not."""
        if self._trial is admission:
            self._trial = None

    def heard(self, admission: Admission, *, outage: bool) -> None:
        """What an answer, or the lack of one, says of the provider."""
        if admission.era != self._era:
            return
        match self.state:
            case BreakerState.CLOSED:
                self._answers.append(outage)
                if self._failures and sum(self._answers) >= self._failures:
                    self._open()
            case BreakerState.HALF_OPEN if outage:
                self._open()
            case BreakerState.HALF_OPEN if not admission.of_look_up:
                self._become(BreakerState.CLOSED)
            case BreakerState.OPEN if outage:
                self._quiet_until = self._now() + self._pause_seconds
            case BreakerState.OPEN if self.is_due:
                self._become(BreakerState.HALF_OPEN)

    def _open(self) -> None:
        self._become(BreakerState.OPEN)
        self._quiet_until = self._now() + self._pause_seconds

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self._era += 1
        self._trial = None
        self._answers.clear()
