"""When a provider account is not asked any more, and when it is again."""

import pytest

from domain.breaker import Admission, Breaker, BreakerState


class Seconds:
    def __init__(self) -> None:
        self.moment = 1_000.0

    def __call__(self) -> float:
        return self.moment


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> Breaker:
    return Breaker(failures=5, pause_seconds=10, now=seconds)


def state_of(breaker: Breaker) -> BreakerState:
    return breaker.state


def hear(breaker: Breaker, answers: str, *, of_look_up: bool = False) -> None:
    """Of requests one after the other; `x` is an outage, anything else an answer."""
    for answer in answers:
        end(breaker, admitted(breaker, of_look_up=of_look_up), answer)


def admitted(breaker: Breaker, *, of_look_up: bool = False) -> Admission:
    admission = breaker.admit(of_look_up=of_look_up)
    assert admission is not None
    return admission


def end(breaker: Breaker, admission: Admission, answer: str) -> None:
    breaker.heard(admission, outage=answer == "x")
    breaker.leave(admission)


def is_refused(breaker: Breaker) -> bool:
    return breaker.admit(of_look_up=False) is None


@pytest.mark.parametrize("answers", ["xxxxx", "x.x.x.x.x", ".....xxxxx", "x....xxxx"])
def test_five_of_the_last_ten_open_it(breaker: Breaker, answers: str) -> None:
    hear(breaker, answers[:-1])
    assert state_of(breaker) is BreakerState.CLOSED
    hear(breaker, answers[-1])
    assert state_of(breaker) is BreakerState.OPEN
    assert is_refused(breaker)


def test_what_is_longer_ago_does_not_count(breaker: Breaker) -> None:
    hear(breaker, "xxxx......x..x...x....x")
    assert state_of(breaker) is BreakerState.CLOSED
    assert breaker.retry_after_seconds is None


def test_it_can_be_switched_off(seconds: Seconds) -> None:
    breaker = Breaker(failures=0, pause_seconds=10, now=seconds)
    hear(breaker, "x" * 100)
    assert state_of(breaker) is BreakerState.CLOSED
    assert not is_refused(breaker)


def test_clients_are_told_when_to_come_again(breaker: Breaker, seconds: Seconds) -> None:
    hear(breaker, "xxxxx")
    assert breaker.retry_after_seconds == 10
    seconds.moment += 9.5
    assert (breaker.retry_after_seconds, breaker.is_due) == (1, False)
    seconds.moment += 5
    assert (breaker.retry_after_seconds, breaker.is_due) == (1, True)


def test_an_answer_ends_the_pause_and_one_request_decides(breaker: Breaker, seconds: Seconds) -> None:
    hear(breaker, "xxxxx")
    hear(breaker, ".", of_look_up=True)
    assert state_of(breaker) is BreakerState.OPEN, "too early to tell"
    seconds.moment += 10
    hear(breaker, ".", of_look_up=True)
    assert state_of(breaker) is BreakerState.HALF_OPEN

    trial = admitted(breaker)
    assert is_refused(breaker), "one at a time"
    hear(breaker, ".", of_look_up=True)
    assert state_of(breaker) is BreakerState.HALF_OPEN, "whoever can be asked need not be able to take money"
    end(breaker, trial, ".")
    assert state_of(breaker) is BreakerState.CLOSED
    hear(breaker, "xxxx")
    assert state_of(breaker) is BreakerState.CLOSED, "the outage is forgotten"


@pytest.mark.parametrize("of_look_up", [False, True])
def test_one_more_outage_opens_it_again(breaker: Breaker, seconds: Seconds, of_look_up: bool) -> None:
    hear(breaker, "xxxxx")
    seconds.moment += 10
    hear(breaker, ".", of_look_up=True)
    trial = admitted(breaker)
    end(breaker, admitted(breaker, of_look_up=True) if of_look_up else trial, "x")
    assert (state_of(breaker), breaker.retry_after_seconds) == (BreakerState.OPEN, 10)


def test_a_request_without_an_answer_leaves_its_place_to_the_next(breaker: Breaker, seconds: Seconds) -> None:
    """It was cancelled, say: nothing is learnt of the provider."""
    hear(breaker, "xxxxx")
    seconds.moment += 10
    hear(breaker, ".", of_look_up=True)
    breaker.leave(admitted(breaker))
    assert state_of(breaker) is BreakerState.HALF_OPEN
    assert not is_refused(breaker)


def test_looks_that_find_nobody_make_the_pause_longer(breaker: Breaker, seconds: Seconds) -> None:
    hear(breaker, "xxxxx")
    seconds.moment += 10
    hear(breaker, "x", of_look_up=True)
    assert (breaker.is_due, breaker.retry_after_seconds) == (False, 10)


@pytest.mark.fault("F15")
def test_answers_from_before_an_outage_count_for_nothing_after_it(breaker: Breaker, seconds: Seconds) -> None:
    """Thirty payments hang; five others are enough to open it. It closes long before the thirty time out."""
    hanging = [admitted(breaker) for _ in range(30)]
    hear(breaker, "xxxxx")
    seconds.moment += 10
    hear(breaker, ".", of_look_up=True)
    hear(breaker, ".")
    hear(breaker, "............")
    seconds.moment += 15
    for admission in hanging:
        end(breaker, admission, "x")
    assert state_of(breaker) is BreakerState.CLOSED
    assert not is_refused(breaker)


def test_nor_do_they_make_the_pause_longer_or_shorter(breaker: Breaker, seconds: Seconds) -> None:
    old, old_look = admitted(breaker), admitted(breaker, of_look_up=True)
    hear(breaker, "xxxxx")
    seconds.moment += 9
    end(breaker, old, "x")
    assert breaker.retry_after_seconds == 1
    seconds.moment += 1
    end(breaker, old_look, ".")
    assert state_of(breaker) is BreakerState.OPEN


@pytest.mark.fault("F15")
def test_who_was_let_through_earlier_decides_nothing_and_frees_no_place(breaker: Breaker, seconds: Seconds) -> None:
    first, second, third = [admitted(breaker) for _ in range(3)]
    hear(breaker, "xxxxx")
    seconds.moment += 10
    hear(breaker, ".", of_look_up=True)
    trial = admitted(breaker)
    breaker.leave(first)
    assert is_refused(breaker), "the one request is still under way"
    end(breaker, second, "x")
    assert state_of(breaker) is BreakerState.HALF_OPEN
    end(breaker, third, ".")
    assert state_of(breaker) is BreakerState.HALF_OPEN
    end(breaker, trial, ".")
    assert state_of(breaker) is BreakerState.CLOSED
