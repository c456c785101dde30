"""Stripe's sandbox: with a key of test mode, and at Stripe only."""

from collections.abc import Mapping
from pathlib import Path

from adapters.stripe import StripeProvider
from adapters.stripe_keys import API_BASE
from domain.clock import SystemClock
from tests.contracts.houses.live import STRIPE_KEY, STRIPE_PUBLISHABLE_KEY
from tests.contracts.houses.stripe import SECRETS
from tests.contracts.houses.stripe_sandbox import TEST_KEYS

DOUBTS = (Path(__file__).parents[2] / "emulators" / "test_stripe_doubts.py",)
NEVER_SHOWN = """
How Stripe signs and delivers webhooks: that needs a tunnel to this machine. Events were taken from /v1/events, and
signed with a secret of the test's own.
What becomes of a hold after a week, and of a 3D Secure page that nobody opens for a day: what the emulator takes to be
so stands in tests/emulators/stripe/doubts.md.
"""


def is_asked(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("STRIPE_SECRET_KEY"))


def problem(environment: Mapping[str, str]) -> str | None:
    key = environment.get("STRIPE_SECRET_KEY", "")
    publishable_key = environment.get("STRIPE_PUBLISHABLE_KEY", "")
    api_base = environment.get("STRIPE_API_BASE", "")
    if not key.startswith(TEST_KEYS):
        return f"STRIPE_SECRET_KEY is no test key: it has to begin with {' or '.join(TEST_KEYS)}. Nothing was run."
    if publishable_key and not publishable_key.startswith("pk_test_"):
        return "STRIPE_PUBLISHABLE_KEY is no test key: it has to begin with pk_test_. Nothing was run."
    if api_base and api_base.rstrip("/") != API_BASE:
        return f"STRIPE_API_BASE is not Stripe's: these tests go to {API_BASE} and nowhere else. Nothing was run."
    return None


async def unusable(environment: Mapping[str, str], *, api_base: str = API_BASE) -> str | None:
    provider = StripeProvider(
        environment["STRIPE_SECRET_KEY"],
        clock=SystemClock(),
        webhook_secrets=SECRETS,
        publishable_key=None,
        api_base=api_base,
    )
    try:
        return await provider.check()
    finally:
        await provider.close()


def told(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {STRIPE_KEY: environment["STRIPE_SECRET_KEY"]}
    if publishable_key := environment.get("STRIPE_PUBLISHABLE_KEY"):
        kept[STRIPE_PUBLISHABLE_KEY] = publishable_key
    return kept
