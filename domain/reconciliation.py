"""How far the comparison with a provider's books has come, one record an account.

A run reads the provider's list from a moment on, looks singly for what of ours was not in it, and looks again at what
is open. It is written down after each page, so a process that dies in the middle costs a page.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    """What a run is at; in this order."""

    LISTING = "LISTING"
    """What the provider has."""
    CHARGES = "CHARGES"
    """Charges of ours that were not in its list."""
    REFUNDS = "REFUNDS"
    OPEN = "OPEN"
    """Discrepancies that this run has not met."""


class Standing(StrEnum):
    """Whether the books agree."""

    PENDING = "PENDING"
    """Not all of it was compared yet; in recovery, not since recovery began."""
    NOT_COMPARABLE = "NOT_COMPARABLE"
    """The account is not configured, or its provider lists no changes: a person has to compare."""
    DIFFERENT = "DIFFERENT"
    """All of it was compared, and there are open discrepancies."""
    CLEAN = "CLEAN"


INTERVAL_SECONDS = 3_600.0
OVERLAP = timedelta(days=2)
"""How far each run goes back behind the last one: for lists that lag, clocks that differ, and what changed late."""
PATIENT_FOR_RUNS = 3
"""How many runs wait for an answer about one object. After that it is a discrepancy, and no run waits for it."""
STALE_AFTER = timedelta(hours=1)
"""A run that nobody has carried on for so long comes from another life, as a restored backup has it: begin anew."""

_NEXT: dict[Phase, Phase | None] = {
    Phase.LISTING: Phase.CHARGES,
    Phase.CHARGES: Phase.REFUNDS,
    Phase.REFUNDS: Phase.OPEN,
    Phase.OPEN: None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    account: str
    phase: Phase | None = None
    """None between two runs."""
    since: datetime | None = None
    """From when on this run compares; None for all that the account ever had."""
    cursor: str | None = None
    """In the phase: the provider's own, or the last id of ours that is done."""
    done: int = 0
    """How many entries of the page at `cursor` are done."""
    missed: int = 0
    """What this run could not look at, because the provider gave no answer."""
    incomplete: int = 0
    """How many runs in a row have ended with something missed."""
    started_at: datetime | None = None
    moved_at: datetime | None = None
    """When somebody last carried the run on."""
    compared_until: datetime | None = None
    """Everything before this moment was compared."""
    finished_at: datetime | None = None
    """When a run last came to its end."""
    recovering_since: datetime | None = None
    """While the deployment is in recovery: since when. Then a run goes back to the beginning."""

    @property
    def is_running(self) -> bool:
        return self.phase is not None

    @property
    def is_patient(self) -> bool:
        return self.incomplete < PATIENT_FOR_RUNS

    def begun(self, *, since: datetime | None, now: datetime) -> "Reconciliation":
        return replace(
            self, phase=Phase.LISTING, since=since, cursor=None, done=0, missed=0, started_at=now, moved_at=now
        )

    def moved(self, *, cursor: str | None, done: int = 0, missed: int = 0, now: datetime) -> "Reconciliation":
        return replace(self, cursor=cursor, done=done, missed=self.missed + missed, moved_at=now)

    def next_phase(self, *, missed: int = 0, now: datetime) -> "Reconciliation":
        if self.phase is None:
            raise ValueError(f"no run of {self.account} is under way")
        missed += self.missed
        after = replace(self, phase=_NEXT[self.phase], cursor=None, done=0, missed=missed, moved_at=now)
        if after.is_running:
            return after
        # What could not be looked at is in the next run again.
        compared_until, incomplete = (self.started_at, 0) if missed == 0 else (self.compared_until, self.incomplete + 1)
        return replace(after, compared_until=compared_until, incomplete=incomplete, finished_at=now, started_at=None)

    def recovering(self, *, now: datetime) -> "Reconciliation":
        """A process has started in recovery; others may have done so before, whose run goes on."""
        carried_on = self.moved_at is not None and now - self.moved_at < STALE_AFTER
        if self.recovering_since is not None and carried_on:
            return self
        return Reconciliation(account=self.account, recovering_since=now)

    def recovered(self) -> "Reconciliation":
        """A process has started without recovery. A run that is under way ends as it was begun."""
        return replace(self, recovering_since=None)

    def standing(self, *, open_discrepancies: int) -> Standing:
        if self.compared_until is None:
            return Standing.PENDING
        return Standing.DIFFERENT if open_discrepancies else Standing.CLEAN


def worst_of(standings: Iterable[Standing]) -> Standing:
    """Of all accounts together."""
    return min(standings, key=list(Standing).index, default=Standing.PENDING)
