"""Whatever happens, and in whichever order: money is taken once, and everything comes to an end."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from persistence.sql import Dialect
from tests.forks import Forks
from tests.machine.story import Story

SMALL = settings(derandomize=True, deadline=None, max_examples=6, stateful_step_count=20)
"""The same stories in every run. The profile of `make chaos` (conftest) tells others, and more of them."""


def test_whatever_happens_no_money_is_lost_or_taken_twice(dialect: Dialect, forks: Forks) -> None:
    class Told(Story):
        def __init__(self) -> None:
            super().__init__(dialect, forks)

    run_state_machine_as_test(Told, settings=settings() if settings.get_current_profile_name() == "chaos" else SMALL)
