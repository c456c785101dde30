"""The environment, read once and typed. Whatever is wrong stops the start with one plain line for each setting."""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource

from adapters.settings.declared import PROVIDERS, declared_in
from adapters.settings.gateway import PREFIX, Settings
from adapters.settings.words import SettingsWrong

ENV_FILE = "PAYDESK_ENV_FILE"
"""Names the file that is read beside the environment; empty for none."""


def load_settings() -> Settings:
    """Read the environment and the `.env` beside it; SettingsWrong says all that is wrong with them."""
    file = _env_file()
    sentences = _misspelt(_variables_in(file) | {name.upper(): value for name, value in os.environ.items()})
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


def _variables_in(file: Path | None) -> dict[str, str | None]:
    if file is None:
        return {}
    try:
        read = DotEnvSettingsSource(Settings, env_file=file, env_file_encoding="utf-8").env_vars
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsWrong([f"{file} cannot be read: {type(error).__name__}."]) from None
    return {name.upper(): value for name, value in read.items()}


def setting_names() -> list[str]:
    """All that are read without a prefix."""
    own = [name for kind in PROVIDERS.values() for name in kind.names().values()]
    return [variable_of(name) for name in Settings.model_fields if name not in PROVIDERS] + own


def variable_of(name: str) -> str:
    return PREFIX + name.upper()


def _misspelt(variables: Mapping[str, str | None]) -> list[str]:
    """A setting that nobody reads is a mistake that would be found late."""
    known = {PREFIX: setting_names()}
    for account in declared_in(variables.get(variable_of("provider")), variables.get(variable_of("accounts"))):
        if account.prefix:
            # A prefix is the operator's own choice: what begins with it and goes on like a provider's is meant for us.
            known[account.variables] = list(account.names.values())
    read = {ENV_FILE, *(name for names in known.values() for name in names)}
    wrong = []
    for name in variables:
        beginning = max((each for each in known if name.startswith(each)), key=len, default=None)
        if beginning is not None and name not in read and not name.startswith("PAYDESK_TEST_"):
            wrong.append(f"{name} is not a setting.{_did_you_mean(name, known[beginning], beginning)}")
    return wrong


def _did_you_mean(name: str, known: list[str], beginning: str) -> str:
    # Without the beginning, which most names share: with it, anything is near to something.
    short = {other.removeprefix(beginning): other for other in known}
    near = difflib.get_close_matches(name.removeprefix(beginning), list(short), n=1)
    return f" Did you mean {short[near[0]]}?" if near else ""


def _lines(error: Mapping[str, Any]) -> list[str]:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message.splitlines()
    return [f"{_variable_at(error['loc'])}: {message[0].lower()}{message[1:]}."]


def _variable_at(where: Sequence[str | int]) -> str:
    name, *within = map(str, where)
    if name not in PROVIDERS or len(within) < 2:
        return variable_of(name)
    prefix, field, *_ = within
    return PROVIDERS[name].names(prefix)[field]
