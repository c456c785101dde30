"""How large a run is, as in tests/machine; and the world in which the tests of the services live."""

from hypothesis import settings

from tests.services.conftest import bank, clock, world

__all__ = ["bank", "clock", "world"]

settings.register_profile("chaos", deadline=None, max_examples=75, stateful_step_count=50, print_blob=True)
