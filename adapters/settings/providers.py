"""Every provider's own settings, and where those of an account are read."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from adapters.settings.fake import FakeSettings
from adapters.settings.own import PLAIN, OwnSettings
from adapters.settings.stripe import StripeSettings

PROVIDERS: Mapping[str, type[OwnSettings]] = {"fake": FakeSettings, "stripe": StripeSettings}
"""By name. `Settings` has a field of this name for each, with the settings of every account by its prefix."""


class OwnVariables(PydanticBaseSettingsSource):
    """The variables of the accounts that are declared, from where the other settings are read as well.

    Those of other providers may be there for somebody else. The fake's are ours alone, and its bank may be in a process
    of its own, so they are always read.
    """

    def __init__(self, settings: type[BaseSettings], *read: PydanticBaseSettingsSource) -> None:
        super().__init__(settings)
        self._read = [source.env_vars for source in read if isinstance(source, EnvSettingsSource)]

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for provider, prefix in self._declared():
            found.setdefault(provider, {})[prefix] = self._values(PROVIDERS[provider].names(prefix))
        return found

    def _declared(self) -> Iterator[tuple[str, str]]:
        yield "fake", PLAIN
        provider = str(self.current_state.get("provider"))
        if provider in PROVIDERS:
            yield provider, PLAIN

    def _values(self, names: Mapping[str, str]) -> dict[str, str | None]:
        return {
            field: variables[name.lower()]
            for field, name in names.items()
            for variables in reversed(self._read)
            if name.lower() in variables
        }

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError("they are read all at once, for which accounts there are is a setting too")
