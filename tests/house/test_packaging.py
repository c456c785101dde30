"""What `pip install` brings, compared with what lies in the tree."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("adapters", "domain", "persistence", "schema")

# What GraphiQL is built from stays at home.
SOURCES_OF_GRAPHIQL = ("src", "node_modules")
TOOLS_OF_GRAPHIQL = {
    ".npmrc",
    "build.sh",
    "node.lock.txt",
    "node.sh",
    "package.json",
    "package-lock.json",
    "vite.config.js",
}


def test_every_package_of_the_tree_is_listed_and_no_other() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    listed = settings["tool"]["setuptools"]["packages"]

    assert sorted(listed) == listed
    assert listed == sorted({"paydesk", *(f"paydesk.{name}" for name in _packages())})


def test_every_folder_with_code_is_a_package() -> None:
    folders = {module.parent.relative_to(ROOT) for floor in FLOORS for module in _files(floor, "*.py")}

    assert sorted(".".join(folder.parts) for folder in folders) == _packages()


def test_the_wheel_has_every_file_that_the_gateway_reads(wheel: zipfile.ZipFile) -> None:
    shipped = {name.removeprefix("paydesk/") for name in wheel.namelist() if name.startswith("paydesk/")}

    assert {str(file.relative_to(ROOT)) for file in _shipped_files()} - shipped == set()


def test_the_wheel_has_nothing_that_graphiql_is_built_from(wheel: zipfile.ZipFile) -> None:
    folder = "paydesk/schema/graphiql/"
    shipped = {name.removeprefix(folder) for name in wheel.namelist() if name.startswith(folder)}

    assert {name.split("/")[0] for name in shipped} <= {"__init__.py", "assets", "first_steps"}


def test_the_wheel_puts_only_paydesk_into_site_packages(wheel: zipfile.ZipFile) -> None:
    names = {name.split("/")[0] for name in wheel.namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == {"paydesk"}


def test_the_wheel_has_the_paydesk_command_and_its_licence(wheel: zipfile.ZipFile) -> None:
    (information,) = {name.split("/")[0] for name in wheel.namelist() if name.endswith(".dist-info/METADATA")}

    assert "paydesk = paydesk.server:main" in wheel.read(f"{information}/entry_points.txt").decode()
    assert wheel.read(f"{information}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, since setuptools leaves its own files beside the code."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "paydesk"
    copytree(ROOT, copy, ignore=ignore_patterns(".*", "node_modules", "build", "*.egg-info", "artifacts", "tests"))
    command = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={folder}"]
    built = subprocess.run([sys.executable, "-m", "pip", *command, copy], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def _packages() -> list[str]:
    return sorted(
        ".".join(marker.parent.relative_to(ROOT).parts) for floor in FLOORS for marker in _files(floor, "__init__.py")
    )


def _shipped_files() -> list[Path]:
    return [
        ROOT / "server.py",
        *(file for floor in FLOORS for file in _files(floor, "*") if file.name not in TOOLS_OF_GRAPHIQL),
    ]


def _files(floor: str, pattern: str) -> list[Path]:
    unshipped = {"__pycache__", *SOURCES_OF_GRAPHIQL}
    return [
        file
        for file in (ROOT / floor).rglob(pattern)
        if file.is_file() and not unshipped & set(file.relative_to(ROOT).parts)
    ]
