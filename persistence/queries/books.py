# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Whether the ledger is whole and says what charges, refunds and disputes say.

One statement, so all of it is seen at one moment. Every part goes by charge, whose entries have an index: with a span
the work is that of the charges made in it; without one, each table is read once for each part.
"""

import asyncio
from typing import Final

from domain.books import (
    MOST_DIFFERENCES,
    BookDifference,
    BookFault,
    BookReport,
    BookSpan,
    BooksTooLong,
    LedgerBalance,
)
from domain.ledger import LedgerAccount
from domain.provider import DisputeState
from domain.refunds import RefundState
from persistence.columns import Row, money, optional, optional_money
from persistence.database import Database
from persistence.queries.listing import Parameters, before, not_before
from persistence.queries.reads import fetch
from persistence.queries.statements import Statement
from persistence.sql import Dialect, boolean

LONGEST_SECONDS: Final = 25.0
"""PostgreSQL cuts a statement off after 30, and a person waits no longer."""

_BALANCE: Final = "BALANCE"
_CHARGES: Final = "CHARGES"

_ENTRIES: Final = "ledger_entries AS entry JOIN charges AS charge ON charge.id = entry.charge_id"
_IS_THE_CHARGES: Final = "entry.currency = charge.currency AND entry.livemode = charge.livemode"
# PostgreSQL adds bigints up to a numeric.
_FOUND: Final = "COALESCE(CAST(SUM(entry.amount) AS BIGINT), 0)"

_OF_CHARGE: Final = {
    LedgerAccount.PROVIDER_CLEARING: "charge.captured - charge.refunded - charge.disputed",
    LedgerAccount.PAYMENTS: "-charge.captured",
    LedgerAccount.REFUNDS: "charge.refunded",
    LedgerAccount.DISPUTES: "charge.disputed",
}
"""What the entries of a charge have to add up to in each account."""

_OF_REFUND: Final = f"CASE WHEN refund.state = '{RefundState.SUCCEEDED}' THEN refund.amount ELSE 0 END"

_OF_DISPUTE: Final = (
    f"CASE WHEN dispute.state = '{DisputeState.WON}' OR dispute.is_inquiry THEN 0 ELSE dispute.amount END"
)
"""`Dispute.withdrawn`, word for word."""


async def check_books(database: Database, span: BookSpan) -> BookReport:
    statement = books_statement(span, database.dialect)
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            rows = await fetch(database, statement)
    except TimeoutError:
        raise BooksTooLong from None
    parts = {_BALANCE, _CHARGES}
    found = [row for row in rows if row["part"] not in parts]
    return BookReport(
        charges=next(row["found"] for row in rows if row["part"] == _CHARGES),
        balances=tuple(_balance_from_row(row) for row in rows if row["part"] == _BALANCE),
        differences=tuple(_difference_from_row(row) for row in found[:MOST_DIFFERENCES]),
        has_more=len(found) > MOST_DIFFERENCES,
    )


def books_statement(span: BookSpan, dialect: Dialect) -> Statement:
    parameters = Parameters(dialect)
    conditions = []
    if span.since is not None:
        conditions.append(not_before("charge.created_at")(span.since, parameters))
    if span.before is not None:
        conditions.append(before("charge.created_at")(span.before, parameters))
    within = " AND ".join(conditions) or "TRUE"
    enough = parameters.add(MOST_DIFFERENCES + 1)
    differences = (_movements(within), _misplaced(within), _accounts(within), _refunds(within), _disputes(within))
    parts = (_balances(within), _count(within), *(f"{part} LIMIT {enough}" for part in differences))
    text = " UNION ALL ".join(f"SELECT * FROM ({part}) AS part_{number}" for number, part in enumerate(parts))
    return Statement(f"SELECT * FROM ({text}) AS books ORDER BY charge_id, part, account, cause", parameters.values)


def _select(
    part: str, *, account: str = "NULL", cause: str = "NULL", refund_id: str = "NULL", dispute_id: str = "NULL"
) -> str:
    return (
        f"SELECT '{part}' AS part, charge.livemode AS livemode, charge.currency AS currency, {account} AS account,"
        f" {cause} AS cause, charge.id AS charge_id, {refund_id} AS refund_id, {dispute_id} AS dispute_id"
    )


def _balances(within: str) -> str:
    return (
        f"SELECT '{_BALANCE}' AS part, charge.livemode AS livemode, charge.currency AS currency,"
        " entry.account AS account, NULL AS cause, NULL AS charge_id, NULL AS refund_id, NULL AS dispute_id,"
        f" CAST(NULL AS BIGINT) AS expected, {_FOUND} AS found FROM {_ENTRIES} WHERE {within}"
        " GROUP BY charge.livemode, charge.currency, entry.account"
    )


def _count(within: str) -> str:
    return (
        f"SELECT '{_CHARGES}' AS part, CAST(NULL AS BOOLEAN) AS livemode, NULL AS currency, NULL AS account,"
        " NULL AS cause, NULL AS charge_id, NULL AS refund_id, NULL AS dispute_id, CAST(NULL AS BIGINT) AS expected,"
        f" COUNT(*) AS found FROM charges AS charge WHERE {within}"
    )


def _movements(within: str) -> str:
    return (
        _select(
            BookFault.UNBALANCED,
            cause="entry.cause",
            refund_id="MAX(entry.refund_id)",
            dispute_id="MAX(entry.dispute_id)",
        )
        + f", 0 AS expected, {_FOUND} AS found FROM {_ENTRIES} WHERE {within}"
        " GROUP BY charge.id, charge.livemode, charge.currency, entry.cause"
        " HAVING SUM(entry.amount) <> 0 OR COUNT(*) <> 2"
    )


def _misplaced(within: str) -> str:
    return (
        _select(
            BookFault.MISPLACED,
            account="entry.account",
            cause="entry.cause",
            refund_id="entry.refund_id",
            dispute_id="entry.dispute_id",
        )
        + f", CAST(NULL AS BIGINT) AS expected, CAST(NULL AS BIGINT) AS found FROM {_ENTRIES}"
        f" WHERE {within} AND NOT ({_IS_THE_CHARGES})"
    )


def _accounts(within: str) -> str:
    """Each charge's entries are added up once, for all accounts; then each account has its row."""
    sums = ", ".join(
        f"COALESCE(CAST(SUM(CASE WHEN entry.account = '{account}' THEN entry.amount END) AS BIGINT), 0) AS {account}"
        for account in _OF_CHARGE
    )
    columns = "charge.id, charge.livemode, charge.currency, charge.captured, charge.refunded, charge.disputed"
    added_up = (
        f"SELECT {columns}, {sums} FROM charges AS charge LEFT JOIN ledger_entries AS entry"
        f" ON entry.charge_id = charge.id AND {_IS_THE_CHARGES} WHERE {within} GROUP BY {columns}"
    )
    names = " UNION ALL ".join(f"SELECT '{account}' AS name" for account in _OF_CHARGE)
    expected = " ".join(f"WHEN '{account}' THEN {expression}" for account, expression in _OF_CHARGE.items())
    found = " ".join(f"WHEN '{account}' THEN charge.{account}" for account in _OF_CHARGE)
    return (
        _select(BookFault.CHARGE, account="account.name")
        + f", CASE account.name {expected} END AS expected, CASE account.name {found} END AS found"
        f" FROM ({added_up}) AS charge CROSS JOIN ({names}) AS account"
        f" WHERE CASE account.name {expected} END <> CASE account.name {found} END"
    )


def _refunds(within: str) -> str:
    return (
        _select(BookFault.REFUND, account=f"'{LedgerAccount.REFUNDS}'", refund_id="refund.id")
        + f", {_OF_REFUND} AS expected, {_FOUND} AS found"
        " FROM charges AS charge JOIN refunds AS refund ON refund.charge_id = charge.id"
        " LEFT JOIN ledger_entries AS entry ON entry.refund_id = refund.id AND entry.charge_id = charge.id"
        f" AND entry.account = '{LedgerAccount.REFUNDS}' AND {_IS_THE_CHARGES} WHERE {within}"
        " GROUP BY charge.id, charge.livemode, charge.currency, refund.id, refund.state, refund.amount"
        f" HAVING {_OF_REFUND} <> {_FOUND}"
    )


def _disputes(within: str) -> str:
    return (
        _select(BookFault.DISPUTE, account=f"'{LedgerAccount.DISPUTES}'", dispute_id="dispute.id")
        + f", {_OF_DISPUTE} AS expected, {_FOUND} AS found"
        " FROM charges AS charge JOIN disputes AS dispute ON dispute.charge_id = charge.id"
        " LEFT JOIN ledger_entries AS entry ON entry.dispute_id = dispute.id AND entry.charge_id = charge.id"
        f" AND entry.account = '{LedgerAccount.DISPUTES}' AND {_IS_THE_CHARGES} WHERE {within}"
        " GROUP BY charge.id, charge.livemode, charge.currency, dispute.id, dispute.state, dispute.is_inquiry,"
        f" dispute.amount HAVING {_OF_DISPUTE} <> {_FOUND}"
    )


def _balance_from_row(row: Row) -> LedgerBalance:
    return LedgerBalance(
        account=LedgerAccount(row["account"]), livemode=boolean(row["livemode"]), amount=money(row, "found")
    )


def _difference_from_row(row: Row) -> BookDifference:
    return BookDifference(
        fault=BookFault(row["part"]),
        charge_id=row["charge_id"],
        refund_id=row["refund_id"],
        dispute_id=row["dispute_id"],
        account=optional(LedgerAccount, row["account"]),
        cause=row["cause"],
        expected=optional_money(row, "expected"),
        found=optional_money(row, "found"),
    )
