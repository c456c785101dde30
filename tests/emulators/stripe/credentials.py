"""Who asks, and in which version: https://docs.stripe.com/keys, /api/authentication and /api/versioning."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from tests.emulators.stripe.account import API_VERSION, Account
from tests.emulators.stripe.forms import Raw
from tests.emulators.stripe.intents import by_secret
from tests.emulators.stripe.refusals import Refused, invalid
from tests.emulators.stripe.routes import Found


@dataclass(frozen=True, slots=True)
class Keys:
    """The account's API keys, of test mode."""

    secret: str = "sk_test_emulator"
    publishable: str = "pk_test_emulator"

    def __post_init__(self) -> None:
        if not self.secret.startswith(("sk_test_", "rk_test_")) or not self.publishable.startswith("pk_test_"):
            raise ValueError("The emulator's keys begin with sk_test_ (or rk_test_) and pk_test_.")

    def named_in(self, headers: Mapping[str, str]) -> str:
        """The key that a request names, as a bearer token or as the user of basic authentication; 401 without."""
        key = _key(headers.get("authorization", ""))
        if not key:
            raise Refused(401, "Give an API key, as a bearer token or as the user of basic authentication.")
        if key not in (self.secret, self.publishable):
            raise Refused(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}")
        if "stripe-account" in headers:
            raise Refused(403, "The account has no connected accounts.", code="account_invalid")
        return key

    def check(self, key: str, account: Account, found: Found, raw: dict[str, Raw]) -> None:
        """With the publishable key only what a browser may: keep a card, and see to the intent whose secret it has."""
        route, card, secret = found.route, raw.get("card"), raw.get("client_secret")
        if key == self.secret:
            if route.name == "payment_methods.create" and isinstance(card, dict) and "number" in card:
                raise invalid("Card numbers are for browsers, with the publishable key.", param="card[number]")
            return
        if route.intent is not None and isinstance(secret, str):
            by_secret(account, route.intent, found.ids["id"], secret)
            # Confirming has this parameter for browsers only.
            if "client_secret" not in route.parameters.members:
                del raw["client_secret"]
        elif not route.browser:
            raise Refused(401, "This call needs a secret key.", code="secret_key_required")


def check_version(headers: Mapping[str, str]) -> None:
    """Without the header the account's own version counts, which is the same one."""
    version = headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version}; this is {API_VERSION}.")


def _key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return ""
    return ""
