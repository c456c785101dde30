"""What follows when a renewal is declined: when it is tried again, how long, and what then.

Nothing here asks who the customer is. What decides is what the bank said last, for the card schemes charge for tries
that cannot succeed: Visa from the sixteenth within 30 days, and Mastercard too, and both forbid some altogether. A card
that is not tried any more does not end the dunning: the customer has until its end to bring another, which is charged
at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from domain.declines import DECLINES, DeclineAdvice, DeclineCode
from domain.errors import InvalidInput

MOST_RETRIES = 8
"""With the first try nine within a dunning, so that what else is charged to the card stays below Visa's fifteen."""
LONGEST_DUNNING = timedelta(days=60)
"""Two renewals of a monthly plan: who has not paid by then has left."""
SHORTEST_PAUSE = timedelta(hours=1)
"""Between two tries: what a bank says does not change by the minute."""


class Retrying(StrEnum):
    """Whether the same card is tried again by itself."""

    SCHEDULED = "SCHEDULED"
    BY_CUSTOMER = "BY_CUSTOMER"
    """Only the customer can make it go well, by confirming; the invoice says how."""
    WITH_ANOTHER_CARD = "WITH_ANOTHER_CARD"


_BY_ADVICE: Mapping[DeclineAdvice, Retrying] = MappingProxyType(
    {
        DeclineAdvice.RETRY_LATER: Retrying.SCHEDULED,
        DeclineAdvice.AUTHENTICATE: Retrying.BY_CUSTOMER,
        DeclineAdvice.USE_OTHER_METHOD: Retrying.WITH_ANOTHER_CARD,
        DeclineAdvice.DO_NOT_RETRY: Retrying.WITH_ANOTHER_CARD,
    }
)

_OFF_SESSION: Mapping[DeclineCode, Retrying] = MappingProxyType(
    {
        # To a customer who is there we say: take another card. Where nobody is there, most of what banks decline
        # without a reason goes well some days later.
        DeclineCode.GENERIC_DECLINE: Retrying.SCHEDULED,
    }
)


def retrying_after(code: DeclineCode) -> Retrying:
    return _OFF_SESSION.get(code) or _BY_ADVICE[DECLINES[code].advice]


class AfterDunning(StrEnum):
    """What becomes of a subscription whose renewal was not paid in the end."""

    UNPAID = "UNPAID"
    """It stays, without access; its invoice stays open, and paying it brings everything back."""
    CANCELED = "CANCELED"
    """It is over, and its invoice uncollectible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningPolicy:
    """InvalidInput for tries that are too many, too close or out of order, or come after the end."""

    retries_after: tuple[timedelta, ...] = (
        timedelta(days=1),
        timedelta(days=3),
        timedelta(days=7),
        timedelta(days=14),
    )
    """Since the first try that was declined, in order. The defaults pass a weekend, a pay day of those who are paid
    weekly, and one of those who are paid every other week."""
    ends_after: timedelta = timedelta(days=21)
    """Since the same moment: a week after the last try, for a customer to react to what they were told of it."""
    then: AfterDunning = AfterDunning.CANCELED

    def __post_init__(self) -> None:
        if len(self.retries_after) > MOST_RETRIES:
            raise InvalidInput(f"There are {MOST_RETRIES} retries at most.", path=("retriesAfterHours",))
        before = timedelta(0)
        for after in self.retries_after:
            if after < before + SHORTEST_PAUSE:
                raise InvalidInput("Each retry is an hour at least after the try before.", path=("retriesAfterHours",))
            before = after
        if not before < self.ends_after <= LONGEST_DUNNING:
            raise InvalidInput(
                f"Dunning ends after its last retry, and after {LONGEST_DUNNING.days} days at most.",
                path=("endsAfterHours",),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunning:
    """An invoice that was declined: one of a renewal, while its subscription is PAST_DUE."""

    policy: DunningPolicy
    """As it was when this began: a change of the policy is for those who come after."""
    since: datetime
    """When the first try was declined."""
    code: DeclineCode | None
    """What the bank said last; None where there was no card to ask a bank about."""

    @property
    def ends_at(self) -> datetime:
        return self.since + self.policy.ends_after

    def next_try(self, *, last_tried_at: datetime) -> datetime | None:
        """When the same card is tried again by itself, at the first retry of the schedule after the last try; None when
        it is not.

        What no bank has declined was no try: an outage of the provider takes none of them away. And of retries that
        were due while nothing ran, one is made, not all at once: the others lie before the try that it was.
        """
        if self.code is None or retrying_after(self.code) is not Retrying.SCHEDULED:
            return None
        times = (self.since + after for after in self.policy.retries_after)
        return next((time for time in times if time > last_tried_at), None)
