"""A shop on each kind of database, with a bank whose books are a file of their own and a clock that a test moves."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.fake import Bank
from persistence.database import Database
from persistence.sql import Dialect
from tests.forks import Forks
from tests.services.shop import MovableClock, Shop, open_shop
from tests.services.world import World

OpenShop = Callable[..., Shop]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def bank(tmp_path: Path, clock: MovableClock) -> Iterator[Bank]:
    opened = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test")
    yield opened
    opened.close()


@pytest.fixture
def world(forks: Forks, database_url: str, dialect: Dialect, bank: Bank, clock: MovableClock, tmp_path: Path) -> World:
    return World(forks, database_url, tmp_path / "bank.sqlite3", bank, clock, dialect)


@pytest.fixture
async def new_shop(database: Database, bank: Bank, clock: MovableClock) -> AsyncIterator[OpenShop]:
    """Opens further processes on the same database and the same bank."""
    opened: list[Shop] = []

    def make(**how: Any) -> Shop:
        opened.append(open_shop(database, bank, clock, **how))
        return opened[-1]

    yield make
    for shop in opened:
        await shop.close()


@pytest.fixture
def shop(new_shop: OpenShop) -> Shop:
    return new_shop()


@pytest.fixture
async def other_database(database_url: str, database: Database) -> AsyncIterator[Database]:
    """The same database as another process sees it."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()
