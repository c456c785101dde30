"""Whatever a subscription goes through with proration, its lines add up to the price of what was used.

The reference of the property counts in fractions, from what was asked for: it knows no rates, no credits and no plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import Plan, next_period, period_billed
from domain.changes import (
    Changed,
    ItemChange,
    begins_anew,
    canceled,
    changed,
    changed_at_end,
    check_wanted,
    moment_of,
    paused,
    period_end,
    resumed,
    split,
    wanted_items,
)
from domain.errors import CurrencyMismatch, InvalidInput, NotFound, PaydeskError, PriceIntervalMismatch
from domain.invoices import InvoiceLine, LineKind
from domain.money import Money
from domain.periods import AnchorDay, Period
from domain.products import Interval, IntervalUnit, Price
from domain.subscriptions import (
    BilledPeriod,
    CancelReason,
    Pause,
    PauseBehavior,
    Subscription,
    SubscriptionItem,
    SubscriptionState,
)
from tests.domain.examples import many, new_price, usd

MONTHLY, YEARLY = Interval(IntervalUnit.MONTH, 1), Interval(IntervalUnit.YEAR, 1)
START = datetime(2026, 4, 1, tzinfo=UTC)
"""Of a period of thirty days."""


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 4, number, hour, tzinfo=UTC)


def priced(name: str, amount: int, interval: Interval = MONTHLY, **fields: Any) -> Price:
    return new_price(id=name, unit_amount=usd(amount), interval=interval, **fields)


BASIC, TEAM, SEAT = priced("basic", 20_00), priced("team", 50_00), priced("seat", 3_00)
BASIC_YEARLY, SEAT_YEARLY = priced("basic_yearly", 200_00, YEARLY), priced("seat_yearly", 30_00, YEARLY)
TWELVE_MONTHS = priced("twelve_months", 190_00, Interval(IntervalUnit.MONTH, 12))
ONCE = new_price(id="once")
EUROS = new_price(id="euros", unit_amount=Money(20_00, "EUR"), interval=MONTHLY)
PLANS = {
    price.id: Plan(price, price.id.title())
    for price in (BASIC, TEAM, SEAT, BASIC_YEARLY, SEAT_YEARLY, TWELVE_MONTHS, ONCE, EUROS)
}


def subscribed(*items: tuple[Price, int], **fields: Any) -> Subscription:
    items = items or ((BASIC, 1),)
    interval = items[0][0].interval
    defaults: dict[str, Any] = {
        "id": "sub_1",
        "customer_id": "cus_1",
        "issuer_id": "iss_1",
        "state": SubscriptionState.ACTIVE,
        "currency": "USD",
        "interval": interval,
        "starts_at": START,
        "periods_from": START,
        "items": tuple(
            SubscriptionItem(id=f"item_{number}", price_id=price.id, quantity=quantity)
            for number, (price, quantity) in enumerate(items)
        ),
        "livemode": False,
        "created_at": START,
        "updated_at": START,
    }
    return Subscription(**(defaults | fields))


def running(*items: tuple[Price, int], **fields: Any) -> tuple[Subscription, BilledPeriod]:
    """In its first period, which was billed."""
    subscription = subscribed(*items, **fields)
    period = next_period(subscription)
    billed, _ = period_billed(subscription, period, PLANS)
    return replace(subscription, period=period), billed


def told(lines: Sequence[InvoiceLine]) -> list[tuple[str, str | None, int, int]]:
    return [(line.kind, line.price_id, line.quantity, line.amount.minor_units) for line in lines]


def change(
    subscription: Subscription, billed: BilledPeriod | None, *changes: ItemChange, at: datetime, prorate: bool = True
) -> Changed:
    wanted = wanted_items(subscription, changes)
    check_wanted(subscription, changes, wanted, PLANS)
    return changed(subscription, billed, wanted, PLANS, at=at, prorate=prorate)


class TestWhatIsWanted:
    def test_what_is_not_named_stays(self) -> None:
        subscription = subscribed((BASIC, 1), (SEAT, 4))
        wanted = wanted_items(subscription, [ItemChange(item_id="item_1", quantity=5)])
        assert [(item.item_id, item.price_id, item.quantity) for item in wanted] == [
            ("item_0", "basic", 1),
            ("item_1", "seat", 5),
        ]

    def test_items_come_and_go(self) -> None:
        subscription = subscribed((BASIC, 1), (SEAT, 4))
        changes = [ItemChange(item_id="item_1", remove=True), ItemChange(price_id="team")]
        kept, added = wanted_items(subscription, changes)
        assert (kept.item_id, added.price_id, added.quantity) == ("item_0", "team", 1)
        assert added.item_id not in ("item_0", "item_1")

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ([], ("items",)),
            ([ItemChange(item_id="item_0", remove=True)], ("items",)),
            ([ItemChange(item_id="item_9", quantity=2)], ("items", "0", "subscriptionItemId")),
            ([ItemChange(item_id="gone", quantity=2)], ("items", "0", "subscriptionItemId")),
            (
                [ItemChange(item_id="item_0", quantity=2), ItemChange(item_id="item_0", quantity=3)],
                ("items", "1", "subscriptionItemId"),
            ),
            ([ItemChange(quantity=2)], ("items", "0", "priceId")),
            ([ItemChange(remove=True)], ("items", "0", "subscriptionItemId")),
        ],
    )
    def test_what_makes_no_sense_is_refused_where_it_was_asked(
        self, changes: list[ItemChange], path: tuple[str, ...]
    ) -> None:
        gone = SubscriptionItem(id="gone", price_id="team", quantity=1, removed_at=START)
        subscription = subscribed()
        with pytest.raises((InvalidInput, NotFound)) as refused:
            wanted_items(replace(subscription, items=(*subscription.items, gone)), changes)
        assert refused.value.path == path

    @pytest.mark.parametrize(
        ("changes", "error", "path"),
        [
            ([ItemChange(item_id="item_1", quantity=0)], InvalidInput, ("items", "0", "quantity")),
            ([ItemChange(price_id="euros")], CurrencyMismatch, ("items", "0", "priceId")),
            (
                [ItemChange(item_id="item_1", quantity=5), ItemChange(price_id="once")],
                PriceIntervalMismatch,
                ("items", "1", "priceId"),
            ),
            ([ItemChange(price_id="team"), ItemChange(price_id="basic")], InvalidInput, ("items", "1", "priceId")),
            # The item that is left as it is does not fit any more: nobody has said anything of it.
            ([ItemChange(item_id="item_0", price_id="basic_yearly")], PriceIntervalMismatch, ("items",)),
        ],
    )
    def test_what_cannot_be_together_is_refused_where_it_was_asked(
        self, changes: list[ItemChange], error: type[PaydeskError], path: tuple[str, ...]
    ) -> None:
        subscription = subscribed((BASIC, 1), (SEAT, 4))
        with pytest.raises(error) as refused:
            check_wanted(subscription, changes, wanted_items(subscription, changes), PLANS)
        assert refused.value.path == path


class TestNow:
    def test_an_upgrade_credits_the_rest_of_the_old_plan_and_charges_for_the_new_one(self) -> None:
        subscription, billed = running((BASIC, 1))
        made = change(subscription, billed, ItemChange(item_id="item_0", price_id="team"), at=day(16))
        assert told(made.lines) == [(LineKind.CREDIT, "basic", 1, -10_00), (LineKind.CHARGE, "team", 1, 25_00)]
        assert {(line.period_start, line.period_end) for line in made.lines} == {(day(16), billed.period.end)}
        assert made.subscription.present_items == (SubscriptionItem(id="item_0", price_id="team", quantity=1),)
        assert made.total == usd(15_00)
        assert (made.begun, made.subscription.period) == (None, subscription.period)

    def test_more_of_it_names_how_many_there_were_and_are(self) -> None:
        subscription, billed = running((SEAT, 10))
        made = change(subscription, billed, ItemChange(item_id="item_0", quantity=4), at=day(16))
        assert told(made.lines) == [(LineKind.CREDIT, "seat", 10, -15_00), (LineKind.CHARGE, "seat", 4, 6_00)]

    def test_only_what_changes_has_lines(self) -> None:
        subscription, billed = running((BASIC, 1), (SEAT, 4))
        changes = (
            ItemChange(item_id="item_0", quantity=1),
            ItemChange(item_id="item_1", remove=True),
            ItemChange(price_id="team", quantity=2),
        )
        made = change(subscription, billed, *changes, at=day(16))
        assert told(made.lines) == [(LineKind.CREDIT, "seat", 4, -6_00), (LineKind.CHARGE, "team", 2, 50_00)]
        assert [item.removed_at for item in made.subscription.items] == [None, day(16), None]
        assert [item.price_id for item in made.subscription.present_items] == ["basic", "team"]

    def test_without_proration_what_was_billed_stays_billed(self) -> None:
        subscription, billed = running((BASIC, 1))
        made = change(subscription, billed, ItemChange(item_id="item_0", price_id="team"), at=day(11), prorate=False)
        assert (made.lines, made.billed) == ((), None)
        assert made.subscription.present_items[0].price_id == "team"
        # And what nobody paid is never credited.
        back = change(made.subscription, billed, ItemChange(item_id="item_0", quantity=2), at=day(16))
        assert [line.amount for line in back.lines] == [usd(-10_00), usd(50_00)]

    def test_before_the_first_period_a_change_is_free(self) -> None:
        trial = subscribed(state=SubscriptionState.TRIALING, trial_ends_at=day(20), periods_from=day(20))
        made = change(trial, None, ItemChange(item_id="item_0", price_id="team"), at=day(3))
        assert (made.lines, made.billed, made.begun) == ((), None, None)
        anew = change(trial, None, ItemChange(item_id="item_0", price_id="basic_yearly"), at=day(3))
        assert anew.lines == ()
        assert (anew.subscription.interval, anew.subscription.periods_from) == (YEARLY, day(20))

    def test_while_it_is_paused_a_change_is_free(self) -> None:
        subscription, billed = running(state=SubscriptionState.PAUSED)
        made = change(subscription, billed, ItemChange(item_id="item_0", price_id="team"), at=day(3))
        assert (made.lines, made.billed) == ((), None)


class TestAnotherInterval:
    def test_the_running_period_is_credited_and_a_whole_one_begins(self) -> None:
        subscription, billed = running((BASIC, 1), (SEAT, 2), anchor_day=AnchorDay(1))
        changes = (
            ItemChange(item_id="item_0", price_id="basic_yearly"),
            ItemChange(item_id="item_1", price_id="seat_yearly"),
        )
        made = change(subscription, billed, *changes, at=day(16, 10))
        year = Period(number=1, start=day(16, 10), end=datetime(2027, 4, 16, 10, tzinfo=UTC), whole_start=day(16, 10))
        assert made.subscription.period == year
        assert (made.subscription.interval, made.subscription.anchor_day) == (YEARLY, None)
        assert made.begun is not None
        assert made.begun.period == year
        assert told(made.lines) == [
            (LineKind.CREDIT, "basic", 1, -9_72),
            (LineKind.CREDIT, "seat", 2, -2_92),
            (LineKind.PERIOD, "basic_yearly", 1, 200_00),
            (LineKind.PERIOD, "seat_yearly", 2, 60_00),
        ]
        assert next_period(made.subscription).start == year.end

    def test_without_proration_nothing_is_credited_and_the_new_period_is_billed_all_the_same(self) -> None:
        subscription, billed = running()
        made = change(
            subscription, billed, ItemChange(item_id="item_0", price_id="basic_yearly"), at=day(16), prorate=False
        )
        assert told(made.lines) == [(LineKind.PERIOD, "basic_yearly", 1, 200_00)]
        assert made.billed is None

    def test_twelve_months_are_a_year(self) -> None:
        subscription, billed = running((BASIC_YEARLY, 1))
        wanted = wanted_items(subscription, [ItemChange(item_id="item_0", price_id="twelve_months")])
        assert not begins_anew(subscription, wanted, PLANS)
        made = changed(subscription, billed, wanted, PLANS, at=day(16))
        assert (made.begun, made.subscription.interval) == (None, YEARLY)

    def test_while_it_is_paused_its_period_begins_unpaid(self) -> None:
        subscription, billed = running(state=SubscriptionState.PAUSED)
        made = change(subscription, billed, ItemChange(item_id="item_0", price_id="basic_yearly"), at=day(16))
        assert made.begun is not None
        assert (made.lines, dict(made.begun.rates)) == ((), {})
        back = resumed(made.subscription, made.begun, PLANS, at=datetime(2026, 10, 16, tzinfo=UTC))
        assert told(back.lines) == [(LineKind.CHARGE, "basic_yearly", 1, 99_73)]  # 182 of 365 days

    def test_at_the_end_of_a_period_the_next_one_is_the_first_of_its_kind(self) -> None:
        subscription, _ = running((BASIC_YEARLY, 1))
        assert subscription.period is not None
        ended = subscription.period.end
        wanted = wanted_items(subscription, [ItemChange(item_id="item_0", price_id="basic")])
        made = changed_at_end(subscription, wanted, PLANS, at=ended)
        month = next_period(made.subscription)
        assert (month.number, month.start, month.end) == (1, ended, datetime(2027, 5, 1, tzinfo=UTC))


class TestWhen:
    def test_moments_are_whole_seconds(self) -> None:
        assert moment_of(day(3).replace(microsecond=7), None) == day(3)

    def test_no_change_comes_before_what_happened_last(self) -> None:
        subscription, billed = running()
        made = change(subscription, billed, ItemChange(item_id="item_0", quantity=2), at=day(3))
        assert moment_of(day(2), made.billed) == day(3)
        assert moment_of(START - timedelta(seconds=1), billed) == START

    def test_a_period_does_not_begin_where_another_one_does(self) -> None:
        _, billed = running()
        assert moment_of(START, billed, anew=True) == START + timedelta(seconds=1)
        assert moment_of(day(2), billed, anew=True) == day(2)

    def test_what_is_scheduled_happens_when_the_period_the_trial_or_the_wait_is_over(self) -> None:
        subscription, billed = running()
        assert period_end(subscription) == billed.period.end
        assert period_end(subscribed(state=SubscriptionState.TRIALING, trial_ends_at=day(9))) == day(9)
        assert period_end(subscribed(state=SubscriptionState.SCHEDULED, starts_at=day(5))) == day(5)


class TestPausesAndEnds:
    PAUSE = Pause(behavior=PauseBehavior.CREDIT, since=day(11))

    def test_a_pause_credits_what_is_left_and_going_on_charges_what_is_left_then(self) -> None:
        subscription, billed = running((BASIC, 1), (SEAT, 2))
        rests = paused(subscription, billed, self.PAUSE, PLANS, at=day(11), credit=True)
        assert [line.amount for line in rests.lines] == [usd(-13_33), usd(-4_00)]
        assert (rests.subscription.state, rests.subscription.pause) == (SubscriptionState.PAUSED, self.PAUSE)
        back = resumed(rests.subscription, rests.billed, PLANS, at=day(16))
        assert [line.amount for line in back.lines] == [usd(10_00), usd(3_00)]
        assert (back.subscription.state, back.subscription.pause) == (SubscriptionState.ACTIVE, None)

    def test_what_goes_on_when_a_period_ends_pays_for_the_next_one_alone(self) -> None:
        subscription, billed = running(state=SubscriptionState.PAUSED, pause=self.PAUSE)
        back = resumed(subscription, billed, PLANS, at=billed.period.end)
        assert (back.lines, back.billed) == ((), None)

    def test_an_end_credits_what_is_left_where_it_is_to(self) -> None:
        subscription, billed = running()
        ended = canceled(subscription, billed, PLANS, at=day(21), credit=True)
        assert told(ended.lines) == [(LineKind.CREDIT, "basic", 1, -6_67)]
        assert ended.subscription.state is SubscriptionState.CANCELED
        assert ended.subscription.cancel_reason is CancelReason.REQUESTED
        assert canceled(subscription, billed, PLANS, at=day(21), credit=False).lines == ()

    def test_what_went_without_proration_is_not_credited_later(self) -> None:
        subscription, billed = running((BASIC, 1), (SEAT, 2))
        made = change(subscription, billed, ItemChange(item_id="item_1", remove=True), at=day(3), prorate=False)
        ended = canceled(made.subscription, billed, PLANS, at=day(16), credit=True)
        assert told(ended.lines) == [(LineKind.CREDIT, "basic", 1, -10_00)]


class TestSplitting:
    LINES = canceled(*running((BASIC, 1), (SEAT, 2)), PLANS, at=day(16), credit=True).lines

    @pytest.mark.parametrize(
        ("amount", "taken", "left"),
        [
            (0, [], [-10_00, -3_00]),
            (4_00, [4_00], [-6_00, -3_00]),
            (10_00, [10_00], [-3_00]),
            (12_50, [10_00, 2_50], [-50]),
            (13_00, [10_00, 3_00], []),
        ],
    )
    def test_a_credit_is_taken_in_parts(self, amount: int, taken: list[int], left: list[int]) -> None:
        of_it, rest = split(self.LINES, usd(amount))
        assert ([line.amount.minor_units for line in of_it], [line.amount.minor_units for line in rest]) == (
            taken,
            left,
        )
        assert len({line.id for line in (*of_it, *rest)}) == len(of_it) + len(rest)

    def test_there_is_no_more_than_was_credited(self) -> None:
        with pytest.raises(ValueError, match="more than"):
            split(self.LINES, usd(13_01))


# --- any sequence -----------------------------------------------------------------------------------------------------


@dataclass
class Used:
    """What each item cost since when, in the period that runs, in fractions."""

    since: dict[str, datetime] = field(default_factory=dict)
    costs: dict[str, Fraction] = field(default_factory=dict)
    total: int = 0

    def until(self, at: datetime, subscription: Subscription) -> None:
        """Everything that is there was used until this moment."""
        period = subscription.period
        assert period is not None
        for item in subscription.present_items if subscription.state is not SubscriptionState.PAUSED else ():
            amount = PLANS[item.price_id].price.unit_amount.minor_units * item.quantity
            time = Fraction((at - self.since.get(item.id, at)).total_seconds())
            self.costs[item.id] = self.costs.get(item.id, Fraction(0)) + amount * time
        self.since = {item.id: at for item in subscription.present_items}

    def close(self, period: Period) -> None:
        whole = Fraction((period.end - period.whole_start).total_seconds())
        self.total += sum(floor(cost / whole + Fraction(1, 2)) for cost in self.costs.values())
        self.since, self.costs = {}, {}


@dataclass
class Life:
    """A subscription that is renewed when a period ends, and what was billed in it."""

    subscription: Subscription = field(default_factory=subscribed)
    used: Used = field(default_factory=Used)
    periods: list[BilledPeriod] = field(default_factory=list)
    lines: list[InvoiceLine] = field(default_factory=list)

    @property
    def billed(self) -> BilledPeriod:
        return self.periods[-1]

    @property
    def is_paused(self) -> bool:
        return self.subscription.state is SubscriptionState.PAUSED

    def renew(self) -> None:
        period = next_period(self.subscription)
        self.subscription = replace(self.subscription, period=period)
        billed, lines = period_billed(self.subscription, period, PLANS)
        self.periods.append(replace(billed, rates={}) if self.is_paused else billed)
        self.lines += () if self.is_paused else lines
        self.used.until(period.start, self.subscription)

    def live_until(self, moment: datetime) -> None:
        while self.billed.period.end <= moment:
            self.used.until(self.billed.period.end, self.subscription)
            self.used.close(self.billed.period)
            self.renew()

    def book(self, made: Changed, *, at: datetime) -> None:
        self.used.until(at, self.subscription)
        if made.begun is not None:
            self.used.close(self.billed.period)
        self.subscription = made.subscription
        if made.billed is not None:
            self.periods[-1] = made.billed
        if made.begun is not None:
            self.periods.append(made.begun)
        self.used.until(at, self.subscription)
        self.lines += made.lines

    def go_through(self, what: str, quantity: int, now: datetime) -> None:
        if what in ("pause", "resume"):
            at = moment_of(now, self.billed)
            if what == "pause" and not self.is_paused:
                pause = Pause(behavior=PauseBehavior.CREDIT, since=at)
                self.book(paused(self.subscription, self.billed, pause, PLANS, at=at, credit=True), at=at)
            elif what == "resume" and self.is_paused:
                self.book(resumed(self.subscription, self.billed, PLANS, at=at), at=at)
            return
        changes = _changes(self.subscription, what, quantity)
        try:
            wanted = wanted_items(self.subscription, changes)
            check_wanted(self.subscription, changes, wanted, PLANS)
        except PaydeskError:
            return
        at = moment_of(now, self.billed, anew=begins_anew(self.subscription, wanted, PLANS))
        self.book(changed(self.subscription, self.billed, wanted, PLANS, at=at), at=at)


def _changes(subscription: Subscription, what: str, quantity: int) -> list[ItemChange]:
    first, *others = subscription.present_items
    match what:
        case "quantity":
            return [ItemChange(item_id=first.id, quantity=quantity)]
        case "add":
            price_id = "seat_yearly" if subscription.interval == YEARLY else "seat"
            return [ItemChange(price_id=price_id, quantity=quantity)]
        case "remove":
            return [ItemChange(item_id=item.id, remove=True) for item in others]
        case _:
            others_go = (ItemChange(item_id=item.id, remove=True) for item in others)
            return [ItemChange(item_id=first.id, price_id=what), *others_go]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["basic", "team", "seat", "basic_yearly", "quantity", "add", "remove", "pause", "resume"]),
        st.integers(1, 40),
        st.integers(0, 26 * 24 * 3600),
    ),
    max_size=12,
)


@many
@given(steps=_STEPS, is_ended=st.booleans())
def test_whatever_changes_whenever_the_lines_add_up_to_what_was_used(
    steps: list[tuple[str, int, int]], is_ended: bool
) -> None:
    life, now = Life(), START
    life.renew()
    for what, quantity, seconds in steps:
        now += timedelta(seconds=seconds)
        life.live_until(now)
        life.go_through(what, quantity, now)
    at = moment_of(now, life.billed) if is_ended else life.billed.period.end
    life.used.until(at, life.subscription)
    life.used.close(life.billed.period)
    if is_ended:
        life.lines += canceled(life.subscription, life.billed, PLANS, at=at, credit=True).lines

    assert sum(line.amount.minor_units for line in life.lines) == life.used.total
    starts = [billed.period.start for billed in life.periods]
    assert starts == sorted(set(starts)), "each period begins once, and in order"
    assert all(before.period.end >= after.period.start for before, after in pairwise(life.periods)), "without a gap"
