"""A charge that holds its amount first: what a capture takes, what is released, and when it is too late."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charges import Charge, ChargeState, Review, ReviewReason
from domain.errors import (
    AmountNotPositive,
    CaptureAmountTooHigh,
    ChargeNotCapturable,
    ChargeNotRefundable,
    ChargeNotVoidable,
)
from domain.provider import CaptureMode, ChargeResult, Outcome
from tests.domain.examples import LATER, MUCH_LATER, NOW, many, new_charge, usd

UNTIL = NOW + timedelta(days=7)


def told(outcome: Outcome, **fields: Any) -> ChargeResult:
    return ChargeResult(outcome=outcome, **fields)


def held(amount: int = 100, **fields: Any) -> Charge:
    charge = new_charge(amount, capture_mode=CaptureMode.MANUAL, **fields)
    return charge.after(told(Outcome.AUTHORIZED, authorized=usd(amount), capture_before=UNTIL), now=NOW)


class TestHolding:
    def test_what_is_held_can_be_captured_and_nothing_is_refundable(self) -> None:
        charge = held(100)
        assert (charge.state, charge.capturable, charge.released) == (ChargeState.AUTHORIZED, usd(100), usd(0))
        with pytest.raises(ChargeNotRefundable):
            charge.check_refundable(usd(1))

    def test_a_hold_that_names_no_amount_holds_what_was_asked_for(self) -> None:
        charge = new_charge(100).after(told(Outcome.AUTHORIZED), now=NOW)
        assert charge.capturable == usd(100)

    def test_the_providers_deadline_counts_and_ours_where_it_tells_none(self) -> None:
        ours = NOW + timedelta(days=6)
        assert held().held_until(ours).capture_before == UNTIL
        assert new_charge(100).after(told(Outcome.AUTHORIZED), now=NOW).held_until(ours).capture_before == ours
        assert new_charge(100).held_until(ours).capture_before is None

    def test_a_later_picture_without_the_deadline_keeps_it(self) -> None:
        assert held().after(told(Outcome.AUTHORIZED, authorized=usd(100)), now=LATER).capture_before == UNTIL

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.VOIDED, Outcome.EXPIRED, Outcome.DECLINED])
    def test_no_deadline_is_left_once_it_has_ended(self, outcome: Outcome) -> None:
        charge = held().after(told(outcome), now=LATER)
        assert (charge.capture_before, charge.expires_at, charge.is_overdue(now=MUCH_LATER)) == (None, None, False)

    def test_it_is_overdue_at_its_deadline(self) -> None:
        assert not held().is_overdue(now=UNTIL - timedelta(microseconds=1))
        assert held().is_overdue(now=UNTIL)

    @pytest.mark.parametrize(("outcome", "released"), [(Outcome.VOIDED, 100), (Outcome.EXPIRED, 100)])
    def test_what_is_never_taken_is_released(self, outcome: Outcome, released: int) -> None:
        charge = held(100).after(told(outcome), now=LATER)
        assert (charge.released, charge.captured, charge.capturable) == (usd(released), usd(0), usd(0))


class TestCapturing:
    @many
    @given(amount=st.integers(1, 100))
    def test_a_part_is_taken_and_the_rest_released(self, amount: int) -> None:
        started = held(100).capture_started(usd(amount), now=LATER)
        assert (started.state, started.capturable) == (ChargeState.AUTHORIZED, usd(0)), "one capture at a time"
        charge = started.after(told(Outcome.SUCCEEDED, captured=usd(amount)), now=LATER)
        assert (charge.captured, charge.released, charge.refundable) == (usd(amount), usd(100 - amount), usd(amount))
        assert (charge.state, charge.review, charge.capture_requested) == (ChargeState.SUCCEEDED, None, usd(amount))

    def test_a_success_that_names_no_amount_took_what_the_capture_asked_for(self) -> None:
        charge = held(100).capture_started(usd(30), now=LATER).after(told(Outcome.SUCCEEDED), now=LATER)
        assert (charge.captured, charge.review) == (usd(30), None)

    @pytest.mark.parametrize("taken", [29, 31, 100])
    def test_another_amount_than_the_capture_asked_for_is_booked_and_looked_at(self, taken: int) -> None:
        started = held(100).capture_started(usd(30), now=LATER)
        charge = started.after(told(Outcome.SUCCEEDED, captured=usd(taken)), now=MUCH_LATER)
        assert charge.captured == usd(taken)
        assert charge.review == Review(MUCH_LATER, ReviewReason.AMOUNT_MISMATCH)

    def test_a_capture_that_came_to_nothing_can_be_repeated(self) -> None:
        charge = held(100).capture_started(usd(30), now=LATER).capture_ended(now=MUCH_LATER)
        assert (charge.capture_requested, charge.capturable, charge.updated_at) == (None, usd(100), MUCH_LATER)

    def test_the_end_of_a_capture_that_took_something_changes_nothing(self) -> None:
        charge = held(100).capture_started(usd(30), now=LATER).after(told(Outcome.SUCCEEDED), now=LATER)
        assert charge.capture_ended(now=MUCH_LATER) is charge

    @pytest.mark.parametrize(
        ("amount", "error"), [(0, AmountNotPositive), (-1, AmountNotPositive), (101, CaptureAmountTooHigh)]
    )
    def test_only_what_is_held_can_be_captured(self, amount: int, error: type[Exception]) -> None:
        with pytest.raises(error):
            held(100).capture_started(usd(amount), now=LATER)

    @pytest.mark.parametrize("state", [each for each in ChargeState if each is not ChargeState.AUTHORIZED])
    def test_only_a_held_charge_can_be_captured(self, state: ChargeState) -> None:
        with pytest.raises(ChargeNotCapturable):
            new_charge(100, state=state, authorized=usd(100)).check_capturable(usd(1), now=LATER)

    def test_after_its_deadline_it_cannot_be_captured_though_nobody_has_written_that_down(self) -> None:
        held(100).check_capturable(usd(1), now=UNTIL - timedelta(seconds=1))
        with pytest.raises(ChargeNotCapturable, match="expired"):
            held(100).check_capturable(usd(1), now=UNTIL)

    def test_a_picture_of_the_hold_does_not_end_the_looking_after_a_capture(self) -> None:
        waiting = held(100).capture_started(usd(30), now=LATER).checked_again_at(MUCH_LATER)
        seen = waiting.after(told(Outcome.AUTHORIZED, authorized=usd(100)), now=MUCH_LATER)
        assert (seen.next_check_at, seen.capture_requested) == (MUCH_LATER, usd(30))


@pytest.mark.parametrize("taken", [1, 100])
def test_money_that_no_capture_asked_for_is_booked_and_looked_at(taken: int) -> None:
    charge = held(100).after(told(Outcome.SUCCEEDED, captured=usd(taken)), now=LATER)
    assert (charge.captured, charge.review) == (usd(taken), Review(LATER, ReviewReason.UNREQUESTED_CAPTURE))


def test_of_what_is_held_beyond_the_amount_nothing_can_be_captured() -> None:
    charge = new_charge(100).after(told(Outcome.AUTHORIZED, authorized=usd(125)), now=NOW)
    assert charge.capturable == usd(100)
    assert new_charge(100).after(told(Outcome.AUTHORIZED, authorized=usd(80)), now=NOW).capturable == usd(80)


@pytest.mark.parametrize("outcome", [Outcome.VOIDED, Outcome.EXPIRED, Outcome.DECLINED, Outcome.FAILED])
def test_a_capture_of_a_hold_that_ended_came_to_nothing(outcome: Outcome) -> None:
    charge = held(100).capture_started(usd(30), now=LATER).after(told(outcome), now=MUCH_LATER)
    assert (charge.capture_requested, charge.captured) == (None, usd(0))


def test_while_it_is_called_off_nothing_can_be_captured() -> None:
    charge = held(100).void_started(now=LATER)
    assert (charge.capturable, charge.void_requested_at) == (usd(0), LATER)
    assert charge.void_ended(now=MUCH_LATER).capturable == usd(100)
    assert charge.after(told(Outcome.VOIDED), now=MUCH_LATER).void_requested_at is None


def test_what_nobody_needs_any_more_is_overdue_at_once() -> None:
    assert held().given_up(now=LATER).is_overdue(now=LATER)
    waiting = new_charge(state=ChargeState.REQUIRES_ACTION, action_expires_at=UNTIL)
    assert waiting.given_up(now=LATER).is_overdue(now=LATER)
    ended = new_charge(state=ChargeState.SUCCEEDED)
    assert ended.given_up(now=LATER) is ended


@pytest.mark.parametrize("state", ChargeState)
def test_only_what_waits_can_be_called_off(state: ChargeState) -> None:
    charge = new_charge(state=state)
    if state in (ChargeState.AUTHORIZED, ChargeState.REQUIRES_ACTION):
        charge.check_voidable()
        return
    with pytest.raises(ChargeNotVoidable):
        charge.check_voidable()
