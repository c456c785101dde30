"""One gateway for all the clients, with the fake provider on SQLite."""

from collections.abc import Iterator

import pytest

from tests.conformance.running import Gateway, started_gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with started_gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway
