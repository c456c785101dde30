"""What `make` says on a machine that lacks something, and what it keeps away from the tests."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKE = shutil.which("make") or "make"
MAKEFILE = Path(__file__).parents[2] / "Makefile"


def test_without_a_new_enough_python_it_says_what_is_needed(empty_machine: Path) -> None:
    _command(empty_machine / "bin/python3", "exit 1")

    refused = _make(empty_machine, "install", PATH=str(empty_machine / "bin"))

    assert refused.returncode != 0
    assert "Paydesk needs Python 3.11 or newer" in refused.stderr


def test_without_ensurepip_it_names_the_package_that_brings_it(empty_machine: Path) -> None:
    _command(empty_machine / "bin/python3", 'case "$*" in *ensurepip*) exit 1;; esac')

    refused = _make(empty_machine, "install", PATH=str(empty_machine / "bin"))

    assert refused.returncode != 0
    assert "apt-get install python3-venv" in refused.stderr


def test_the_newest_python_is_taken(empty_machine: Path) -> None:
    _command(empty_machine / "bin/python3", "exit 1")
    _command(empty_machine / "bin/python3.12", "echo Python 3.12.1")
    _command(empty_machine / "bin/python3.13", "echo Python 3.13.0")
    (empty_machine / "bin/id").symlink_to(shutil.which("id") or "/usr/bin/id")

    made = _make(empty_machine, ".venv/bin/python", PATH=str(empty_machine / "bin"))

    assert "Making .venv with Python 3.13.0" in made.stdout


def test_tests_never_see_a_providers_keys(empty_machine: Path) -> None:
    for tool in ("ruff", "mypy", "lint-imports"):
        _command(empty_machine / ".venv/bin" / tool, "exit 0")
    _command(empty_machine / ".venv/bin/python", "env")
    for stamp in (".venv/.runtime", ".venv/.development"):
        (empty_machine / stamp).touch()

    ran = _make(
        empty_machine,
        "test",
        STRIPE_SECRET_KEY="sk_live_1",
        BRAINTREE_PRIVATE_KEY="b",
        PAYDESK_PROVIDER="stripe",
        PAYDESK_TEST_SEED="7",
    )

    seen = ran.stdout.splitlines()
    assert ran.returncode == 0, ran.stderr
    assert "PAYDESK_TEST_SEED=7" in seen
    assert [line for line in seen if line.startswith(("STRIPE_", "BRAINTREE_", "PAYDESK_PROVIDER"))] == []


def test_the_documentation_is_written_anew_and_then_built_without_a_warning(empty_machine: Path) -> None:
    (empty_machine / "docs").mkdir()
    (empty_machine / "docs/requirements.lock.txt").touch()
    for tool in ("python", "sphinx-build"):
        _command(empty_machine / ".venv/bin" / tool, f'echo {tool} "$@"')
    for stamp in (".venv/.runtime", ".venv/.development", ".venv/.docs"):
        (empty_machine / stamp).touch()

    written, built = _make(empty_machine, "docs").stdout.splitlines()

    assert written == "python -m tests.docs.generated"
    assert built.startswith("sphinx-build ")
    assert built.endswith(" docs build/docs")
    assert "--fail-on-warning" in built


@pytest.fixture
def empty_machine(tmp_path: Path) -> Path:
    """A folder with our Makefile in it, where nothing is installed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    shutil.copy(MAKEFILE, tmp_path)
    for name in ("pyproject.toml", "requirements.lock.txt", "requirements-dev.lock.txt"):
        (tmp_path / name).touch()
    return tmp_path


def _command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def _make(folder: Path, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MAKE, "--no-print-directory", target],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
