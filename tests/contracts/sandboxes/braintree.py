"""Braintree's sandbox, where BRAINTREE_ENVIRONMENT says so, and nowhere else: keys do not show what they are for."""

from collections.abc import Mapping

from adapters.braintree import BraintreeProvider
from adapters.braintree_keys import SANDBOX
from domain.clock import SystemClock
from tests.contracts.houses.braintree_sandbox import Place
from tests.contracts.houses.live import BRAINTREE_PLACE, place_of, written
from tests.emulators.braintree.credentials import Keys

_KEYS = ("BRAINTREE_MERCHANT_ID", "BRAINTREE_PUBLIC_KEY", "BRAINTREE_PRIVATE_KEY")
NEVER_SHOWN = """
How Braintree signs and delivers webhooks, and its disputes: both need a tunnel to this machine.
What becomes of a hold after a week, when a batch is settled by itself, how a customer is confirmed in a browser, and
how late a search is at worst: what the emulator takes to be so stands in tests/emulators/braintree/doubts.md.
"""


def is_asked(environment: Mapping[str, str]) -> bool:
    return any(value and name.startswith("BRAINTREE_") for name, value in environment.items())


def problem(environment: Mapping[str, str]) -> str | None:
    if environment.get("BRAINTREE_BASE_URL"):
        return "BRAINTREE_BASE_URL is set: these tests go to Braintree's sandbox and nowhere else. Nothing was run."
    if environment.get("BRAINTREE_ENVIRONMENT") != SANDBOX:
        return "BRAINTREE_ENVIRONMENT is not sandbox: these tests go there and nowhere else. Nothing was run."
    missing = [name for name in _KEYS if not environment.get(name)]
    if missing:
        return f"There is no {missing[0]}, so nothing was run. The Control Panel of a sandbox has it under API Keys."
    if "USD" not in _accounts(environment):
        return (
            "BRAINTREE_MERCHANT_ACCOUNTS names no merchant account in dollars (USD:…), which most tests charge."
            " Nothing was run."
        )
    return None


async def unusable(environment: Mapping[str, str], *, api_base: str | None = None) -> str | None:
    place = place_of(told(environment)[BRAINTREE_PLACE])
    provider = BraintreeProvider(
        merchant_id=place.keys.merchant_id,
        public_key=place.keys.public_key,
        private_key=place.keys.private_key,
        api_base=api_base or place.api_base,
        livemode=False,
        merchant_accounts=place.merchant_accounts,
        clock=SystemClock(),
    )
    try:
        return await provider.check()
    finally:
        await provider.close()


def told(environment: Mapping[str, str]) -> dict[str, str]:
    keys = Keys(*(environment[name] for name in _KEYS))
    return {BRAINTREE_PLACE: written(Place(keys, _accounts(environment)))}


def _accounts(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = (pair.strip().partition(":") for pair in environment.get("BRAINTREE_MERCHANT_ACCOUNTS", "").split(","))
    return {currency: id for currency, _, id in pairs if id}
