"""The houses in which the suite is run: one for every provider, by the provider's name.

A new provider gets a module here, a line in `HOUSES`, and the whole suite.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from domain.provider import ProviderAction, Support
from tests.contracts.houses.fake import FakeHouse, fake_house
from tests.contracts.houses.house import House, Power
from tests.contracts.houses.stripe import StripeHouse, stripe_house

Open = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Any]]

HOUSES: Mapping[str, tuple[type[House], Open]] = {
    FakeHouse.name: (FakeHouse, lambda request: fake_house(request.getfixturevalue("tmp_path"))),
    StripeHouse.name: (StripeHouse, lambda request: stripe_house(request.getfixturevalue("stripe_emulator"))),
}


def support(name: str, action: ProviderAction) -> Support:
    """What the provider of this house declares."""
    (declared,) = [capability for capability in HOUSES[name][0].capabilities if capability.action is action]
    return declared.support


def can_run(name: str, actions: set[ProviderAction], powers: set[Power]) -> bool:
    """Whether a test that uses these actions has a place in this house.

    What is declared to be missing has a test of its own: it is refused.
    """
    supported = all(support(name, action) is not Support.UNSUPPORTED for action in actions)
    return supported and powers <= HOUSES[name][0].powers
