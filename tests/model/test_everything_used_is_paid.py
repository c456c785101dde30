"""Whatever changes and whenever: what is invoiced, less what is credited, is the price of what was used."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from persistence.sql import Dialect
from tests.model.story import Story

SMALL = settings(derandomize=True, deadline=None, max_examples=4, stateful_step_count=12)
"""The same stories in every run. The profile of `make chaos` (conftest) tells others, and more of them."""


def test_everything_that_was_used_is_billed_and_nothing_else() -> None:
    class Told(Story):
        def __init__(self) -> None:
            super().__init__(Dialect.SQLITE)

    run_state_machine_as_test(Told, settings=settings() if settings.get_current_profile_name() == "chaos" else SMALL)
