"""An environment to read settings from."""

import pytest

from adapters.settings import Settings, SettingsWrong, load_settings


class Given:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, environment: dict[str, str]) -> Settings:
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        return load_settings()

    def wrong(self, environment: dict[str, str]) -> list[str]:
        with pytest.raises(SettingsWrong) as raised:
            self(environment)
        return raised.value.sentences
