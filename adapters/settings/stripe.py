"""Stripe's settings, in the names that Stripe's own pages and tools give them."""

from typing import ClassVar

from pydantic import Field, SecretStr

from adapters.settings.own import Asked, OwnSettings
from adapters.settings.words import Amounts, Secrets, plain
from adapters.stripe_keys import API_BASE, wrong_with_stripe


class StripeSettings(OwnSettings):
    variables: ClassVar[str] = "STRIPE_"

    secret_key: SecretStr | None = Field(
        None,
        description="The account's secret key, or a restricted one: `sk_test_…` or `rk_test_…`, and in production "
        "`sk_live_…` or `rk_live_…`.",
    )
    publishable_key: str | None = Field(
        None, description="The publishable key of the same mode, which clients open Stripe's card form with."
    )
    webhook_secret: Secrets = Field(
        (),
        description="The signing secret of the webhook endpoint `…/webhooks/stripe`; several, separated by commas, "
        "while one is replaced. Development does without: there, what Stripe would tell is looked for.",
    )
    least_amounts: Amounts = Field(
        {},
        description="The least that Stripe charges this account in a currency, in its smallest unit, such as "
        "`KRW:700,USD:40`: for currencies that its table does not have, or that the account does not settle in.",
    )
    api_base: str = Field(
        API_BASE,
        description="Where Stripe is asked: another address for an emulator, with a key of test mode. https, or on "
        "this machine.",
    )

    def wrong(self, asked: Asked) -> list[str]:
        return wrong_with_stripe(
            secret_key=self.secret_key.get_secret_value() if self.secret_key else None,
            publishable_key=self.publishable_key,
            webhook_secrets=plain(self.webhook_secret),
            api_base=self.api_base,
            livemode=asked.livemode,
            is_development=asked.is_development,
            variables=asked.variables,
            asked_by=asked.by,
        )
