"""Work that has to happen after a commit, even when this process is gone by then.

A job is enqueued in the transaction that makes it necessary. It runs at least once, on the database's clock; the row
that it works on gives the exactly-one effect. There is one job for each (kind, subject).
"""

from dataclasses import dataclass
from enum import StrEnum


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
    FORGET_KEYS = "FORGET_KEYS"
    """Client keys that are older than any client's retry; one job for the deployment, which schedules itself."""

    @property
    def is_about_money(self) -> bool:
        """Never given up, however often it fails: a story of money has to have an end."""
        return self in (
            JobKind.RESOLVE_OPERATION,
            JobKind.EXPIRE_CHARGE,
            JobKind.EXPIRE_ORDER,
            JobKind.WATCH_CHARGE,
            JobKind.RELEASE_HOLD,
            JobKind.FORGET_PAYMENT_METHOD,
            # Not money, but a promise by law.
            JobKind.FORGET_CUSTOMER,
        )


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
