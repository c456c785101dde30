"""The sample app's tables, on both kinds of database."""

from collections.abc import AsyncIterator

import pytest

from persistence.database import Database
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.persistence.sample import SAMPLE


@pytest.fixture
def sample_url(dialect: Dialect, new_database_url: NewDatabaseUrl) -> str:
    return new_database_url(dialect, app=SAMPLE)


@pytest.fixture
async def sample(sample_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(sample_url, app=SAMPLE)
    yield opened
    await opened.close()
