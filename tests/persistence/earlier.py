"""The program as it was before one of its migrations."""

import shutil
from pathlib import Path

import pytest

from persistence.orm import PAYDESK, App
from tests.databases import ROOT


def app_before(migration: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    package = folder / f"migrations_before_{migration}"
    package.mkdir()
    for file in (ROOT / "persistence" / "migrations").glob("*.py"):
        if file.stem < migration or file.stem == "__init__":
            shutil.copy(file, package)
    monkeypatch.syspath_prepend(folder)
    return App(PAYDESK.label, models=PAYDESK.models, migrations=package.name)
