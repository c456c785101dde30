"""A payment method after each answer of the provider; what is final stays."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.declines import DeclineCode
from domain.errors import PaymentMethodNotUsable
from domain.payment_methods import PaymentMethodState as State
from domain.provider import Card, CardBrand, Outcome, PaymentMethodResult, Refusal
from tests.domain.examples import LATER, MUCH_LATER, PAGE_OF_THE_BANK, many, new_method

CARD = Card(CardBrand.VISA, "4242", 12, 2030)
REFUSAL = Refusal("no", DeclineCode.INCORRECT_CVC)

RESULTS = {
    Outcome.SUCCEEDED: PaymentMethodResult(outcome=Outcome.SUCCEEDED, payment_method_ref="pm_1", card=CARD),
    Outcome.PENDING: PaymentMethodResult(outcome=Outcome.PENDING, payment_method_ref="pm_1"),
    Outcome.REQUIRES_ACTION: PaymentMethodResult(
        outcome=Outcome.REQUIRES_ACTION, payment_method_ref="pm_1", next_action=PAGE_OF_THE_BANK
    ),
    Outcome.DECLINED: PaymentMethodResult(outcome=Outcome.DECLINED, refusal=REFUSAL),
    Outcome.FAILED: PaymentMethodResult(outcome=Outcome.FAILED, refusal=REFUSAL),
    Outcome.EXPIRED: PaymentMethodResult(outcome=Outcome.EXPIRED),
    Outcome.NOT_SENT: PaymentMethodResult(outcome=Outcome.NOT_SENT),
    Outcome.UNKNOWN: PaymentMethodResult(outcome=Outcome.UNKNOWN, refusal=REFUSAL),
}
"""What an attachment can come to; nobody authorizes or voids a card."""

AFTER: dict[State, dict[Outcome, State]] = {
    State.PENDING: {
        Outcome.SUCCEEDED: State.ACTIVE,
        Outcome.PENDING: State.PENDING,
        Outcome.REQUIRES_ACTION: State.REQUIRES_ACTION,
        Outcome.DECLINED: State.FAILED,
        Outcome.FAILED: State.FAILED,
        Outcome.EXPIRED: State.FAILED,
        Outcome.NOT_SENT: State.FAILED,
        Outcome.UNKNOWN: State.PENDING,
    },
    State.REQUIRES_ACTION: {
        Outcome.SUCCEEDED: State.ACTIVE,
        # Its owner has confirmed it, and a bank thinks about it: it goes on being looked at under the same name.
        Outcome.PENDING: State.REQUIRES_ACTION,
        Outcome.REQUIRES_ACTION: State.REQUIRES_ACTION,
        Outcome.DECLINED: State.FAILED,
        Outcome.FAILED: State.FAILED,
        Outcome.EXPIRED: State.FAILED,
        Outcome.NOT_SENT: State.REQUIRES_ACTION,
        Outcome.UNKNOWN: State.REQUIRES_ACTION,
    },
    **{final: dict.fromkeys(RESULTS, final) for final in (State.ACTIVE, State.FAILED, State.DETACHED)},
}


@pytest.mark.parametrize("outcome", RESULTS)
@pytest.mark.parametrize("state", State)
def test_the_state_after_each_answer(state: State, outcome: Outcome) -> None:
    method = new_method(state=state)
    after = method.attached(RESULTS[outcome], now=LATER)
    assert after.state is AFTER[state][outcome]
    if state not in (State.PENDING, State.REQUIRES_ACTION):
        assert after is method


def test_an_active_method_has_its_reference_and_card_and_no_token() -> None:
    method = new_method().attached(RESULTS[Outcome.SUCCEEDED], now=LATER)
    assert (method.payment_method_ref, method.card, method.token) == ("pm_1", CARD, None)
    assert method.updated_at == LATER
    method.check_usable()


def test_a_confirmation_leads_the_customer_on_and_ends_with_the_answer() -> None:
    waiting = new_method().attached(RESULTS[Outcome.REQUIRES_ACTION], now=LATER)
    assert (waiting.next_action, waiting.token) == (PAGE_OF_THE_BANK, None)
    done = waiting.attached(RESULTS[Outcome.SUCCEEDED], now=MUCH_LATER)
    assert (done.state, done.next_action) == (State.ACTIVE, None)


def test_a_refused_card_says_why() -> None:
    method = new_method().attached(RESULTS[Outcome.DECLINED], now=LATER)
    assert (method.decline_code, method.failure_message, method.token) == (DeclineCode.INCORRECT_CVC, "no", None)


def test_what_tells_the_card_from_others_stays_when_a_later_answer_lacks_it() -> None:
    waiting = new_method().attached(replace(RESULTS[Outcome.REQUIRES_ACTION], card_fingerprint="fp_1"), now=LATER)
    assert waiting.card_fingerprint == "fp_1"
    assert waiting.attached(RESULTS[Outcome.SUCCEEDED], now=MUCH_LATER).card_fingerprint == "fp_1"


@pytest.mark.parametrize("state", [State.PENDING, State.REQUIRES_ACTION])
def test_a_lost_answer_changes_nothing_so_the_same_request_can_be_repeated(state: State) -> None:
    method = new_method(state=state, next_action=PAGE_OF_THE_BANK)
    assert method.attached(RESULTS[Outcome.UNKNOWN], now=LATER) is method
    assert method.token == "tok_visa"


@many
@given(st.lists(st.sampled_from(sorted(RESULTS)), max_size=8))
def test_a_final_state_is_never_left(outcomes: list[Outcome]) -> None:
    method = new_method()
    for outcome in outcomes:
        after = method.attached(RESULTS[outcome], now=LATER)
        if method.state not in (State.PENDING, State.REQUIRES_ACTION):
            assert after is method
        assert (after.next_action is not None) == (after.state is State.REQUIRES_ACTION)
        method = after
    gone = method.detached(now=LATER)
    assert all(gone.attached(result, now=MUCH_LATER) is gone for result in RESULTS.values())


@pytest.mark.parametrize("state", [state for state in State if state is not State.ACTIVE])
def test_only_an_active_method_can_pay(state: State) -> None:
    with pytest.raises(PaymentMethodNotUsable):
        new_method(state=state).check_usable()


def test_a_detached_method_forgets_what_could_still_be_used() -> None:
    gone = new_method(state=State.REQUIRES_ACTION, next_action=PAGE_OF_THE_BANK).detached(now=LATER)
    assert (gone.state, gone.token, gone.next_action, gone.updated_at) == (State.DETACHED, None, None, LATER)
