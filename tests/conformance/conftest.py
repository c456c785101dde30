"""One gateway for all the clients, with the fake provider on SQLite."""

from collections.abc import Iterator

import pytest

from tests.conformance.running import ISSUER, JWT_SECRET, Gateway
from tests.server.processes import run_paydesk, serving, settings


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    chosen = settings(
        f"sqlite://{folder}/paydesk.sqlite3", folder, jwt_secret=JWT_SECRET, jwt_issuer=ISSUER, public_catalogue="true"
    )
    migrated = run_paydesk("migrate", settings=chosen, folder=folder)
    assert migrated.returncode == 0, migrated.stderr
    with serving(chosen, folder) as process:
        yield Gateway(process)
