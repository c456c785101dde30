"""The two sides of the story: the bank's books and our database, each read past the gateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adapters.fake import Bank
from adapters.fake.truth import ChargeTruth, RefundTruth, Truth
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


async def named(truth: Truth, database: Database) -> Truth:
    """With our ids where the bank has none, by the operations and the references that it does have.

    What nobody here has asked for keeps its reference as its name.
    """
    async with database.reader() as connection:
        operations = await connection.fetch_all("SELECT id, charge_id, refund_id FROM operations")
        refunds = await connection.fetch_all("SELECT id, charge_id, refund_ref FROM refunds")
    by_operation = {row["id"]: row for row in operations}
    by_ref = {row["refund_ref"]: row for row in refunds}

    def charge(there: ChargeTruth) -> ChargeTruth:
        operation = by_operation.get(there.operation_id)
        return replace(there, charge_id=operation["charge_id"] if operation else there.charge_ref)

    def refund(there: RefundTruth) -> RefundTruth:
        here, operation = by_ref.get(there.refund_ref), by_operation.get(there.operation_id)
        ids = (here["id"], here["charge_id"]) if here else (there.refund_ref, there.charge_id)
        if operation and operation["refund_id"]:
            ids = operation["refund_id"], operation["charge_id"]
        return replace(there, refund_id=ids[0], charge_id=ids[1])

    return replace(
        truth,
        charges=tuple(each if each.charge_id else charge(each) for each in truth.charges),
        refunds=tuple(each if each.refund_id else refund(each) for each in truth.refunds),
    )


async def assert_agrees(database_url: str, truth: Truth) -> None:
    """Invariants I2 to I4: each charge and refund is the same there and here, and the ledger is what moved."""
    database = await Database.open(database_url)
    try:
        truth = await named(truth, database)
        async with database.reader() as connection:
            charges = await connection.fetch_all("SELECT id, currency, captured, refunded FROM charges")
            refunds = await connection.fetch_all("SELECT id, state, amount FROM refunds")
            ledger = await connection.fetch_all("SELECT account, currency, amount FROM ledger_entries")
            unbalanced = await connection.fetch_all(
                "SELECT cause, currency FROM ledger_entries GROUP BY cause, currency HAVING SUM(amount) <> 0"
            )
    finally:
        await database.close()
    there = {charge.charge_id: (charge.currency, charge.captured, charge.refunded) for charge in truth.charges}
    assert len(there) == len(truth.charges), "the bank was asked twice for one of our charges"
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
