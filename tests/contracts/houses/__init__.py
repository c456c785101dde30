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
from tests.contracts.houses.braintree import BraintreeHouse, KeylessHouse, braintree_house
from tests.contracts.houses.fake import FakeHouse, fake_house
from tests.contracts.houses.house import House, Power, Trait
from tests.contracts.houses.live import IS_LIVE, live_houses
from tests.contracts.houses.stripe import StripeHouse, stripe_house

Open = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Any]]

EMULATED: Mapping[str, tuple[type[House], Open]] = {
    FakeHouse.name: (FakeHouse, lambda request: fake_house(request.getfixturevalue("tmp_path"))),
    StripeHouse.name: (StripeHouse, lambda request: stripe_house(request.getfixturevalue("stripe_emulator"))),
    BraintreeHouse.name: (BraintreeHouse, lambda request: braintree_house(_braintree(request))),
}
VARIANTS: Mapping[str, tuple[type[House], Open]] = {
    f"{KeylessHouse.name}-without-keys": (
        KeylessHouse,
        lambda request: braintree_house(_braintree(request), KeylessHouse),
    ),
}
"""Accounts that are set up otherwise, for tests whose subject that changes (`variants`): what they show, they show of
their provider."""

ELSEWHERE = "PAYDESK_TEST_HOUSE"
"""A module whose `HOUSE` is a line like those above: the suite then runs in that house alone."""


def _houses() -> Mapping[str, tuple[type[House], Open]]:
    if named := os.environ.get(ELSEWHERE):
        kind, opened = importlib.import_module(named).HOUSE
        return {kind.name: (kind, opened)}
    return live_houses() if IS_LIVE else EMULATED


HOUSES = _houses()
ALL = HOUSES if HOUSES is not EMULATED else {**EMULATED, **VARIANTS}


def _braintree(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue("braintree_emulator")
    return address


def provider_of(name: str) -> str:
    return ALL[name][0].name


def support(name: str, action: ProviderAction) -> Support:
    """What the provider of this house declares."""
    (declared,) = [capability for capability in ALL[name][0].capabilities if capability.action is action]
    return declared.support


def can_run(name: str, actions: set[ProviderAction], powers: set[Power], traits: set[Trait]) -> bool:
    """Whether a test that uses these actions, and holds with these traits, has a place in this house.

    What is declared to be missing has a test of its own: it is refused.
    """
    house = ALL[name][0]
    supported = all(support(name, action) is not Support.UNSUPPORTED for action in actions)
    return supported and powers <= house.powers and traits <= house.traits
