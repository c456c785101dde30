"""The environment: read once, typed, and every mistake in it told in a plain sentence."""

from pathlib import Path

import pytest

from adapters.settings import (
    PLAIN,
    PROVIDERS,
    Account,
    Environment,
    Settings,
    SettingsWrong,
    setting_names,
)
from tests.adapters.settings.given import Given

SECRET = "not-for-anybody-0123456789-abcdefghij"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> "OfOurs":
    return OfOurs(monkeypatch)


class OfOurs:
    """Settings without their prefix."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._given = Given(monkeypatch)

    def __call__(self, **settings: str) -> Settings:
        return self._given(_variables(settings))

    def wrong(self, **settings: str) -> list[str]:
        return self._given.wrong(_variables(settings))


def _variables(settings: dict[str, str]) -> dict[str, str]:
    return {f"PAYDESK_{name.upper()}": value for name, value in settings.items()}


# --- what is read ---------------------------------------------------------------------------------------------------


def test_nothing_set_means_production_on_loopback_and_sqlite(given: OfOurs) -> None:
    settings = given()

    assert settings.environment is Environment.PRODUCTION
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == "sqlite://paydesk.sqlite3"
    assert not settings.serves_graphiql
    assert not settings.serves_introspection
    assert settings.logs_json


def test_development_serves_graphiql_and_speaks_to_people(given: OfOurs) -> None:
    settings = given(environment="development")

    assert settings.declared == (Account("fake", "fake"),)
    assert settings.serves_graphiql
    assert settings.serves_introspection
    assert not settings.logs_json
    assert settings.deployment().return_to_this_machine
    assert not settings.deployment().livemode


def test_graphiql_and_introspection_can_be_decided_apart_from_the_environment(given: OfOurs) -> None:
    settings = given(environment="sandbox", graphiql="false", introspection="false")

    assert not settings.serves_graphiql
    assert not settings.serves_introspection


def test_empty_is_unset(given: OfOurs) -> None:
    settings = given(
        environment="",
        port="",
        provider="",
        admin_key="",
        jwks_url="",
        return_urls="",
        cors_origins="",
        documents="",
        documents_only="",
        fake_webhook_secret="",
        worker="",
        log_format="",
        fake_script="",
    )

    assert settings == Settings(_env_file=None)
    assert settings.port == 8000
    assert settings.worker is True


def test_lists_are_separated_by_commas(given: OfOurs) -> None:
    settings = given(
        return_urls=" https://shop.example, myshop:// ,,http://localhost:3000", fake_webhook_secret=f"{SECRET},older"
    )

    assert settings.return_urls == ("https://shop.example", "myshop://", "http://localhost:3000")
    assert [secret.get_secret_value() for secret in settings.fake[PLAIN].webhook_secret] == [SECRET, "older"]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"port": "8080"}, "http://127.0.0.1:8080"),
        ({"host": "::1", "port": "8080"}, "http://[::1]:8080"),
        ({"public_url": "https://pay.shop.example/"}, "https://pay.shop.example"),
    ],
)
def test_the_address_that_clients_use(given: OfOurs, settings: dict[str, str], address: str) -> None:
    assert given(**settings).address == address


def test_origins_are_written_as_browsers_send_them(given: OfOurs) -> None:
    settings = given(cors_origins="HTTPS://Shop.Example:443, http://shop.example:80, https://a.example:80, app://local")

    assert settings.cors_origins == (
        "https://shop.example",
        "http://shop.example",
        "https://a.example:80",
        "app://local",
    )


def test_settings_stay_as_they_were_read(given: OfOurs) -> None:
    settings = given()

    with pytest.raises(ValueError, match="frozen"):
        settings.__setattr__("port", 1)


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_file_named_env_is_read_and_the_environment_wins_over_it(given: OfOurs, folder: Path) -> None:
    (folder / ".env").write_text("PAYDESK_PORT=8111\nPAYDESK_HOST=::1\nUNRELATED=1\n")

    settings = given(port="8222")

    assert (settings.host, settings.port) == ("::1", 8222)


def test_another_file_can_be_named(given: OfOurs, folder: Path) -> None:
    (folder / ".env").write_text("PAYDESK_PORT=8111\n")
    (folder / "other").write_text("PAYDESK_PORT=8333\n")

    assert given(env_file=str(folder / "other")).port == 8333


def test_an_empty_name_means_no_file(given: OfOurs, folder: Path) -> None:
    (folder / ".env").write_text("PAYDESK_PORT=8111\n")

    assert given(env_file="").port == 8000


def test_a_file_that_is_named_has_to_be_there(given: OfOurs, folder: Path) -> None:
    assert given.wrong(env_file=str(folder / "gone")) == [
        f"PAYDESK_ENV_FILE names a file that is not there: {folder / 'gone'}"
    ]


def test_a_file_that_is_no_text_is_told_in_a_sentence(given: OfOurs, folder: Path) -> None:
    (folder / ".env").write_bytes(b"PAYDESK_ADMIN_KEY=\xff\xfe")

    assert given.wrong() == [".env cannot be read: UnicodeDecodeError."]


def test_a_misspelt_name_is_found_in_the_file_too(given: OfOurs, folder: Path) -> None:
    (folder / ".env").write_text("PAYDESK_PROT=8111\n")

    assert given.wrong() == ["PAYDESK_PROT is not a setting. Did you mean PAYDESK_PORT?"]


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"documents_only": "everybody"},
            "PAYDESK_DOCUMENTS has to be set with PAYDESK_DOCUMENTS_ONLY: nothing else would be served.",
        ),
        (
            {"jwt_secret": SECRET, "jwks_url": "https://id.example/jwks", "jwt_issuer": "x"},
            "PAYDESK_JWT_SECRET and PAYDESK_JWKS_URL exclude each other: set one of them.",
        ),
        (
            {"jwt_secret": SECRET},
            "PAYDESK_JWT_ISSUER has to be set with PAYDESK_JWT_SECRET or PAYDESK_JWKS_URL.",
        ),
        (
            {"jwks_url": "https://id.example/jwks"},
            "PAYDESK_JWT_ISSUER has to be set with PAYDESK_JWT_SECRET or PAYDESK_JWKS_URL.",
        ),
        (
            {"admin_key_previous": SECRET},
            "PAYDESK_ADMIN_KEY_PREVIOUS goes with PAYDESK_ADMIN_KEY: it is the one before.",
        ),
        (
            {"jwks_url": "http://id.example/jwks", "jwt_issuer": "x"},
            "PAYDESK_JWKS_URL has to be an https address outside development: it decides who is let in.",
        ),
        (
            {"environment": "development", "host": "0.0.0.0"},  # noqa: S104 - refused
            "PAYDESK_HOST has to be a loopback address in development: its GraphiQL hands out a token.",
        ),
        (
            {"environment": "production", "provider": "fake"},
            "PAYDESK_PROVIDER=fake takes no real money: it is refused in production.",
        ),
        (
            {"fake_url": "http://127.0.0.1:8001", "fake_api_key": "long enough"},
            "PAYDESK_FAKE_URL goes with PAYDESK_FAKE_API_KEY and PAYDESK_FAKE_WEBHOOK_SECRET.",
        ),
    ],
)
def test_settings_that_contradict_each_other(given: OfOurs, settings: dict[str, str], sentence: str) -> None:
    assert given.wrong(**settings) == [sentence]


def test_all_contradictions_are_told_at_once(given: OfOurs) -> None:
    wrong = given.wrong(environment="development", host="0.0.0.0", jwt_secret=SECRET)  # noqa: S104 - refused

    assert [sentence.split()[0] for sentence in wrong] == ["PAYDESK_JWT_ISSUER", "PAYDESK_HOST"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"admin_key": "short"},
            "PAYDESK_ADMIN_KEY: has to have at least 32 characters (try: openssl rand -hex 32).",
        ),
        (
            {"jwt_secret": "short", "jwt_issuer": "x"},
            "PAYDESK_JWT_SECRET: has to have at least 32 characters (try: openssl rand -hex 32).",
        ),
        (
            {"fake_api_key": "short"},
            "PAYDESK_FAKE_API_KEY: has to have at least 8 characters (try: openssl rand -hex 32).",
        ),
        ({"port": "0"}, "PAYDESK_PORT: input should be greater than or equal to 1."),
        (
            {"port": "http"},
            "PAYDESK_PORT: input should be a valid integer, unable to parse string as an integer.",
        ),
        ({"environment": "prod"}, "PAYDESK_ENVIRONMENT: input should be 'development', 'sandbox' or 'production'."),
        ({"provider": "cash"}, "PAYDESK_PROVIDER: 'cash' is no provider: there are braintree, fake and stripe."),
        ({"jwks_url": "id.example/jwks"}, "PAYDESK_JWKS_URL: has to be an address such as https://shop.example."),
        ({"public_url": "https://"}, "PAYDESK_PUBLIC_URL: has to be an address such as https://shop.example."),
        (
            {"fake_least_amounts": "USD:0.50"},
            "PAYDESK_FAKE_LEAST_AMOUNTS: has 'USD:0.50' in it, which is not like USD:50.",
        ),
        ({"fake_least_amounts": "USD:50,USD:60"}, "PAYDESK_FAKE_LEAST_AMOUNTS: names two amounts in USD."),
        ({"fake_url": "127.0.0.1:8001"}, "PAYDESK_FAKE_URL: has to be an address such as https://shop.example."),
        (
            {"return_urls": "https://ok.example,shop.example"},
            "PAYDESK_RETURN_URLS: has 'shop.example' in it, which is neither like https://shop.example nor myshop://.",
        ),
        (
            {"return_urls": "https://a.example/b"},
            "PAYDESK_RETURN_URLS: has 'https://a.example/b' in it, which is neither like https://shop.example nor myshop://.",
        ),
        (
            {"cors_origins": "https://a.example,*"},
            "PAYDESK_CORS_ORIGINS: has '*' in it, which is not like https://shop.example.",
        ),
        (
            {"cors_origins": "https://*.example"},
            "PAYDESK_CORS_ORIGINS: has 'https://*.example' in it, which is not like https://shop.example.",
        ),
        (
            {"cors_origins": "null"},
            "PAYDESK_CORS_ORIGINS: has 'null' in it, which is not like https://shop.example.",
        ),
        (
            {"cors_origins": "https://a.example/"},
            "PAYDESK_CORS_ORIGINS: has 'https://a.example/' in it, which is not like https://shop.example.",
        ),
        (
            {"fake_script": "be wrong"},
            "PAYDESK_FAKE_SCRIPT: 'be wrong' is no rule: a rule reads like charge#3=decline:insufficient_funds.",
        ),
    ],
)
def test_a_value_that_cannot_be_used(given: OfOurs, settings: dict[str, str], sentence: str) -> None:
    assert given.wrong(**settings) == [sentence]


def test_every_wrong_value_is_told_at_once(given: OfOurs) -> None:
    wrong = given.wrong(port="x", log_level="loud", prot="1")

    assert [sentence.split()[0].rstrip(":") for sentence in wrong] == [
        "PAYDESK_PROT",
        "PAYDESK_PORT",
        "PAYDESK_LOG_LEVEL",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("database", "PAYDESK_DATABASE_URL"), ("provder", "PAYDESK_PROVIDER"), ("adminkey", "PAYDESK_ADMIN_KEY")],
)
def test_a_misspelt_name_is_not_ignored(given: OfOurs, name: str, meant: str) -> None:
    assert given.wrong(**{name: "x"}) == [f"PAYDESK_{name.upper()} is not a setting. Did you mean {meant}?"]


def test_a_name_that_is_like_no_other_is_refused_without_a_guess(given: OfOurs) -> None:
    assert given.wrong(zzzzzz="x") == ["PAYDESK_ZZZZZZ is not a setting."]


def test_what_tests_are_told_is_no_setting(given: OfOurs) -> None:
    assert given(test_anything="x").port == 8000


def test_outside_development_the_provider_has_to_be_named(given: OfOurs) -> None:
    settings = given(environment="sandbox")

    with pytest.raises(SettingsWrong, match="PAYDESK_PROVIDER has to be set"):
        _ = settings.default_account


# --- secrets --------------------------------------------------------------------------------------------------------


def test_secrets_never_print(given: OfOurs) -> None:
    settings = given(
        admin_key=SECRET,
        jwt_secret=SECRET,
        jwt_issuer="x",
        fake_api_key=SECRET,
        fake_webhook_secret=SECRET,
        database_url=f"postgres://paydesk:{SECRET}@localhost/paydesk",
    )

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in str(settings.fake[PLAIN].webhook_secret)


@pytest.mark.parametrize("name", ["admin_key", "jwt_secret", "fake_api_key"])
def test_a_secret_that_is_too_short_is_not_repeated(given: OfOurs, name: str) -> None:
    assert "sesame" not in " ".join(given.wrong(**{name: "sesame"}))


def test_a_contradiction_shows_no_value(given: OfOurs) -> None:
    wrong = given.wrong(admin_key=SECRET, jwt_secret=SECRET, database_url=f"postgres://paydesk:{SECRET}@localhost/x")

    assert SECRET not in " ".join(wrong)


def test_every_setting_is_described_for_its_reader() -> None:
    fields = list(Settings.model_fields.items())
    fields += [item for kind in PROVIDERS.values() for item in kind.model_fields.items()]
    assert [name for name, field in fields if not field.description] == []
    assert len(setting_names()) == len(fields) - len(PROVIDERS)
    assert len(set(setting_names())) == len(setting_names())


# --- who may ask how much -------------------------------------------------------------------------------------------


def test_limits_reach_the_business(given: OfOurs) -> None:
    settings = given(
        environment="sandbox",
        provider_calls="7",
        breaker_failures="0",
        declines_of_customer="3",
        declines_of_address="0",
        refused_cards_of_customer="4",
    )

    deployment = settings.deployment()
    assert (deployment.provider_calls, deployment.provider_look_ups, deployment.breaker_failures) == (7, 20, 0)
    limits = deployment.declines
    assert (limits.of_customer.most, limits.of_address.most, limits.of_cards.most) == (3, 0, 4)
    assert (limits.of_payment_method.most, limits.of_payment_method_in_a_month.most) == (10, 15)


def test_proxies_are_addresses_and_networks(given: OfOurs) -> None:
    assert given(trusted_proxies="10.0.0.0/8, 127.0.0.1,fd00::/8").trusted_proxies == (
        "10.0.0.0/8",
        "127.0.0.1",
        "fd00::/8",
    )


@pytest.mark.parametrize("proxies", ["*", "proxy.example", "10.0.0.0/33", "10.0.0.1/8", "127.0.0.1 10.0.0.1"])
def test_what_would_be_everybody_or_nobody_is_no_proxy(given: OfOurs, proxies: str) -> None:
    (sentence,) = given.wrong(environment="sandbox", trusted_proxies=proxies)
    assert sentence.startswith("PAYDESK_TRUSTED_PROXIES: ")
    assert proxies in sentence
