"""An invoice asks for what is owed when it is opened, and keeps in the balance what it does not ask for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import (
    CurrencyMismatch,
    InvalidInput,
    InvoiceAlreadyPaid,
    InvoiceNotDraft,
    InvoiceNotOpen,
    InvoiceNotPayable,
)
from domain.invoices import Invoice, InvoiceLine, InvoiceReason, InvoiceState, LineKind, opened
from domain.issuers import Number, Party
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


# --- the life of an invoice -------------------------------------------------------------------------------------------

NOW = datetime(2027, 1, 31, 10, tzinfo=UTC)
BY, TO = Party(name="Tea & Sons"), Party(name="Ada")


def a_draft(*amounts: int) -> Invoice:
    lines = tuple(
        InvoiceLine(id=f"inl_{number}", kind=LineKind.ONE_OFF, name="Tea", amount=Money(amount, "USD"))
        for number, amount in enumerate(amounts)
    )
    nothing = Money.zero("USD")
    return Invoice(
        id="inv_1",
        issuer_id="iss_1",
        customer_id="cus_1",
        reason=InvoiceReason.ONE_OFF,
        currency="USD",
        lines=lines,
        due=nothing,
        balance_applied=nothing,
        livemode=False,
        created_at=NOW,
        updated_at=NOW,
    )


def an_open_one(*amounts: int, balance: int = 0) -> Invoice:
    draft = a_draft(*amounts)
    opening = opened(draft.total, balance=Money(balance, "USD"), least=Money.zero("USD"))
    return draft.opened(opening, Number(7, "INV-000007"), issued_by=BY, issued_to=TO, now=NOW)


def test_an_invoice_asks_for_what_its_opening_says() -> None:
    invoice = an_open_one(20_00, -3_00, balance=2_00)

    assert (invoice.state, invoice.to_pay) == (InvoiceState.OPEN, Money(15_00, "USD"))
    assert invoice.balance_applied == Money(2_00, "USD")
    assert (invoice.number, invoice.issued_by, invoice.issued_to, invoice.opened_at) == (
        Number(7, "INV-000007"),
        BY,
        TO,
        NOW,
    )


def test_an_invoice_that_asks_for_nothing_is_paid_when_it_is_opened() -> None:
    invoice = an_open_one(20_00, balance=20_00)
    assert (invoice.state, invoice.paid_at, invoice.due.is_zero) == (InvoiceState.PAID, NOW, True)


def test_an_invoice_is_opened_for_what_its_lines_say() -> None:
    other = opened(Money(1, "USD"), balance=Money.zero("USD"), least=Money.zero("USD"))
    with pytest.raises(ValueError, match="its lines say"):
        a_draft(5).opened(other, Number(1, "1"), issued_by=BY, issued_to=TO, now=NOW)


def test_only_a_draft_changes() -> None:
    assert a_draft(1).with_lines(a_draft(2).lines, now=NOW).total == Money(2, "USD")
    with pytest.raises(InvoiceNotDraft):
        an_open_one(1).with_lines((), now=NOW)


def test_lines_are_in_the_currency_of_their_invoice() -> None:
    euros = replace(a_draft(1).lines[0], amount=Money(1, "EUR"))
    with pytest.raises(CurrencyMismatch):
        a_draft().with_lines((euros,), now=NOW)


def test_an_uncollectible_invoice_may_be_paid_after_all_or_called_off() -> None:
    given_up = an_open_one(5).uncollectible(now=NOW)

    assert given_up.takes_money
    assert given_up.paid(now=NOW).state is InvoiceState.PAID
    assert given_up.voided(now=NOW).state is InvoiceState.VOID


@pytest.mark.parametrize("ended", [an_open_one(5).paid(now=NOW), an_open_one(5).voided(now=NOW), a_draft(5)])
def test_what_does_not_wait_for_money_is_neither_paid_nor_given_up(ended: Invoice) -> None:
    for happening in (ended.paid, ended.voided, ended.uncollectible):
        with pytest.raises(InvoiceNotOpen):
            happening(now=NOW)


def test_an_invoice_is_paid_once() -> None:
    invoice, nothing = an_open_one(5), Money.zero("USD")
    invoice.check_payable(captured=nothing)

    with pytest.raises(InvoiceAlreadyPaid):
        invoice.check_payable(captured=Money(5, "USD"))
    with pytest.raises(InvoiceAlreadyPaid):
        invoice.paid(now=NOW).check_payable(captured=nothing)
    for unpayable in (a_draft(5), invoice.voided(now=NOW)):
        with pytest.raises(InvoiceNotPayable):
            unpayable.check_payable(captured=nothing)
