"""Braintree's settings: each in its place, real money at its own host only, a merchant account for each currency."""

import pytest

from adapters.braintree import BraintreeProvider
from adapters.settings import PLAIN, Account
from tests.adapters.settings.given import Given

SANDBOX = {
    "PAYDESK_ENVIRONMENT": "sandbox",
    "PAYDESK_PROVIDER": "braintree",
    "BRAINTREE_MERCHANT_ID": "merchant51",
    "BRAINTREE_PUBLIC_KEY": "public51",
    "BRAINTREE_PRIVATE_KEY": "private51",
    "BRAINTREE_ENVIRONMENT": "sandbox",
    "BRAINTREE_MERCHANT_ACCOUNTS": "USD:acme_usd, EUR:acme_eur",
}
PRODUCTION = SANDBOX | {"PAYDESK_ENVIRONMENT": "production", "BRAINTREE_ENVIRONMENT": "production"}


def test_the_settings_are_read_in_braintrees_own_names(given: Given) -> None:
    settings = given(SANDBOX)
    own = settings.braintree[PLAIN]
    assert settings.default_account == Account("braintree", "braintree")
    assert (own.merchant_id, own.public_key) == ("merchant51", "public51")
    assert own.private_key is not None
    assert own.private_key.get_secret_value() == "private51"
    assert own.merchant_accounts == {"USD": "acme_usd", "EUR": "acme_eur"}
    assert own.address == "https://api.sandbox.braintreegateway.com"
    assert (own.request_keys, own.three_d_secure, own.search_lag_seconds) == (True, "when_asked", 86_400)
    assert "private51" not in repr(settings)


def test_production_is_at_its_own_host(given: Given) -> None:
    settings = given(PRODUCTION)
    assert settings.deployment().livemode
    assert settings.braintree[PLAIN].address == "https://api.braintreegateway.com"


def test_an_account_may_be_told_what_it_is_like(given: Given) -> None:
    own = given(
        SANDBOX
        | {
            "BRAINTREE_REQUEST_KEYS": "false",
            "BRAINTREE_THREE_D_SECURE": "always",
            "BRAINTREE_SEARCH_LAG_SECONDS": "60",
        }
    ).braintree[PLAIN]
    assert (own.request_keys, own.three_d_secure, own.search_lag_seconds) == (False, "always", 60)


def test_a_second_account_has_variables_of_its_own(given: Given) -> None:
    second = {f"EU_{name}": value for name, value in SANDBOX.items() if name.startswith("BRAINTREE_")}
    second["EU_BRAINTREE_MERCHANT_ACCOUNTS"] = "EUR:acme_in_europe"
    settings = given(SANDBOX | second | {"PAYDESK_ACCOUNTS": "braintree_eu=braintree:EU_"})
    assert settings.braintree["EU_"].merchant_accounts == {"EUR": "acme_in_europe"}
    assert settings.braintree[PLAIN].merchant_accounts == {"USD": "acme_usd", "EUR": "acme_eur"}


def test_they_are_not_looked_at_where_braintree_is_not_the_provider(given: Given) -> None:
    wrong = {"BRAINTREE_ENVIRONMENT": "moon", "BRAINTREE_MERCHANT_ACCOUNTS": "gold", "BRAINTREE_BASE_URL": "x"}
    assert given(wrong | {"PAYDESK_ENVIRONMENT": "development"}).default_account.provider == "fake"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"BRAINTREE_MERCHANT_ID": ""},
            "BRAINTREE_MERCHANT_ID has to be set with PAYDESK_PROVIDER=braintree.",
        ),
        (
            {"BRAINTREE_PRIVATE_KEY": ""},
            "BRAINTREE_PRIVATE_KEY has to be set with PAYDESK_PROVIDER=braintree.",
        ),
        (
            {"BRAINTREE_PRIVATE_KEY": "public51"},
            "BRAINTREE_PUBLIC_KEY and BRAINTREE_PRIVATE_KEY are the same: the Control Panel shows both.",
        ),
        (
            {"BRAINTREE_MERCHANT_ACCOUNTS": ""},
            (
                "BRAINTREE_MERCHANT_ACCOUNTS has to be set with PAYDESK_PROVIDER=braintree, such as "
                "USD:acme_usd,EUR:acme_eur: at Braintree a currency is charged by the merchant account that is in it."
            ),
        ),
        (
            {"BRAINTREE_MERCHANT_ACCOUNTS": "USD=acme"},
            "BRAINTREE_MERCHANT_ACCOUNTS: has 'USD=acme' in it, which is not like USD:acme_usd.",
        ),
        (
            {"BRAINTREE_MERCHANT_ACCOUNTS": "XAU:acme"},
            "BRAINTREE_MERCHANT_ACCOUNTS: has 'XAU:acme' in it, which is not like USD:acme_usd.",
        ),
        (
            {"BRAINTREE_MERCHANT_ACCOUNTS": "USD:acme/../x"},
            "BRAINTREE_MERCHANT_ACCOUNTS: has 'USD:acme/../x' in it, which is not like USD:acme_usd.",
        ),
        (
            {"BRAINTREE_MERCHANT_ACCOUNTS": "USD:one,USD:two"},
            "BRAINTREE_MERCHANT_ACCOUNTS: names two merchant accounts for USD.",
        ),
        (
            {"BRAINTREE_ENVIRONMENT": ""},
            "BRAINTREE_ENVIRONMENT has to be set with PAYDESK_PROVIDER=braintree: sandbox, or production.",
        ),
        (
            {"BRAINTREE_BASE_URL": "http://127.0.0.1:12112"},
            "BRAINTREE_ENVIRONMENT and BRAINTREE_BASE_URL exclude each other: set one of them.",
        ),
        (
            {"BRAINTREE_ENVIRONMENT": "production"},
            "BRAINTREE_ENVIRONMENT moves real money, and PAYDESK_ENVIRONMENT is not production.",
        ),
        (
            {"PAYDESK_ENVIRONMENT": "production"},
            "BRAINTREE_ENVIRONMENT is the sandbox, and PAYDESK_ENVIRONMENT is production (the default).",
        ),
    ],
)
def test_a_mistake_is_told_in_a_sentence_that_shows_no_key(
    given: Given, environment: dict[str, str], sentence: str
) -> None:
    wrong = given.wrong(SANDBOX | environment)
    assert wrong == [sentence]
    assert "private51" not in sentence


def at(address: str, **more: str) -> dict[str, str]:
    return SANDBOX | {"BRAINTREE_ENVIRONMENT": "", "BRAINTREE_BASE_URL": address} | more


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:12112", "http://localhost:12112/", "http://[::1]:12112", "https://braintree.example:8443"],
)
def test_an_emulator_is_on_this_machine_or_encrypted(given: Given, address: str) -> None:
    assert given(at(address)).braintree[PLAIN].address == address


@pytest.mark.parametrize(
    "address",
    [
        *("http://braintree.example", "127.0.0.1:12112", "braintree.example", "ftp://127.0.0.1"),
        *("https://braintree.example/v1", "https://a:b@braintree.example", "https://braintree.example?x=1"),
        *("https://braintree.example:99999", "https://[::1"),
    ],
)
def test_the_keys_go_nowhere_where_they_can_be_read(given: Given, address: str) -> None:
    (sentence,) = given.wrong(at(address))
    assert sentence.startswith("BRAINTREE_BASE_URL has to be an https address, or one of this machine")


@pytest.mark.parametrize(
    "address",
    [
        "https://api.braintreegateway.com",
        "https://API.BraintreeGateway.com/",
        "https://api.braintreegateway.com:443",
        "https://api.braintreegateway.com.",
        "https://www.braintreegateway.com",
        "https://api\u3002braintreegateway\uff0ecom",
        "https://\uff41pi.braintreegateway.com",
    ],
)
def test_nothing_but_production_gets_near_real_money_by_another_spelling(given: Given, address: str) -> None:
    (sentence,) = given.wrong(at(address))
    assert sentence == "BRAINTREE_BASE_URL moves real money, and PAYDESK_ENVIRONMENT is not production."


@pytest.mark.parametrize("address", ["https://braintree.example", "https://api.braintreegateway.com.example"])
def test_what_was_paid_in_production_braintree_alone_says(given: Given, address: str) -> None:
    (sentence,) = given.wrong(at(address, PAYDESK_ENVIRONMENT="production"))
    assert sentence.startswith("BRAINTREE_BASE_URL cannot be set in production")


@pytest.mark.parametrize("name", ["BRAINTREE_MERCHANT_ID", "BRAINTREE_PUBLIC_KEY", "BRAINTREE_PRIVATE_KEY"])
@pytest.mark.parametrize("behind", ["\n", " ", "\u200b", " # of the shop"])
def test_a_key_with_more_than_a_key_in_it_is_no_key(given: Given, name: str, behind: str) -> None:
    (sentence,) = given.wrong(SANDBOX | {name: SANDBOX[name] + behind})
    assert sentence.startswith(f"{name} has more in it than")


async def test_an_account_is_opened_as_its_settings_say(given: Given) -> None:
    from adapters.accounts import open_accounts

    settings = given(SANDBOX | {"BRAINTREE_REQUEST_KEYS": "false", "BRAINTREE_SEARCH_LAG_SECONDS": "7"})
    bank, accounts = open_accounts(settings)
    provider = accounts.default
    assert bank is None
    assert isinstance(provider, BraintreeProvider)
    assert (provider.name, provider.livemode, provider.key_lifetime) == ("braintree", False, None)
    assert (provider.look_up_lag_seconds, provider.currencies) == (7, frozenset({"USD", "EUR"}))
    await provider.close()
