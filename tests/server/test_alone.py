"""Two gateways on one SQLite file, as an operator would start them by mistake."""

from pathlib import Path

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.server.processes import free_port, run_paydesk, serving, settings


def test_a_second_gateway_on_one_file_does_not_start(new_database_url: NewDatabaseUrl, tmp_path: Path) -> None:
    chosen = settings(new_database_url(Dialect.SQLITE), tmp_path)
    with serving(chosen, tmp_path) as gateway:
        for command, shared in (("serve", "true"), ("worker", "false")):
            how = chosen | {"PAYDESK_PORT": str(free_port()), "PAYDESK_SQLITE_SHARED": shared}
            refused = run_paydesk(command, settings=how, folder=tmp_path)
            assert (refused.returncode, refused.stdout) == (1, "")
            [line] = refused.stderr.splitlines()
            assert f"is in use by another gateway or worker (process {gateway.popen.pid})" in line
            assert "PAYDESK_SQLITE_SHARED=true" in line
        # What ends by itself may run beside it.
        checked = run_paydesk("check", settings=chosen, folder=tmp_path)
        assert checked.returncode == 0, checked.stdout
