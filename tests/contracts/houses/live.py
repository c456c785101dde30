"""The houses of `make test-live`: sandboxes, opened with what live.py has put into variables that are its own."""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Any

from tests.contracts.houses.braintree_sandbox import BraintreeSandboxHouse, Place, braintree_sandbox_house
from tests.contracts.houses.stripe import KEYS
from tests.contracts.houses.stripe_sandbox import SandboxHouse, sandbox_house
from tests.emulators.braintree.credentials import Keys

STRIPE_KEY = "PAYDESK_TEST_STRIPE_KEY"
"""The sandbox's key."""
STRIPE_PUBLISHABLE_KEY = "PAYDESK_TEST_STRIPE_PUBLISHABLE_KEY"
BRAINTREE_PLACE = "PAYDESK_TEST_BRAINTREE_PLACE"
"""The sandbox's keys and merchant accounts."""

IS_LIVE = STRIPE_KEY in os.environ or BRAINTREE_PLACE in os.environ


def live_houses() -> Mapping[str, Any]:
    """The one that this run is for."""
    if BRAINTREE_PLACE in os.environ:
        return {BraintreeSandboxHouse.name: (BraintreeSandboxHouse, lambda _: _braintree())}
    return {SandboxHouse.name: (SandboxHouse, lambda _: _stripe())}


def _stripe() -> AbstractAsyncContextManager[SandboxHouse]:
    return sandbox_house(os.environ[STRIPE_KEY], os.environ.get(STRIPE_PUBLISHABLE_KEY, KEYS.publishable))


def _braintree() -> AbstractAsyncContextManager[BraintreeSandboxHouse]:
    return braintree_sandbox_house(place_of(os.environ[BRAINTREE_PLACE]))


def written(place: Place) -> str:
    return json.dumps({"keys": asdict(place.keys), "merchant_accounts": dict(place.merchant_accounts)})


def place_of(text: str) -> Place:
    told = json.loads(text)
    return Place(Keys(**told["keys"]), told["merchant_accounts"])
