"""An emulator that used the code it is there to test would make that code's mistakes, too."""

import ast
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_OURS = {"adapters", "domain", "paydesk", "persistence", "schema", "server", "tests"}
_SDKS = {"braintree", "stripe"}


@pytest.mark.parametrize("name", ["braintree", "stripe"])
def test_an_emulator_shares_no_code_with_the_gateway_or_with_what_another_provider_means(name: str) -> None:
    own = (f"tests.emulators.{name}", "tests.emulators.common")

    assert _imported_by(name, at_least=20) & _OURS == {"tests"}
    assert [module for module in _modules_imported_by(name) if _is_ours(module) and not module.startswith(own)] == []


def test_what_emulators_share_knows_no_provider() -> None:
    assert _imported_by("common", at_least=5) & (_OURS | _SDKS) == {"tests"}
    ours = {module for module in _modules_imported_by("common") if _is_ours(module)}
    assert {module for module in ours if not module.startswith("tests.emulators.common")} == set()


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS


def _imported_by(package: str, *, at_least: int) -> set[str]:
    """The top-level names; `at_least` so many modules have to have been read."""
    assert len(list((_HERE / package).glob("*.py"))) >= at_least
    return {module.partition(".")[0] for module in _modules_imported_by(package)}


def _modules_imported_by(package: str) -> set[str]:
    return {
        module
        for path in (_HERE / package).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in _imported(node)
    }


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
