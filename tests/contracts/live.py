"""`make test-live`: what can be run of the providers' suite against the sandboxes of Stripe and Braintree.

It runs for each of them whose keys are there (sandboxes/ says which, and what speaks against them), and goes nowhere
but there. Cards of customers that are made up are charged with money that is made up; the accounts are left with them.
What cannot be run there is said at the end.

Exit codes: 0 all that ran passed; 1 something failed, or nothing ran; 2 there are no keys, or not of this kind.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.contracts.houses import ALL, EMULATED, HOUSES
from tests.contracts.houses.house import Power
from tests.contracts.houses.live import IS_LIVE
from tests.contracts.results import FILES
from tests.contracts.sandboxes import SANDBOXES, Sandbox

_HIDDEN = ("STRIPE_", "BRAINTREE_", "PAYDESK_")

_WHY_NOT: Mapping[Power, str] = {
    Power.TIME: "the sandbox's time cannot be put forward",
    Power.CUSTOMER: "nobody opens the bank's page in a browser",
    Power.BANK: "no card of the sandbox that can be stored is declined for every reason",
    Power.WIRE: "requests and answers cannot be lost on the way to the provider",
    Power.CROWD: "hundreds of payments would be made at the account",
    Power.CURRENCIES: "the account is not set up for every currency",
    Power.FORM: "without a page, tokens are those that the sandbox takes any number of times",
}


def main() -> int:
    asked = [sandbox for sandbox in SANDBOXES if sandbox.is_asked(os.environ)]
    if not asked:
        sys.stderr.write(
            "There is no STRIPE_SECRET_KEY and no BRAINTREE_MERCHANT_ID, so nothing was run. The sandboxes' keys are on"
            " https://dashboard.stripe.com/test/apikeys and https://sandbox.braintreegateway.com; the tests charge"
            " made-up cards there.\n"
        )
        return 2
    wrong = [sentence for sandbox in asked if (sentence := sandbox.problem(os.environ))]
    if wrong:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in wrong))
        return 2
    return max(_run(sandbox) for sandbox in asked)


def _run(sandbox: Sandbox) -> int:
    unusable = asyncio.run(sandbox.unusable(os.environ))
    if unusable is not None:
        sys.stderr.write(f"{unusable} Nothing was run.\n")
        return 1
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    # Short tracebacks, for long ones show arguments, and the key is one of them.
    # One after the other: a test takes what happens at the account while it runs to be its own.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--no-header",
        "--quiet",
        "--tb=short",
        "-rs",
        *map(str, sorted(FILES)),
        *map(str, sandbox.doubts),
    ]
    ran = subprocess.run(command, env=environment | sandbox.told(os.environ), check=False)
    return 0 if ran.returncode == 0 else 1


# --- inside the run ---------------------------------------------------------------------------------------------------

_LEFT_OUT = pytest.StashKey[Counter[str]]()


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that have no house here; where the houses are other ones than usual, also those that ask no provider."""
    is_live = IS_LIVE
    is_unusual = HOUSES is not EMULATED
    homeless = [item for item in items if _is_homeless(item) or (is_unusual and _asks_nobody(item))]
    config.stash[_LEFT_OUT] = Counter(_why_not(item) for item in homeless if is_live and _is_homeless(item))
    items[:] = [item for item in items if item not in homeless]
    if homeless:
        config.hook.pytest_deselected(items=homeless)


def _is_homeless(item: pytest.Item) -> bool:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return "house" in parameters and parameters["house"] not in ALL


def _asks_nobody(item: pytest.Item) -> bool:
    return item.path in FILES and "house" not in getattr(item, "fixturenames", ())


def _why_not(item: pytest.Item) -> str:
    needed = {power for mark in item.iter_markers("needs") for power in mark.args}
    return "; ".join(_WHY_NOT[power] for power in Power if power in needed) or "the provider does it otherwise, or not"


def say_what_was_left_out(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not IS_LIVE:
        return
    reporter.section("NOT RUN against the sandbox", sep="!", red=True, bold=True)
    for why, count in config.stash.get(_LEFT_OUT, Counter[str]()).most_common():
        reporter.write_line(f"{count} {'test' if count == 1 else 'tests'} of the suite: {why}.", yellow=True)
    (sandbox,) = [each for each in SANDBOXES if each.name in HOUSES]
    reporter.write_line(f"Not shown either:{sandbox.never_shown}", yellow=True)
    if not reporter.stats.get("passed"):
        reporter.write_line("Nothing passed: this run says nothing about the provider.", red=True)


if __name__ == "__main__":
    sys.exit(main())
