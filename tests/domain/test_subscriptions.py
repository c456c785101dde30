"""What comes next for a subscription, in which order, and who may use it meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.declines import DeclineCode
from domain.dunning import Dunning, DunningPolicy
from domain.periods import Period
from domain.products import Interval, IntervalUnit
from domain.subscriptions import (
    ENDED_STATES,
    Access,
    CancelReason,
    Due,
    DueKind,
    Pause,
    PauseBehavior,
    PendingChange,
    PendingUpdate,
    Subscription,
    SubscriptionItem,
    SubscriptionState,
)

START = datetime(2027, 1, 31, 10, tzinfo=UTC)
END = datetime(2027, 2, 28, 10, tzinfo=UTC)
PERIOD = Period(number=1, start=START, end=END, whole_start=START)
DAY = timedelta(days=1)


def a_subscription(state: SubscriptionState = SubscriptionState.ACTIVE) -> Subscription:
    return Subscription(
        id="sub_1",
        customer_id="cus_1",
        issuer_id="iss_1",
        state=state,
        currency="USD",
        interval=Interval(IntervalUnit.MONTH, 1),
        starts_at=START,
        periods_from=START,
        period=PERIOD,
        items=(SubscriptionItem(id="item_1", price_id="price_1", quantity=1),),
        ended_at=START if state in ENDED_STATES else None,
        livemode=False,
        created_at=START,
        updated_at=START,
    )


def a_dunning(code: DeclineCode | None = DeclineCode.INSUFFICIENT_FUNDS) -> Dunning:
    return Dunning(policy=DunningPolicy(), since=START, code=code)


def test_an_active_one_is_renewed_when_its_period_ends() -> None:
    assert a_subscription().next_due() == Due(DueKind.RENEW, END)
    assert a_subscription().due_at == END


@pytest.mark.parametrize(
    ("subscription", "due"),
    [
        (
            replace(a_subscription(SubscriptionState.SCHEDULED), period=None, starts_at=END),
            Due(DueKind.START, END),
        ),
        (
            replace(a_subscription(SubscriptionState.TRIALING), period=None, trial_ends_at=START + DAY),
            Due(DueKind.END_TRIAL, START + DAY),
        ),
        (
            replace(a_subscription(SubscriptionState.INCOMPLETE), incomplete_expires_at=START + DAY),
            Due(DueKind.EXPIRE, START + DAY),
        ),
        (a_subscription(SubscriptionState.UNPAID), Due(DueKind.RENEW, END)),
        (a_subscription(SubscriptionState.CANCELED), None),
        (a_subscription(SubscriptionState.EXPIRED), None),
    ],
)
def test_what_is_due_depends_on_the_state(subscription: Subscription, due: Due | None) -> None:
    assert subscription.next_due() == due


def test_whoever_cancels_at_the_end_of_a_period_is_not_billed_for_the_next() -> None:
    subscription = replace(
        a_subscription(),
        cancel_at=END,
        pending_change=PendingChange(items=(), at=END),
        pause=Pause(behavior=PauseBehavior.PERIOD_END, since=END),
    )
    assert subscription.next_due() == Due(DueKind.CANCEL, END)


def test_a_pause_then_a_change_come_before_the_renewal_of_the_same_moment() -> None:
    subscription = replace(
        a_subscription(),
        pending_change=PendingChange(items=(), at=END),
        pause=Pause(behavior=PauseBehavior.PERIOD_END, since=END),
    )

    assert subscription.next_due() == Due(DueKind.PAUSE, END)
    paused = replace(subscription, state=SubscriptionState.PAUSED)
    assert paused.next_due() == Due(DueKind.CHANGE, END)
    assert replace(paused, pending_change=None).next_due() == Due(DueKind.RENEW, END)


def test_a_pause_ends_when_it_was_to_end() -> None:
    pause = Pause(behavior=PauseBehavior.CREDIT, since=START, until=START + DAY)
    paused = replace(a_subscription(SubscriptionState.PAUSED), pause=pause)

    assert paused.next_due() == Due(DueKind.RESUME, START + DAY)
    assert replace(paused, pause=replace(pause, until=None)).next_due() == Due(DueKind.RENEW, END)


def test_a_change_that_nobody_pays_is_dropped() -> None:
    update = PendingUpdate(items=(), at=START, invoice_id="inv_1", expires_at=START + DAY)
    assert replace(a_subscription(), pending_update=update).next_due() == Due(DueKind.DROP_UPDATE, START + DAY)


def test_dunning_tries_again_and_ends_whatever_was_tried() -> None:
    late = a_subscription().past_due(a_dunning(), tried_at=START, now=START)
    at = Due(DueKind.RETRY, START + DAY)

    assert (late.state, late.next_due()) == (SubscriptionState.PAST_DUE, at)
    again = late.past_due(a_dunning(DeclineCode.LOST_OR_STOLEN), tried_at=START + DAY, now=START + DAY)
    assert again.next_due() == Due(DueKind.END_DUNNING, START + timedelta(days=21))


def test_without_a_card_there_is_nothing_to_try() -> None:
    late = a_subscription().past_due(a_dunning(None), tried_at=None, now=START)
    assert late.next_due() == Due(DueKind.END_DUNNING, START + timedelta(days=21))


@pytest.mark.parametrize("state", [SubscriptionState.INCOMPLETE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID])
def test_paying_brings_everything_back(state: SubscriptionState) -> None:
    waiting = replace(
        a_subscription(state), dunning=a_dunning(), last_tried_at=START, incomplete_expires_at=START + DAY
    )
    paid = waiting.paid(now=END)

    assert (paid.state, paid.access) == (SubscriptionState.ACTIVE, Access.GRANTED)
    assert (paid.dunning, paid.last_tried_at, paid.incomplete_expires_at) == (None, None, None)


@pytest.mark.parametrize("state", sorted(set(SubscriptionState)))
def test_paying_changes_nothing_that_money_does_not_keep_waiting(state: SubscriptionState) -> None:
    waits = state in (SubscriptionState.INCOMPLETE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID)
    subscription = a_subscription(state)
    assert (subscription.paid(now=END) is subscription) is not waits


def test_an_end_is_final_and_calls_everything_off() -> None:
    busy = replace(
        a_subscription(SubscriptionState.PAST_DUE),
        dunning=a_dunning(),
        cancel_at=END,
        pending_change=PendingChange(items=(), at=END),
    )
    ended = busy.canceled(CancelReason.NOT_PAID, now=START + DAY)

    assert (ended.state, ended.cancel_reason, ended.ended_at) == (
        SubscriptionState.CANCELED,
        CancelReason.NOT_PAID,
        START + DAY,
    )
    assert ended.next_due() is None
    assert ended.expired(now=END) is ended is ended.canceled(CancelReason.REQUESTED, now=END)
    assert ended.paid(now=END) is ended is ended.past_due(a_dunning(), tried_at=None, now=END)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_the_earliest_comes_first_and_an_end_before_the_rest(days: list[int]) -> None:
    cancel, change, pause, update = (START + number * DAY for number in days)
    subscription = replace(
        a_subscription(),
        cancel_at=cancel,
        pending_change=PendingChange(items=(), at=change),
        pause=Pause(behavior=PauseBehavior.PERIOD_END, since=pause),
        pending_update=PendingUpdate(items=(), at=START, invoice_id="inv_1", expires_at=update),
    )
    due = subscription.next_due()

    assert due is not None
    assert due.at == min(cancel, change, pause, update)
    assert (due.kind is DueKind.CANCEL) == (cancel == due.at)


@pytest.mark.parametrize(
    ("state", "access"),
    [
        (SubscriptionState.TRIALING, Access.GRANTED),
        (SubscriptionState.ACTIVE, Access.GRANTED),
        (SubscriptionState.PAST_DUE, Access.GRACE),
        (SubscriptionState.SCHEDULED, Access.REVOKED),
        (SubscriptionState.INCOMPLETE, Access.REVOKED),
        (SubscriptionState.UNPAID, Access.REVOKED),
        (SubscriptionState.PAUSED, Access.REVOKED),
        (SubscriptionState.CANCELED, Access.REVOKED),
    ],
)
def test_access_follows_the_state(state: SubscriptionState, access: Access) -> None:
    assert a_subscription(state).access is access


def test_items_that_went_are_not_present() -> None:
    here, gone = a_subscription().items[0], SubscriptionItem(id="i", price_id="p", quantity=1, removed_at=START)
    assert replace(a_subscription(), items=(gone, here)).present_items == (here,)
