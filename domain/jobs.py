"""Work that has to happen after a commit, even when this process is gone by then.

A job is enqueued in the transaction that makes it necessary. It runs at least once, on the database's clock; the row
that it works on gives the exactly-one effect. There is one job for each (kind, subject).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

MOST_TRIES: Final = 20
"""With the worker's back-off half a day of failures; then a person has to look."""


class JobKind(StrEnum):
    RESOLVE_OPERATION = "RESOLVE_OPERATION"
    RESOLVE_PAYMENT_METHOD = "RESOLVE_PAYMENT_METHOD"
    EXPIRE_CHARGE = "EXPIRE_CHARGE"
    EXPIRE_ORDER = "EXPIRE_ORDER"
    APPLY_WEBHOOK = "APPLY_WEBHOOK"
    FORGET_PAYMENT_METHOD = "FORGET_PAYMENT_METHOD"
    FORGET_CUSTOMER = "FORGET_CUSTOMER"
    WATCH_CHARGE = "WATCH_CHARGE"
    """A charge that the provider is still deciding on, and that no request of ours is waiting for."""
    RELEASE_HOLD = "RELEASE_HOLD"
    """An amount that the provider holds for a charge that has ended here."""
    BILL_SUBSCRIPTION = "BILL_SUBSCRIPTION"
    """What time does to a subscription, when it is due: its renewal, say. The subscription is the subject."""
    COLLECT_SUBSCRIPTION = "COLLECT_SUBSCRIPTION"
    """What can be charged for a subscription since something has happened, such as a new card, or will be tried again
    when a provider is there again."""
    RECONCILE = "RECONCILE"
    """The comparison of our books with those of an account, which is the subject; it schedules itself."""
    FORGET_KEYS = "FORGET_KEYS"
    """Client keys that are older than any client's retry, and declines that count no more; one job for the deployment,
    which schedules itself."""

    ADVANCE_CLOCK = "ADVANCE_CLOCK"
    """What is due to the customers on a test clock, after the process that did it is gone."""

    @property
    def is_about_money(self) -> bool:
        """Never given up, however often it fails: a story of money has to have an end."""
        return self in (
            JobKind.RESOLVE_OPERATION,
            JobKind.EXPIRE_CHARGE,
            JobKind.EXPIRE_ORDER,
            JobKind.WATCH_CHARGE,
            JobKind.RELEASE_HOLD,
            JobKind.BILL_SUBSCRIPTION,
            JobKind.COLLECT_SUBSCRIPTION,
            JobKind.RECONCILE,
            JobKind.FORGET_PAYMENT_METHOD,
            JobKind.ADVANCE_CLOCK,
            # Not money, but a promise by law.
            JobKind.FORGET_CUSTOMER,
        )

    @property
    def asks_provider(self) -> bool:
        """It may wait for a provider, so many of it at once must not keep the others from beginning."""
        return self is not JobKind.FORGET_KEYS


class JobState(StrEnum):
    """How a job that is not done is doing."""

    WAITING = "WAITING"
    FAILING = "FAILING"
    """It has failed MOST_TRIES times and goes on, because it is about money; a person has to look."""
    DEAD = "DEAD"
    """A dead letter: it was given up after as many failures, and runs no more until a person says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as it stands in the table. All times are on the database's clock, but for `retried_at`."""

    id: str
    kind: JobKind
    subject_id: str
    about_id: str
    """The record that it works on: for an operation, its charge, refund or dispute."""
    state: JobState
    is_claimed: bool
    """A worker has it, and its lease has not ended."""
    run_at: datetime
    """When it is due; while it is claimed, when its lease ends."""
    tries: int
    last_error: str | None
    dead_at: datetime | None
    retried_at: datetime | None
    """When a person last had it tried again."""
    created_at: datetime

    def retried(self, *, now: datetime) -> "JobRecord":
        """Due at once, with all its tries before it."""
        # The moment of its making is the one on the database's clock that has passed for certain.
        due = min(self.run_at, self.created_at)
        return replace(self, state=JobState.WAITING, run_at=due, tries=0, dead_at=None, retried_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: str
    kind: JobKind
    subject_id: str
    tries: int
    """How often it was claimed, this time included."""
    claim: str
    """Names this claim; ending the job needs it, so a worker whose lease has passed can end nothing."""


@dataclass(frozen=True, slots=True)
class Again:
    """A handler's answer when its work is not over: come back after this time. Not a failure."""

    after_seconds: float
