"""Several accounts at once: how they are declared, where each finds its settings, and what cannot be."""

from pathlib import Path

import pytest

from adapters.settings import Account, plain
from tests.adapters.settings.given import Given

FAKE = {
    "PAYDESK_ENVIRONMENT": "sandbox",
    "PAYDESK_PROVIDER": "fake",
    "STRIPE_SECRET_KEY": "sk_test_plain",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_plain",
    "STRIPE_WEBHOOK_SECRET": "whsec_plain",
}
IN_EUROPE = {f"EU_{name}": value.replace("plain", "eu") for name, value in FAKE.items() if name.startswith("STRIPE_")}
ACCOUNTS = "PAYDESK_ACCOUNTS"


# --- what is declared -----------------------------------------------------------------------------------------------


def test_without_more_there_is_one_account_and_it_is_called_like_its_provider(given: Given) -> None:
    settings = given(FAKE)
    assert settings.default_account == Account("fake", "fake")
    assert settings.declared == (settings.default_account,)
    assert settings.stripe == {}, "what is nobody's account is not read"


def test_an_account_of_its_own_name_has_variables_of_its_own(given: Given) -> None:
    settings = given(FAKE | IN_EUROPE | {ACCOUNTS: " stripe , stripe_eu = stripe : EU_ ,"})

    default, plain_one, in_europe = settings.declared
    assert (default.name, plain_one.name, in_europe.name) == ("fake", "stripe", "stripe_eu")
    assert (str(plain_one), str(in_europe)) == ("stripe", "stripe_eu=stripe:EU_")
    first, second = settings.stripe[plain_one.prefix], settings.stripe[in_europe.prefix]
    assert (first.publishable_key, second.publishable_key) == ("pk_test_plain", "pk_test_eu")
    assert (plain(first.webhook_secret), plain(second.webhook_secret)) == (["whsec_plain"], ["whsec_eu"])
    assert first.api_base == second.api_base


def test_the_default_account_is_written_in_the_same_way(given: Given) -> None:
    """So that a switch is nothing but two values that change places."""
    settings = given(FAKE | IN_EUROPE | {"PAYDESK_PROVIDER": "stripe_eu=stripe:EU_", ACCOUNTS: "stripe"})
    assert settings.default_account == Account("stripe_eu", "stripe", "EU_")
    assert [account.name for account in settings.accounts] == ["stripe"]


def test_an_account_keeps_its_name_when_its_variables_get_others(given: Given) -> None:
    """What was made with it has this name for ever; the plain variables go to the new one."""
    settings = given(FAKE | IN_EUROPE | {"PAYDESK_PROVIDER": "stripe_2=stripe", ACCOUNTS: "stripe=stripe:EU_"})
    assert settings.default_account == Account("stripe_2", "stripe")
    assert settings.accounts == (Account("stripe", "stripe", "EU_"),)


def test_its_variables_may_stand_in_the_file_too_and_the_environment_wins(given: Given, folder: Path) -> None:
    lines = [f"{name}={value}" for name, value in (IN_EUROPE | {ACCOUNTS: "stripe_eu=stripe:EU_"}).items()]
    (folder / ".env").write_text("\n".join(lines))
    settings = given(FAKE | {"EU_STRIPE_PUBLISHABLE_KEY": "pk_test_wins"})
    assert settings.stripe["EU_"].publishable_key == "pk_test_wins"
    assert settings.stripe["EU_"].secret_key is not None


def test_a_second_bank_is_somewhere_else(given: Given) -> None:
    elsewhere = {
        "OLD_PAYDESK_FAKE_URL": "http://127.0.0.1:8001",
        "OLD_PAYDESK_FAKE_API_KEY": "key-of-the-bank",
        "OLD_PAYDESK_FAKE_WEBHOOK_SECRET": "secret-of-the-webhooks",
    }
    settings = given(FAKE | elsewhere | {ACCOUNTS: "old=fake:OLD_"})
    assert settings.fake_inside == Account("fake", "fake")
    assert settings.fake["OLD_"].url == "http://127.0.0.1:8001"


def test_the_only_bank_may_be_that_of_an_account_kept_for_old_charges(given: Given) -> None:
    settings = given(FAKE | {"PAYDESK_PROVIDER": "stripe", ACCOUNTS: "fake"})
    assert settings.fake_inside == Account("fake", "fake")


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "sentences"),
    [
        ({ACCOUNTS: "cash"}, ["PAYDESK_ACCOUNTS: 'cash' is no provider: there are braintree, fake and stripe."]),
        (
            {ACCOUNTS: "stripe_eu=EU_"},
            ["PAYDESK_ACCOUNTS: 'EU_' is no provider: there are braintree, fake and stripe."],
        ),
        (
            {"PAYDESK_PROVIDER": "Stripe EU=stripe"},
            [
                (
                    "PAYDESK_PROVIDER: 'Stripe EU' cannot be an account's name: it is made of a to z, digits, _ and -, "
                    "begins with a letter, and is not longer than 50."
                )
            ],
        ),
        (
            {ACCOUNTS: "../=stripe"},
            [
                (
                    "PAYDESK_ACCOUNTS: '../' cannot be an account's name: it is made of a to z, digits, _ and -, "
                    "begins with a letter, and is not longer than 50."
                )
            ],
        ),
        (
            {ACCOUNTS: "stripe_eu=stripe:eu"},
            ["PAYDESK_ACCOUNTS: 'eu' cannot stand before variables: it has to be like EU_."],
        ),
        (
            {ACCOUNTS: "stripe_eu=stripe:"},
            ["PAYDESK_ACCOUNTS: '' cannot stand before variables: it has to be like EU_."],
        ),
        ({ACCOUNTS: "fake"}, ["PAYDESK_ACCOUNTS has fake in it, which is the default account already."]),
        (
            {ACCOUNTS: "stripe,stripe=stripe:EU_", **IN_EUROPE},
            ["PAYDESK_ACCOUNTS has stripe in it twice."],
        ),
        (
            {ACCOUNTS: "stripe,stripe_eu=stripe"},
            [
                (
                    "stripe_eu would be the account that stripe is: both are configured by STRIPE_…; a prefix gives it "
                    "variables of its own, as in stripe_eu=stripe:EU_."
                )
            ],
        ),
        (
            {ACCOUNTS: "old=fake:OLD_"},
            ["OLD_PAYDESK_FAKE_URL has to be set: one bank runs inside the gateway, and that is fake's."],
        ),
        (
            {ACCOUNTS: "old=fake:OLD_", "OLD_PAYDESK_FAKE_URL": "http://127.0.0.1:8001"},
            ["OLD_PAYDESK_FAKE_URL goes with OLD_PAYDESK_FAKE_API_KEY and OLD_PAYDESK_FAKE_WEBHOOK_SECRET."],
        ),
    ],
)
def test_accounts_that_cannot_be(given: Given, environment: dict[str, str], sentences: list[str]) -> None:
    assert given.wrong(FAKE | environment) == sentences


def test_development_has_the_fake_provider_without_being_told_and_not_twice(given: Given) -> None:
    wrong = given.wrong({"PAYDESK_ENVIRONMENT": "development", ACCOUNTS: "fake"})
    assert wrong == ["PAYDESK_ACCOUNTS has fake in it, which is the default account already."]


def test_every_account_is_looked_at_as_the_default_one_is_and_its_own_variables_are_named(given: Given) -> None:
    wrong = given.wrong(
        {
            "PAYDESK_ENVIRONMENT": "sandbox",
            "PAYDESK_PROVIDER": "stripe",
            ACCOUNTS: "stripe_eu=stripe:EU_",
            "STRIPE_SECRET_KEY": "sk_test_plain",
            "STRIPE_WEBHOOK_SECRET": "whsec_plain",
            "EU_STRIPE_SECRET_KEY": "pk_test_eu",
            "EU_STRIPE_PUBLISHABLE_KEY": "pk_test_eu",
            "EU_STRIPE_WEBHOOK_SECRET": "",
            "EU_STRIPE_API_BASE": "http://stripe.example",
        }
    )
    assert wrong == [
        "STRIPE_PUBLISHABLE_KEY has to be set with PAYDESK_PROVIDER=stripe: card forms are opened with it.",
        "EU_STRIPE_SECRET_KEY is a publishable key, which moves no money: its place is EU_STRIPE_PUBLISHABLE_KEY.",
        (
            "EU_STRIPE_WEBHOOK_SECRET has to be set with stripe_eu=stripe:EU_ in PAYDESK_ACCOUNTS: "
            "without it, webhooks are refused."
        ),
        "EU_STRIPE_API_BASE has to be an https address, or one of this machine: the secret key goes there.",
    ]


def test_live_and_test_never_mix(given: Given) -> None:
    """Nor does the fake provider come near real money as somebody's second account."""
    live = {
        "PAYDESK_ENVIRONMENT": "production",
        "PAYDESK_PROVIDER": "stripe",
        "STRIPE_SECRET_KEY": "sk_live_plain",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_plain",
        "STRIPE_WEBHOOK_SECRET": "whsec_plain",
    }
    assert given.wrong(live | IN_EUROPE | {ACCOUNTS: "fake,stripe_eu=stripe:EU_"}) == [
        "fake in PAYDESK_ACCOUNTS takes no real money: it is refused in production.",
        "EU_STRIPE_SECRET_KEY is of test mode, and PAYDESK_ENVIRONMENT is production (the default).",
    ]


def test_what_begins_like_an_accounts_variables_and_is_none_is_not_ignored(given: Given) -> None:
    europe = IN_EUROPE | {ACCOUNTS: "stripe_eu=stripe:EU_", "EU_REGION": "eu-west-1", "STRIPE_CLI": "1"}
    wrong = given.wrong(FAKE | europe | {"EU_STRIPE_API_BSE": "http://127.0.0.1:1", "EU_STRIPE_ZZZZZZ": "1"})
    assert wrong == [
        "EU_STRIPE_API_BSE is not a setting. Did you mean EU_STRIPE_API_BASE?",
        "EU_STRIPE_ZZZZZZ is not a setting.",
    ]


def test_a_prefix_may_begin_as_our_own_variables_do(given: Given) -> None:
    ours = {f"PAYDESK_{name}": value for name, value in IN_EUROPE.items()}
    chosen = FAKE | ours | {ACCOUNTS: "stripe_eu=stripe:PAYDESK_EU_"}
    assert given(chosen).stripe["PAYDESK_EU_"].publishable_key == "pk_test_eu"
    assert given.wrong({"PAYDESK_EU_STRIPE_SECRT_KEY": "x"}) == [
        "PAYDESK_EU_STRIPE_SECRT_KEY is not a setting. Did you mean PAYDESK_EU_STRIPE_SECRET_KEY?"
    ]


def test_a_value_that_cannot_be_used_names_its_own_variable(given: Given) -> None:
    assert given.wrong(FAKE | {ACCOUNTS: "old=fake:OLD_", "OLD_PAYDESK_FAKE_API_KEY": "short"}) == [
        "OLD_PAYDESK_FAKE_API_KEY: has to have at least 8 characters (try: openssl rand -hex 32)."
    ]


def test_no_account_shows_a_secret(given: Given) -> None:
    settings = given(FAKE | IN_EUROPE | {ACCOUNTS: "stripe,stripe_eu=stripe:EU_"})
    assert "sk_test" not in repr(settings)
    assert "whsec" not in repr(settings)
