"""What the domain's changes, pauses and ends make of the money is what the model says, in any order and at any time.

There is no database and no invoice here: periods are begun and lines added up as the services will.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing import Plan as DomainPlan
from domain.billing import next_period, period_billed, period_unbilled
from domain.changes import Changed, canceled, changed, moment_of, paused, resumed, wanted_items
from domain.invoices import InvoiceLine
from domain.issuers import DEFAULT_ISSUER_ID
from domain.products import Price
from domain.subscriptions import BilledPeriod, Pause, PauseBehavior, Subscription, SubscriptionItem, SubscriptionState
from tests.model.diary import Diary, Held, Plan
from tests.model.strategies import ZONES, anchors, moments, quantities, rhythms, tariffs
from tests.model.terms import anchor_day_of, interval_of, pricing_of
from tests.model.wishes import item_changes

SMALL = settings(derandomize=True, deadline=None, max_examples=40)


@dataclass
class Desk:
    """Does to one subscription what the services will, and adds up all lines."""

    plans: dict[str, Plan]
    subscription: Subscription
    billed: BilledPeriod | None = None
    total: int = 0
    offered: dict[str, DomainPlan] = field(init=False)

    def __post_init__(self) -> None:
        self.offered = {name: DomainPlan(_price(name, plan), "Tea") for name, plan in self.plans.items()}

    @property
    def held(self) -> Held:
        return {item.id: (self.plans[item.price_id], item.quantity) for item in self.subscription.present_items}

    def renew(self, now: datetime) -> None:
        while not self.subscription.is_ended and (period := next_period(self.subscription)).start <= now:
            self.subscription = replace(self.subscription, period=period)
            if self.subscription.state is SubscriptionState.PAUSED:
                self.billed = period_unbilled(self.subscription, period)
            else:
                self.billed, lines = period_billed(self.subscription, period, self.offered)
                self._add(lines)

    def take(self, made: Changed) -> None:
        self.subscription = made.subscription
        self.billed = made.begun or made.billed or self.billed
        self._add(made.lines)

    def _add(self, lines: Iterable[InvoiceLine]) -> None:
        self.total += sum(line.amount.minor_units for line in lines)


def _price(name: str, plan: Plan) -> Price:
    pricing = pricing_of(plan.tariff)
    return Price(
        id=name,
        product_id="prod_1",
        nickname=None,
        unit_amount=pricing.tiers[0].flat_amount if plan.tariff.model == "FLAT" else pricing.tiers[0].unit_amount,
        interval=interval_of(plan.rhythm),
        pricing_model=pricing.model,
        tiers=pricing.tiers if plan.tariff.model in ("VOLUME", "GRADUATED") else (),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@st.composite
def desks(draw: st.DrawFn) -> tuple[Desk, Diary]:
    own, other = draw(rhythms), draw(rhythms)
    plans = {name: Plan(draw(tariffs), own) for name in ("a", "b", "c")} | {"o": Plan(draw(tariffs), other)}
    start, zone, anchor = draw(moments), draw(st.sampled_from(ZONES)), draw(anchors(own))
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True))
    subscription = Subscription(
        id="sub_1",
        customer_id="cus_1",
        issuer_id=DEFAULT_ISSUER_ID,
        state=SubscriptionState.ACTIVE,
        currency="USD",
        interval=interval_of(own),
        time_zone=zone,
        anchor_day=anchor_day_of(anchor),
        starts_at=start,
        periods_from=start,
        items=tuple(SubscriptionItem(id=f"si_{name}", price_id=name, quantity=draw(quantities)) for name in names),
        livemode=False,
        created_at=start,
        updated_at=start,
    )
    desk = Desk(plans, subscription)
    desk.renew(start)
    return desk, Diary(start, zone, anchor, desk.held)


class Days:
    """How long somebody waits: nothing, seconds, or a good part of a period, so that several may go by."""

    some = st.one_of(
        st.just(timedelta(0)),
        st.integers(1, 5).map(lambda seconds: timedelta(seconds=seconds)),
        st.integers(1, 60 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    )


@SMALL
@given(made=desks(), data=st.data())
def test_lines_add_up_to_what_was_used(made: tuple[Desk, Diary], data: st.DataObject) -> None:
    desk, diary = made
    now = diary.begins
    for _ in range(data.draw(st.integers(1, 8))):
        now += data.draw(Days.some)
        desk.renew(now)
        assert desk.total == diary.usage.billed(now)
        now = _something(desk, diary, now, data)
        assert desk.total == diary.usage.billed(now)
    now += timedelta(days=400)
    desk.renew(now)
    assert desk.total == diary.usage.billed(now)


def _something(desk: Desk, diary: Diary, now: datetime, data: st.DataObject) -> datetime:
    """Of what is possible now; when it counts."""
    subscription, billed = desk.subscription, desk.billed
    is_paused = subscription.state is SubscriptionState.PAUSED
    if subscription.is_ended:
        return now
    what = data.draw(
        st.sampled_from(("change", "change", "change", "rest", "end") if not is_paused else ("change", "rest", "end"))
    )
    at = moment_of(now, billed)
    if what == "change":
        changes = data.draw(item_changes(subscription.present_items, desk.plans))
        wanted = wanted_items(subscription, changes)
        anew = not desk.plans[wanted[0].price_id].rhythm.is_as_long_as(diary.rhythm)
        at = moment_of(now, billed, anew=anew)
        prorate = data.draw(st.booleans())
        desk.take(changed(subscription, billed, wanted, desk.offered, at=at, prorate=prorate))
        diary.changed(desk.held, at, prorated=prorate)
    elif what == "rest" and is_paused:
        desk.take(resumed(subscription, billed, desk.offered, at=at))
        diary.resumed(at)
    elif what == "rest":
        pause = Pause(behavior=PauseBehavior.CREDIT, since=at)
        desk.take(paused(subscription, billed, pause, desk.offered, at=at, credit=True))
        diary.paused(at)
    else:
        credit = data.draw(st.booleans())
        desk.take(canceled(subscription, billed, desk.offered, at=at, credit=credit))
        diary.over(at, with_credit=credit)
    return max(now, at)
