"""A refund under every answer: it never made, made, and returned; what it has come to stays, until it goes further."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charges import FailureCode
from domain.provider import ExecutedAs, Outcome, RefundResult, Refusal
from domain.refunds import WAITING_STATES
from domain.refunds import RefundState as State
from tests.domain.examples import LATER, MUCH_LATER, many, new_refund, usd

AFTER: dict[Outcome, State] = {
    Outcome.SUCCEEDED: State.SUCCEEDED,
    Outcome.VOIDED: State.SUCCEEDED,  # the whole charge was voided instead: the money is back all the same
    Outcome.PENDING: State.PENDING,
    Outcome.REQUIRES_ACTION: State.REQUIRES_ACTION,
    Outcome.DECLINED: State.FAILED,
    Outcome.FAILED: State.FAILED,
    Outcome.EXPIRED: State.FAILED,
    Outcome.NOT_SENT: State.FAILED,
    Outcome.UNKNOWN: State.UNKNOWN,
}
"""Everything but AUTHORIZED: nobody holds a refund on a card."""


@pytest.mark.parametrize("outcome", AFTER)
@pytest.mark.parametrize("state", State)
def test_the_state_after_each_outcome(state: State, outcome: Outcome) -> None:
    refund = new_refund(state=state)
    after = refund.after(RefundResult(outcome=outcome), now=LATER)
    if state in WAITING_STATES:
        assert (after.state, after.updated_at) == (AFTER[outcome], LATER)
    elif state is not State.SUCCEEDED and AFTER[outcome] is State.SUCCEEDED:
        assert (after.state, after.failure_code) == (State.SUCCEEDED, None)
    else:
        assert after is refund


def test_it_waits_until_its_end_is_known() -> None:
    assert {state for state in State if new_refund(state=state).is_waiting} == WAITING_STATES
    assert {State.PENDING, State.REQUIRES_ACTION, State.UNKNOWN} == WAITING_STATES


@many
@given(st.lists(st.sampled_from(sorted(AFTER)), max_size=8))
def test_it_ends_once(outcomes: list[Outcome]) -> None:
    refund, ends = new_refund(), 0
    for outcome in outcomes:
        after = refund.after(RefundResult(outcome=outcome), now=LATER)
        ends += refund.is_waiting and not after.is_waiting
        refund = after
    assert ends == (0 if refund.is_waiting else 1)
    assert (refund.state is State.SUCCEEDED) == any(AFTER[outcome] is State.SUCCEEDED for outcome in outcomes)
    assert (refund.failure_code is not None) == (refund.state is State.FAILED)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.DECLINED, FailureCode.PROVIDER_REFUSED),
        (Outcome.FAILED, FailureCode.PROVIDER_REFUSED),
        (Outcome.NOT_SENT, FailureCode.PROVIDER_UNAVAILABLE),
    ],
)
def test_a_failed_refund_says_why(outcome: Outcome, code: FailureCode) -> None:
    refusal = Refusal("already refunded", provider_code="charge_already_refunded")
    refund = new_refund().after(RefundResult(outcome=outcome, refusal=refusal), now=LATER)
    assert refund.failure_code is code
    assert (refund.provider_code, refund.provider_message) == ("charge_already_refunded", "already refunded")


def test_an_unknown_answer_displaces_nothing_that_is_known() -> None:
    pending = RefundResult(outcome=Outcome.PENDING, refund_ref="re_1", executed_as=ExecutedAs.VOID)
    refund = new_refund().after(pending, now=LATER).checked_again_at(MUCH_LATER)
    assert refund.after(RefundResult(outcome=Outcome.UNKNOWN), now=LATER) is refund


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DECLINED, Outcome.NOT_SENT, Outcome.EXPIRED])
def test_a_request_that_failed_says_nothing_of_a_refund_that_is_known_to_be_made(outcome: Outcome) -> None:
    pending = RefundResult(outcome=Outcome.PENDING, refund_ref="re_1")
    refused = RefundResult(outcome=outcome)
    assert new_refund().weighed(refused) is refused
    made = new_refund().after(pending, now=LATER)
    assert made.weighed(refused).outcome is Outcome.UNKNOWN
    assert made.weighed(pending) is pending


def test_a_known_answer_ends_the_looking() -> None:
    refund = new_refund(state=State.UNKNOWN, next_check_at=LATER)
    done = refund.after(
        RefundResult(outcome=Outcome.SUCCEEDED, refund_ref="re_1", executed_as=ExecutedAs.VOID), now=LATER
    )
    assert (done.next_check_at, done.refund_ref, done.executed_as) == (None, "re_1", ExecutedAs.VOID)


def test_a_refund_that_never_reached_the_provider_says_so() -> None:
    failed = new_refund(state=State.UNKNOWN, next_check_at=LATER).not_applied(now=LATER)
    assert (failed.state, failed.failure_code, failed.next_check_at) == (State.FAILED, FailureCode.NOT_APPLIED, None)
    assert failed.after(RefundResult(outcome=Outcome.UNKNOWN), now=MUCH_LATER) is failed


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.VOIDED])
def test_its_amount_becomes_what_the_provider_gave_back(outcome: Outcome) -> None:
    refund = new_refund(100).after(RefundResult(outcome=outcome, amount=usd(80)), now=LATER)
    assert (refund.state, refund.amount) == (State.SUCCEEDED, usd(80))


@pytest.mark.parametrize("outcome", AFTER)
def test_an_amount_counts_only_once_the_money_is_back(outcome: Outcome) -> None:
    gave_back = AFTER[outcome] is State.SUCCEEDED
    assert new_refund(100).after(RefundResult(outcome=outcome), now=LATER).amount == usd(100)
    told = new_refund(100).after(RefundResult(outcome=outcome, amount=usd(80)), now=LATER)
    assert told.amount == usd(80 if gave_back else 100)


def test_what_was_given_back_after_all_is_the_providers_amount_too() -> None:
    failed = new_refund(100, state=State.FAILED)
    assert failed.after(RefundResult(outcome=Outcome.SUCCEEDED, amount=usd(80)), now=LATER).amount == usd(80)


def test_once_it_has_succeeded_its_amount_stays() -> None:
    done = new_refund(100).after(RefundResult(outcome=Outcome.SUCCEEDED, amount=usd(80)), now=LATER)
    assert done.after(RefundResult(outcome=Outcome.SUCCEEDED, amount=usd(100)), now=MUCH_LATER) is done


# --- what was made, and came back -----------------------------------------------------------------------------------


def made(outcome: Outcome, ref: str = "re_1") -> RefundResult:
    """The provider shows the refund itself."""
    return RefundResult(outcome=outcome, refund_ref=ref)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DECLINED])
def test_a_refund_that_had_succeeded_fails_when_the_provider_shows_it_failed(outcome: Outcome) -> None:
    succeeded = new_refund(100).after(made(Outcome.SUCCEEDED), now=LATER)
    returned = succeeded.after(made(outcome), now=MUCH_LATER)
    assert (returned.state, returned.failure_code, returned.is_returned) == (State.FAILED, FailureCode.RETURNED, True)
    assert (returned.amount, returned.updated_at) == (usd(100), MUCH_LATER)


def test_a_refund_that_came_back_has_not_succeeded_because_an_older_picture_says_so() -> None:
    returned = new_refund().after(made(Outcome.FAILED), now=LATER)
    for older in (made(Outcome.SUCCEEDED), made(Outcome.PENDING), RefundResult(outcome=Outcome.SUCCEEDED)):
        assert returned.after(older, now=MUCH_LATER) is returned


def test_a_refused_request_never_undoes_a_refund_that_succeeded() -> None:
    succeeded = new_refund().after(made(Outcome.SUCCEEDED), now=LATER)
    for outcome in (Outcome.FAILED, Outcome.DECLINED, Outcome.NOT_SENT, Outcome.UNKNOWN):
        assert succeeded.after(RefundResult(outcome=outcome), now=MUCH_LATER) is succeeded


def test_of_two_refunds_of_one_request_the_one_that_gave_money_back_counts() -> None:
    succeeded = new_refund().after(made(Outcome.SUCCEEDED, "re_1"), now=LATER)
    assert succeeded.after(made(Outcome.FAILED, "re_2"), now=MUCH_LATER) is succeeded
    failed = new_refund().after(made(Outcome.FAILED, "re_2"), now=LATER)
    after = failed.after(made(Outcome.SUCCEEDED, "re_1"), now=MUCH_LATER)
    assert (after.state, after.refund_ref, after.failure_code) == (State.SUCCEEDED, "re_1", None)


_EVIDENCE = [
    *(made(outcome) for outcome in (Outcome.PENDING, Outcome.SUCCEEDED, Outcome.FAILED)),
    *(RefundResult(outcome=outcome) for outcome in (Outcome.UNKNOWN, Outcome.FAILED, Outcome.NOT_SENT)),
]


@many
@given(st.lists(st.sampled_from(_EVIDENCE), max_size=6), st.randoms(use_true_random=False))
def test_what_it_comes_to_does_not_depend_on_the_order_of_the_evidence(
    evidence: list[RefundResult], random: Random
) -> None:
    def ended(order: list[RefundResult]) -> tuple[State, str | None]:
        refund = new_refund()
        for result in order:
            refund = refund.after(refund.weighed(result), now=LATER)
        return refund.state, refund.refund_ref if refund.state is State.SUCCEEDED else None

    shuffled = evidence.copy()
    random.shuffle(shuffled)
    one, other = ended(evidence), ended([*shuffled, *shuffled])
    shown = {result.outcome for result in evidence if result.refund_ref}
    if shown - {Outcome.PENDING}:
        assert one == other
    elif shown:
        # A refused request may be heard of before the refund that it made; then the refund is looked at again.
        assert {one[0], other[0]} <= {State.PENDING, State.FAILED}
