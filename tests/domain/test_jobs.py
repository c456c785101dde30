"""Which work may be given up, and which never."""

import pytest

from domain.jobs import JobKind

MAY_BE_GIVEN_UP = {
    JobKind.RESOLVE_PAYMENT_METHOD,
    JobKind.APPLY_WEBHOOK,  # it only tells sooner what a resolver finds out by itself
    JobKind.FORGET_KEYS,  # scheduled anew at each start
}


@pytest.mark.parametrize("kind", JobKind)
def test_what_is_about_money_is_never_given_up(kind: JobKind) -> None:
    assert kind.is_about_money == (kind not in MAY_BE_GIVEN_UP)
