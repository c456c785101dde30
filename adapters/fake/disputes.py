"""Disputes at the fake bank: a customer wants their money back, and the bank takes it until it has decided.

An inquiry only asks: it takes nothing, and becomes a dispute when the answer does not convince. The bank hears the
merchant once. How it decides is in what it is told, in the words of https://docs.stripe.com/testing#disputes; told
anything else it thinks until somebody decides for it (app.py). Who does not answer in time has lost, or, of an inquiry,
hears no more of it.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import Any

import orjson

from adapters.fake.balances import left_of
from adapters.fake.books import OpenBooks, as_text, new_ref
from adapters.fake.calls import Answer, Fields, Refused
from adapters.fake.cards import CARDS_BY_NAME
from adapters.fake.customers import payment_method_row
from domain.provider import CardBrand, DisputeReason, EvidenceKind

RESPONSE_DAYS = 7
"""How long there is to answer: the least that a merchant is left (https://docs.stripe.com/disputes/responding)."""
_LONGEST_EVIDENCE = 150_000
"""Characters in all, as at Stripe."""

WINNING = "winning_evidence"
LOSING = "losing_evidence"
ESCALATING = "escalate_inquiry_evidence"

_KINDS = frozenset(EvidenceKind)
_REASONS = frozenset(DisputeReason)
_VISA_CODES = {
    DisputeReason.FRAUDULENT: "10.4",
    DisputeReason.AMOUNT_DIFFERS: "12.5",
    DisputeReason.DUPLICATE: "12.6.1",
    DisputeReason.PRODUCT_NOT_RECEIVED: "13.1",
    DisputeReason.SUBSCRIPTION_CANCELED: "13.2",
    DisputeReason.PRODUCT_UNACCEPTABLE: "13.3",
    DisputeReason.CREDIT_NOT_PROCESSED: "13.6",
}
"""Visa's dispute conditions; other schemes have other codes, and no test card here has one."""


def dispute_as_card_says(books: OpenBooks, charge: sqlite3.Row) -> None:
    card = CARDS_BY_NAME[payment_method_row(books, charge["payment_method_ref"])["card"]]
    if card.disputed_as is not None:
        open_dispute(books, charge, reason=card.disputed_as, is_inquiry=card.inquiry)


def open_dispute(
    books: OpenBooks, charge: sqlite3.Row, *, reason: str, is_inquiry: bool, amount: int | None = None
) -> str:
    """The customer has complained, about all that is left of the charge or a part of it; the dispute's ref."""
    if reason not in _REASONS:
        raise Refused(400, "field_invalid", f"reason has to be one of {', '.join(DisputeReason)}.")
    if is_disputed(books, charge) or _inquiries(books, charge):
        raise Refused(400, "charge_disputed", "This charge is disputed already.")
    left = left_of(books, charge)
    if left == 0:
        raise Refused(400, "charge_not_captured", "There is no money of this charge that could be taken back.")
    if amount is not None and amount > left:
        raise Refused(400, "amount_too_high", "More than what is left of the charge.")
    brand = payment_method_row(books, charge["payment_method_ref"])["brand"]
    disputed, ref, respond_by = left if amount is None else amount, new_ref("fdp"), _respond_by(books)
    books.write(
        "INSERT INTO disputes (ref, charge_ref, amount, withdrawn, reason, scheme_code, is_inquiry, state, respond_by,"
        " settles_at, settles_as, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'needs_response', ?, ?, ?, ?)",
        ref,
        charge["ref"],
        disputed,
        0 if is_inquiry else disputed,
        reason,
        _VISA_CODES.get(DisputeReason(reason)) if brand == CardBrand.VISA else None,
        is_inquiry,
        respond_by,
        respond_by,
        "won" if is_inquiry else "lost",
        books.moment,
    )
    _tell(books, ref, "opened")
    return ref


def fetch_dispute(books: OpenBooks, asked: Fields) -> Answer:
    return _answer(books, asked.text("dispute_ref"))


def submit_evidence(books: OpenBooks, asked: Fields) -> Answer:
    asked.text("operation_id")
    row, evidence = dispute_row(books, asked.text("dispute_ref")), asked.texts("evidence")
    if not evidence or not evidence.keys() <= _KINDS:
        raise Refused(400, "field_invalid", f"evidence has to say one of {', '.join(EvidenceKind)}.")
    if sum(map(len, evidence.values())) > _LONGEST_EVIDENCE:
        raise Refused(400, "field_invalid", f"evidence may have {_LONGEST_EVIDENCE} characters in all.")
    if row["state"] != "needs_response":
        raise Refused(400, "dispute_not_answerable", "This dispute was answered before, or is over.")
    verdict = _verdict(evidence, is_inquiry=bool(row["is_inquiry"]))
    books.write(
        "UPDATE disputes SET state = 'under_review', evidence = ?, settles_at = ?, settles_as = ? WHERE ref = ?",
        orjson.dumps(evidence).decode(),
        verdict and books.settles_at,
        verdict,
        row["ref"],
    )
    _tell(books, row["ref"], "updated")
    return _answer(books, row["ref"])


def _verdict(evidence: dict[str, str], *, is_inquiry: bool) -> str | None:
    said = " ".join(evidence.values())
    if WINNING in said:
        return "won"
    return "lost" if LOSING in said or (is_inquiry and ESCALATING in said) else None


def accept_dispute(books: OpenBooks, asked: Fields) -> Answer:
    """Accepted again it stays so. An inquiry has taken no money, so there is nothing that the customer could keep."""
    asked.text("operation_id")
    row = dispute_row(books, asked.text("dispute_ref"))
    if row["state"] == "accepted":
        return _answer(books, row["ref"])
    if row["is_inquiry"]:
        raise Refused(400, "inquiry_not_acceptable", "The bank only asks: the money can be given back by a refund.")
    if row["state"] != "needs_response":
        raise Refused(400, "dispute_not_answerable", "This dispute was answered before, or is over.")
    _close(books, row, "accepted")
    return _answer(books, row["ref"])


# --- what the bank does ---------------------------------------------------------------------------------------------


def is_disputed(books: OpenBooks, charge: sqlite3.Row) -> bool:
    """Whether the bank holds money of this charge, for now or for good; an inquiry holds none."""
    return books.one("SELECT 1 FROM disputes WHERE charge_ref = ? AND withdrawn > 0", charge["ref"]) is not None


def settle_due(books: OpenBooks) -> None:
    for row in books.all("SELECT * FROM disputes WHERE settles_at <= ?", books.moment):
        decide(books, row["ref"], won=row["settles_as"] == "won")


def decide(books: OpenBooks, ref: str, *, won: bool) -> None:
    """For the merchant, or for the customer; an inquiry whose answer does not convince becomes a dispute."""
    row = dispute_row(books, ref)
    if row["state"] not in ("needs_response", "under_review"):
        raise Refused(400, "dispute_over", "This dispute is over.")
    if won or not row["is_inquiry"]:
        _close(books, row, "won" if won else "lost")
    else:
        _escalate(books, row)


def close_answered(books: OpenBooks, charge: sqlite3.Row) -> None:
    """The customer has all of their money back: nobody asks for it any longer."""
    for row in _inquiries(books, charge):
        _close(books, row, "won")


def _inquiries(books: OpenBooks, charge: sqlite3.Row) -> list[sqlite3.Row]:
    return books.all(
        "SELECT * FROM disputes WHERE charge_ref = ? AND is_inquiry AND state IN ('needs_response', 'under_review')",
        charge["ref"],
    )


def _escalate(books: OpenBooks, row: sqlite3.Row) -> None:
    """Now the money is taken, as much as a refund has left of it meanwhile; the merchant is heard anew."""
    charge = books.one("SELECT * FROM charges WHERE ref = ?", row["charge_ref"])
    left = 0 if charge is None else left_of(books, charge)
    if left == 0:
        _close(books, row, "won")
        return
    amount, respond_by = min(row["amount"], left), _respond_by(books)
    books.write(
        "UPDATE disputes SET is_inquiry = 0, state = 'needs_response', amount = ?, withdrawn = ?, evidence = NULL,"
        " respond_by = ?, settles_at = ?, settles_as = 'lost' WHERE ref = ?",
        amount,
        amount,
        respond_by,
        respond_by,
        row["ref"],
    )
    _tell(books, row["ref"], "updated")


def _close(books: OpenBooks, row: sqlite3.Row, state: str) -> None:
    books.write(
        "UPDATE disputes SET state = ?, withdrawn = CASE WHEN is_inquiry OR ? = 'won' THEN 0 ELSE amount END,"
        " settles_at = NULL, settles_as = NULL WHERE ref = ?",
        state,
        state,
        row["ref"],
    )
    _tell(books, row["ref"], "closed")


def _respond_by(books: OpenBooks) -> str:
    return as_text(books.now + timedelta(days=RESPONSE_DAYS))


def _tell(books: OpenBooks, ref: str, what: str) -> None:
    books.emit(f"dispute.{what}", dispute_object(dispute_row(books, ref)))


def _answer(books: OpenBooks, ref: str) -> Answer:
    return Answer(200, {"dispute": dispute_object(dispute_row(books, ref))})


def dispute_row(books: OpenBooks, ref: str) -> sqlite3.Row:
    row = books.one(
        "SELECT disputes.*, charges.currency, charges.charge_id"
        " FROM disputes JOIN charges ON charges.ref = disputes.charge_ref WHERE disputes.ref = ?",
        ref,
    )
    if row is None:
        raise Refused(404, "dispute_missing", "There is no such dispute at this bank.")
    return row


def dispute_object(row: sqlite3.Row) -> dict[str, Any]:
    """Without the evidence, which has names and addresses in it."""
    return {
        "object": "dispute",
        "ref": row["ref"],
        "charge_ref": row["charge_ref"],
        "charge_id": row["charge_id"],
        "currency": row["currency"],
        "amount": row["amount"],
        "withdrawn": row["withdrawn"],
        "reason": row["reason"],
        "scheme_code": row["scheme_code"],
        "is_inquiry": bool(row["is_inquiry"]),
        "state": row["state"],
        "has_evidence": row["evidence"] is not None,
        "respond_by": datetime.fromisoformat(row["respond_by"]).isoformat(),
        "created_at": datetime.fromisoformat(row["created_at"]).isoformat(),
    }
