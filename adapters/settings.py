"""The environment, read once and typed.

Everything that an operator decides is here, each with its reason; `docs/reference/settings.md` is made from it. Secrets
have no default and never print. Whatever is wrong stops the start with one plain line for each setting.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from adapters.fake.misbehaviour import ScriptUnreadable, parse_script
from adapters.stripe_keys import wrong_with_stripe
from domain.decline_limits import DeclineLimits
from domain.deployment import Deployment
from domain.provider import CaptureMode

PREFIX = "PAYDESK_"
ENV_FILE = "PAYDESK_ENV_FILE"
"""Names the file that is read beside the environment; empty for none."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SHORTEST_SECRET = 32
_SHORTEST_FAKE_KEY = 8
_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]*", re.IGNORECASE)
_WEB_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*]+", re.IGNORECASE)
"""Also a web view's, such as `capacitor://localhost`."""
_THIS_MACHINE = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class DocumentsOnly(StrEnum):
    """Who may send trusted documents alone."""

    OFF = "off"
    CUSTOMERS = "customers"
    EVERYBODY = "everybody"


class SettingsWrong(Exception):
    """What is wrong, a sentence for each setting."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )

    # --- the deployment ---------------------------------------------------------------------------------------------

    environment: Environment = Field(
        Environment.PRODUCTION,
        description="`development` runs on a laptop: it listens on loopback only, migrates by itself, takes the fake "
        "provider and gives GraphiQL a token. `sandbox` is a deployment whose money is not real.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on.")
    public_url: str | None = Field(
        None, description="Where clients reach the gateway; `http://host:port` when it is not set."
    )
    database_url: str = Field(
        "sqlite://paydesk.sqlite3",
        description="`sqlite://file`, `postgres://…` or `postgresql://…`. May hold a password and never prints.",
        repr=False,
    )
    sqlite_shared: bool = Field(
        False,
        description="Whether several `paydesk serve` and `paydesk worker` may use one SQLite file; each of them has to "
        "be told. Without it, one has the file for itself, and a second does not start. Of no meaning on PostgreSQL.",
    )

    # --- who may ask ------------------------------------------------------------------------------------------------

    admin_key: SecretStr | None = Field(
        None, description="While it is set, this key may do everything. At least 32 characters."
    )
    admin_key_previous: SecretStr | None = Field(
        None, description="The admin key before, good beside it while `PAYDESK_ADMIN_KEY` is being replaced."
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Tokens are signed with this secret (HS256). At least 32 characters. Not with a JWKS."
    )
    jwks_url: str | None = Field(
        None, description="Tokens are signed with a key of this JWKS; https outside development. Not with a secret."
    )
    jwt_issuer: str | None = Field(None, description="The `iss` of every token. Required with a secret or a JWKS.")
    public_catalogue: bool = Field(False, description="Whether products and prices can be read without signing in.")

    # --- the money --------------------------------------------------------------------------------------------------

    provider: Literal["fake", "stripe"] | None = Field(
        None,
        description="Who moves the money. `fake` has to be asked for by name outside development; `stripe` needs its "
        "keys.",
    )
    capture: Literal["automatic", "manual"] = Field(
        "automatic",
        description="When money is taken where a request does not say: at once, or held until it is captured.",
    )
    return_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Where customers may be sent after a confirmation: origins such as `https://shop.example`, or the "
        "scheme of an app such as `myshop://`, separated by commas. In development, also any port of this machine.",
    )
    provider_timeout_seconds: float = Field(
        25.0, gt=0, le=120, description="How long a request to the provider may take before its outcome is unknown."
    )
    provider_calls: int = Field(
        50,
        ge=1,
        le=1000,
        description="How many charges, captures, voids and refunds one process has under way at once.",
    )
    provider_card_calls: int = Field(
        20, ge=1, le=1000, description="How many calls about customers and cards; places of their own."
    )
    provider_look_ups: int = Field(
        20, ge=1, le=1000, description="How many looks at what became of something; places of their own."
    )
    breaker_failures: int = Field(
        5,
        ge=0,
        le=10,
        description="So many of the provider's last ten answers may be missing or broken; then payments are refused at "
        "once until it answers again. 0 never refuses.",
    )
    breaker_pause_seconds: float = Field(
        10.0,
        ge=0.1,
        le=600,
        description="How long a provider that does not answer is left alone before it is asked again.",
    )
    declines_of_customer: int = Field(
        10,
        ge=0,
        le=1000,
        description="How many of a customer's payments may be declined within 24 hours; 0 is no limit.",
    )
    declines_of_payment_method: int = Field(
        10, ge=0, le=1000, description="How often a payment method may be declined within 24 hours; 0 is no limit."
    )
    declines_of_payment_method_in_a_month: int = Field(
        15, ge=0, le=1000, description="How often a payment method may be declined within 30 days; 0 is no limit."
    )
    declines_of_address: int = Field(
        30,
        ge=0,
        le=1000,
        description="How many payments and cards from one address of the internet (of IPv6: from one /64) may be "
        "declined within an hour; 0 is no limit.",
    )
    refused_cards_of_customer: int = Field(
        10, ge=0, le=1000, description="How many cards of a customer may be refused within 24 hours; 0 is no limit."
    )
    answer_within_seconds: float = Field(
        15.0, gt=0, le=60, description="How long a mutation waits before it answers that a charge is PENDING."
    )
    action_lifetime_seconds: int = Field(
        3600, ge=1, le=86_400, description="How long a customer may take over 3D Secure before the charge expires."
    )

    recovery: bool = Field(
        False,
        description="While it is set, providers are asked and nothing is changed there: payments, refunds and new "
        "cards are refused, and every account is compared with the provider's books. For after a backup was restored.",
    )
    recovery_days: int | None = Field(
        None,
        ge=1,
        le=3650,
        description="How many days reconciliation goes back in recovery; to the beginning of the account if not set.",
    )

    # --- Stripe -----------------------------------------------------------------------------------------------------
    # In the names that Stripe's own pages and tools give them. They are looked at with PAYDESK_PROVIDER=stripe only:
    # without it they may be there for somebody else.

    stripe_secret_key: SecretStr | None = Field(
        None,
        validation_alias="STRIPE_SECRET_KEY",
        description="The account's secret key, or a restricted one: `sk_test_…` or `rk_test_…`, and in production "
        "`sk_live_…` or `rk_live_…`.",
    )
    stripe_publishable_key: str | None = Field(
        None,
        validation_alias="STRIPE_PUBLISHABLE_KEY",
        description="The publishable key of the same mode, which clients open Stripe's card form with.",
    )
    stripe_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        validation_alias="STRIPE_WEBHOOK_SECRET",
        description="The signing secret of the webhook endpoint `…/webhooks/stripe`; several, separated by commas, "
        "while one is replaced. Development does without: there, what Stripe would tell is looked for.",
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com",
        validation_alias="STRIPE_API_BASE",
        description="Where Stripe is asked: another address for an emulator, with a key of test mode. https, or on "
        "this machine.",
    )

    # --- the fake provider ------------------------------------------------------------------------------------------

    fake_books: str = Field("paydesk-fake.sqlite3", description="The file that holds the fake provider's books.")
    fake_url: str | None = Field(
        None, description="Where `paydesk fake-provider` runs; without it the fake provider runs inside the gateway."
    )
    fake_api_key: SecretStr | None = Field(
        None, description="What the gateway shows to `paydesk fake-provider`. At least 8 characters."
    )
    fake_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="What the fake provider signs webhooks with; several, separated by commas, while one is replaced.",
    )
    fake_webhook_url: str | None = Field(
        None, description="For `paydesk fake-provider`: where it sends webhooks, such as `…/webhooks/fake`."
    )
    fake_script: str = Field("", description="Scripted misbehaviour of the fake provider; see its reference.")
    fake_seed: int = Field(0, description="The seed of scripted misbehaviour.")
    fake_keys: bool = Field(
        True,
        description="Whether the fake provider keeps idempotency keys. `false` is like an account that has none: what "
        "is sent twice acts twice, and a lost answer is only looked for.",
    )
    fake_challenge_seconds: float = Field(3600, gt=0, description="How long the fake bank's confirmation page is open.")
    fake_pending_seconds: float = Field(
        10, ge=0, description="How long the fake bank takes to decide on what is pending there."
    )

    # --- the surface ------------------------------------------------------------------------------------------------

    graphiql: bool | None = Field(None, description="Whether GraphiQL is served. By default outside production.")
    introspection: bool | None = Field(
        None, description="Whether the schema can be asked for. By default outside production."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses (`10.0.0.7`) and networks (`10.0.0.0/8`) of proxies of yours, separated by commas: what "
        "they say in `X-Forwarded-For` is where a request comes from. Without, a proxy's own address would be counted.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Whose web pages may ask from a browser: origins such as `https://shop.example`, separated by "
        "commas. In development, also any port of this machine.",
    )
    documents: Path | None = Field(
        None, description="A file or folder of trusted documents, which clients ask for by their id."
    )
    documents_only: DocumentsOnly = Field(
        DocumentsOnly.OFF,
        description="Who may send trusted documents alone: `off` for nobody, `customers` for customers and who is not "
        "signed in, `everybody` for servers, staff and GraphiQL too.",
    )
    worker: bool = Field(
        True, description="Whether `paydesk serve` also does the jobs. `paydesk worker` does them alone."
    )
    shutdown_seconds: float = Field(
        30.0, ge=0, le=600, description="How long requests and payments under way may take to end after SIGTERM."
    )
    log_format: Literal["text", "json"] | None = Field(
        None, description="`text` for people, `json` for machines. By default text in development."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="What is logged at least.")

    # --- rules ------------------------------------------------------------------------------------------------------

    @field_validator(
        *("return_urls", "cors_origins", "fake_webhook_secret", "stripe_webhook_secret", "trusted_proxies"),
        mode="before",
    )
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: ValidationInfo) -> object:
        """`PAYDESK_X=` in a compose file means that it is not set."""
        if value != "" or info.field_name is None or info.field_name == "fake_script":
            return value
        field = cls.model_fields[info.field_name]
        return None if field.default is PydanticUndefined else field.default

    @field_validator("admin_key", "admin_key_previous", "jwt_secret", "fake_api_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        shortest = _SHORTEST_FAKE_KEY if info.field_name == "fake_api_key" else _SHORTEST_SECRET
        if value is not None and len(value.get_secret_value()) < shortest:
            raise ValueError(f"has to have at least {shortest} characters (try: openssl rand -hex 32)")
        return value

    @field_validator("public_url", "jwks_url", "fake_url", "fake_webhook_url")
    @classmethod
    def _of_the_web(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.fullmatch(value):
            raise ValueError("has to be an address such as https://shop.example")
        return value

    @field_validator("return_urls")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            # What has a path, or no scheme, would be compared with every return url and fit none.
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"has {origin[:100]!r} in it, which is neither like https://shop.example nor myshop://"
                )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _web_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            # `*` would let every web page use whatever token it gets hold of; `null` is what sandboxed pages are.
            if not _WEB_ORIGIN.fullmatch(origin):
                raise ValueError(f"has {origin[:100]!r} in it, which is not like https://shop.example")
        return tuple(_as_browsers_write(origin) for origin in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            # A name, or a `*`, would be taken for a proxy that never asks, or for everybody.
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(f"has {proxy[:100]!r} in it, which is not like 10.0.0.7 or 10.0.0.0/8") from None
        return value

    @field_validator("fake_script")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            parse_script(value)
        except ScriptUnreadable as error:
            raise ValueError(str(error).removesuffix(".")) from None
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        if wrong := self._contradictions():
            raise ValueError("\n".join(wrong))
        return self

    def _contradictions(self) -> list[str]:
        wrong = []
        if self.jwt_secret and self.jwks_url:
            wrong.append("PAYDESK_JWT_SECRET and PAYDESK_JWKS_URL exclude each other: set one of them.")
        if self.admin_key_previous and not self.admin_key:
            wrong.append("PAYDESK_ADMIN_KEY_PREVIOUS goes with PAYDESK_ADMIN_KEY: it is the one before.")
        if (self.jwt_secret or self.jwks_url) and not self.jwt_issuer:
            wrong.append("PAYDESK_JWT_ISSUER has to be set with PAYDESK_JWT_SECRET or PAYDESK_JWKS_URL.")
        if self.jwks_url and not self.is_development and not self.jwks_url.lower().startswith("https://"):
            wrong.append("PAYDESK_JWKS_URL has to be an https address outside development: it decides who is let in.")
        if self.is_development and self.host not in _LOOPBACK:
            wrong.append("PAYDESK_HOST has to be a loopback address in development: its GraphiQL hands out a token.")
        if self.environment is Environment.PRODUCTION and self.provider == "fake":
            wrong.append("PAYDESK_PROVIDER=fake takes no real money: it is refused in production.")
        if self.documents_only is not DocumentsOnly.OFF and self.documents is None:
            wrong.append("PAYDESK_DOCUMENTS has to be set with PAYDESK_DOCUMENTS_ONLY: nothing else would be served.")
        if self.recovery_days and not self.recovery:
            wrong.append("PAYDESK_RECOVERY_DAYS goes with PAYDESK_RECOVERY: it says how far recovery goes back.")
        if self.fake_url and not (self.fake_api_key and self.fake_webhook_secret):
            wrong.append("PAYDESK_FAKE_URL goes with PAYDESK_FAKE_API_KEY and PAYDESK_FAKE_WEBHOOK_SECRET.")
        if self.database_url.removeprefix("sqlite://") == self.fake_books:
            wrong.append("PAYDESK_FAKE_BOOKS is the file of PAYDESK_DATABASE_URL: the fake provider keeps its own.")
        return wrong + self._wrong_with_stripe() if self.provider == "stripe" else wrong

    def _wrong_with_stripe(self) -> list[str]:
        return wrong_with_stripe(
            secret_key=self.stripe_secret_key.get_secret_value() if self.stripe_secret_key else None,
            publishable_key=self.stripe_publishable_key,
            webhook_secrets=[secret.get_secret_value() for secret in self.stripe_webhook_secret],
            api_base=self.stripe_api_base,
            livemode=self.is_production,
            is_development=self.is_development,
        )

    # --- what follows -----------------------------------------------------------------------------------------------

    @property
    def is_development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") if self.public_url else f"http://{host}:{self.port}"

    @property
    def provider_name(self) -> str:
        if self.provider:
            return self.provider
        if self.is_development:
            return "fake"
        raise SettingsWrong(["PAYDESK_PROVIDER has to be set: who moves the money? Outside production, `fake` may."])

    @property
    def admin_keys(self) -> list[str]:
        return [key.get_secret_value() for key in (self.admin_key, self.admin_key_previous) if key]

    @property
    def serves_graphiql(self) -> bool:
        return not self.is_production if self.graphiql is None else self.graphiql

    @property
    def serves_introspection(self) -> bool:
        return not self.is_production if self.introspection is None else self.introspection

    @property
    def cors_pattern(self) -> str | None:
        """Further origins: a developer's web app has a new port every day."""
        return _THIS_MACHINE if self.is_development else None

    @property
    def logs_json(self) -> bool:
        return (self.log_format or ("text" if self.is_development else "json")) == "json"

    def deployment(self) -> Deployment:
        return Deployment(
            livemode=self.is_production,
            capture=CaptureMode(self.capture.upper()),
            return_urls=self.return_urls,
            return_to_this_machine=self.is_development,
            provider_timeout_seconds=self.provider_timeout_seconds,
            answer_within_seconds=self.answer_within_seconds,
            action_lifetime=timedelta(seconds=self.action_lifetime_seconds),
            provider_calls=self.provider_calls,
            provider_card_calls=self.provider_card_calls,
            provider_look_ups=self.provider_look_ups,
            breaker_failures=self.breaker_failures,
            declines=self._decline_limits(),
            breaker_pause_seconds=self.breaker_pause_seconds,
            recovery=self.recovery,
            recovery_reach=timedelta(days=self.recovery_days) if self.recovery_days else None,
        )

    def _decline_limits(self) -> DeclineLimits:
        usual = DeclineLimits()
        return DeclineLimits(
            of_customer=replace(usual.of_customer, most=self.declines_of_customer),
            of_payment_method=replace(usual.of_payment_method, most=self.declines_of_payment_method),
            of_payment_method_in_a_month=replace(
                usual.of_payment_method_in_a_month, most=self.declines_of_payment_method_in_a_month
            ),
            of_address=replace(usual.of_address, most=self.declines_of_address),
            of_cards=replace(usual.of_cards, most=self.refused_cards_of_customer),
        )


def _as_browsers_write(origin: str) -> str:
    """In lower case and without the scheme's own port, for it is compared with what a browser sends."""
    scheme, _, host = origin.lower().partition("://")
    own_port = {"http": ":80", "https": ":443"}.get(scheme)
    return f"{scheme}://{host.removesuffix(own_port) if own_port else host}"


def load_settings() -> Settings:
    """Read the environment and the `.env` beside it; SettingsWrong says all that is wrong with them."""
    file = _env_file()
    sentences = _misspelt([*os.environ, *_names_in(file)])
    try:
        settings = Settings(_env_file=file, _env_file_encoding="utf-8")
    except ValidationError as error:
        raise SettingsWrong(sentences + [line for found in error.errors() for line in _lines(found)]) from None
    if sentences:
        raise SettingsWrong(sentences)
    return settings


def _env_file() -> Path | None:
    named = os.environ.get(ENV_FILE)
    if named and not Path(named).is_file():
        raise SettingsWrong([f"{ENV_FILE} names a file that is not there: {named}"])
    file = Path(".env" if named is None else named)
    return file if file.is_file() else None


def _names_in(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        read = DotEnvSettingsSource(Settings, env_file=file, env_file_encoding="utf-8").env_vars
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsWrong([f"{file} cannot be read: {type(error).__name__}."]) from None
    return [name.upper() for name in read]


def setting_names() -> list[str]:
    return [variable_of(name) for name in Settings.model_fields]


def variable_of(name: str) -> str:
    """The variable of a field; those of a provider bear the provider's own names."""
    alias = Settings.model_fields[name].validation_alias if name in Settings.model_fields else None
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def _misspelt(names: list[str]) -> list[str]:
    """A setting that nobody reads is a mistake that would be found late."""
    known = setting_names()
    wrong = [
        name
        for name in dict.fromkeys(names)
        if name.startswith(PREFIX) and name not in known and name != ENV_FILE and not name.startswith("PAYDESK_TEST_")
    ]
    return [f"{name} is not a setting.{_did_you_mean(name, known)}" for name in wrong]


def _did_you_mean(name: str, known: list[str]) -> str:
    # Without the prefix, which most names share: with it, anything is near to something.
    short = {other.removeprefix(PREFIX): other for other in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), list(short), n=1)
    return f" Did you mean {short[near[0]]}?" if near else ""


def _lines(error: Mapping[str, Any]) -> list[str]:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message.splitlines()
    name = str(error["loc"][0])
    variable = name if name in setting_names() else variable_of(name)
    return [f"{variable}: {message[0].lower()}{message[1:]}."]
