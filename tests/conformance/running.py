"""What every client story needs: who may ask the gateway, where it is, and a way to run the client."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.tokens import SecretVerifier
from domain.principals import StaffRole
from tests.server.processes import ADMIN_KEY, Process, run_paydesk, serving, settings

HERE = Path(__file__).parent

ISSUER = "https://id.example"
JWT_SECRET = "a-secret-that-the-identity-provider-knows"

CLIENT_SECONDS = 300.0
"""A compiler among the clients takes some ten seconds; two busy cores make a minute of them."""


@dataclass(frozen=True)
class Gateway:
    """`paydesk serve` with the fake provider on SQLite, and the keys to it."""

    process: Process
    admin_key: str = ADMIN_KEY

    @property
    def url(self) -> str:
        """Where GraphQL is asked over HTTP."""
        return f"{self.process.address}/graphql"

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def log(self) -> str:
        """What the gateway has logged so far: a JSON object a line."""
        return self.process.output

    def customer_token(self, subject: str = "user-1") -> str:
        """A token of the customer whose `externalId` is the subject."""
        return sign(subject)

    def staff_token(self, role: StaffRole = StaffRole.ADMIN) -> str:
        return sign(f"{role}@shop.example", role=role)

    def environment(self) -> dict[str, str]:
        """What a client program is told, by name."""
        return {
            "PAYDESK_URL": self.url,
            "PAYDESK_WS_URL": self.ws_url,
            "PAYDESK_ADMIN_KEY": self.admin_key,
            "PAYDESK_CUSTOMER_TOKEN": self.customer_token(),
        }


@contextmanager
def started_gateway(folder: Path, **more: str) -> Iterator[Gateway]:
    """With an empty database in that folder; its catalogue is public. `more` are settings without their prefix."""
    chosen = settings(
        f"sqlite://{folder}/paydesk.sqlite3",
        folder,
        jwt_secret=JWT_SECRET,
        jwt_issuer=ISSUER,
        public_catalogue="true",
        **more,
    )
    migrated = run_paydesk("migrate", settings=chosen, folder=folder)
    assert migrated.returncode == 0, migrated.stderr
    with serving(chosen, folder) as process:
        yield Gateway(process)


def sign(subject: str, *, role: StaffRole | None = None, lifetime_seconds: int = 3600) -> str:
    verifier = SecretVerifier(secret=JWT_SECRET, issuer=ISSUER)
    return verifier.sign(subject, role=role, lifetime_seconds=lifetime_seconds)


def run_node(program: str, *arguments: str, gateway: Gateway, **environment: str) -> str:
    """Run a program of this folder with Node, which has to succeed; what it printed."""
    return run_client("node", program, *arguments, environment={**gateway.environment(), **environment})


def run_python(program: str, *arguments: str, gateway: Gateway, **environment: str) -> str:
    return run_client(sys.executable, program, *arguments, environment={**gateway.environment(), **environment})


def run_client(*command: str, environment: Mapping[str, str]) -> str:
    """Run a command in this folder; a client that fails is an assertion with all that it said."""
    assert (HERE / "node_modules").is_dir(), "the clients are not installed: `make conformance` installs them"
    done = subprocess.run(
        command,
        cwd=HERE,
        env=os.environ | dict(environment),
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
