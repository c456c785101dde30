"""The worked examples of the documentation, computed once more by somebody who knows only what is used when."""

from fractions import Fraction
from math import floor

import pytest

from tests.docs import worked

USED: dict[str, list[tuple[int, Fraction]]] = {
    "halfway": [(20_00, Fraction(15, 30)), (50_00, Fraction(15, 30))],
    "an-hour": [(20_00, 1 - Fraction(1, 30 * 24)), (50_00, Fraction(1, 30 * 24))],
    "without-proration": [(20_00, Fraction(20, 30)), (80_00, Fraction(10, 30))],
    "many-changes": [
        (10_00, Fraction(5, 31)),
        (20_00, Fraction(5, 31)),
        (30_00, Fraction(6, 31)),
        (40_00, Fraction(5, 31)),
        (50_00, Fraction(10, 31)),
    ],
    "given-up": [(20_00, Fraction(10 * 24 + 6, 30 * 24))],
}
"""What a whole period costs, and for which share of it that was so."""


@pytest.mark.parametrize("name", USED)
def test_an_example_of_proration_comes_to_the_price_of_what_was_used(name: str) -> None:
    *lines, together = [_minor_units(amount) for amount in _amounts(name)]

    used = sum(amount * share for amount, share in USED[name])

    assert sum(lines) == together
    assert together == floor(used + Fraction(1, 2))


def test_lines_that_are_rounded_by_themselves_come_to_something_else() -> None:
    rows = worked.table("many-changes").rows

    alone = sum(_minor_units(row[3]) for row in rows[:-1])

    assert f"**{alone // 100}.{alone % 100:02}**" == rows[-1][3]
    assert rows[-1][2] != rows[-1][3]


def test_nothing_appears_and_nothing_goes_away_when_an_invoice_is_opened() -> None:
    for when, total, due, _, afterwards in worked.table("openings").rows:
        assert _minor_units(due) - _owed(afterwards) == _minor_units(total) - _owed(when), when


def _amounts(name: str) -> list[str]:
    column = worked.table(name).head.index("Amount")
    return [row[column] for row in worked.table(name).rows if row[column] != "nothing"]


def _minor_units(amount: str) -> int:
    return int(amount.strip("*").replace("−", "-").replace(".", ""))


def _owed(words: str) -> int:
    """What we owe the customer: `we owe the customer 5.91` is 591, `the customer owes 0.30` is -30, else nothing."""
    figures = [word for word in words.split() if word[:1].isdigit()]
    if not figures or "owe" not in words:
        return 0
    return _minor_units(figures[0]) * (1 if "we owe" in words else -1)
