"""A renewal that was declined is tried again when that can help, and only then."""

from datetime import timedelta
from typing import Any

import pytest

from domain.declines import FORBIDS_TRIES, DeclineCode
from domain.dunning import LONGEST_DUNNING, MOST_RETRIES, Dunning, DunningPolicy, Retrying, retrying_after
from domain.errors import InvalidInput
from tests.domain.examples import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def dunning(code: DeclineCode = DeclineCode.INSUFFICIENT_FUNDS) -> Dunning:
    return Dunning(policy=DunningPolicy(), since=NOW, code=code)


@pytest.mark.parametrize(
    ("code", "retrying"),
    [
        (DeclineCode.INSUFFICIENT_FUNDS, Retrying.SCHEDULED),
        (DeclineCode.LIMIT_EXCEEDED, Retrying.SCHEDULED),
        (DeclineCode.PROCESSING_ERROR, Retrying.SCHEDULED),
        (DeclineCode.GENERIC_DECLINE, Retrying.SCHEDULED),
        (DeclineCode.AUTHENTICATION_REQUIRED, Retrying.BY_CUSTOMER),
        (DeclineCode.AUTHENTICATION_FAILED, Retrying.BY_CUSTOMER),
        (DeclineCode.CARD_EXPIRED, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.INCORRECT_NUMBER, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.INCORRECT_CVC, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.CARD_NOT_SUPPORTED, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.CURRENCY_NOT_SUPPORTED, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.FRAUD_SUSPECTED, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.LOST_OR_STOLEN, Retrying.WITH_ANOTHER_CARD),
        (DeclineCode.DO_NOT_RETRY, Retrying.WITH_ANOTHER_CARD),
    ],
)
def test_what_the_bank_said_decides_who_can_make_it_go_well(code: DeclineCode, retrying: Retrying) -> None:
    assert retrying_after(code) is retrying


def test_every_decline_has_an_answer_and_what_is_forbidden_is_not_tried() -> None:
    for code in DeclineCode:
        again = dunning(code).next_try(last_tried_at=NOW)
        assert (again is not None) == (retrying_after(code) is Retrying.SCHEDULED)
        assert again is None or code not in FORBIDS_TRIES


def test_tries_follow_the_schedule_and_then_end() -> None:
    last = NOW
    for days in (1, 3, 7, 14):
        again = dunning().next_try(last_tried_at=last)
        assert again == NOW + timedelta(days=days)
        last = again
    assert dunning().next_try(last_tried_at=last) is None
    assert dunning().ends_at == NOW + timedelta(days=21)


@pytest.mark.parametrize(
    ("tried_after", "next_after_days"),
    [(HOUR, 1), (DAY - timedelta(seconds=1), 1), (DAY + HOUR, 3), (timedelta(days=8), 14), (timedelta(days=14), None)],
)
def test_a_try_at_another_time_moves_no_other(tried_after: timedelta, next_after_days: int | None) -> None:
    expected = None if next_after_days is None else NOW + timedelta(days=next_after_days)
    assert dunning().next_try(last_tried_at=NOW + tried_after) == expected


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"retries_after": tuple(DAY * number for number in range(1, MOST_RETRIES + 2))}, "retriesAfterHours"),
        ({"retries_after": (HOUR - timedelta(seconds=1),)}, "retriesAfterHours"),
        ({"retries_after": (DAY, DAY)}, "retriesAfterHours"),
        ({"retries_after": (3 * DAY, DAY)}, "retriesAfterHours"),
        ({"retries_after": (DAY,), "ends_after": DAY}, "endsAfterHours"),
        ({"retries_after": (), "ends_after": timedelta(0)}, "endsAfterHours"),
        ({"ends_after": LONGEST_DUNNING + HOUR}, "endsAfterHours"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        DunningPolicy(**fields)
    assert refused.value.path == (field,)


def test_a_policy_may_leave_it_to_the_customer() -> None:
    policy = DunningPolicy(retries_after=(), ends_after=DAY)
    assert Dunning(policy=policy, since=NOW, code=DeclineCode.PROCESSING_ERROR).next_try(last_tried_at=NOW) is None
