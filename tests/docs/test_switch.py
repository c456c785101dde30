"""What the how-to about a switch of the provider says, held against what is read and told.

What becomes of charges and cards is in tests/schema/test_switched_provider.py.
"""

import re
from pathlib import Path

import pytest

from adapters.settings import Account, load_settings
from server import _OUT_OF_REACH
from tests.docs.pages import DOCS, blocks

PAGE = (DOCS / "how-to" / "switch-the-provider.md").read_text("utf-8")
STRIPE, IN_EUROPE = Account("stripe", "stripe"), Account("stripe_eu", "stripe", "EU_")


@pytest.mark.parametrize(
    ("number", "declared"),
    [(0, (STRIPE, Account("fake", "fake"))), (1, (IN_EUROPE, STRIPE))],
    ids=["another provider", "another account"],
)
def test_the_settings_on_the_page_are_taken(
    number: int, declared: tuple[Account, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [block.text for block in blocks(PAGE) if block.language == "sh"]
    for name, value in re.findall(r"^export (\w+)=(\S+)$", shown[number], re.MULTILINE):
        monkeypatch.setenv(name, value.replace("…", "51N"))

    assert load_settings().declared == declared


def test_the_page_has_what_is_said_of_an_account_that_was_given_up() -> None:
    assert _OUT_OF_REACH % "stripe" in PAGE
