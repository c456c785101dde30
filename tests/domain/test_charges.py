"""A charge under every kind of evidence, in every order, and what refunds make of it."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charges import LIVE_STATES, Charge, FailureCode, Review, ReviewReason
from domain.charges import ChargeState as State
from domain.declines import DECLINES, DeclineCode
from domain.errors import (
    AmountNotPositive,
    ChargeNotRefundable,
    CurrencyMismatch,
    ErrorCode,
    NothingLeftToRefund,
    RefundAmountTooHigh,
    ReviewNotOpen,
)
from domain.money import Money
from domain.provider import ChargeResult, Outcome, RedirectAction, Refusal
from tests.domain.examples import LATER, MUCH_LATER, NOW, PAGE_OF_THE_BANK, many, new_charge, usd

REFUSAL = Refusal("no funds", DeclineCode.INSUFFICIENT_FUNDS, issuer_code="51", provider_code="2001")


def told(outcome: Outcome, **fields: Any) -> ChargeResult:
    return ChargeResult(outcome=outcome, **fields)


WAITING_AFTER = {
    Outcome.SUCCEEDED: State.SUCCEEDED,
    Outcome.AUTHORIZED: State.AUTHORIZED,
    Outcome.PENDING: State.PENDING,
    Outcome.REQUIRES_ACTION: State.REQUIRES_ACTION,
    Outcome.DECLINED: State.DECLINED,
    Outcome.FAILED: State.FAILED,
    Outcome.VOIDED: State.VOIDED,
    Outcome.EXPIRED: State.EXPIRED,
    Outcome.NOT_SENT: State.FAILED,
    Outcome.UNKNOWN: State.UNKNOWN,
}


def stays(state: State, **but: State) -> dict[Outcome, State]:
    return {outcome: but.get(outcome, state) for outcome in Outcome}


AFTER: dict[State, dict[Outcome, State]] = {
    State.PENDING: WAITING_AFTER,
    State.UNKNOWN: WAITING_AFTER,
    # The provider has shown that it has the charge: a request that did not reach it says nothing against that.
    State.REQUIRES_ACTION: WAITING_AFTER | {Outcome.NOT_SENT: State.REQUIRES_ACTION},
    State.AUTHORIZED: stays(
        State.AUTHORIZED,
        DECLINED=State.DECLINED,
        FAILED=State.FAILED,
        VOIDED=State.VOIDED,
        EXPIRED=State.EXPIRED,
        SUCCEEDED=State.SUCCEEDED,
    ),
    State.FAILED: stays(
        State.FAILED,
        VOIDED=State.VOIDED,
        EXPIRED=State.EXPIRED,
        DECLINED=State.DECLINED,
        SUCCEEDED=State.SUCCEEDED,
    ),
    State.VOIDED: stays(State.VOIDED, EXPIRED=State.EXPIRED, DECLINED=State.DECLINED, SUCCEEDED=State.SUCCEEDED),
    State.EXPIRED: stays(State.EXPIRED, DECLINED=State.DECLINED, SUCCEEDED=State.SUCCEEDED),
    State.DECLINED: stays(State.DECLINED, SUCCEEDED=State.SUCCEEDED),
    State.SUCCEEDED: stays(State.SUCCEEDED),
}


class TestOneAnswer:
    @pytest.mark.parametrize("outcome", Outcome)
    @pytest.mark.parametrize("state", State)
    def test_the_state_after_each_outcome(self, state: State, outcome: Outcome) -> None:
        assert new_charge(state=state).after(told(outcome), now=LATER).state is AFTER[state][outcome]

    def test_a_success_takes_what_it_says(self) -> None:
        charge = new_charge(100).after(told(Outcome.SUCCEEDED, charge_ref="ch_1", captured=usd(100)), now=LATER)
        assert (charge.captured, charge.authorized, charge.refundable) == (usd(100), usd(100), usd(100))
        assert (charge.charge_ref, charge.updated_at, charge.review) == ("ch_1", LATER, None)

    def test_a_success_that_names_no_amount_took_what_was_asked_for(self) -> None:
        assert new_charge(100).after(told(Outcome.SUCCEEDED), now=LATER).captured == usd(100)

    def test_but_it_adds_nothing_to_an_amount_that_is_known(self) -> None:
        charge = new_charge(100).after(told(Outcome.SUCCEEDED, captured=usd(40)), now=LATER)
        assert charge.after(told(Outcome.SUCCEEDED), now=MUCH_LATER) is charge

    def test_a_hold_is_kept_with_its_amount(self) -> None:
        charge = new_charge(100).after(told(Outcome.AUTHORIZED, authorized=usd(100)), now=LATER)
        assert (charge.authorized, charge.captured, charge.is_live) == (usd(100), usd(0), True)

    def test_a_decline_keeps_all_three_layers_of_its_reason(self) -> None:
        charge = new_charge().after(told(Outcome.DECLINED, refusal=REFUSAL), now=LATER)
        assert charge.decline_code is DeclineCode.INSUFFICIENT_FUNDS
        assert charge.decline == DECLINES[DeclineCode.INSUFFICIENT_FUNDS]
        assert (charge.issuer_code, charge.provider_code, charge.provider_message) == ("51", "2001", "no funds")
        assert charge.failure_code is None

    @pytest.mark.parametrize("refusal", [None, Refusal("no")])
    def test_a_decline_without_a_reason_is_a_generic_one(self, refusal: Refusal | None) -> None:
        charge = new_charge().after(told(Outcome.DECLINED, refusal=refusal), now=LATER)
        assert charge.decline_code is DeclineCode.GENERIC_DECLINE

    @pytest.mark.parametrize(
        ("outcome", "code"),
        [
            (Outcome.FAILED, FailureCode.PROVIDER_REFUSED),
            (Outcome.NOT_SENT, FailureCode.PROVIDER_UNAVAILABLE),
        ],
    )
    def test_a_failure_says_whose_it_is_and_is_no_decline(self, outcome: Outcome, code: FailureCode) -> None:
        charge = new_charge().after(told(outcome, refusal=REFUSAL), now=LATER)
        assert (charge.failure_code, charge.decline_code, charge.decline) == (code, None, None)

    def test_a_success_after_a_refusal_leaves_no_trace_of_it(self) -> None:
        declined = new_charge(100).after(told(Outcome.DECLINED, refusal=REFUSAL), now=LATER)
        paid = declined.after(told(Outcome.SUCCEEDED, captured=usd(100), refusal=REFUSAL), now=MUCH_LATER)
        assert (paid.decline_code, paid.failure_code, paid.issuer_code) == (None, None, None)
        assert (paid.provider_code, paid.provider_message) == (None, None)

    def test_a_confirmation_leads_on_and_ends_with_the_answer(self) -> None:
        waiting = new_charge().after(told(Outcome.REQUIRES_ACTION, next_action=PAGE_OF_THE_BANK), now=NOW)
        assert (waiting.next_action, waiting.action_expires_at) == (PAGE_OF_THE_BANK, PAGE_OF_THE_BANK.expires_at)
        for outcome in set(Outcome) - {Outcome.REQUIRES_ACTION, Outcome.NOT_SENT}:
            moved = waiting.after(told(outcome, next_action=PAGE_OF_THE_BANK), now=LATER)
            assert moved.state is not State.REQUIRES_ACTION
            assert (moved.next_action, moved.action_expires_at) == (None, None)

    def test_the_earlier_deadline_counts(self) -> None:
        waiting = new_charge().after(told(Outcome.REQUIRES_ACTION, next_action=PAGE_OF_THE_BANK), now=NOW)
        assert waiting.waiting_until(MUCH_LATER).action_expires_at == PAGE_OF_THE_BANK.expires_at
        assert waiting.waiting_until(NOW).action_expires_at == NOW
        without = new_charge().after(told(Outcome.REQUIRES_ACTION), now=NOW)
        assert without.waiting_until(MUCH_LATER).action_expires_at == MUCH_LATER
        assert new_charge().waiting_until(MUCH_LATER).action_expires_at is None

    def test_another_currency_is_never_booked(self) -> None:
        with pytest.raises(CurrencyMismatch):
            new_charge(100).after(told(Outcome.SUCCEEDED, captured=Money(100, "EUR")), now=LATER)


class TestReview:
    @pytest.mark.parametrize("taken", [0, 1, 99, 101, 10**9])
    def test_another_amount_than_was_asked_for_is_booked_and_reviewed(self, taken: int) -> None:
        charge = new_charge(100).after(told(Outcome.SUCCEEDED, captured=usd(taken)), now=LATER)
        assert (charge.state, charge.captured) == (State.SUCCEEDED, usd(taken))
        assert charge.review == Review(LATER, ReviewReason.AMOUNT_MISMATCH)

    @pytest.mark.parametrize(
        "outcome", [outcome for outcome in Outcome if outcome not in (Outcome.SUCCEEDED, Outcome.NOT_SENT)]
    )
    @pytest.mark.parametrize("state", State)
    def test_money_that_any_evidence_names_is_booked(self, state: State, outcome: Outcome) -> None:
        charge = new_charge(100, state=state).after(told(outcome, captured=usd(40)), now=LATER)
        assert (charge.captured, charge.updated_at) == (usd(40), LATER)
        assert charge.review == Review(LATER, ReviewReason.AMOUNT_MISMATCH)

    def test_each_reason_is_a_review_of_its_own_and_opens_once(self) -> None:
        late = new_charge(100).with_review(ReviewReason.LATE_MONEY, now=NOW)
        assert late.with_review(ReviewReason.LATE_MONEY, now=LATER) is late
        after = late.after(told(Outcome.SUCCEEDED, captured=usd(1)), now=LATER)
        assert after.reviews == (Review(NOW, ReviewReason.LATE_MONEY), Review(LATER, ReviewReason.AMOUNT_MISMATCH))
        assert after.review == Review(NOW, ReviewReason.LATE_MONEY)

    def test_closing_one_leaves_the_others_open(self) -> None:
        charge = new_charge(100).with_review(ReviewReason.LATE_MONEY, now=NOW)
        charge = charge.with_review(ReviewReason.AMOUNT_MISMATCH, now=LATER)
        closed = charge.review_closed(ReviewReason.LATE_MONEY, now=LATER)
        assert closed.reviews == (Review(LATER, ReviewReason.AMOUNT_MISMATCH),)
        with pytest.raises(ReviewNotOpen):
            closed.review_closed(ReviewReason.LATE_MONEY, now=LATER)

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.AUTHORIZED])
    def test_a_person_need_not_find_out_what_the_provider_has_told(self, outcome: Outcome) -> None:
        charge = new_charge(100, state=State.UNKNOWN).with_review(ReviewReason.UNRESOLVED, now=NOW)
        assert charge.after(told(outcome), now=LATER).reviews == ()
        assert charge.not_applied(now=LATER).reviews == ()
        assert charge.after(told(Outcome.UNKNOWN), now=LATER).reviews == charge.reviews

    def test_the_right_amount_needs_none(self) -> None:
        charge = new_charge(100, state=State.UNKNOWN).after(told(Outcome.SUCCEEDED, captured=usd(100)), now=LATER)
        assert charge.review is None


evidence = st.builds(
    lambda outcome, taken, ref: told(
        outcome,
        captured=usd(taken) if outcome is Outcome.SUCCEEDED else None,
        authorized=usd(taken) if outcome is Outcome.AUTHORIZED else None,
        charge_ref=ref,
        next_action=PAGE_OF_THE_BANK if outcome is Outcome.REQUIRES_ACTION else None,
        refusal=REFUSAL if outcome in (Outcome.DECLINED, Outcome.FAILED) else None,
    ),
    st.sampled_from(Outcome),
    st.sampled_from([1, 40, 100, 150]),
    st.sampled_from([None, "ch_1"]),
)
histories = st.lists(evidence, max_size=6)


def lived(history: list[ChargeResult], charge: Charge | None = None) -> Charge:
    charge = charge or new_charge(100)
    for result in history:
        charge = charge.after(result, now=LATER)
    return charge


class TestAnyOrder:
    @many
    @given(histories, st.randoms(use_true_random=False), st.data())
    def test_money_is_the_same_whatever_the_order_and_however_often_it_is_told(
        self, history: list[ChargeResult], chance: Any, data: st.DataObject
    ) -> None:
        again = history + [data.draw(st.sampled_from(history)) for _ in history]
        chance.shuffle(again)
        one, other = lived(history), lived(again)
        assert one.captured == other.captured
        assert one.captured == max((result.captured for result in history if result.captured), default=usd(0))
        succeeded = any(result.outcome is Outcome.SUCCEEDED for result in history)
        assert (one.state is State.SUCCEEDED) == (other.state is State.SUCCEEDED) == succeeded

    @many
    @given(st.lists(evidence.filter(lambda result: result.outcome is not Outcome.NOT_SENT), max_size=5))
    def test_what_is_settled_is_settled_the_same_in_every_order(self, history: list[ChargeResult]) -> None:
        settled = {Outcome.AUTHORIZED, Outcome.VOIDED, Outcome.EXPIRED, Outcome.DECLINED, Outcome.FAILED}
        if any(result.outcome in settled for result in history):
            assert len({lived(list(order)).state for order in permutations(history)}) == 1

    @many
    @given(histories, evidence)
    def test_amounts_only_grow(self, history: list[ChargeResult], result: ChargeResult) -> None:
        before = lived(history)
        after = before.after(result, now=MUCH_LATER)
        assert after.captured >= before.captured
        assert after.authorized >= before.authorized
        assert after.authorized >= after.captured
        assert after.charge_ref is not None or before.charge_ref is None

    @many
    @given(histories, evidence)
    def test_the_same_evidence_twice_changes_nothing_the_second_time(
        self, history: list[ChargeResult], result: ChargeResult
    ) -> None:
        once = lived(history).after(result, now=LATER)
        assert once.after(result, now=MUCH_LATER) is once

    @many
    @given(histories)
    def test_not_knowing_displaces_nothing_that_is_known(self, history: list[ChargeResult]) -> None:
        before = lived(history)
        after = before.after(told(Outcome.UNKNOWN), now=MUCH_LATER)
        if before.state not in (State.PENDING, State.REQUIRES_ACTION, State.UNKNOWN):
            assert after is before
        assert (after.charge_ref, after.captured, after.authorized, after.amount, after.review) == (
            before.charge_ref,
            before.captured,
            before.authorized,
            before.amount,
            before.review,
        )

    @many
    @given(histories)
    def test_only_a_decline_has_a_decline_code(self, history: list[ChargeResult]) -> None:
        charge = lived(history)
        assert (charge.decline_code is not None) == (charge.state is State.DECLINED)
        assert (charge.failure_code is not None) == (charge.state is State.FAILED)
        assert (charge.next_action is not None) == (charge.state is State.REQUIRES_ACTION)

    def test_what_we_voided_as_expired_stays_expired_when_the_provider_says_voided(self) -> None:
        expired = new_charge().after(told(Outcome.VOIDED), now=NOW).expired(now=NOW)
        assert expired.after(told(Outcome.VOIDED), now=LATER) is expired


class TestEnds:
    def test_a_charge_is_live_while_it_may_take_money(self) -> None:
        assert {state for state in State if new_charge(state=state).is_live} == LIVE_STATES
        assert {State.PENDING, State.REQUIRES_ACTION, State.AUTHORIZED, State.UNKNOWN} == LIVE_STATES

    def test_a_charge_is_undecided_while_only_the_provider_knows(self) -> None:
        undecided = {state for state in State if new_charge(state=state).is_undecided}
        assert undecided == {State.PENDING, State.UNKNOWN}
        assert undecided <= LIVE_STATES

    def test_an_expired_charge_leads_nowhere(self) -> None:
        action = RedirectAction("https://bank.example", LATER)
        charge = new_charge(state=State.REQUIRES_ACTION, next_action=action, action_expires_at=LATER)
        expired = charge.expired(now=LATER)
        assert (expired.state, expired.next_action, expired.action_expires_at) == (State.EXPIRED, None, None)

    def test_a_charge_that_never_reached_the_provider_says_so(self) -> None:
        charge = new_charge(state=State.UNKNOWN).checked_again_at(LATER)
        assert charge.next_check_at == LATER
        failed = charge.not_applied(now=LATER)
        assert (failed.state, failed.failure_code, failed.next_check_at) == (
            State.FAILED,
            FailureCode.NOT_APPLIED,
            None,
        )

    def test_money_that_appears_after_all_is_booked(self) -> None:
        failed = new_charge(100, state=State.UNKNOWN).not_applied(now=NOW)
        paid = failed.after(told(Outcome.SUCCEEDED, captured=usd(100)), now=LATER)
        assert (paid.state, paid.captured, paid.failure_code) == (State.SUCCEEDED, usd(100), None)

    def test_the_next_check_is_told_only_while_nothing_is_known(self) -> None:
        charge = new_charge(state=State.UNKNOWN, next_check_at=LATER)
        assert charge.after(told(Outcome.UNKNOWN), now=LATER).next_check_at == LATER
        assert charge.after(told(Outcome.SUCCEEDED), now=LATER).next_check_at is None


def paid_charge(captured: int = 100) -> Charge:
    return new_charge(captured, state=State.SUCCEEDED, authorized=usd(captured), captured=usd(captured))


class TestRefunds:
    @pytest.mark.parametrize("state", [state for state in State if state is not State.SUCCEEDED])
    def test_where_nothing_was_taken_nothing_goes_back(self, state: State) -> None:
        with pytest.raises(ChargeNotRefundable, match=state.lower().replace("_", " ")):
            new_charge(state=state).check_refundable(usd(1))

    @pytest.mark.parametrize("amount", [0, -1, -(10**9)])
    def test_a_refund_gives_something(self, amount: int) -> None:
        with pytest.raises(AmountNotPositive) as refused:
            paid_charge().check_refundable(usd(amount))
        assert refused.value.path == ("amount",)

    def test_at_most_the_rest_goes_back_and_the_refusal_says_how_much(self) -> None:
        charge = paid_charge(100).refund_requested(usd(30), now=LATER)
        charge.check_refundable(usd(70))
        with pytest.raises(RefundAmountTooHigh, match=r"0\.70 USD"):
            charge.check_refundable(usd(71))

    def test_another_currency_is_refused(self) -> None:
        with pytest.raises(CurrencyMismatch):
            paid_charge().check_refundable(Money(1, "EUR"))

    def test_a_refund_that_failed_can_be_asked_for_again(self) -> None:
        charge = paid_charge(100).refund_requested(usd(100), now=LATER)
        assert charge.refundable == usd(0)
        freed = charge.refund_ended(usd(100), given_back=usd(0), now=LATER)
        assert (freed.refundable, freed.refunded, freed.refund_reserved) == (usd(100), usd(0), usd(0))

    def test_what_was_given_back_needs_no_review_when_it_is_what_was_asked_for(self) -> None:
        charge = paid_charge(100).refund_requested(usd(30), now=LATER)
        done = charge.refund_ended(usd(30), given_back=usd(30), now=MUCH_LATER)
        assert (done.refunded, done.refund_reserved, done.refundable) == (usd(30), usd(0), usd(70))
        assert (done.review, done.updated_at) == (None, MUCH_LATER)

    @pytest.mark.parametrize("given_back", [1, 29, 31, 100])
    def test_another_amount_than_was_asked_for_is_booked_as_it_went_and_reviewed(self, given_back: int) -> None:
        charge = paid_charge(100).refund_requested(usd(30), now=LATER)
        done = charge.refund_ended(usd(30), given_back=usd(given_back), now=MUCH_LATER)
        assert (done.refunded, done.refund_reserved) == (usd(given_back), usd(0))
        assert done.refundable == usd(100 - given_back)
        assert done.review == Review(MUCH_LATER, ReviewReason.AMOUNT_MISMATCH)

    def test_other_refunds_under_way_keep_their_reservation(self) -> None:
        charge = paid_charge(100).refund_requested(usd(30), now=LATER).refund_requested(usd(50), now=LATER)
        done = charge.refund_ended(usd(30), given_back=usd(30), now=LATER)
        assert (done.refunded, done.refund_reserved, done.refundable) == (usd(30), usd(50), usd(20))

    def test_nothing_more_goes_back_once_everything_has(self) -> None:
        charge = paid_charge(100).refund_requested(usd(100), now=LATER)
        for spoken_for in (charge, charge.refund_ended(usd(100), given_back=usd(100), now=LATER)):
            with pytest.raises(NothingLeftToRefund) as refused:
                spoken_for.check_refundable(usd(1))
            assert (refused.value.code, refused.value.path) == (ErrorCode.CHARGE_NOT_REFUNDABLE, ("chargeId",))

    def test_late_money_makes_more_refundable(self) -> None:
        charge = paid_charge(100).refund_requested(usd(100), now=LATER)
        more = charge.after(told(Outcome.SUCCEEDED, captured=usd(130)), now=LATER)
        assert more.refundable == usd(30)

    @many
    @given(
        st.integers(1, 1_000),
        st.lists(st.tuples(st.sampled_from(["ask", "give", "fail"]), st.integers(1, 1_000)), max_size=30),
    )
    def test_never_more_goes_back_than_was_taken(self, captured: int, steps: list[tuple[str, int]]) -> None:
        charge = paid_charge(captured)
        under_way: list[Money] = []
        given_back = 0
        for step, number in steps:
            if step == "ask":
                if usd(number) <= charge.refundable:
                    charge = charge.refund_requested(usd(number), now=LATER)
                    under_way.append(usd(number))
                else:
                    refusal = RefundAmountTooHigh if charge.refundable.is_positive else NothingLeftToRefund
                    with pytest.raises(refusal):
                        charge.refund_requested(usd(number), now=LATER)
            elif under_way:
                amount = under_way.pop(number % len(under_way))
                gone = amount if step == "give" else usd(0)
                charge = charge.refund_ended(amount, given_back=gone, now=LATER)
                given_back += gone.minor_units
                assert charge.review is None
            spoken_for = charge.refunded + charge.refund_reserved
            assert usd(0) <= spoken_for <= charge.captured
            assert charge.refunded == usd(given_back)
            assert charge.refund_reserved == Money.total(under_way, currency="USD")
            assert charge.refundable == charge.captured - spoken_for
