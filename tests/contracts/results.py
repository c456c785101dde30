"""What the providers' suite showed, and the page that says so: docs/reference/capabilities.md.

A pytest plugin. Each test of the suite says in its report which actions of which provider it used, so whichever
process ran it, the one that started the run can count. When the whole suite ran, the page has to say what came of it:
a run whose page says anything else fails. With PAYDESK_TEST_REWRITE=1 (`make capabilities`) the page is written; one
that does not hold is then written down as such.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domain.provider import Capability, ProviderAction, Support

SHOWS = "shows"
"""The property of a report: `stripe CHARGE`."""
WHOLE = "of the whole suite"
"""The property of a report whose run had the whole suite: how many tests that is."""

FILES = frozenset(Path(__file__).parent.glob("test_provider*.py"))
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "capabilities.md"
_REGION = re.compile(r"(<!-- what the suite showed -->\n).*(<!-- until here -->)", re.DOTALL)
REWRITE = "PAYDESK_TEST_REWRITE"
_OTHER_HOUSES = ("PAYDESK_TEST_STRIPE_KEY", "PAYDESK_TEST_BRAINTREE_PLACE", "PAYDESK_TEST_HOUSE")


@dataclass(slots=True)
class Results:
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    whole: int = 0
    complaint: str = ""

    @property
    def is_whole(self) -> bool:
        return 0 < self.whole == len(self.seen)

    def add(self, report: pytest.TestReport) -> None:
        if report.when != "call" and not report.failed:
            return
        properties = dict.fromkeys(report.user_properties)
        for name, value in properties:
            if name == SHOWS:
                (self.passed if report.passed else self.failed)[str(value)] += 1
            elif name == WHOLE:
                self.whole = int(str(value))
                self.seen.add(report.nodeid)


RESULTS = pytest.StashKey[Results]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = results = Results()
    config.pluginmanager.register(_Counting(results))


class _Counting:
    def __init__(self, results: Results) -> None:
        self._results = results

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._results.add(report)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    ours = [item for item in session.items if any(name == SHOWS for name, _ in item.user_properties)]
    if {item.path for item in ours} == FILES and not _is_narrowed(session.config):
        for item in ours:
            item.user_properties.append((WHOLE, len(ours)))


def _is_narrowed(config: pytest.Config) -> bool:
    options = config.option
    if any(name in os.environ for name in _OTHER_HOUSES):
        return True
    return bool(options.keyword or options.markexpr or options.deselect or any("::" in arg for arg in config.args))


def pytest_sessionfinish(session: pytest.Session) -> None:
    results = session.config.stash[RESULTS]
    if hasattr(session.config, "workerinput") or not results.is_whole:
        return
    if os.environ.get(REWRITE):
        PAGE.write_text(written(_page(), results), encoding="utf-8")
    elif not results.failed and written(_page(), results) != _page():
        results.complaint = (
            f"The suite showed something else than {PAGE.name} says: `make capabilities` writes it anew."
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if complaint := config.stash[RESULTS].complaint:
        terminalreporter.write_line(complaint, red=True)


# --- the page -------------------------------------------------------------------------------------------------------


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def written(page: str, results: Results) -> str:
    return _REGION.sub(lambda found: f"{found[1]}{_table(results)}{_notes()}{found[2]}", page)


def _table(results: Results) -> str:
    houses = declared()
    lines = [("Action", *(f"`{name}`" for name in houses)), ("---", *("---" for _ in houses))]
    for action in ProviderAction:
        cells = (_cell(capabilities[action], name, results) for name, capabilities in houses.items())
        lines.append((f"`{action}`", *cells))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(capability: Capability, name: str, results: Results) -> str:
    shown = f"{name} {capability.action}"
    passed, failed = results.passed[shown], results.failed[shown]
    if failed or not passed:
        return f"**does not hold**: {failed} of {passed + failed} tests fail"
    return f"{capability.support}, {passed} {'test' if passed == 1 else 'tests'}"


def _notes() -> str:
    told = [
        (name, [capability for capability in capabilities.values() if capability.note])
        for name, capabilities in declared().items()
    ]
    return "".join(
        f"\n## {name}\n\n" + "".join(f"- `{each.action}` ({each.support}): {each.note}\n" for each in noted)
        for name, noted in told
        if noted
    )


def declared() -> dict[str, dict[ProviderAction, Capability]]:
    """By provider, what each declares."""
    # Whoever loads this plugin for other tests does not need the providers.
    from tests.contracts.houses import HOUSES

    return {
        name: {capability.action: capability for capability in house.capabilities}
        for name, (house, _) in HOUSES.items()
    }


_CELL = re.compile(rf"({'|'.join(Support)}), \d+ tests?")


def told_by_the_page() -> dict[str, dict[str, str]]:
    """By provider and action, the support that the committed page tells of."""
    rows = [line.strip("| \n").split(" | ") for line in _page().splitlines() if line.startswith("| ")]
    (_, *names), _, *rows = rows
    return {
        name.strip("`"): {row[0].strip("`"): match[1] for row in rows if (match := _CELL.fullmatch(row[column]))}
        for column, name in enumerate(names, start=1)
    }
