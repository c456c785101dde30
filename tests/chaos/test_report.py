"""What `make chaos` may say of itself: a page of whole runs, and proofs that prove something."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from persistence.sql import Dialect
from tests.chaos.planted import Mistake
from tests.chaos.report import Origin, write_page
from tests.chaos.run import command
from tests.chaos.town import Plan
from tests.chaos.trial import Caught


def test_a_part_of_a_run_is_not_written_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    page.write_text("<!-- measured by make chaos -->\n\nthe last whole run\n\n<!-- end of what was measured -->\n")

    with pytest.raises(ValueError, match="a whole run"):
        write_page(Origin("0000000", datetime.now(UTC)), [], [caught(mistake) for mistake in Mistake], page=page)

    assert "the last whole run" in page.read_text()


def test_a_part_of_a_run_that_is_to_be_written_does_not_begin(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command(["--trials", "sqlite", "--write"])

    assert "--write takes a whole run" in capsys.readouterr().err


def test_what_was_found_in_a_gateway_that_nobody_could_pay_proves_nothing() -> None:
    assert caught(paid=40).proves
    assert not caught(paid=0).proves
    assert not caught(paid=14).proves
    assert not caught(paid=40, evidence=[]).proves


def caught(mistake: Mistake = Mistake.CHECK_THEN_ACT, *, paid: int = 40, evidence: list[str] | None = None) -> Caught:
    plan = Plan(Dialect.POSTGRES, 60, seed=1, mistake=mistake)
    return Caught(plan, paid, ["captured twice: chg_1"] if evidence is None else evidence, seconds=80.0)
