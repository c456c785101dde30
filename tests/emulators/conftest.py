from collections.abc import AsyncIterator, Iterator

import pytest

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
