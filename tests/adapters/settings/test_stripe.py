"""Stripe's keys: each in its place, of the mode of the deployment, and read only where Stripe is the provider."""

from pathlib import Path

import pytest

from adapters.accounts import open_accounts
from adapters.settings import PLAIN, Account, plain
from tests.adapters.settings.given import Given

SANDBOX = {
    "PAYDESK_ENVIRONMENT": "sandbox",
    "PAYDESK_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": "sk_test_51N",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_51N",
    "STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old",
}
PRODUCTION = SANDBOX | {
    "PAYDESK_ENVIRONMENT": "production",
    "STRIPE_SECRET_KEY": "rk_live_51N",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_51N",
}


def test_the_keys_are_read_in_stripes_own_names(given: Given) -> None:
    settings = given(SANDBOX)
    own = settings.stripe[PLAIN]
    assert settings.default_account == Account("stripe", "stripe")
    assert own.secret_key is not None
    assert own.secret_key.get_secret_value() == "sk_test_51N"
    assert own.publishable_key == "pk_test_51N"
    assert plain(own.webhook_secret) == ["whsec_new", "whsec_old"]
    assert own.api_base == "https://api.stripe.com"
    assert "51N" not in repr(own.secret_key)
    assert "whsec_new" not in repr(settings)


def test_they_may_stand_in_the_file_too(given: Given, folder: Path) -> None:
    (folder / ".env").write_text("\n".join(f"{name}={value}" for name, value in SANDBOX.items()))
    assert given({}).stripe[PLAIN].publishable_key == "pk_test_51N"


def test_an_account_may_be_told_its_least_amounts(given: Given) -> None:
    settings = given(SANDBOX | {"STRIPE_LEAST_AMOUNTS": "KRW:700, USD: 40"})
    _, providers = open_accounts(settings)
    least = providers.require("stripe").least_amount
    assert [least(currency).minor_units for currency in ("KRW", "USD", "EUR")] == [700, 40, 50]


def test_production_takes_live_keys(given: Given) -> None:
    assert given(PRODUCTION).deployment().livemode


def test_development_does_without_webhooks(given: Given) -> None:
    settings = given(SANDBOX | {"PAYDESK_ENVIRONMENT": "development", "STRIPE_WEBHOOK_SECRET": ""})
    assert settings.stripe[PLAIN].webhook_secret == ()


def test_they_are_not_looked_at_where_stripe_is_not_the_provider(given: Given) -> None:
    wrong = {
        "STRIPE_SECRET_KEY": "pk_live_x",
        "STRIPE_PUBLISHABLE_KEY": "sk_live_x",
        "STRIPE_WEBHOOK_SECRET": "x",
        "STRIPE_API_BASE": "http://elsewhere.example",
        "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
    }
    assert given(wrong | {"PAYDESK_ENVIRONMENT": "development"}).default_account.provider == "fake"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY has to be set with PAYDESK_PROVIDER=stripe."),
        (
            {"STRIPE_SECRET_KEY": "pk_test_51N"},
            "STRIPE_SECRET_KEY is a publishable key, which moves no money: its place is STRIPE_PUBLISHABLE_KEY.",
        ),
        (
            {"STRIPE_SECRET_KEY": "secret"},
            "STRIPE_SECRET_KEY is no secret key: one begins with sk_test_, rk_test_, sk_live_ or rk_live_.",
        ),
        (
            {"STRIPE_SECRET_KEY": "sk_live_51N", "STRIPE_PUBLISHABLE_KEY": "pk_live_51N"},
            "STRIPE_SECRET_KEY moves real money, and PAYDESK_ENVIRONMENT is not production.",
        ),
        (
            {"STRIPE_SECRET_KEY": "rk_live_51N", "STRIPE_PUBLISHABLE_KEY": "pk_live_51N"},
            "STRIPE_SECRET_KEY moves real money, and PAYDESK_ENVIRONMENT is not production.",
        ),
        (
            {"PAYDESK_ENVIRONMENT": "production"},
            "STRIPE_SECRET_KEY is of test mode, and PAYDESK_ENVIRONMENT is production (the default).",
        ),
        (
            {"STRIPE_PUBLISHABLE_KEY": ""},
            "STRIPE_PUBLISHABLE_KEY has to be set with PAYDESK_PROVIDER=stripe: card forms are opened with it.",
        ),
        (
            {"STRIPE_PUBLISHABLE_KEY": "sk_test_51N"},
            "STRIPE_PUBLISHABLE_KEY is a secret key, and would be given to every customer.",
        ),
        (
            {"STRIPE_PUBLISHABLE_KEY": "key"},
            "STRIPE_PUBLISHABLE_KEY is no publishable key: one begins with pk_test_ or pk_live_.",
        ),
        (
            {"STRIPE_PUBLISHABLE_KEY": "pk_live_51N"},
            "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY are of different modes.",
        ),
        (
            {"STRIPE_WEBHOOK_SECRET": ""},
            "STRIPE_WEBHOOK_SECRET has to be set with PAYDESK_PROVIDER=stripe: without it, webhooks are refused.",
        ),
        (
            {"STRIPE_WEBHOOK_SECRET": "whsec_1,we_2"},
            "STRIPE_WEBHOOK_SECRET has something in it that is no webhook secret: each begins with whsec_.",
        ),
        (
            {"STRIPE_API_BASE": "http://stripe.example"},
            "STRIPE_API_BASE has to be an https address, or one of this machine: the secret key goes there.",
        ),
        (
            {"STRIPE_API_BASE": "127.0.0.1:12111"},
            "STRIPE_API_BASE has to be an https address, or one of this machine: the secret key goes there.",
        ),
        (
            {"PAYDESK_STRIPE_SECRET_KEY": "sk_test_51N"},
            "PAYDESK_STRIPE_SECRET_KEY is not a setting. Did you mean STRIPE_SECRET_KEY?",
        ),
    ],
)
def test_a_mistake_is_told_in_a_sentence_that_shows_no_key(
    given: Given, environment: dict[str, str], sentence: str
) -> None:
    wrong = given.wrong(SANDBOX | environment)
    assert wrong == [sentence]
    assert "51N" not in sentence


@pytest.mark.parametrize("base", ["http://127.0.0.1:12111", "http://localhost:12111/", "https://stripe.example"])
def test_an_emulator_is_on_this_machine_or_encrypted(given: Given, base: str) -> None:
    assert given(SANDBOX | {"STRIPE_API_BASE": base}).stripe[PLAIN].api_base == base


@pytest.mark.parametrize(
    "base",
    [
        *("https://stripe.example", "https://api.stripe.com.example", "https://api.stripe.com@stripe.example"),
        *(
            "http://127.0.0.1:12111",
            "http://api.stripe.com",
            "https://api.stripe.com:8443",
            "https://api.stripe.com/v1",
        ),
    ],
)
def test_a_key_that_moves_real_money_is_shown_to_stripe_alone(given: Given, base: str) -> None:
    (sentence,) = given.wrong(PRODUCTION | {"STRIPE_API_BASE": base})
    assert sentence.startswith("STRIPE_API_BASE has to be ")


def test_an_address_of_stripes_may_end_in_a_slash(given: Given) -> None:
    assert given(PRODUCTION | {"STRIPE_API_BASE": "https://api.stripe.com/"}).is_production


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"])
@pytest.mark.parametrize("behind", ["\n", " ", "\u200b", " # of the shop"])
def test_a_key_with_more_than_a_key_in_it_is_no_key(given: Given, name: str, behind: str) -> None:
    """As Kubernetes gives it to whoever made a secret of a file with its last line's end."""
    (sentence,) = given.wrong(SANDBOX | {name: SANDBOX[name] + behind})
    assert sentence.startswith(f"{name} has more in it than a key")
