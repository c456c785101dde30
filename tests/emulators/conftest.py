from collections.abc import AsyncIterator, Iterator

import pytest

from tests.emulators.braintree import serving as braintree_serving
from tests.emulators.braintree_shop import Shop as BraintreeShop
from tests.emulators.braintree_shop import open_shop as open_braintree_shop
from tests.emulators.stripe.serving import Served, serving_aside
from tests.emulators.stripe_shop import KEYS, Shop, open_shop


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with serving_aside(keys=KEYS) as served:
        yield served


@pytest.fixture
async def shop(served: Served) -> AsyncIterator[Shop]:
    """A shop whose account at Stripe is new."""
    async with open_shop(*served) as shop:
        yield shop


@pytest.fixture(scope="session")
def braintree_served() -> Iterator[braintree_serving.Served]:
    with braintree_serving.serving_aside() as served:
        yield served


@pytest.fixture
def bt(braintree_served: braintree_serving.Served) -> Iterator[BraintreeShop]:
    """A shop whose account at Braintree is new."""
    with open_braintree_shop(braintree_served[0]) as shop:
        yield shop
