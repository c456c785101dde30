"""Whom a declined payment counts against, and when that is too much."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.decline_limits import (
    Against,
    Decline,
    DeclineLimit,
    DeclineLimits,
    DeclineState,
    network_of,
    network_told,
    of_card,
    of_charge,
)
from domain.errors import InvalidInput, PaymentMethodForbidden, TooManyAtOnce, TooManyDeclines
from tests.domain.examples import new_method

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


def declines(*minutes_ago: int, state: DeclineState = DeclineState.DECLINED) -> list[Decline]:
    return [
        Decline(
            subject="cus_1",
            cause="chg_1",
            state=state,
            counted_at=NOON - timedelta(minutes=minutes),
            kept_until=NOON + A_DAY,
        )
        for minutes in minutes_ago
    ]


def test_up_to_the_limit_and_no_further() -> None:
    against = Against("cus_1", (DeclineLimit(3, AN_HOUR),))
    against.check(declines(1, 2), now=NOON)
    against.check(declines(1, 2, 60, 90), now=NOON)
    with pytest.raises(TooManyDeclines) as refused:
        against.check(declines(1, 2, 50, 90), now=NOON)
    assert refused.value.retry_after_seconds == 10 * 60, "when the third of them is an hour old"
    assert refused.value.path == ()


def test_what_has_no_answer_counts_for_whoever_is_there_and_means_a_short_wait() -> None:
    asked, taken_on = declines(1, state=DeclineState.ASKED), declines(2, 3, 4, state=DeclineState.TAKEN_ON)
    here = Against("cus_1", (DeclineLimit(2, AN_HOUR),))
    here.check(asked + taken_on, now=NOON)
    with pytest.raises(TooManyAtOnce):
        here.check(asked + taken_on + declines(5), now=NOON)
    with pytest.raises(TooManyDeclines):
        here.check(asked + declines(5, 6), now=NOON)
    Against("cus_1", (DeclineLimit(2, AN_HOUR),), at_once=False).check(asked * 9 + declines(5), now=NOON)


def test_of_two_limits_the_later_end_counts() -> None:
    against = Against("pm_1", (DeclineLimit(1, AN_HOUR), DeclineLimit(2, A_DAY)), is_payment_method=True)
    with pytest.raises(TooManyDeclines) as refused:
        against.check(declines(10, 60), now=NOON)
    assert refused.value.retry_after_seconds == 23 * 3600
    assert refused.value.path == ("paymentMethodId",)


def test_zero_is_no_limit_but_the_banks_no_stays() -> None:
    against = Against("pm_1", (DeclineLimit(0, A_DAY),), is_payment_method=True)
    against.check(declines(*range(1, 100)), now=NOON)
    with pytest.raises(PaymentMethodForbidden):
        against.check(declines(1, state=DeclineState.FINAL), now=NOON)
    assert against.count("chg_1", now=NOON).kept_until == NOON + timedelta(days=30)


def test_a_charge_counts_against_card_customer_and_address() -> None:
    limits = DeclineLimits()
    method = new_method(id="pm_1", customer_id="cus_1")
    counted = of_charge(limits, method, network="8.8.8.8", on_session=True)
    assert [each.subject for each in counted] == ["pm_1", "cus_1", "8.8.8.8"]
    assert [each.count("chg_1", now=NOON).kept_until - NOON for each in counted] == [
        timedelta(days=30),
        A_DAY,
        AN_HOUR,
    ]
    for network, on_session in ((None, True), ("8.8.8.8", False)):
        unknown = of_charge(limits, method, network=network, on_session=on_session)
        assert [(each.subject, each.at_once) for each in unknown] == [("pm_1", on_session), ("cus_1", on_session)]
    assert [each.subject for each in of_card(limits, customer_id="cus_1", network="8.8.8.8")] == [
        "cards:cus_1",
        "8.8.8.8",
    ]


def test_a_card_is_the_same_one_however_often_it_is_stored() -> None:
    """At its account: another may call another card so. What is counted does not tell what the provider calls it."""

    def subject(**fields: str) -> str:
        against = of_charge(DeclineLimits(), new_method(**fields), network=None, on_session=True)[0]
        assert against.is_payment_method
        return against.subject

    first = subject(id="pm_1", customer_id="cus_1", card_fingerprint="Xt5EWLLDS7FJjR1c")
    assert first == subject(id="pm_2", customer_id="cus_2", card_fingerprint="Xt5EWLLDS7FJjR1c")
    assert first != subject(account="another", card_fingerprint="Xt5EWLLDS7FJjR1c")
    assert first != subject(card_fingerprint="Xt5EWLLDS7FJjR1d")
    assert "Xt5EWLLDS7FJjR1c" not in first
    assert len(first) <= 80, "the column has no more"


def test_a_banks_no_to_one_card_forbids_its_customer_no_other() -> None:
    final = declines(1, state=DeclineState.FINAL)
    Against("cus_1", (DeclineLimit(2, A_DAY),)).check(final, now=NOON)
    with pytest.raises(TooManyDeclines):
        Against("cus_1", (DeclineLimit(1, A_DAY),)).check(final, now=NOON)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2a00:1450:4001:82b::200e", "2a00:1450:4001:82b::/64"),
        ("2A00:1450:4001:82B:ffff::1", "2a00:1450:4001:82b::/64"),
        ("127.0.0.1", None),
        ("10.0.0.7", None),
        ("100.64.1.1", None),
        ("::1", None),
        ("fe80::1%eth0", None),
        ("::ffff:10.0.0.7", None),
        ("224.0.0.1", None),
    ],
)
def test_an_address_of_the_internet_is_counted_and_no_other(address: str, network: str | None) -> None:
    assert network_of(address) == network_told(address) == network


@pytest.mark.parametrize(
    "text", ["", "localhost", "8.8.8", "8.8.8.8:443", "8.8.8.8, 9.9.9.9", "unix:", "٨.8.8.8", "x" * 9999]
)
def test_what_is_no_address_is_not_counted_and_not_taken(text: str) -> None:
    assert network_of(text) is None
    with pytest.raises(InvalidInput) as refused:
        network_told(text, "clientAddress")
    assert refused.value.path == ("clientAddress",)
