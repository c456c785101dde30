"""Whoever installs Paydesk gets the very files that we tested, from whatever index they use."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "requirements.lock.txt"
DEVELOPMENT = ROOT / "requirements-dev.lock.txt"
BROWSER = ROOT / "tests/browser/requirements.lock.txt"
CONFORMANCE = ROOT / "tests/conformance/requirements.lock.txt"
ARIADNE = ROOT / "tests/conformance/ariadne/requirements.lock.txt"
DOCUMENTATION = ROOT / "docs/requirements.lock.txt"
NODE = ROOT / "schema/graphiql/node.lock.txt"
LOCKS = [RUNTIME, DEVELOPMENT, BROWSER, CONFORMANCE, ARIADNE, DOCUMENTATION, NODE]
NPM = [
    ROOT / folder / "package-lock.json"
    for folder in ("docs/examples/web", "schema/graphiql", "tests/conformance", "tests/conformance/sdl")
]

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("linux", "darwin", "win32")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    entries = _entries(lock)

    assert entries
    for entry in entries:
        requirement, *hashes = entry.split(" --hash=")
        assert re.search(r"^[a-z0-9.-]+==[^=*]+$", requirement.partition(" ;")[0]), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_file_names_no_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"^-", text, flags=re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_whatever_the_project_asks_for_is_locked_on_each_python(python: str, platform: str) -> None:
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": platform,
        "platform_python_implementation": "CPython",
    }
    asked = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]

    locked = {name: pin for name, pin in _pins(RUNTIME).items() if _applies(pin, machine)}

    for requirement in map(Requirement, asked):
        if _applies(requirement, machine):
            (version,) = {specifier.version for specifier in locked[requirement.name.lower()].specifier}
            assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_developers_run_the_versions_that_users_get() -> None:
    runtime, development = _pins(RUNTIME), _pins(DEVELOPMENT)

    assert {name: development[name].specifier for name in runtime} == {
        name: pin.specifier for name, pin in runtime.items()
    }


@pytest.mark.parametrize(
    ("group", "lock"),
    [
        ("dev", DEVELOPMENT),
        ("browser", BROWSER),
        ("conformance", CONFORMANCE),
        ("ariadne", ARIADNE),
        ("docs", DOCUMENTATION),
        ("node", NODE),
    ],
    ids=["dev", "browser", "conformance", "ariadne", "docs", "node"],
)
def test_every_tool_of_a_group_is_in_its_lock_file(group: str, lock: Path) -> None:
    asked = [Requirement(line) for line in PROJECT["dependency-groups"][group] if isinstance(line, str)]
    pins = _pins(lock)

    for requirement in asked:
        (version,) = {specifier.version for specifier in pins[requirement.name].specifier}
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


@pytest.mark.parametrize("lock", NPM, ids=lambda lock: lock.parent.name)
def test_what_node_runs_is_hashed_packages_of_any_registry(lock: Path) -> None:
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    third_party = {path: package for path, package in packages.items() if path}

    assert third_party
    assert [path for path, package in third_party.items() if "integrity" not in package] == []
    assert [path for path, package in third_party.items() if "resolved" in package] == []


def _entries(lock: Path) -> list[str]:
    """The requirements, each on one line with its hashes."""
    text = re.sub(r" \\\n\s*", " ", lock.read_text(encoding="utf-8"))
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _pins(lock: Path) -> dict[str, Requirement]:
    pins = [Requirement(entry.split(" --hash=")[0]) for entry in _entries(lock)]
    assert len({pin.name for pin in pins}) == len(pins), f"{lock.name} has two versions of one package"
    return {pin.name: pin for pin in pins}


def _applies(requirement: Requirement, machine: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(machine)
