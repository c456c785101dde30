"""The schema by the rules of graphql-eslint, those for Relay included; `sdl/rules.mjs` argues what is not for us."""

import json
import subprocess
from pathlib import Path

LINTER = Path(__file__).parent / "sdl"
SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


def lint(sdl: Path) -> dict[str, list[str]]:
    assert (LINTER / "node_modules").is_dir(), "the linter is not installed: `make conformance` installs it"
    done = subprocess.run(
        ["node", "lint.mjs", str(sdl)], cwd=LINTER, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_the_schema_keeps_the_rules_and_needs_every_exemption() -> None:
    assert lint(SDL) == {"broken": [], "needless": []}


def test_a_schema_that_breaks_a_rule_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.graphql"
    text = SDL.read_text(encoding="utf-8")
    broken.write_text(text.replace("hasNextPage: Boolean!", "hasNextPage: Boolean"), encoding="utf-8")

    (told,) = lint(broken)["broken"]

    assert "relay-page-info" in told


def test_an_exemption_that_nothing_needs_is_found(tmp_path: Path) -> None:
    without = tmp_path / "without.graphql"
    text = SDL.read_text(encoding="utf-8")
    without.write_text(text.replace("type Card {", 'type Card {\n  """Its own."""\n  id: ID!\n'), encoding="utf-8")

    found = lint(without)

    assert found["broken"] == []
    assert [told.split(":")[0] for told in found["needless"]] == ["strict-id-in-types"]
    assert '"Card"' in found["needless"][0]
