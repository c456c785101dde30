from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.braintree.books import Books, open_books
from tests.adapters.braintree.desk import Desk, open_desk
from tests.emulators.braintree.serving import Served, serving_aside


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with serving_aside() as served:
        yield served


@pytest.fixture
async def desk(served: Served) -> AsyncIterator[Desk]:
    """The adapter on an account that is new."""
    async with open_desk(served[0]) as desk:
        yield desk


@pytest.fixture
async def books(served: Served) -> AsyncIterator[Books]:
    """The adapter on an account that is new, and a shop that uses the account without it."""
    async with open_books(served[0]) as books:
        yield books
