"""Every store passes these tests; there is one implementation, on two kinds of database."""

from collections.abc import AsyncIterator

import pytest

from domain.store import JobQueue, Store
from persistence.database import Database
from persistence.jobs import TortoiseJobQueue
from persistence.store import TortoiseStore


@pytest.fixture
def store(database: Database) -> Store:
    return TortoiseStore(database)


@pytest.fixture
async def rival(database_url: str, database: Database) -> AsyncIterator[Store]:
    """The same store as another process sees it."""
    opened = await Database.open(database_url)
    yield TortoiseStore(opened)
    await opened.close()


@pytest.fixture
def queue(database: Database) -> JobQueue:
    return TortoiseJobQueue(database)
