"""A gateway of its own for the browser tests, and a browser that can reach nothing else."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from adapters.tokens import SecretVerifier
from tests.server.processes import PAYDESK

START_SECONDS = 30.0
"""A cold start imports everything and migrates, which takes a loaded machine a few seconds."""


JWT_SECRET = "a-secret-that-the-identity-provider-knows"
ISSUER = "https://id.example"


@pytest.fixture(scope="session")
def customer_token() -> Callable[[str], str]:
    """What the identity provider gives to a customer who signed in, by their `externalId`."""
    verifier = SecretVerifier(secret=JWT_SECRET, issuer=ISSUER)
    return lambda subject: verifier.sign(subject, role=None, lifetime_seconds=3600)


@pytest.fixture(scope="session")
def staff_token() -> str:
    verifier = SecretVerifier(secret=JWT_SECRET, issuer=ISSUER)
    return verifier.sign("sam", role="admin", lifetime_seconds=3600)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `paydesk serve`, as a developer's laptop runs it: SQLite, the fake provider, no `.env`."""
    folder = tmp_path_factory.mktemp("gateway")
    port = _free_port()
    environment = os.environ | {
        "PAYDESK_ENVIRONMENT": "development",
        "PAYDESK_DATABASE_URL": f"sqlite://{folder}/paydesk.sqlite3",
        "PAYDESK_PROVIDER": "fake",
        "PAYDESK_HOST": "127.0.0.1",
        "PAYDESK_PORT": str(port),
        "PAYDESK_JWT_SECRET": JWT_SECRET,
        "PAYDESK_JWT_ISSUER": ISSUER,
    }
    address = f"http://127.0.0.1:{port}"
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*PAYDESK, "serve"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "no Chromium on the PATH: `make test-browser` installs one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, f"the gateway stopped:\n{log.read_text()}"
        try:
            if httpx.get(f"{address}/readyz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the gateway was not ready after {START_SECONDS:.0f} s:\n{log.read_text()}")
