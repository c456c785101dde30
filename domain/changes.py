"""What a change, a pause or an end makes of a subscription, of its running period, and of the money.

Nothing here is written down, and nobody is asked. So a preview shows what the change itself will do, and a change that
waits for its payment is made in the end as it was agreed upon, for the moment at which that was.

    the same interval     each item that changes is prorated in the running period (`domain.proration`)
    another interval      the running period ends here, what is left of it is credited, and a new one begins at once
    before any period     there is nothing to prorate: items change, and the first period will be theirs
    while it is paused    likewise: what is resumed is charged as it is then
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.billing import Plans, check_items, period_billed, period_unbilled, proration_lines
from domain.errors import InvalidInput, NotFound, PaydeskError
from domain.ids import IdPrefix, new_id
from domain.invoices import InvoiceLine
from domain.money import Money
from domain.products import Interval
from domain.proration import ItemPeriod, prorated
from domain.subscriptions import (
    BilledPeriod,
    CancelReason,
    Pause,
    Subscription,
    SubscriptionItem,
    SubscriptionState,
    WantedItem,
)

LONGEST_WAIT_FOR_PAYMENT = timedelta(hours=23)
"""As long as a first payment may take: a day in which a customer can confirm, and less than that, so that whoever asks
again at the same time tomorrow is free to."""

_ONE_SECOND = timedelta(seconds=1)
"""What moments are told in."""


class ChangeTime(StrEnum):
    NOW = "NOW"
    PERIOD_END = "PERIOD_END"
    """When the period or trial ends that runs; of one that starts later, when it does."""


class Proration(StrEnum):
    """What becomes of the rest of a period that is paid in advance."""

    CREATE = "CREATE"
    """It is credited and charged anew, with the next invoice."""
    NONE = "NONE"
    """What was billed stays billed: the change costs something from the next period on."""
    INVOICE_NOW = "INVOICE_NOW"
    """As CREATE, with an invoice at once."""


class ChangePolicy(StrEnum):
    APPLY_NOW = "APPLY_NOW"
    APPLY_ON_PAYMENT = "APPLY_ON_PAYMENT"
    """Nothing changes until its invoice is paid."""


class Undoable(StrEnum):
    """What was scheduled, and has not happened yet."""

    CHANGE = "CHANGE"
    CANCELLATION = "CANCELLATION"
    PAUSE = "PAUSE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """Of one item. What is not named stays as it is; without `item_id` it is a new one."""

    item_id: str | None = None
    price_id: str | None = None
    quantity: int | None = None
    remove: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """All that one change makes, to be written down together or shown."""

    subscription: Subscription
    billed: BilledPeriod | None = None
    """The period that was running, as it is billed now; None where that stays as it was."""
    begun: BilledPeriod | None = None
    """The one that begins with the change, where another interval does."""
    lines: tuple[InvoiceLine, ...] = ()
    """Credits and charges, and those of the period that begins."""

    @property
    def total(self) -> Money:
        return Money.total((line.amount for line in self.lines), currency=self.subscription.currency)


# --- what is wanted ---------------------------------------------------------------------------------------------------


def wanted_items(subscription: Subscription, changes: Sequence[ItemChange]) -> tuple[WantedItem, ...]:
    """All items as the changes leave them: those that stay in their order, then those that come.

    NotFound for an item that is not there (any more), InvalidInput for changes that make no sense, by their place.
    """
    if not changes:
        raise InvalidInput("Say what is to change.", path=("items",))
    present = {
        item.id: WantedItem(item_id=item.id, price_id=item.price_id, quantity=item.quantity)
        for item in subscription.present_items
    }
    named: set[str] = set()
    for place, change in enumerate(changes):
        path = ("items", str(place))
        if change.item_id is None:
            added = _added(change, path)
            present[added.item_id] = added
            continue
        if change.item_id not in present:
            raise NotFound("item of this subscription", path=(*path, "subscriptionItemId"))
        if change.item_id in named:
            raise InvalidInput("This item is named twice.", path=(*path, "subscriptionItemId"))
        named.add(change.item_id)
        if change.remove:
            del present[change.item_id]
        else:
            present[change.item_id] = _updated(present[change.item_id], change)
    if not present:
        raise InvalidInput("Nothing would be left of it: cancel it instead.", path=("items",))
    return tuple(present.values())


def _added(change: ItemChange, path: tuple[str, ...]) -> WantedItem:
    if change.remove:
        raise InvalidInput("Say which item goes.", path=(*path, "subscriptionItemId"))
    if change.price_id is None:
        raise InvalidInput("A new item needs a price.", path=(*path, "priceId"))
    quantity = 1 if change.quantity is None else change.quantity
    return WantedItem(item_id=new_id(IdPrefix.SUBSCRIPTION_ITEM), price_id=change.price_id, quantity=quantity)


def _updated(item: WantedItem, change: ItemChange) -> WantedItem:
    return replace(
        item,
        price_id=item.price_id if change.price_id is None else change.price_id,
        quantity=item.quantity if change.quantity is None else change.quantity,
    )


def check_wanted(
    subscription: Subscription, changes: Sequence[ItemChange], wanted: Sequence[WantedItem], plans: Plans
) -> None:
    """That a subscription can have these items together, which may be another interval; `plans` has all their prices.

    Refusals lead to the change at fault, where one is.
    """
    asked = [(item.price_id, item.quantity) for item in wanted]
    try:
        check_items(asked, plans, currency=subscription.currency, interval=interval_of(subscription, wanted, plans))
    except PaydeskError as refused:
        refused.path = _path_of(refused.path, changes, wanted)
        raise


def interval_of(subscription: Subscription, wanted: Sequence[WantedItem], plans: Plans) -> Interval:
    """Of the subscription with these items; the one that it has where theirs only reads otherwise."""
    interval = plans[wanted[0].price_id].price.interval
    return subscription.interval if interval is None or _is_same(subscription, interval) else interval


def begins_anew(subscription: Subscription, wanted: Sequence[WantedItem], plans: Plans) -> bool:
    """Whether it gets another interval with these items."""
    return interval_of(subscription, wanted, plans) != subscription.interval


def _is_same(subscription: Subscription, interval: Interval) -> bool:
    return interval.is_as_long_as(subscription.interval)


def _path_of(path: tuple[str, ...], changes: Sequence[ItemChange], wanted: Sequence[WantedItem]) -> tuple[str, ...]:
    """From the place among all wanted items to the place of what was asked about it; items that stay have none."""
    if len(path) < 2:
        return path
    added = [place for place, change in enumerate(changes) if change.item_id is None]
    stays = len(wanted) - len(added)
    of_item = {change.item_id: place for place, change in enumerate(changes)}
    number = int(path[1])
    place = of_item.get(wanted[number].item_id) if number < stays else added[number - stays]
    return path[:1] if place is None else (path[0], str(place), *path[2:])


# --- when -------------------------------------------------------------------------------------------------------------


def moment_of(now: datetime, billed: BilledPeriod | None, *, anew: bool = False) -> datetime:
    """When a change takes effect that somebody asks for now: in whole seconds, and never before what happened last.

    Two processes do not agree about the time to the second. And a period that begins with the change (`anew`) does not
    begin when another one does: at their first moment it waits for the next second.
    """
    at = now.replace(microsecond=0)
    if billed is None:
        return at
    earliest = billed.period.start + _ONE_SECOND if anew else billed.period.start
    since = (rate.since for rates in billed.rates.values() for rate in rates)
    return max(at, earliest, *since)


def period_end(subscription: Subscription) -> datetime:
    """Until when it goes on as it is: what is scheduled happens then."""
    match subscription.state:
        case SubscriptionState.SCHEDULED:
            return subscription.starts_at
        case SubscriptionState.TRIALING if subscription.trial_ends_at is not None:
            return subscription.trial_ends_at
    if subscription.period is None:
        raise ValueError(f"{subscription.id} is {subscription.state} without a period")
    return subscription.period.end


# --- a change ---------------------------------------------------------------------------------------------------------


def changed(
    subscription: Subscription,
    billed: BilledPeriod | None,
    wanted: Sequence[WantedItem],
    plans: Plans,
    *,
    at: datetime,
    prorate: bool = True,
) -> Changed:
    """With these items from `at` on, which lies in the running period; `billed` is that, None before the first.

    `plans` has the prices of all present items and of those that are wanted. AmountNotRepresentable where an item comes
    to more than an amount can be.
    """
    after = _with_items(subscription, wanted, at=at)
    if begins_anew(subscription, wanted, plans):
        return _begun_anew(subscription, after, billed, wanted, plans, at=at, prorate=prorate)
    if billed is None or not prorate or subscription.state is SubscriptionState.PAUSED:
        return Changed(subscription=after)
    present = {item.id: item for item in after.present_items}
    before = {item.id: item for item in subscription.present_items}
    moved = _Moved(billed, plans, at)
    for item_id in {**before, **present}:
        moved.change(before.get(item_id), present.get(item_id))
    return Changed(subscription=after, billed=moved.billed, lines=tuple(moved.lines))


def announced(subscription: Subscription, wanted: Sequence[WantedItem], *, at: datetime) -> Subscription:
    """With the items that a change will bring, as if they had gone already: the lines of its invoice name them."""
    known = {item.id for item in subscription.items}
    coming = (
        SubscriptionItem(id=new.item_id, price_id=new.price_id, quantity=new.quantity, removed_at=at)
        for new in wanted
        if new.item_id not in known
    )
    return replace(subscription, items=(*subscription.items, *coming))


def changed_at_end(subscription: Subscription, wanted: Sequence[WantedItem], plans: Plans, *, at: datetime) -> Changed:
    """What was scheduled for this moment, at which a period, a trial or the time before it has ended: whoever bills
    what follows finds it as it is to be."""
    after = _with_items(subscription, wanted, at=at)
    if begins_anew(subscription, wanted, plans):
        begins = at if subscription.period is not None else None
        after = _with_interval(after, interval_of(subscription, wanted, plans), begins=begins)
    return Changed(subscription=after)


def _begun_anew(
    before: Subscription,
    after: Subscription,
    billed: BilledPeriod | None,
    wanted: Sequence[WantedItem],
    plans: Plans,
    *,
    at: datetime,
    prorate: bool,
) -> Changed:
    interval = interval_of(before, wanted, plans)
    if billed is None:
        return Changed(subscription=_with_interval(after, interval, begins=None))
    after = _with_interval(after, interval, begins=at)
    period = after.schedule.first()
    after = replace(after, period=period)
    if before.state is SubscriptionState.PAUSED:
        return Changed(subscription=after, begun=period_unbilled(after, period))
    begun, lines = period_billed(after, period, plans)
    credited = _credited(before, billed, plans, at=at) if prorate else Changed(subscription=before)
    return Changed(subscription=after, billed=credited.billed, begun=begun, lines=(*credited.lines, *lines))


def _with_items(subscription: Subscription, wanted: Sequence[WantedItem], *, at: datetime) -> Subscription:
    """Those that are there keep their place, also when they go."""
    by_id = {item.item_id: item for item in wanted}
    kept = []
    for item in subscription.items:
        as_wanted = by_id.pop(item.id, None)
        if as_wanted is not None:
            kept.append(replace(item, price_id=as_wanted.price_id, quantity=as_wanted.quantity, removed_at=None))
        else:
            kept.append(item if item.removed_at is not None else replace(item, removed_at=at))
    added = (SubscriptionItem(id=new.item_id, price_id=new.price_id, quantity=new.quantity) for new in by_id.values())
    items = (*kept, *added)
    return replace(subscription, items=(*items, *_remembered(subscription, items, at=at)), updated_at=at)


def _remembered(
    subscription: Subscription, items: Iterable[SubscriptionItem], *, at: datetime
) -> Iterator[SubscriptionItem]:
    """What its items had before, as if that had gone: else whoever has tried a product, and changes to another one,
    could try it again."""
    if subscription.had_trial:
        known = {item.price_id for item in items}
        for item in subscription.present_items:
            if item.price_id not in known:
                yield replace(item, id=new_id(IdPrefix.SUBSCRIPTION_ITEM), removed_at=at)


def _with_interval(subscription: Subscription, interval: Interval, *, begins: datetime | None) -> Subscription:
    """Its periods are counted from `begins` on; from where they were to begin, where none has.

    The day on which periods of the former interval began means nothing for those of the new one.
    """
    return replace(subscription, interval=interval, anchor_day=None, periods_from=begins or subscription.periods_from)


# --- a pause, an end --------------------------------------------------------------------------------------------------


def paused(
    subscription: Subscription, billed: BilledPeriod | None, pause: Pause, plans: Plans, *, at: datetime, credit: bool
) -> Changed:
    """It rests from `at` on, and what is left of the period is credited, or nothing is left of it."""
    after = replace(subscription, state=SubscriptionState.PAUSED, pause=pause, updated_at=at)
    if billed is None or not credit:
        return Changed(subscription=after)
    return replace(_credited(subscription, billed, plans, at=at), subscription=after)


def resumed(subscription: Subscription, billed: BilledPeriod | None, plans: Plans, *, at: datetime) -> Changed:
    """It goes on at `at`, and the rest of the running period is charged. Where that has ended, the next one will be."""
    after = replace(subscription, state=SubscriptionState.ACTIVE, pause=None, updated_at=at)
    if billed is None or not billed.period.covers(at):
        return Changed(subscription=after)
    moved = _Moved(billed, plans, at)
    for item in after.present_items:
        moved.to(item, moved.price_of(item), before=item)
    return Changed(subscription=after, billed=moved.billed, lines=tuple(moved.lines))


def canceled(
    subscription: Subscription, billed: BilledPeriod | None, plans: Plans, *, at: datetime, credit: bool
) -> Changed:
    """It ends at `at` because somebody wants it, with what is left of the period credited or lost."""
    after = subscription.canceled(CancelReason.REQUESTED, now=at)
    if billed is None or not credit or not billed.period.covers(at):
        return Changed(subscription=after)
    return replace(_credited(subscription, billed, plans, at=at), subscription=after)


def _credited(subscription: Subscription, billed: BilledPeriod, plans: Plans, *, at: datetime) -> Changed:
    """What was billed of the present items for the time since `at`. Of those that went without proration, nothing."""
    moved = _Moved(billed, plans, at)
    for item in subscription.present_items:
        if item.id in billed.rates:
            moved.to(item, Money.zero(billed.currency), before=item)
    return Changed(subscription=subscription, billed=moved.billed, lines=tuple(moved.lines))


@dataclass
class _Moved:
    """A running period whose items change at one moment, and the lines that this makes."""

    billed: BilledPeriod
    plans: Plans
    at: datetime
    lines: list[InvoiceLine] = field(default_factory=list)

    def change(self, before: SubscriptionItem | None, after: SubscriptionItem | None) -> None:
        if after is None and before is not None:
            self.to(before, Money.zero(self.billed.currency), before=before)
        elif after is not None and after != before:
            self.to(after, self.price_of(after), before=before)

    def to(self, item: SubscriptionItem, amount: Money, *, before: SubscriptionItem | None) -> None:
        """It costs so much for a whole period from now on."""
        nothing = ItemPeriod.begun(self.billed.period, Money.zero(self.billed.currency))
        after, lines = prorated(self.billed.of_item(item.id) or nothing, amount, at=self.at)
        self.billed = self.billed.with_item(item.id, after)
        self.lines += proration_lines(item, self.plans, lines, before=before)

    def price_of(self, item: SubscriptionItem) -> Money:
        return self.plans[item.price_id].price.pricing.amount(item.quantity)


# --- what is given back -----------------------------------------------------------------------------------------------


def split(lines: Iterable[InvoiceLine], amount: Money) -> tuple[tuple[InvoiceLine, ...], tuple[InvoiceLine, ...]]:
    """So much of the credits among these lines, above zero as a credit note has it, and the lines that are left.

    `amount` is at most what they credit altogether. The line in which it ends is in both, with a part in each.
    """
    taken, left = [], []
    for line in lines:
        part = min(-line.amount, amount) if line.amount.minor_units < 0 else Money.zero(amount.currency)
        amount -= part
        if part.is_positive:
            taken.append(replace(line, id=new_id(IdPrefix.INVOICE_LINE), amount=part))
        if part != -line.amount:
            left.append(replace(line, amount=line.amount + part))
    if not amount.is_zero:
        raise ValueError(f"{amount} more than these lines credit")
    return tuple(taken), tuple(left)
