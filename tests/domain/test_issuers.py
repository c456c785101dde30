from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ClockAdvancing, InvalidInput
from domain.issuers import Issuer
from domain.test_clocks import LONGEST_ADVANCE, ClockState, TestClock

NOW = datetime(2027, 1, 31, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ISSUER = Issuer(id="iss_1", created_at=NOW, updated_at=NOW)


def test_numbers_rise_by_one_in_two_series() -> None:
    issuer, first = ISSUER.invoice_numbered(now=NOW)
    issuer, second = issuer.invoice_numbered(now=NOW)
    issuer, credit = issuer.credit_note_numbered(now=NOW)

    assert [(number.sequence, number.printed) for number in (first, second, credit)] == [
        (1, "INV-000001"),
        (2, "INV-000002"),
        (1, "CRN-000001"),
    ]
    assert (issuer.next_invoice_number, issuer.next_credit_note_number) == (3, 2)


def test_the_millionth_number_is_one_digit_longer() -> None:
    _, number = replace(ISSUER, next_invoice_number=1_000_000).invoice_numbered(now=NOW)
    assert number.printed == "INV-1000000"


@pytest.mark.parametrize("prefix", ["INV1", "inv-", "A" * 21, "Ü-", "A B-"])
def test_a_prefix_that_makes_numbers_ambiguous_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput):
        replace(ISSUER, invoice_prefix=prefix)


@pytest.mark.parametrize("prefix", ["", "2027/", "A", "INV-2027-"])
def test_a_prefix_ends_in_no_digit(prefix: str) -> None:
    assert replace(ISSUER, credit_note_prefix=prefix).credit_note_numbered(now=NOW)[1].printed == f"{prefix}000001"


@given(
    st.tuples(st.from_regex(r"[A-Z0-9/_-]{0,5}[A-Z/_-]", fullmatch=True), st.integers(1, 2_000_000)),
    st.tuples(st.from_regex(r"[A-Z0-9/_-]{0,5}[A-Z/_-]|", fullmatch=True), st.integers(1, 2_000_000)),
)
def test_two_numbers_of_a_series_are_never_equal_whatever_stands_before_them(
    one: tuple[str, int], other: tuple[str, int]
) -> None:
    printed = {
        replace(ISSUER, invoice_prefix=prefix, next_invoice_number=sequence).invoice_numbered(now=NOW)[1].printed
        for prefix, sequence in (one, other)
    }
    assert len(printed) == 2 or one[1] == other[1]


def test_the_two_series_of_an_issuer_have_prefixes_of_their_own() -> None:
    with pytest.raises(InvalidInput) as refused:
        ISSUER.changed({"credit_note_prefix": "INV-"}, now=NOW)
    assert refused.value.path == ("creditNotePrefix",)


# --- test clocks ------------------------------------------------------------------------------------------------------

CLOCK = TestClock(id="clk_1", name=None, now=NOW, created_at=NOW, updated_at=NOW)


def test_a_clock_goes_from_moment_to_moment_until_it_is_there() -> None:
    going = CLOCK.advancing(NOW + 30 * DAY, now=NOW)
    assert (going.state, going.now, going.target) == (ClockState.ADVANCING, NOW, NOW + 30 * DAY)

    halfway = going.at(NOW + 14 * DAY, now=NOW)
    there = halfway.arrived(now=NOW)

    assert halfway.now == NOW + 14 * DAY
    assert (there.state, there.now, there.target) == (ClockState.READY, NOW + 30 * DAY, None)


def test_a_clock_never_goes_back() -> None:
    with pytest.raises(InvalidInput):
        CLOCK.advancing(NOW, now=NOW)
    assert CLOCK.at(NOW - DAY, now=NOW).now == NOW


def test_a_clock_goes_five_years_at_most() -> None:
    assert CLOCK.advancing(NOW + LONGEST_ADVANCE, now=NOW).target == NOW + LONGEST_ADVANCE
    with pytest.raises(InvalidInput):
        CLOCK.advancing(NOW + LONGEST_ADVANCE + DAY, now=NOW)


def test_nothing_is_changed_while_a_clock_is_advancing() -> None:
    going = CLOCK.advancing(NOW + DAY, now=NOW)
    with pytest.raises(ClockAdvancing):
        going.check_ready()
    with pytest.raises(ClockAdvancing):
        going.advancing(NOW + 2 * DAY, now=NOW)


def test_a_clock_that_failed_may_be_advanced_again() -> None:
    failed = CLOCK.advancing(NOW + DAY, now=NOW).failed("chg_1 has no end", now=NOW)
    failed.check_ready()

    assert (failed.state, failed.failure) == (ClockState.FAILED, "chg_1 has no end")
    assert failed.advancing(NOW + DAY, now=NOW).failure is None
