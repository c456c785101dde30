"""The list of faults is whole: each is shown by a test, or waits for a feature that does not exist."""

from pathlib import Path

from tests.docs.faults import FAULTS, shown


def test_every_fault_that_can_arise_is_shown_by_a_test() -> None:
    unshown = [name for name, fault in FAULTS.items() if fault.waits_for is None and name not in shown()]

    assert unshown == [], "a test that shows one bears @pytest.mark.fault"


def test_every_mark_names_a_fault_of_the_list() -> None:
    assert {name: tests for name, tests in shown().items() if name not in FAULTS} == {}


def test_faults_are_numbered_without_a_gap() -> None:
    assert list(FAULTS) == [f"F{number}" for number in range(1, 63)]


def test_marks_are_found_on_functions_classes_and_modules(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_planted.py").write_text(
        "import pytest\n"
        'pytestmark = [pytest.mark.browser, pytest.mark.fault("F1")]\n'
        '@pytest.mark.fault("F2", "F1")\n'
        "async def test_one() -> None: ...\n"
        '@pytest.mark.fault("F3")\n'
        "class TestSome:\n"
        '    @pytest.mark.parametrize("x", [1])\n'
        '    @pytest.mark.fault("F4")\n'
        "    def test_two(self, x: int) -> None: ...\n"
        "def helper() -> None: ...\n"
    )

    one, two = "tests/test_planted.py:test_one", "tests/test_planted.py:TestSome.test_two"
    assert shown(folder) == {"F1": [one, two], "F2": [one], "F3": [two], "F4": [two]}
