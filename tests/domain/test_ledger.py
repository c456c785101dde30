"""Every movement of money is booked twice, sums to zero, and has one cause."""

from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import LedgerAccount, LedgerEntry, capture_entries, refund_entries
from domain.money import Money
from tests.domain.examples import LATER, NOW, currencies, many

totals = st.lists(st.integers(0, 10**12), min_size=1, max_size=8).map(sorted)


def captures(charge_id: str, reached: list[int], currency: str) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    before = Money.zero(currency)
    for total in reached:
        captured = Money(total, currency)
        entries += capture_entries(charge_id, before=before, captured=captured, livemode=False, now=NOW)
        before = captured
    return entries


def balance(entries: list[LedgerEntry], account: LedgerAccount, currency: str) -> Money:
    return Money.total((entry.amount for entry in entries if entry.account is account), currency=currency)


@many
@given(totals, currencies)
def test_captures_sum_to_zero_and_to_what_was_taken(reached: list[int], currency: str) -> None:
    entries = captures("chg_1", reached, currency)
    assert Money.total((entry.amount for entry in entries), currency=currency).is_zero
    assert balance(entries, LedgerAccount.PROVIDER_CLEARING, currency) == Money(reached[-1], currency)
    assert balance(entries, LedgerAccount.PAYMENTS, currency) == Money(-reached[-1], currency)


@many
@given(totals)
def test_a_cause_is_booked_once_for_each_account(reached: list[int]) -> None:
    entries = captures("chg_1", reached, "USD") + captures("chg_2", reached, "USD")
    booked = [(entry.cause, entry.account) for entry in entries]
    assert len(set(booked)) == len(booked)
    assert len({entry.id for entry in entries}) == len(entries)


@many
@given(totals)
def test_the_same_evidence_has_the_same_cause(reached: list[int]) -> None:
    first, again = captures("chg_1", reached, "USD"), captures("chg_1", reached, "USD")
    assert [entry.cause for entry in first] == [entry.cause for entry in again]


def test_a_cause_is_written_as_it_is_stored_for_ever() -> None:
    # Rows with these causes exist in databases: another spelling would book their money a second time.
    captured = captures("chg_1", [100], "USD")
    refunded = refund_entries("ref_1", charge_id="chg_1", amount=Money(40, "USD"), livemode=False, now=LATER)
    assert {entry.cause for entry in captured} == {"chg_1/captured/100"}
    assert {entry.cause for entry in refunded} == {"ref_1/refunded"}


def test_nothing_moved_is_nothing_booked() -> None:
    hundred = Money(100, "USD")
    assert capture_entries("chg_1", before=hundred, captured=hundred, livemode=False, now=NOW) == ()


@many
@given(st.integers(1, 10**12), currencies, st.booleans())
def test_a_refund_takes_from_what_the_provider_owes_us(amount: int, currency: str, livemode: bool) -> None:
    given_back = Money(amount, currency)
    entries = refund_entries("ref_1", charge_id="chg_1", amount=given_back, livemode=livemode, now=LATER)
    assert {entry.account: entry.amount for entry in entries} == {
        LedgerAccount.REFUNDS: given_back,
        LedgerAccount.PROVIDER_CLEARING: -given_back,
    }
    assert {(entry.charge_id, entry.refund_id, entry.livemode, entry.created_at) for entry in entries} == {
        ("chg_1", "ref_1", livemode, LATER)
    }
