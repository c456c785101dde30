"""Refunds at the fake bank: in full, in part, repeated, and never beyond what was captured.

A refund runs the course of its card (cards.py). One that fails after it had succeeded is money that came back: the
card's bank did not take it, and it can be refunded again.
"""

import sqlite3
from datetime import datetime
from typing import Any

from adapters.fake.balances import left_of
from adapters.fake.books import OpenBooks, new_ref, operation_of
from adapters.fake.calls import Answer, Fields, Refused
from adapters.fake.cards import CARDS_BY_NAME
from adapters.fake.charges import charge_row
from adapters.fake.customers import payment_method_row
from adapters.fake.disputes import close_answered, is_disputed


def refund(books: OpenBooks, asked: Fields) -> Answer:
    operation_id, refund_id = asked.text("operation_id"), asked.text("refund_id")
    amount, currency, reason = asked.amount(), asked.currency(), asked.optional_text("reason")
    charge = charge_row(books, asked.text("charge_ref"))
    if currency != charge["currency"]:
        raise Refused(400, "currency_mismatch", f"The charge is in {charge['currency']}.")
    if charge["captured"] == 0:
        raise Refused(400, "charge_not_captured", "No money of this charge was taken.")
    if is_disputed(books, charge):
        raise Refused(400, "charge_disputed", "The customer's bank has taken the money back already.")
    if amount > left_of(books, charge):
        raise Refused(400, "amount_too_high", "More than what is left of the charge.")

    course = _course(books, charge)
    ref = new_ref("frf")
    books.write(
        "INSERT INTO refunds (ref, operation_id, refund_id, charge_ref, amount, reason, state, settles_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ref,
        operation_id,
        refund_id,
        charge["ref"],
        amount,
        reason,
        course[0],
        books.settles_at if course[1:] else None,
        books.moment,
    )
    return _reached(books, ref)


def settle_due(books: OpenBooks) -> None:
    for row in books.all("SELECT * FROM refunds WHERE settles_at <= ?", books.moment):
        course = _course(books, charge_row(books, row["charge_ref"]))
        rest = course[course.index(row["state"]) + 1 :]
        if row["state"] == "succeeded":
            books.write("UPDATE charges SET refunded = refunded - ? WHERE ref = ?", row["amount"], row["charge_ref"])
        books.write(
            "UPDATE refunds SET state = ?, settles_at = ? WHERE ref = ?",
            rest[0],
            books.settles_at if rest[1:] else None,
            row["ref"],
        )
        _reached(books, row["ref"])


def _course(books: OpenBooks, charge: sqlite3.Row) -> tuple[str, ...]:
    return CARDS_BY_NAME[payment_method_row(books, charge["payment_method_ref"])["card"]].refund_course


def _reached(books: OpenBooks, ref: str) -> Answer:
    """The refund has come to a further state: it is counted, and told of by an event as well as by the answer."""
    row = refund_row(books, ref)
    if row["state"] == "succeeded":
        books.write("UPDATE charges SET refunded = refunded + ? WHERE ref = ?", row["amount"], row["charge_ref"])
    made = refund_object(row)
    books.emit(f"refund.{row['state']}", made)
    charge = charge_row(books, row["charge_ref"])
    if charge["refunded"] == charge["captured"]:
        close_answered(books, charge)
    return Answer(200, {"refund": made})


def fetch_refund(books: OpenBooks, asked: Fields) -> Answer:
    return Answer(200, {"refund": refund_object(refund_row(books, asked.text("refund_ref")))})


def find_refund(books: OpenBooks, asked: Fields) -> Answer:
    row = books.one("SELECT ref FROM refunds WHERE operation_id = ?", asked.text("operation_id"))
    return Answer(200, {"refund": None if row is None else refund_object(refund_row(books, row["ref"]))})


def refund_row(books: OpenBooks, ref: str) -> sqlite3.Row:
    row = books.one(
        "SELECT refunds.*, charges.currency, charges.charge_id"
        " FROM refunds JOIN charges ON charges.ref = refunds.charge_ref WHERE refunds.ref = ?",
        ref,
    )
    if row is None:
        raise Refused(404, "refund_missing", "There is no such refund at this bank.")
    return row


def refund_object(row: sqlite3.Row) -> dict[str, Any]:
    failed = row["state"] == "failed"
    message = "The card's bank did not take the money back."
    return {
        "object": "refund",
        "ref": row["ref"],
        "operation_id": operation_of(row),
        "refund_id": row["refund_id"],
        "charge_ref": row["charge_ref"],
        "charge_id": row["charge_id"],
        "currency": row["currency"],
        "amount": row["amount"],
        "state": row["state"],
        "refusal": {"code": "refund_failed", "issuer_code": None, "message": message} if failed else None,
        "created_at": datetime.fromisoformat(row["created_at"]).isoformat(),
    }
