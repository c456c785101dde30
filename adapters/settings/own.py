"""A provider's own settings: an object for each account there, made of variables that begin alike."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from adapters.settings.words import Environment, unless_empty

PLAIN = ""
"""The prefix of the variables that bear the plain names, such as STRIPE_SECRET_KEY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who needs the settings of an account, for the sentences that say what is wrong with them."""

    variables: str
    """What their names begin with, such as `STRIPE_`."""
    by: str
    """What the operator wrote, such as `PAYDESK_PROVIDER=stripe`."""
    environment: Environment

    @property
    def livemode(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def is_development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT


class OwnSettings(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    variables: ClassVar[str]
    """What the plain names begin with: where the provider's own pages and tools have names for them, with those."""

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: ValidationInfo) -> object:
        return value if info.field_name is None else unless_empty(value, cls.model_fields[info.field_name])

    def wrong(self, asked: Asked) -> list[str]:
        """A sentence for each mistake that shows before the provider is asked; none of them repeats a secret."""
        raise NotImplementedError

    @classmethod
    def names(cls, prefix: str = PLAIN) -> dict[str, str]:
        """The variable of each field."""
        return {field: f"{prefix}{cls.variables}{field.upper()}" for field in cls.model_fields}
