"""What can be seen of Braintree's settings before Braintree is asked: whose place each is for, and where it leads.

Apart from the adapter, which brings Braintree's SDK with it: whoever reads settings need not wait for that. The keys
themselves do not show whether they move real money. The host does: production has one of its own, and whoever names it
by another spelling, as an address of its own, is there all the same.
"""

import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

SANDBOX, PRODUCTION = "sandbox", "production"
HOSTS = {SANDBOX: "api.sandbox.braintreegateway.com", PRODUCTION: "api.braintreegateway.com"}
_DOMAIN = "braintreegateway.com"
_SANDBOX_DOMAIN = f"sandbox.{_DOMAIN}"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def api_base_of(environment: str) -> str:
    return f"https://{HOSTS[environment]}"


def is_production(api_base: str) -> bool:
    """Whether real money moves there: Braintree's production answered as www.braintreegateway.com for years, and the
    sandbox alone says that it is one."""
    host = _host_of(api_base)
    return is_braintrees(api_base) and not (host == _SANDBOX_DOMAIN or host.endswith(f".{_SANDBOX_DOMAIN}"))


def is_braintrees(api_base: str) -> bool:
    host = _host_of(api_base)
    return host == _DOMAIN or host.endswith(f".{_DOMAIN}")


def wrong_with_braintree(
    *,
    merchant_id: str | None,
    public_key: str | None,
    private_key: str | None,
    environment: str | None,
    base_url: str | None,
    merchant_accounts: Mapping[str, str],
    livemode: bool,
    variables: str = "BRAINTREE_",
    asked_by: str = "PAYDESK_PROVIDER=braintree",
) -> list[str]:
    """A sentence for each mistake; none of them repeats a key. `variables` is what their names begin with."""
    given = {"MERCHANT_ID": merchant_id, "PUBLIC_KEY": public_key, "PRIVATE_KEY": private_key}
    wrong = [f"{variables}{name} has to be set with {asked_by}." for name, value in given.items() if value is None]
    wrong += [
        f"{variables}{name} has more in it than letters and digits: white space, or the end of a line."
        for name, value in given.items()
        if value is not None and not _is_one_word(value)
    ]
    if public_key is not None and public_key == private_key:
        wrong.append(f"{variables}PUBLIC_KEY and {variables}PRIVATE_KEY are the same: the Control Panel shows both.")
    if not merchant_accounts:
        wrong.append(
            f"{variables}MERCHANT_ACCOUNTS has to be set with {asked_by}, such as USD:acme_usd,EUR:acme_eur: at "
            "Braintree a currency is charged by the merchant account that is in it."
        )
    return wrong + _wrong_with_place(environment, base_url, livemode=livemode, variables=variables, asked_by=asked_by)


def _wrong_with_place(
    environment: str | None, base_url: str | None, *, livemode: bool, variables: str, asked_by: str
) -> list[str]:
    name, base = f"{variables}ENVIRONMENT", f"{variables}BASE_URL"
    if environment is not None and base_url is not None:
        return [f"{name} and {base} exclude each other: set one of them."]
    if environment is None and base_url is None:
        return [f"{name} has to be set with {asked_by}: sandbox, or production."]
    if base_url is not None and not _is_safe(base_url):
        return [
            f"{base} has to be an https address, or one of this machine, without a path: the private key goes there."
        ]
    goes_live = is_production(base_url or api_base_of(environment or SANDBOX))
    if goes_live and not livemode:
        return [f"{name if environment else base} moves real money, and PAYDESK_ENVIRONMENT is not production."]
    if livemode and environment == SANDBOX:
        return [f"{name} is the sandbox, and PAYDESK_ENVIRONMENT is production (the default)."]
    if livemode and base_url is not None:
        return [f"{base} cannot be set in production, {name}=production can: whoever answers there says what was paid."]
    return []


def _is_one_word(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def _is_safe(api_base: str) -> bool:
    try:
        parts = urlsplit(api_base)
        _ = parts.port
    except ValueError:
        return False
    is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    return bool(parts.hostname) and is_plain and (parts.scheme == "https" or _is_here(parts.scheme, parts.hostname))


def _is_here(scheme: str, host: str | None) -> bool:
    return scheme == "http" and host in _LOOPBACK


def _host_of(api_base: str) -> str:
    """As it is asked for: where names are looked up, other scripts' letters and full stops are these."""
    return unicodedata.normalize("NFKC", urlsplit(api_base).hostname or "").replace("\u3002", ".").lower().rstrip(".")
