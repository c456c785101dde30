"""Braintree's settings, in the names that its Control Panel gives them."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from adapters.braintree_keys import api_base_of, wrong_with_braintree
from adapters.settings.own import Asked, OwnSettings
from adapters.settings.words import is_currency

_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Of a merchant account, as of anything that stands in Braintree's addresses."""


def _by_currency(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        currency, _, name = (piece.strip() for piece in part.partition(":"))
        if not _NAME.fullmatch(name) or not is_currency(currency):
            raise ValueError(f"has {part[:100]!r} in it, which is not like USD:acme_usd")
        if currency in found:
            raise ValueError(f"names two merchant accounts for {currency}")
        found[currency] = name
    return found


MerchantAccounts = Annotated[Mapping[str, str], NoDecode, BeforeValidator(_by_currency)]


class BraintreeSettings(OwnSettings):
    variables: ClassVar[str] = "BRAINTREE_"

    merchant_id: str | None = Field(None, description="The merchant id, of API Keys in the Control Panel.")
    public_key: str | None = Field(None, description="The public key of the pair that the gateway asks with.")
    private_key: SecretStr | None = Field(
        None, description="Its private key. Webhooks are signed with this pair, too, and need no secret of their own."
    )
    environment: Literal["sandbox", "production"] | None = Field(
        None, description="Which of Braintree's gateways is asked. `production` in production, and nowhere else."
    )
    base_url: str | None = Field(
        None,
        description="Instead of `BRAINTREE_ENVIRONMENT`: the address of an emulator. https, or on this machine; never "
        "in production.",
    )
    merchant_accounts: MerchantAccounts = Field(
        {},
        description="The merchant account that each currency is charged by, such as `USD:acme_usd,EUR:acme_eur`. Other "
        "currencies are refused.",
    )
    request_keys: bool = Field(
        True,
        description="Whether the account takes request keys (`api_request_key`), by which what is sent twice acts "
        "once. `false` where Braintree refuses them (915231): then a lost answer is only looked for.",
    )
    three_d_secure: Literal["when_asked", "always"] = Field(
        "when_asked",
        description="When customers are confirmed: `when_asked` by their bank, or `always` when they are there.",
    )
    search_lag_seconds: float = Field(
        86_400.0,
        ge=0,
        description="How long a new transaction may be missing from Braintree's search. What is not found after that "
        "is taken for not done, so this is long: Braintree names no figure.",
    )

    @property
    def address(self) -> str:
        """LookupError before `wrong` has found nothing."""
        if self.base_url is None and self.environment is None:
            raise LookupError("Settings of a Braintree account say where it is.")
        return self.base_url or api_base_of(self.environment or "")

    def wrong(self, asked: Asked) -> list[str]:
        return wrong_with_braintree(
            merchant_id=self.merchant_id,
            public_key=self.public_key,
            private_key=self.private_key.get_secret_value() if self.private_key else None,
            environment=self.environment,
            base_url=self.base_url,
            merchant_accounts=self.merchant_accounts,
            livemode=asked.livemode,
            variables=asked.variables,
            asked_by=asked.by,
        )
