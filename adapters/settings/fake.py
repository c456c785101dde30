"""The settings of the fake provider, and of the bank that it may be in a process of its own."""

from typing import ClassVar

from pydantic import Field, field_validator

from adapters.fake.misbehaviour import ScriptUnreadable, parse_script
from adapters.settings.addresses import WebAddress
from adapters.settings.own import Asked, OwnSettings
from adapters.settings.words import Amounts, FakeKey, Secrets


class FakeSettings(OwnSettings):
    variables: ClassVar[str] = "PAYDESK_FAKE_"

    books: str = Field("paydesk-fake.sqlite3", description="The file that holds the fake provider's books.")
    url: WebAddress | None = Field(
        None, description="Where `paydesk fake-provider` runs; without it the fake provider runs inside the gateway."
    )
    api_key: FakeKey | None = Field(
        None, description="What the gateway shows to `paydesk fake-provider`. At least 8 characters."
    )
    webhook_secret: Secrets = Field(
        (),
        description="What the fake provider signs webhooks with; several, separated by commas, while one is replaced.",
    )
    webhook_url: WebAddress | None = Field(
        None, description="For `paydesk fake-provider`: where it sends webhooks, such as `…/webhooks/fake`."
    )
    script: str = Field("", description="Scripted misbehaviour of the fake provider; see its reference.")
    seed: int = Field(0, description="The seed of scripted misbehaviour.")
    keys: bool = Field(
        True,
        description="Whether the fake provider keeps idempotency keys. `false` is like an account that has none: what "
        "is sent twice acts twice, and a lost answer is only looked for.",
    )
    least_amounts: Amounts = Field(
        {},
        description="The least that the fake provider charges, in the smallest unit of each currency, such as "
        "`USD:50,JPY:50`. Without it, and in other currencies, it charges any amount.",
    )
    challenge_seconds: float = Field(3600, gt=0, description="How long the fake bank's confirmation page is open.")
    pending_seconds: float = Field(
        10, ge=0, description="How long the fake bank takes to decide on what is pending there."
    )

    @field_validator("script")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            parse_script(value)
        except ScriptUnreadable as error:
            raise ValueError(str(error).removesuffix(".")) from None
        return value

    def wrong(self, asked: Asked) -> list[str]:
        begins = asked.variables
        if self.url and not (self.api_key and self.webhook_secret):
            return [f"{begins}URL goes with {begins}API_KEY and {begins}WEBHOOK_SECRET."]
        return []
