"""An invoice asks for what is owed when it is opened, and keeps in the balance what it does not ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CurrencyMismatch, InvalidInput
from domain.invoices import InvoiceState, opened
from domain.money import Money
from tests.domain.examples import many, usd

LEAST = usd(50)


@pytest.mark.parametrize(
    ("total", "balance", "due", "after"),
    [
        (20_00, 0, 20_00, 0),
        (20_00, 5_00, 15_00, 0),
        (20_00, 20_00, 0, 0),
        (20_00, 25_00, 0, 5_00),
        (0, 0, 0, 0),
        (0, 5_00, 0, 5_00),
        (-7_50, 0, 0, 7_50),
        (-7_50, 2_50, 0, 10_00),
        (49, 0, 0, -49),
        (50, 0, 50, 0),
        (20_00, 19_70, 0, -30),
        (20_00, -30, 20_30, 0),
        (25, -30, 55, 0),
        (10, -30, 0, -40),
        (-10, -30, 0, -20),
        (-1_00, -30, 0, 70),
    ],
)
def test_what_is_due_and_what_stays_in_the_balance(total: int, balance: int, due: int, after: int) -> None:
    opening = opened(usd(total), balance=usd(balance), least=LEAST)
    assert (opening.due, opening.balance_after) == (usd(due), usd(after))
    assert opening.state is (InvoiceState.OPEN if due else InvoiceState.PAID)


def test_what_is_too_little_to_be_charged_is_carried_over() -> None:
    first = opened(usd(30), balance=usd(0), least=LEAST)
    assert (first.state, first.carried_over, first.balance_applied) == (InvoiceState.PAID, usd(30), usd(30))
    second = opened(usd(20_00), balance=first.balance_after, least=LEAST)
    assert (second.due, second.carried_over, second.balance_applied) == (usd(20_30), usd(0), usd(-30))


def test_credits_that_are_more_than_charges_wait_for_the_next_invoice() -> None:
    first = opened(usd(-7_50), balance=usd(0), least=LEAST)
    assert (first.state, first.carried_over, first.balance_applied) == (InvoiceState.PAID, usd(0), usd(-7_50))
    assert opened(usd(20_00), balance=first.balance_after, least=LEAST).due == usd(12_50)


def test_an_account_that_charges_any_amount_carries_nothing_over() -> None:
    assert opened(usd(1), balance=usd(0), least=usd(0)).due == usd(1)


def test_an_invoice_has_one_currency() -> None:
    for balance, least in ((Money(0, "EUR"), LEAST), (usd(0), Money(0, "EUR"))):
        with pytest.raises(CurrencyMismatch):
            opened(usd(20_00), balance=balance, least=least)


def test_no_account_charges_at_least_less_than_nothing() -> None:
    with pytest.raises(InvalidInput):
        opened(usd(20_00), balance=usd(0), least=usd(-1))


amounts = st.integers(-100_00, 100_00)


@many
@given(st.lists(amounts, max_size=20), amounts, st.integers(0, 2_00))
def test_over_any_number_of_invoices_nothing_appears_and_nothing_is_lost(
    totals: list[int], balance: int, least: int
) -> None:
    charged, kept = 0, usd(balance)
    for total in totals:
        opening = opened(usd(total), balance=kept, least=usd(least))
        assert opening.due.is_zero or opening.due >= usd(least)
        assert opening.due.is_zero or opening.balance_after.is_zero
        assert opening.balance_after > usd(-max(least, 1))
        charged, kept = charged + opening.due.minor_units, opening.balance_after
    assert charged - kept.minor_units == sum(totals) - balance
