"""`make test-live`: what can be run of the providers' suite against Stripe's own sandbox, and the emulator's doubts.

It asks for STRIPE_SECRET_KEY, of test mode, and goes nowhere but to Stripe. Cards of customers that are made up are
charged with money that is made up; the account is left with them. What cannot be run there is said at the end.

Exit codes: 0 all that ran passed; 1 something failed, or nothing ran; 2 there is no key, or not one of this kind.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.stripe import StripeProvider
from adapters.stripe_keys import API_BASE
from domain.clock import SystemClock
from tests.contracts.houses import EMULATED, HOUSES, LIVE_KEY, LIVE_PUBLISHABLE_KEY
from tests.contracts.houses.house import Power
from tests.contracts.houses.stripe import SECRETS
from tests.contracts.houses.stripe_sandbox import TEST_KEYS
from tests.contracts.results import FILES

_DOUBTS = Path(__file__).parents[1] / "emulators" / "test_stripe_doubts.py"
_HIDDEN = ("STRIPE_", "BRAINTREE_", "PAYDESK_")

_WHY_NOT: Mapping[Power, str] = {
    Power.TIME: "the sandbox's time cannot be put forward",
    Power.CUSTOMER: "nobody opens the bank's page in a browser",
    Power.BANK: "no card of the sandbox that can be stored is declined for every reason",
    Power.WIRE: "requests and answers cannot be lost on the way to Stripe",
    Power.CROWD: "hundreds of payments would be made at the account",
}
_NEVER_SHOWN = """
How Stripe signs and delivers webhooks: that needs a tunnel to this machine. Events were taken from /v1/events, and
signed with a secret of the test's own.
What becomes of a hold after a week, and of a 3D Secure page that nobody opens for a day: what the emulator takes to be
so stands in tests/emulators/stripe/doubts.md.
"""


def main() -> int:
    wrong = problem(os.environ)
    if wrong is not None:
        sys.stderr.write(f"{wrong}\n")
        return 2
    unusable = asyncio.run(unusable_key(os.environ["STRIPE_SECRET_KEY"]))
    if unusable is not None:
        sys.stderr.write(f"{unusable} Nothing was run.\n")
        return 1
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    environment[LIVE_KEY] = os.environ["STRIPE_SECRET_KEY"]
    if publishable_key := os.environ.get("STRIPE_PUBLISHABLE_KEY"):
        environment[LIVE_PUBLISHABLE_KEY] = publishable_key
    # Short tracebacks, for long ones show arguments, and the key is one of them.
    # One after the other: a test takes what happens at the account while it runs to be its own.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--no-header",
        "--quiet",
        "--tb=short",
        *map(str, sorted(FILES)),
        str(_DOUBTS),
    ]
    ran = subprocess.run(command, env=environment, check=False)
    return 0 if ran.returncode == 0 else 1


def problem(environment: Mapping[str, str]) -> str | None:
    """Why it is not run, in a sentence that repeats no key; None when nothing speaks against it."""
    key = environment.get("STRIPE_SECRET_KEY", "")
    publishable_key = environment.get("STRIPE_PUBLISHABLE_KEY", "")
    api_base = environment.get("STRIPE_API_BASE", "")
    if not key:
        return (
            "There is no STRIPE_SECRET_KEY, so nothing was run. A test key is on https://dashboard.stripe.com/test/apikeys;"
            " the tests charge made-up cards there."
        )
    if not key.startswith(TEST_KEYS):
        return f"STRIPE_SECRET_KEY is no test key: it has to begin with {' or '.join(TEST_KEYS)}. Nothing was run."
    if publishable_key and not publishable_key.startswith("pk_test_"):
        return "STRIPE_PUBLISHABLE_KEY is no test key: it has to begin with pk_test_. Nothing was run."
    if api_base and api_base.rstrip("/") != API_BASE:
        return f"STRIPE_API_BASE is not Stripe's: these tests go to {API_BASE} and nowhere else. Nothing was run."
    return None


async def unusable_key(key: str, *, api_base: str = API_BASE) -> str | None:
    """What Stripe has against the key, or the network against reaching Stripe; None when it can be used."""
    provider = StripeProvider(
        key, clock=SystemClock(), webhook_secrets=SECRETS, publishable_key=None, api_base=api_base
    )
    try:
        return await provider.check()
    finally:
        await provider.close()


# --- inside the run ---------------------------------------------------------------------------------------------------

_LEFT_OUT = pytest.StashKey[Counter[str]]()


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that have no house here; where the houses are other ones than usual, also those that ask no provider."""
    is_live = LIVE_KEY in os.environ
    is_unusual = HOUSES is not EMULATED
    homeless = [item for item in items if _is_homeless(item) or (is_unusual and _asks_nobody(item))]
    config.stash[_LEFT_OUT] = Counter(_why_not(item) for item in homeless if is_live and _is_homeless(item))
    items[:] = [item for item in items if item not in homeless]
    if homeless:
        config.hook.pytest_deselected(items=homeless)


def _is_homeless(item: pytest.Item) -> bool:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return "house" in parameters and parameters["house"] not in HOUSES


def _asks_nobody(item: pytest.Item) -> bool:
    return item.path in FILES and "house" not in getattr(item, "fixturenames", ())


def _why_not(item: pytest.Item) -> str:
    needed = {power for mark in item.iter_markers("needs") for power in mark.args}
    return "; ".join(_WHY_NOT[power] for power in Power if power in needed) or "the provider declares not to do it"


def say_what_was_left_out(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if LIVE_KEY not in os.environ:
        return
    reporter.section("NOT RUN against the sandbox", sep="!", red=True, bold=True)
    for why, count in config.stash.get(_LEFT_OUT, Counter[str]()).most_common():
        reporter.write_line(f"{count} {'test' if count == 1 else 'tests'} of the suite: {why}.", yellow=True)
    reporter.write_line(f"Not shown either:{_NEVER_SHOWN}", yellow=True)
    if not reporter.stats.get("passed"):
        reporter.write_line("Nothing passed: this run says nothing about Stripe.", red=True)


if __name__ == "__main__":
    sys.exit(main())
