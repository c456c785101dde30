"""What an operator decides, each with its reason; `docs/reference/settings.md` is made from it."""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.settings.addresses import LOOPBACK, THIS_MACHINE, Networks, Origins, WebAddress, WebOrigins
from adapters.settings.braintree import BraintreeSettings
from adapters.settings.declared import FAKE, Account, Declaration, Declarations, all_of_them, wrong_with_names
from adapters.settings.fake import FakeSettings
from adapters.settings.own import Asked, OwnSettings
from adapters.settings.sources import OwnVariables
from adapters.settings.stripe import StripeSettings
from adapters.settings.words import Environment, Secret, SettingsWrong, plain, unless_empty
from domain.decline_limits import DeclineLimits
from domain.deployment import Deployment
from domain.provider import CaptureMode

PREFIX = "PAYDESK_"


class DocumentsOnly(StrEnum):
    """Who may send trusted documents alone."""

    OFF = "off"
    CUSTOMERS = "customers"
    EVERYBODY = "everybody"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    # --- the deployment ---------------------------------------------------------------------------------------------

    environment: Environment = Field(
        Environment.PRODUCTION,
        description="`development` runs on a laptop: it listens on loopback only, migrates by itself, takes the fake "
        "provider and gives GraphiQL a token. `sandbox` is a deployment whose money is not real.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on.")
    public_url: WebAddress | None = Field(
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

    admin_key: Secret | None = Field(
        None, description="While it is set, this key may do everything. At least 32 characters."
    )
    admin_key_previous: Secret | None = Field(
        None, description="The admin key before, good beside it while `PAYDESK_ADMIN_KEY` is being replaced."
    )
    jwt_secret: Secret | None = Field(
        None, description="Tokens are signed with this secret (HS256). At least 32 characters. Not with a JWKS."
    )
    jwks_url: WebAddress | None = Field(
        None, description="Tokens are signed with a key of this JWKS; https outside development. Not with a secret."
    )
    jwt_issuer: str | None = Field(None, description="The `iss` of every token. Required with a secret or a JWKS.")
    public_catalogue: bool = Field(False, description="Whether products and prices can be read without signing in.")

    # --- the money --------------------------------------------------------------------------------------------------

    provider: Annotated[Declaration | None, NoDecode] = Field(
        None,
        description=f"Who moves the money of new payments: {all_of_them('or', mark='`')}, or an account that is "
        "written as in `PAYDESK_ACCOUNTS`. `fake` has to be asked for by name outside development; the others need "
        "their keys.",
    )
    accounts: Declarations = Field(
        (),
        description="Further accounts that stay reachable for what was made with them, separated by commas: `stripe` "
        "with the plain variables, or `stripe_eu=stripe:EU_`, which is called `stripe_eu` and configured by "
        "`EU_STRIPE_SECRET_KEY` and so on.",
    )
    capture: Literal["automatic", "manual"] = Field(
        "automatic",
        description="When money is taken where a request does not say: at once, or held until it is captured.",
    )
    return_urls: Origins = Field(
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

    stripe: Annotated[dict[str, StripeSettings], NoDecode] = Field(
        {}, description="Of each account at Stripe, by the prefix of its variables."
    )

    # --- Braintree --------------------------------------------------------------------------------------------------

    braintree: Annotated[dict[str, BraintreeSettings], NoDecode] = Field(
        {}, description="Of each account at Braintree, by the prefix of its variables."
    )

    # --- the fake provider ------------------------------------------------------------------------------------------

    fake: Annotated[dict[str, FakeSettings], NoDecode] = Field(
        {}, description="Of each account there, by the prefix of its variables."
    )

    # --- the surface ------------------------------------------------------------------------------------------------

    graphiql: bool | None = Field(None, description="Whether GraphiQL is served. By default outside production.")
    introspection: bool | None = Field(
        None, description="Whether the schema can be asked for. By default outside production."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses (`10.0.0.7`) and networks (`10.0.0.0/8`) of proxies of yours, separated by commas: what "
        "they say in `X-Forwarded-For` is where a request comes from. Without, a proxy's own address would be counted.",
    )
    cors_origins: WebOrigins = Field(
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

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: ValidationInfo) -> object:
        return value if info.field_name is None else unless_empty(value, cls.model_fields[info.field_name])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        own = OwnVariables(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, own

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
        if self.is_development and self.host not in LOOPBACK:
            wrong.append("PAYDESK_HOST has to be a loopback address in development: its GraphiQL hands out a token.")
        if self.documents_only is not DocumentsOnly.OFF and self.documents is None:
            wrong.append("PAYDESK_DOCUMENTS has to be set with PAYDESK_DOCUMENTS_ONLY: nothing else would be served.")
        if self.recovery_days and not self.recovery:
            wrong.append("PAYDESK_RECOVERY_DAYS goes with PAYDESK_RECOVERY: it says how far recovery goes back.")
        return wrong + self._wrong_with_accounts()

    def _wrong_with_accounts(self) -> list[str]:
        wrong = wrong_with_names(self._default, self.accounts) + self._wrong_with_banks()
        for account in {account.variables: account for account in (FAKE, *self._declared)}.values():
            asked = Asked(variables=account.variables, by=self._asked_by(account), environment=self.environment)
            wrong += self.own(account).wrong(asked)
        return wrong

    def _wrong_with_banks(self) -> list[str]:
        fakes = list({each.prefix: each for each in self._declared if each.provider == FAKE.provider}.values())
        wrong = []
        if self.is_production:
            wrong += [f"{self._asked_by(each)} takes no real money: it is refused in production." for each in fakes]
        inside = [account for account in fakes if self.fake[account.prefix].url is None]
        wrong += [
            f"{each.names['url']} has to be set: one bank runs inside the gateway, and that is {inside[0].name}'s."
            for each in inside[1:]
        ]
        file = self.database_url.removeprefix("sqlite://")
        wrong += [
            f"{prefix}PAYDESK_FAKE_BOOKS is the file of PAYDESK_DATABASE_URL: the fake provider keeps its own."
            for prefix, own in self.fake.items()
            if own.books == file
        ]
        return wrong

    def _asked_by(self, account: Account) -> str:
        return f"{account} in PAYDESK_ACCOUNTS" if account in self.accounts else f"PAYDESK_PROVIDER={account}"

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
    def default_account(self) -> Account:
        """Where new payments go."""
        if self._default is None:
            raise SettingsWrong(
                ["PAYDESK_PROVIDER has to be set: who moves the money? Outside production, `fake` may."]
            )
        return self._default

    @property
    def declared(self) -> tuple[Account, ...]:
        """Every account that is reachable, the default one first."""
        return (self.default_account, *self.accounts)

    @property
    def fake_inside(self) -> Account | None:
        """The account whose bank runs inside the gateway."""
        inside = (each for each in self.declared if each.provider == "fake" and self.fake[each.prefix].url is None)
        return next(inside, None)

    def own(self, account: Account) -> OwnSettings:
        of_provider: dict[str, OwnSettings] = getattr(self, account.provider)
        return of_provider[account.prefix]

    @property
    def _default(self) -> Account | None:
        return self.provider or (FAKE if self.is_development else None)

    @property
    def _declared(self) -> list[Account]:
        """As far as they are: what lacks is told when somebody needs it."""
        return [account for account in (self._default, *self.accounts) if account is not None]

    @property
    def admin_keys(self) -> list[str]:
        return plain(key for key in (self.admin_key, self.admin_key_previous) if key)

    @property
    def serves_graphiql(self) -> bool:
        return not self.is_production if self.graphiql is None else self.graphiql

    @property
    def serves_introspection(self) -> bool:
        return not self.is_production if self.introspection is None else self.introspection

    @property
    def cors_pattern(self) -> str | None:
        """Further origins: a developer's web app has a new port every day."""
        return THIS_MACHINE if self.is_development else None

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
