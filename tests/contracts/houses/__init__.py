"""The houses in which the suite is run: one for every provider, by the provider's name.

A new provider gets a module here, a line in `HOUSES`, and the whole suite. `make test-live` has one house: the sandbox.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from domain.provider import ProviderAction, Support
from tests.contracts.houses.fake import FakeHouse, fake_house
from tests.contracts.houses.house import House, Power
from tests.contracts.houses.stripe import KEYS, StripeHouse, stripe_house
from tests.contracts.houses.stripe_sandbox import SandboxHouse, sandbox_house

Open = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Any]]

LIVE_KEY = "PAYDESK_TEST_STRIPE_KEY"
"""Set by live.py alone: the sandbox's key."""
LIVE_PUBLISHABLE_KEY = "PAYDESK_TEST_STRIPE_PUBLISHABLE_KEY"

EMULATED: Mapping[str, tuple[type[House], Open]] = {
    FakeHouse.name: (FakeHouse, lambda request: fake_house(request.getfixturevalue("tmp_path"))),
    StripeHouse.name: (StripeHouse, lambda request: stripe_house(request.getfixturevalue("stripe_emulator"))),
}
LIVE: Mapping[str, tuple[type[House], Open]] = {SandboxHouse.name: (SandboxHouse, lambda _: _sandbox())}

ELSEWHERE = "PAYDESK_TEST_HOUSE"
"""A module whose `HOUSE` is a line like those above: the suite then runs in that house alone."""


def _houses() -> Mapping[str, tuple[type[House], Open]]:
    if named := os.environ.get(ELSEWHERE):
        kind, opened = importlib.import_module(named).HOUSE
        return {kind.name: (kind, opened)}
    return LIVE if LIVE_KEY in os.environ else EMULATED


HOUSES = _houses()


def _sandbox() -> AbstractAsyncContextManager[SandboxHouse]:
    return sandbox_house(os.environ[LIVE_KEY], os.environ.get(LIVE_PUBLISHABLE_KEY, KEYS.publishable))


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
