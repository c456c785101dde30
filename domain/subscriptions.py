"""A subscription: what a customer has, from when on, and what has to happen to it next.

    (create) → SCHEDULED → TRIALING → ACTIVE, or INCOMPLETE → ACTIVE where the first payment is due at once
    ACTIVE → PAST_DUE → ACTIVE when it is paid, else UNPAID or CANCELED; UNPAID → ACTIVE when it is paid
    ACTIVE → PAUSED → ACTIVE; CANCELED from everywhere, INCOMPLETE → EXPIRED: these two are ends

All that time does to it stands in its row as data: `next_due` reads what comes first. So whoever does it twice, or too
late, finds what is still to be done and nothing else, and whoever undoes something scheduled deletes the data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.dunning import Dunning
from domain.errors import StaleVersion
from domain.periods import AnchorDay, Period, Schedule
from domain.products import Interval
from domain.proration import ItemPeriod, Rate


class SubscriptionState(StrEnum):
    SCHEDULED = "SCHEDULED"
    """It starts later."""
    TRIALING = "TRIALING"
    INCOMPLETE = "INCOMPLETE"
    """Its first invoice is not paid yet."""
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    """A renewal is not paid, and dunning goes on."""
    UNPAID = "UNPAID"
    """Dunning is over; paying brings everything back."""
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    """Its first invoice was not paid in time, so it has never begun."""


LONGEST_FIRST_PAYMENT = timedelta(hours=23)
"""Time for a customer to confirm it or to bring another card; less than a day, so that somebody who tries again at the
same time tomorrow does not meet what they began today."""

ENDED_STATES = frozenset({SubscriptionState.CANCELED, SubscriptionState.EXPIRED})


class Access(StrEnum):
    """Whether the customer may use what they subscribed to."""

    GRANTED = "GRANTED"
    GRACE = "GRACE"
    """They may, though something is not paid; it ends with dunning."""
    REVOKED = "REVOKED"


_ACCESS: Mapping[SubscriptionState, Access] = {
    SubscriptionState.SCHEDULED: Access.REVOKED,
    SubscriptionState.TRIALING: Access.GRANTED,
    SubscriptionState.INCOMPLETE: Access.REVOKED,
    SubscriptionState.ACTIVE: Access.GRANTED,
    SubscriptionState.PAST_DUE: Access.GRACE,
    SubscriptionState.UNPAID: Access.REVOKED,
    SubscriptionState.PAUSED: Access.REVOKED,
    SubscriptionState.CANCELED: Access.REVOKED,
    SubscriptionState.EXPIRED: Access.REVOKED,
}
STATES_WITH_ACCESS = tuple(state for state, access in _ACCESS.items() if access is not Access.REVOKED)


class CancelReason(StrEnum):
    REQUESTED = "REQUESTED"
    NOT_PAID = "NOT_PAID"
    """Dunning is over."""
    NO_CARD = "NO_CARD"
    """The trial is over, and nobody has agreed to pay."""


class PauseBehavior(StrEnum):
    CREDIT = "CREDIT"
    """At once: what is left of the period is credited."""
    PERIOD_END = "PERIOD_END"
    """The period that is paid is used up first."""


class DueKind(StrEnum):
    """What time does to a subscription, in the order in which it is done where several are due at one moment.

    Whatever ends it comes first, so that nobody is billed for a period that never begins; and a change comes before the
    renewal that it is for.
    """

    CANCEL = "CANCEL"
    EXPIRE = "EXPIRE"
    """INCOMPLETE for too long."""
    END_DUNNING = "END_DUNNING"
    DROP_UPDATE = "DROP_UPDATE"
    """A change that was to be paid first, and was not in time."""
    RESUME = "RESUME"
    PAUSE = "PAUSE"
    CHANGE = "CHANGE"
    START = "START"
    END_TRIAL = "END_TRIAL"
    RENEW = "RENEW"
    RETRY = "RETRY"


_ORDER = {kind: place for place, kind in enumerate(DueKind)}


@dataclass(frozen=True, slots=True)
class Due:
    kind: DueKind
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionItem:
    id: str
    """It stays the same when the price or the quantity changes: proration knows the item by it."""
    price_id: str
    quantity: int
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedItem:
    """As a change will leave it."""

    item_id: str
    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChange:
    """All items as they will be from `at` on, which is when a period ends; those that are not named go."""

    items: tuple[WantedItem, ...]
    at: datetime
    by_hand: bool = False
    """Whether the shop has scheduled it, such as a new price: then only the shop undoes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingUpdate:
    """As `PendingChange`, of one that is made when its invoice is paid, for the time since `at`."""

    items: tuple[WantedItem, ...]
    at: datetime
    invoice_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    behavior: PauseBehavior
    since: datetime
    """To come, where the period is used up first."""
    until: datetime | None = None
    """None: until somebody resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledPeriod:
    """A period of a subscription that was made, and what was billed in it; there is one for each start.

    It stays when its subscription ends in its midst. `period.number` may come twice: a change of the interval begins a
    new schedule, which counts anew.
    """

    subscription_id: str
    period: Period
    rates: Mapping[str, tuple[Rate, ...]]
    """Item → `ItemPeriod.rates`; none at all of a period that was paused."""
    currency: str
    invoice_id: str | None = None

    def of_item(self, item_id: str) -> ItemPeriod | None:
        rates = self.rates.get(item_id)
        return ItemPeriod(period=self.period, rates=rates) if rates else None

    def with_item(self, item_id: str, billed: ItemPeriod) -> "BilledPeriod":
        return replace(self, rates={**self.rates, item_id: billed.rates})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    id: str
    customer_id: str
    issuer_id: str
    state: SubscriptionState
    currency: str
    """Of all its prices, for ever."""
    interval: Interval
    time_zone: str = "UTC"
    anchor_day: AnchorDay | None = None
    starts_at: datetime
    trial_ends_at: datetime | None = None
    periods_from: datetime
    """`Schedule.start`: where the trial ends, else the start; after a change of the interval, when that was made."""
    period: Period | None = None
    """The one that was made last; None before the first."""
    items: tuple[SubscriptionItem, ...]
    """In the order in which they were added; those that went too."""
    payment_method_id: str | None = None
    """None: the customer's default."""
    cancel_at: datetime | None = None
    cancel_reason: CancelReason | None = None
    pause: Pause | None = None
    pending_change: PendingChange | None = None
    pending_update: PendingUpdate | None = None
    dunning: Dunning | None = None
    last_tried_at: datetime | None = None
    """While there is dunning: when a bank was last asked."""
    incomplete_expires_at: datetime | None = None
    ended_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    """Goes up by one with every save; two writers cannot both win."""
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            interval=self.interval, start=self.periods_from, zone=self.time_zone, anchor_day=self.anchor_day
        )

    @property
    def present_items(self) -> tuple[SubscriptionItem, ...]:
        return tuple(item for item in self.items if item.removed_at is None)

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED_STATES

    @property
    def access(self) -> Access:
        return _ACCESS[self.state]

    @property
    def access_ends_at(self) -> datetime | None:
        """When the access that there is ends as things stand; None where it goes on, or there is none."""
        if self.access is Access.REVOKED:
            return None
        pause_begins = self.pause.since if self.pause else None
        dunning_ends = self.dunning.ends_at if self.dunning else None
        return min((at for at in (self.cancel_at, pause_begins, dunning_ends) if at is not None), default=None)

    @property
    def next_try_at(self) -> datetime | None:
        """While there is dunning: when the card is tried again by itself; None when it is not."""
        if self.dunning is None:
            return None
        return self.dunning.next_try(last_tried_at=self.last_tried_at or self.dunning.since)

    @property
    def had_trial(self) -> bool:
        """Or has, or will have: one that was called off before it began has given nothing away."""
        never_began = self.ended_at is not None and self.ended_at <= self.starts_at
        return self.trial_ends_at is not None and not never_began

    def check_version(self, expected: int | None) -> None:
        if expected is not None and expected != self.version:
            raise StaleVersion(expected=expected, actual=self.version)

    # --- what time does ---------------------------------------------------------------------------------------------

    @property
    def due_at(self) -> datetime | None:
        due = self.next_due()
        return due.at if due else None

    def next_due(self) -> Due | None:
        """The first thing that time will do, or should have done; None when nothing will happen by itself."""
        return next(iter(self.dues()), None)

    def dues(self) -> tuple[Due, ...]:
        """All that time will do to it as it is now, in order; doing one of them changes what follows."""
        return tuple(sorted(self._dues(), key=lambda due: (due.at, _ORDER[due.kind])))

    def _dues(self) -> Iterator[Due]:
        if self.is_ended:
            return
        times: dict[DueKind, datetime | None] = {
            DueKind.CANCEL: self.cancel_at,
            DueKind.CHANGE: self.pending_change.at if self.pending_change else None,
            DueKind.DROP_UPDATE: self.pending_update.expires_at if self.pending_update else None,
            **self._times_of_the_state(),
        }
        yield from (Due(kind, at) for kind, at in times.items() if at is not None)

    def _times_of_the_state(self) -> Mapping[DueKind, datetime | None]:
        renewal = {DueKind.RENEW: self.period.end if self.period else None}
        pause = {DueKind.PAUSE: self.pause.since if self.pause else None}
        match self.state:
            case SubscriptionState.SCHEDULED:
                return {DueKind.START: self.starts_at}
            case SubscriptionState.TRIALING:
                return {DueKind.END_TRIAL: self.trial_ends_at, **pause}
            case SubscriptionState.INCOMPLETE:
                return {DueKind.EXPIRE: self.incomplete_expires_at}
            case SubscriptionState.PAUSED:
                # Paused periods are made too, without an invoice: what follows them follows without a gap.
                return {DueKind.RESUME: self.pause.until if self.pause else None, **renewal}
            case SubscriptionState.PAST_DUE:
                return {**renewal, **pause, **self._times_of_dunning()}
            case _:
                return {**renewal, **pause}

    def _times_of_dunning(self) -> Mapping[DueKind, datetime | None]:
        if self.dunning is None:
            return {}
        return {DueKind.RETRY: self.next_try_at, DueKind.END_DUNNING: self.dunning.ends_at}

    # --- what happens -----------------------------------------------------------------------------------------------

    def paid(self, *, now: datetime) -> "Subscription":
        """Nothing of it is owed any more. What is not kept waiting by money stays as it is."""
        waited = (SubscriptionState.INCOMPLETE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID)
        if self.state not in waited:
            return self
        return replace(
            self,
            state=SubscriptionState.ACTIVE,
            dunning=None,
            last_tried_at=None,
            incomplete_expires_at=None,
            updated_at=now,
        )

    def past_due(self, dunning: Dunning, *, tried_at: datetime | None, now: datetime) -> "Subscription":
        """A renewal was declined, or could not even be tried. What the bank says later replaces what it said."""
        if not self.may_be_past_due:
            return self
        return replace(self, state=SubscriptionState.PAST_DUE, dunning=dunning, last_tried_at=tried_at, updated_at=now)

    def dunned_anew(self, *, now: datetime) -> "Subscription":
        """What was declined is paid, and the next invoice has its turn: with a dunning of its own."""
        if self.dunning is None:
            return self
        return replace(self, dunning=replace(self.dunning, since=now), last_tried_at=now, updated_at=now)

    def tried(self, *, now: datetime) -> "Subscription":
        """Within dunning, a bank is asked at this moment."""
        return replace(self, last_tried_at=now, updated_at=now) if self.dunning else self

    def is_update(self, invoice_id: str) -> bool:
        """Whether this invoice is for a change that is made when it is paid, and is otherwise dropped."""
        return self.pending_update is not None and self.pending_update.invoice_id == invoice_id

    @property
    def may_be_past_due(self) -> bool:
        """Whether it goes on for a while without being paid: one that was never paid for does not."""
        return self.state in (SubscriptionState.TRIALING, SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE)

    def unpaid(self, *, now: datetime) -> "Subscription":
        """Dunning is over, and it stays: paying brings everything back."""
        return replace(self, state=SubscriptionState.UNPAID, dunning=None, last_tried_at=None, updated_at=now)

    def canceled(self, reason: CancelReason, *, now: datetime) -> "Subscription":
        return self if self.is_ended else self._ended(SubscriptionState.CANCELED, reason, now=now)

    def expired(self, *, now: datetime) -> "Subscription":
        return self if self.is_ended else self._ended(SubscriptionState.EXPIRED, None, now=now)

    def _ended(self, state: SubscriptionState, reason: CancelReason | None, *, now: datetime) -> "Subscription":
        return replace(
            self,
            state=state,
            cancel_at=None,
            cancel_reason=reason,
            pause=None,
            pending_change=None,
            pending_update=None,
            dunning=None,
            last_tried_at=None,
            incomplete_expires_at=None,
            ended_at=now,
            updated_at=now,
        )
