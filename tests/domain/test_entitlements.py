"""Of several subscriptions to a product, the best access counts, and of equal access the one that lasts longest."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

from domain.declines import DeclineCode
from domain.dunning import Dunning, DunningPolicy
from domain.entitlements import entitled
from domain.subscriptions import Access, CancelReason, Pause, PauseBehavior, Subscription, SubscriptionState
from tests.domain.test_subscriptions import DAY, END, START, a_subscription

POLICY = DunningPolicy()


def having(
    name: str, state: SubscriptionState = SubscriptionState.ACTIVE, *, days: int | None = None
) -> tuple[Subscription, str]:
    """Tea, until so many days after the start."""
    cancel_at = START + timedelta(days=days) if days is not None else None
    return replace(a_subscription(state), id=name, cancel_at=cancel_at), "tea"


def test_the_best_access_counts_then_what_lasts_longest_in_any_order() -> None:
    worst_first = [
        having("ended", SubscriptionState.CANCELED),
        having("paused", SubscriptionState.PAUSED),
        having("owed", SubscriptionState.PAST_DUE),
        having("soon over", days=3),
        having("later over", SubscriptionState.TRIALING, days=9),
        having("goes on"),
    ]
    for end in range(3, len(worst_first) + 1):
        for order in permutations(worst_first[:end][-3:]):
            (best,) = entitled(order)
            assert best.subscription_id == worst_first[end - 1][0].id
    assert entitled(worst_first[:2]) == ()


def test_each_product_is_told_once() -> None:
    one, other = a_subscription(), replace(a_subscription(), id="sub_2")
    told = entitled([(other, "tea"), (one, "milk"), (one, "tea")])
    assert [(each.product_id, each.access, each.until) for each in told] == [
        ("milk", Access.GRANTED, None),
        ("tea", Access.GRANTED, None),
    ]


def test_access_ends_with_whatever_comes_first() -> None:
    dunning = Dunning(policy=POLICY, since=START, code=DeclineCode.INSUFFICIENT_FUNDS)
    owed = replace(a_subscription(SubscriptionState.PAST_DUE), dunning=dunning)
    pause = Pause(behavior=PauseBehavior.PERIOD_END, since=END)
    assert a_subscription().access_ends_at is None
    assert replace(a_subscription(), pause=pause).access_ends_at == END
    assert owed.access_ends_at == START + POLICY.ends_after
    assert replace(owed, cancel_at=START + DAY, pause=pause).access_ends_at == START + DAY
    assert replace(a_subscription(SubscriptionState.PAUSED), cancel_at=END).access_ends_at is None


def test_a_trial_was_had_unless_it_was_called_off_before_it_began() -> None:
    tried = replace(a_subscription(SubscriptionState.SCHEDULED), trial_ends_at=START + DAY)
    assert tried.had_trial
    assert not a_subscription().had_trial
    assert tried.canceled(CancelReason.REQUESTED, now=START + DAY).had_trial
    assert not tried.canceled(CancelReason.REQUESTED, now=START - DAY).had_trial
