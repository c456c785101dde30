"""What settings are made of: the shapes that several of them have, each refused with a plain sentence."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import NoDecode

from domain.errors import CurrencyUnknown
from domain.money import currency_exponent

_AMOUNT = re.compile(r"(?P<currency>[A-Z]{3}) ?: ?(?P<amount>[0-9]{1,15})")
_SHORTEST_SECRET = 32
_SHORTEST_FAKE_KEY = 8


class Environment(StrEnum):
    DEVELOPMENT = "development"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class SettingsWrong(Exception):
    """What is wrong, a sentence for each setting."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def unless_empty(value: object, field: FieldInfo) -> object:
    """`PAYDESK_X=` in a compose file means that it is not set."""
    if value != "":
        return value
    return None if field.default is PydanticUndefined else field.default


def plain(secrets: Iterable[SecretStr]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]


def _separated_by_commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _by_currency(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        match = _AMOUNT.fullmatch(part)
        if match is None or not is_currency(match["currency"]):
            raise ValueError(f"has {part[:100]!r} in it, which is not like USD:50")
        if match["currency"] in found:
            raise ValueError(f"names two amounts in {match['currency']}")
        found[match["currency"]] = int(match["amount"])
    return found


def is_currency(code: str) -> bool:
    try:
        currency_exponent(code)
    except CurrencyUnknown:
        return False
    return True


def _at_least(shortest: int) -> AfterValidator:
    def long_enough(value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < shortest:
            raise ValueError(f"has to have at least {shortest} characters (try: openssl rand -hex 32)")
        return value

    return AfterValidator(long_enough)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated_by_commas)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_separated_by_commas)]
Amounts = Annotated[Mapping[str, int], NoDecode, BeforeValidator(_by_currency)]
"""By currency, in its smallest unit."""
Secret = Annotated[SecretStr, _at_least(_SHORTEST_SECRET)]
FakeKey = Annotated[SecretStr, _at_least(_SHORTEST_FAKE_KEY)]
