"""The domain's imports. `make lint` holds the other contracts, but this one is a list of what is allowed."""

import ast
import sys
from pathlib import Path

DOMAIN = Path(__file__).parents[2] / "domain"
PURE_HELPERS = {"iso4217", "ulid"}


def test_the_domain_imports_the_standard_library_and_pure_helpers_only() -> None:
    allowed = sys.stdlib_module_names | PURE_HELPERS | {"domain"}

    strangers = {
        f"{module.relative_to(DOMAIN)} imports {name}"
        for module in DOMAIN.rglob("*.py")
        for name in _imports(module)
        if name.partition(".")[0] not in allowed
    }

    assert strangers == set()


def _imports(module: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names
