"""What can be seen of Stripe's keys before Stripe is asked: whose place each is for, and of which mode it is.

Apart from the adapter, which brings Stripe's SDK with it: whoever reads settings need not wait for that.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

LIVE_KEYS = ("sk_live_", "rk_live_")
_TEST_KEYS = ("sk_test_", "rk_test_")
_LIVE_PUBLISHABLE, _TEST_PUBLISHABLE = "pk_live_", "pk_test_"
_PUBLISHABLE = "pk_"
_WEBHOOK_SECRET = "whsec_"  # noqa: S105 - how each of them begins
API_BASE = "https://api.stripe.com"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def wrong_with_stripe(
    *,
    secret_key: str | None,
    publishable_key: str | None,
    webhook_secrets: Sequence[str],
    api_base: str,
    livemode: bool,
    is_development: bool,
    variables: str = "STRIPE_",
    asked_by: str = "PAYDESK_PROVIDER=stripe",
) -> list[str]:
    """A sentence for each mistake; none of them repeats a key. `variables` is what their names begin with."""
    wrong = _wrong_with_secret_key(secret_key, livemode=livemode, variables=variables, asked_by=asked_by)
    wrong += _wrong_with_publishable_key(publishable_key, secret_key, variables=variables, asked_by=asked_by)
    webhook_secret, base = f"{variables}WEBHOOK_SECRET", f"{variables}API_BASE"
    if not webhook_secrets and not is_development:
        wrong.append(f"{webhook_secret} has to be set with {asked_by}: without it, webhooks are refused.")
    if not all(secret.startswith(_WEBHOOK_SECRET) for secret in webhook_secrets):
        wrong.append(f"{webhook_secret} has something in it that is no webhook secret: each begins with whsec_.")
    if not _is_safe(api_base):
        wrong.append(f"{base} has to be an https address, or one of this machine: the secret key goes there.")
    elif (secret_key or "").startswith(LIVE_KEYS) and not _is_stripes(api_base):
        wrong.append(f"{base} has to be {API_BASE} with a key of live mode: whoever answers there says what was paid.")
    return wrong


def _wrong_with_secret_key(key: str | None, *, livemode: bool, variables: str, asked_by: str) -> list[str]:
    name = f"{variables}SECRET_KEY"
    if key is None:
        return [f"{name} has to be set with {asked_by}."]
    if key.startswith(_PUBLISHABLE):
        return [f"{name} is a publishable key, which moves no money: its place is {variables}PUBLISHABLE_KEY."]
    if not key.startswith(LIVE_KEYS + _TEST_KEYS):
        return [f"{name} is no secret key: one begins with sk_test_, rk_test_, sk_live_ or rk_live_."]
    if not _is_one_word(key):
        return [f"{name} has more in it than a key: white space, or the end of a line of the file it is from."]
    if livemode and not key.startswith(LIVE_KEYS):
        return [f"{name} is of test mode, and PAYDESK_ENVIRONMENT is production (the default)."]
    if not livemode and key.startswith(LIVE_KEYS):
        return [f"{name} moves real money, and PAYDESK_ENVIRONMENT is not production."]
    return []


def _wrong_with_publishable_key(key: str | None, secret_key: str | None, *, variables: str, asked_by: str) -> list[str]:
    name = f"{variables}PUBLISHABLE_KEY"
    if key is None:
        return [f"{name} has to be set with {asked_by}: card forms are opened with it."]
    if key.startswith(LIVE_KEYS + _TEST_KEYS):
        return [f"{name} is a secret key, and would be given to every customer."]
    if not key.startswith((_LIVE_PUBLISHABLE, _TEST_PUBLISHABLE)):
        return [f"{name} is no publishable key: one begins with pk_test_ or pk_live_."]
    if not _is_one_word(key):
        return [f"{name} has more in it than a key: white space, or the end of a line."]
    modes = {(LIVE_KEYS, _TEST_PUBLISHABLE), (_TEST_KEYS, _LIVE_PUBLISHABLE)}
    if any(secret_key and secret_key.startswith(secret) and key.startswith(shown) for secret, shown in modes):
        return [f"{name} and {variables}SECRET_KEY are of different modes."]
    return []


def _is_one_word(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def _is_safe(api_base: str) -> bool:
    parts = urlsplit(api_base)
    return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in _LOOPBACK)


def _is_stripes(api_base: str) -> bool:
    return api_base.rstrip("/") == API_BASE
