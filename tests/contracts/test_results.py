"""That the page of what each provider can do says what the suite showed, and nothing better."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from domain.provider import ProviderAction
from tests.contracts.results import PAGE, RESULTS, REWRITE, SHOWS, WHOLE, Results, declared, written
from tests.contracts.results import pytest_sessionfinish as finish


def report(number: int, outcome: str, *, when: str = "call", shows: str = "stripe CHARGE") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=f"test_{number}",
        location=("test_provider.py", number, "test"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]  # pytest's words
        longrepr=None,
        when=when,  # type: ignore[arg-type]  # the same
        user_properties=[(SHOWS, shows), (WHOLE, 3)],
    )


@dataclass
class Config:
    stash: dict[object, Results] = field(default_factory=lambda: {RESULTS: Results()})


@dataclass
class Session:
    config: Config = field(default_factory=Config)
    exitstatus: pytest.ExitCode = pytest.ExitCode.OK


def row(results: Results, action: ProviderAction) -> str:
    (line,) = [line for line in written(PAGE.read_text("utf-8"), results).splitlines() if f"| `{action}` " in line]
    return line


def test_the_page_counts_what_passed() -> None:
    results = Results()
    for number in range(3):
        results.add(report(number, "passed"))

    assert "| NATIVE, 3 tests |" in row(results, ProviderAction.CHARGE)


@pytest.mark.parametrize(
    "spoiled",
    [report(2, "failed"), report(2, "failed", when="setup"), report(2, "skipped")],
    ids=lambda each: each.when,
)
def test_one_failure_takes_back_that_it_works(spoiled: pytest.TestReport) -> None:
    results = Results()
    for each in (report(0, "passed"), report(1, "passed"), spoiled):
        results.add(each)

    assert "| **does not hold**: 1 of 3 tests fail |" in row(results, ProviderAction.CHARGE)


def test_what_no_test_has_shown_does_not_hold() -> None:
    assert "**does not hold**" in row(Results(), ProviderAction.VOID)


def test_only_a_whole_run_says_anything() -> None:
    results = Results()
    results.add(report(0, "passed"))
    results.add(report(1, "passed"))
    results.add(report(1, "passed", shows="stripe VOID"))
    assert not results.is_whole

    results.add(report(2, "passed", when="teardown"))
    assert not results.is_whole
    results.add(report(2, "passed"))

    assert results.is_whole


def test_a_run_that_showed_something_else_than_the_page_says_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REWRITE, raising=False)
    session = Session()
    results = session.config.stash[RESULTS]
    for number in range(3):
        results.add(report(number, "passed"))

    finish(cast("pytest.Session", session))

    assert session.exitstatus is pytest.ExitCode.TESTS_FAILED
    assert "make capabilities" in results.complaint


def test_a_run_of_a_part_of_the_suite_is_not_held_against_the_page() -> None:
    session = Session()
    session.config.stash[RESULTS].add(report(0, "passed"))

    finish(cast("pytest.Session", session))

    assert session.exitstatus is pytest.ExitCode.OK


def test_the_page_names_every_provider_and_every_note() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for name, capabilities in declared().items():
        assert f"`{name}`" in page
        assert [each.note for each in capabilities.values() if each.note not in page] == []
