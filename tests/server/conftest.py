"""One gateway for the tests of a module that do not need one of their own."""

from collections.abc import Iterator

import pytest

from tests.server.processes import Process, run_paydesk, serving, settings

ISSUER = "https://id.example"
JWT_SECRET = "a-secret-that-the-identity-provider-knows"
WEBHOOK_SECRET = "a-secret-that-the-bank-knows"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A sandbox on SQLite with JSON logs, migrated by the command."""
    folder = tmp_path_factory.mktemp("sandbox")
    chosen = settings(
        f"sqlite://{folder}/paydesk.sqlite3",
        folder,
        jwt_secret=JWT_SECRET,
        jwt_issuer=ISSUER,
        fake_webhook_secret=WEBHOOK_SECRET,
    )
    migrated = run_paydesk("migrate", settings=chosen, folder=folder)
    assert migrated.returncode == 0, migrated.stderr
    with serving(chosen, folder) as gateway:
        yield gateway
