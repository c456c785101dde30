"""The two sides of the story: the bank's books and our database, each read past the gateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.fake import Bank
from adapters.fake.truth import Truth
from domain.clock import SystemClock
from persistence.database import Database


@contextmanager
def opened_bank(folder: Path) -> Iterator[Bank]:
    """The books that the gateway's own bank has open as well."""
    bank = Bank(folder / "books.sqlite3", clock=SystemClock(), public_url="http://127.0.0.1")
    try:
        yield bank
    finally:
        bank.close()


def truth_of(folder: Path) -> Truth:
    with opened_bank(folder) as bank:
        return bank.truth()


async def charge_states(database_url: str) -> list[str]:
    """As they are committed, oldest first."""
    database = await Database.open(database_url)
    try:
        async with database.reader() as connection:
            rows = await connection.fetch_all("SELECT state FROM charges ORDER BY created_at")
    finally:
        await database.close()
    return [row["state"] for row in rows]


async def assert_both_sides_agree(database_url: str, folder: Path) -> Truth:
    """With the books of the fake bank."""
    truth = truth_of(folder)
    await assert_agrees(database_url, truth)
    return truth


async def assert_agrees(database_url: str, truth: Truth) -> None:
    """Invariants I2 to I4: each charge and refund is the same there and here, and the ledger is what moved."""
    there = {charge.charge_id: (charge.currency, charge.captured, charge.refunded) for charge in truth.charges}
    assert len(there) == len(truth.charges), "the bank was asked twice for one of our charges"
    database = await Database.open(database_url)
    try:
        async with database.reader() as connection:
            charges = await connection.fetch_all("SELECT id, currency, captured, refunded FROM charges")
            refunds = await connection.fetch_all("SELECT id, state, amount FROM refunds")
            ledger = await connection.fetch_all("SELECT account, currency, amount FROM ledger_entries")
            unbalanced = await connection.fetch_all(
                "SELECT cause, currency FROM ledger_entries GROUP BY cause, currency HAVING SUM(amount) <> 0"
            )
    finally:
        await database.close()
    here = {row["id"]: (row["currency"], row["captured"], row["refunded"]) for row in charges}
    assert here.keys() >= there.keys()
    # What the bank has never heard of has taken nothing.
    assert all(there.get(charge_id, (money[0], 0, 0)) == money for charge_id, money in here.items())
    assert {(refund.refund_id, refund.state.upper(), refund.amount) for refund in truth.refunds} == {
        (row["id"], row["state"], row["amount"]) for row in refunds
    }
    assert unbalanced == []
    balances: dict[tuple[str, str], int] = {}
    for row in ledger:
        account = row["account"], row["currency"]
        balances[account] = balances.get(account, 0) + row["amount"]
    expected: dict[tuple[str, str], int] = {}
    for currency, captured, refunded in there.values():
        for name, amount in (
            ("PROVIDER_CLEARING", captured - refunded),
            ("PAYMENTS", -captured),
            ("REFUNDS", refunded),
        ):
            expected[name, currency] = expected.get((name, currency), 0) + amount
    assert {account: amount for account, amount in balances.items() if amount} == {
        account: amount for account, amount in expected.items() if amount
    }
