"""Where pydantic finds the settings of each account."""

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from adapters.settings.declared import FAKE, declared_in


class OwnVariables(PydanticBaseSettingsSource):
    """The variables of the accounts that are declared, from where the other settings are read as well.

    Those of other providers may be there for somebody else. The fake's plain ones are ours alone, and its bank may be
    in a process of its own, so they are always read.
    """

    def __init__(self, settings: type[BaseSettings], *read: PydanticBaseSettingsSource) -> None:
        super().__init__(settings)
        self._read = [source.env_vars for source in read if isinstance(source, EnvSettingsSource)]

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for account in (FAKE, *declared_in(self.current_state.get("provider"), self.current_state.get("accounts"))):
            found.setdefault(account.provider, {})[account.prefix] = self._values(account.names)
        return found

    def _values(self, names: Mapping[str, str]) -> dict[str, str | None]:
        return {
            field: variables[name.lower()]
            for field, name in names.items()
            for variables in reversed(self._read)
            if name.lower() in variables
        }

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError("they are read all at once, for which accounts there are is a setting too")
