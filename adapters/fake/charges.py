"""Charges at the fake bank: made, waiting for the customer or for a capture, ended.

The card is one that is stored, or one that comes as a token: that is stored, or used up, once the bank agrees.
A charge is captured in full when it succeeds, or holds its amount when it is to be captured by hand: once, in full or
in part, until the gateway voids it or the hold is over. One that needs 3D Secure waits before that, until the customer
confirms or refuses on the bank's page (pages.py), until the gateway voids it, or until the challenge is over. One that
is pending settles by itself after a while; meanwhile nobody can call it off.
"""

import sqlite3
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

import orjson

from adapters.fake.books import OpenBooks, as_text, new_ref, operation_of
from adapters.fake.calls import Answer, Fields, Refused
from adapters.fake.cards import CARDS_BY_NAME
from adapters.fake.customers import (
    attach,
    customer_row,
    is_attached,
    is_expired,
    payment_method_object,
    payment_method_row,
    redeem,
    release_token,
)
from adapters.fake.declines import BANK_DECLINES
from adapters.fake.disputes import dispute_as_card_says
from domain.provider import CaptureMode, Initiator

ACTION_EXPIRED = "action_expired"
HOLD_EXPIRED = "authorization_expired"
EXPIRIES = {
    ACTION_EXPIRED: "The customer neither confirmed nor refused in time.",
    HOLD_EXPIRED: "The amount was held until now, and not captured.",
}
"""Why a charge failed that nobody refused."""
_FAILURES = EXPIRIES | {"settlement_failed": "The other bank did not settle it."}
_INITIATORS = frozenset(Initiator)
_MODES = frozenset(CaptureMode)


def charge(books: OpenBooks, asked: Fields, *, forced_decline: str | None = None) -> Answer:
    operation_id, charge_id = asked.text("operation_id"), asked.text("charge_id")
    amount, currency = asked.amount(), asked.currency()
    if amount < (least := books.terms.least_amounts.get(currency, 0)):
        raise Refused(400, "amount_too_small", f"At least {least} of the smallest unit of {currency}.")
    capture_mode = asked.optional_text("capture") or CaptureMode.AUTOMATIC
    initiator, return_url, metadata = asked.text("initiator"), asked.return_url(), asked.texts("metadata")
    statement_descriptor = asked.optional_text("statement_descriptor")
    if initiator not in _INITIATORS:
        raise Refused(400, "field_invalid", f"initiator has to be one of {', '.join(Initiator)}.")
    if capture_mode not in _MODES:
        raise Refused(400, "field_invalid", f"capture has to be one of {', '.join(CaptureMode)}.")
    token, store_card = asked.optional_text("token"), asked.flag("store_card", default=False)
    customer = customer_row(books, asked.text("customer_ref"))
    if token is None and store_card:
        raise Refused(400, "field_invalid", "store_card goes with a token.")
    if token is None:
        method = _stored_card(books, asked.text("payment_method_ref"), customer)
    elif asked.optional_text("payment_method_ref") is None:
        method = payment_method_row(books, redeem(books, token, customer))
    else:
        raise Refused(400, "field_invalid", "Either payment_method_ref or token says which card it is.")

    state, refusal_code = _decide(books, method, Initiator(initiator), forced_decline)
    state = _agreed(capture_mode) if state == "succeeded" else state
    challenge = token_urlsafe(32) if state == "requires_action" else None
    ref = new_ref("fch")
    books.write(
        "INSERT INTO charges (ref, operation_id, charge_id, customer_ref, payment_method_ref, initiator, capture,"
        " currency, amount, authorized, captured, state, refusal_code, return_url, statement_descriptor, metadata,"
        " challenge, challenge_url, challenge_expires_at, capture_before, settles_at, created_at, store_card)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ref,
        operation_id,
        charge_id,
        customer["ref"],
        method["ref"],
        initiator,
        capture_mode,
        currency,
        amount,
        amount if state in ("succeeded", "authorized") else 0,
        amount if state == "succeeded" else 0,
        state,
        refusal_code,
        return_url,
        statement_descriptor,
        orjson.dumps(metadata).decode(),
        challenge,
        challenge and f"{books.terms.public_url}/fake/3ds/{challenge}",
        challenge and as_text(books.now + timedelta(seconds=books.terms.challenge_seconds)),
        _held_until(books) if state == "authorized" else None,
        books.settles_at if state == "pending" else None,
        books.moment,
        None if token is None else store_card,
    )
    return _told(books, ref)


def _stored_card(books: OpenBooks, ref: str, customer: sqlite3.Row) -> sqlite3.Row:
    method = payment_method_row(books, ref)
    if method["customer_ref"] != customer["ref"]:
        raise Refused(400, "payment_method_mismatch", "This payment method belongs to another customer.")
    if not is_attached(method):
        raise Refused(400, "payment_method_detached", "This payment method was detached, or never attached.")
    return method


def _decide(
    books: OpenBooks, method: sqlite3.Row, initiator: Initiator, forced_decline: str | None
) -> tuple[str, str | None]:
    card = CARDS_BY_NAME[method["card"]]
    if forced_decline is not None:
        return "declined", forced_decline
    if is_expired(method, books.now):
        return "declined", "expired_card"
    if card.challenge and not initiator.on_session:
        return "declined", "authentication_required"
    if card.challenge:
        return "requires_action", None
    if card.pending:
        return "pending", None
    if card.decline is not None:
        return "declined", card.decline
    return "succeeded", None


def _agreed(capture_mode: str) -> str:
    """What a charge is once the bank has agreed to it."""
    return "authorized" if capture_mode == CaptureMode.MANUAL else "succeeded"


def _held_until(books: OpenBooks) -> str:
    return as_text(books.now + timedelta(seconds=books.terms.hold_seconds))


def continue_charge(books: OpenBooks, asked: Fields) -> Answer:
    """The charge as it now is: whether the customer has confirmed is known here, whatever the client believes."""
    return charge_answer(books, charge_row(books, asked.text("charge_ref")))


def capture(books: OpenBooks, asked: Fields) -> Answer:
    """Once, in full or in part; the rest is released."""
    amount, currency = asked.amount(), asked.currency()
    row = charge_row(books, asked.text("charge_ref"))
    if row["state"] != "authorized":
        raise Refused(400, "charge_not_capturable", "This charge holds nothing that could be captured.")
    if currency != row["currency"]:
        raise Refused(400, "currency_mismatch", "This charge is in another currency.")
    if amount > row["authorized"]:
        raise Refused(400, "amount_too_large", "This is more than the charge holds.")
    return _end(books, row, "succeeded", captured=amount)


def void(books: OpenBooks, asked: Fields) -> Answer:
    row = charge_row(books, asked.text("charge_ref"))
    if row["state"] == "pending":
        raise Refused(400, "charge_not_voidable", "This charge is on its way to the other bank.")
    if row["state"] not in _WAITING:
        return charge_answer(books, row)
    return _end(books, row, "voided")


def fetch_charge(books: OpenBooks, asked: Fields) -> Answer:
    return charge_answer(books, charge_row(books, asked.text("charge_ref")), status=200)


def find_charge(books: OpenBooks, asked: Fields) -> Answer:
    """The charge that an operation made, or that it acted on (continue, void)."""
    operation_id = asked.text("operation_id")
    row = books.one(
        "SELECT ref FROM charges WHERE operation_id = ?"
        " UNION ALL SELECT charge_ref FROM answers WHERE key = ? AND charge_ref IS NOT NULL LIMIT 1",
        operation_id,
        operation_id,
    )
    if row is None:
        return Answer(200, {"charge": None})
    return charge_answer(books, charge_row(books, row["ref"]), status=200)


def challenge_row(books: OpenBooks, challenge: str) -> sqlite3.Row | None:
    row = books.one("SELECT ref FROM charges WHERE challenge = ?", challenge)
    return None if row is None else charge_row(books, row["ref"])


def finish_challenge(books: OpenBooks, challenge: str, *, confirmed: bool) -> sqlite3.Row | None:
    """The customer's answer. Only the first one counts; the row as it then is, None when there is no such challenge."""
    row = challenge_row(books, challenge)
    if row is None or row["state"] != "requires_action":
        return row
    method = payment_method_row(books, row["payment_method_ref"])
    refusal_code = CARDS_BY_NAME[method["card"]].decline if confirmed else "authentication_failed"
    if refusal_code is None:
        _agree(books, row)
    else:
        _end(books, row, "declined", refusal_code=refusal_code)
    return charge_row(books, row["ref"])


def expire_waiting(books: OpenBooks) -> None:
    for row in books.all(
        "SELECT * FROM charges WHERE state = 'requires_action' AND challenge_expires_at <= ?"
        " UNION ALL SELECT * FROM charges WHERE state = 'authorized' AND capture_before <= ?",
        books.moment,
        books.moment,
    ):
        _end(books, row, "failed", refusal_code=_EXPIRY[row["state"]])


def settle_pending(books: OpenBooks) -> None:
    for row in books.all("SELECT * FROM charges WHERE settles_at <= ?", books.moment):
        _settle(books, row)


def charge_row(books: OpenBooks, ref: str) -> sqlite3.Row:
    """The charge as it is at this moment: what its time has come for happens before anybody sees it."""
    row = _row(books, ref)
    if row["settles_at"] is not None and row["settles_at"] <= books.moment:
        _settle(books, row)
        return charge_row(books, ref)
    ends = {"requires_action": row["challenge_expires_at"], "authorized": row["capture_before"]}.get(row["state"])
    if ends is not None and ends <= books.moment:
        _end(books, row, "failed", refusal_code=_EXPIRY[row["state"]])
        return _row(books, ref)
    return row


_WAITING = ("requires_action", "authorized")
_EXPIRY = {"requires_action": ACTION_EXPIRED, "authorized": HOLD_EXPIRED}


def _row(books: OpenBooks, ref: str) -> sqlite3.Row:
    row = books.one("SELECT * FROM charges WHERE ref = ?", ref)
    if row is None:
        raise Refused(404, "charge_missing", "There is no such charge at this bank.")
    return row


def _settle(books: OpenBooks, row: sqlite3.Row) -> None:
    card = CARDS_BY_NAME[payment_method_row(books, row["payment_method_ref"])["card"]]
    if card.settling_fails:
        _end(books, row, "failed", refusal_code="settlement_failed")
    elif card.decline is not None:
        _end(books, row, "declined", refusal_code=card.decline)
    else:
        _agree(books, row)


def _agree(books: OpenBooks, row: sqlite3.Row) -> None:
    """The customer has confirmed, or the other bank has settled, and the bank agrees."""
    if _agreed(row["capture"]) == "succeeded":
        _end(books, row, "succeeded", captured=row["amount"])
        return
    books.write(
        "UPDATE charges SET state = 'authorized', authorized = amount, capture_before = ?, settles_at = NULL"
        " WHERE ref = ? AND state IN ('pending', 'requires_action')",
        _held_until(books),
        row["ref"],
    )
    _told(books, row["ref"])


def _end(
    books: OpenBooks, row: sqlite3.Row, state: str, *, captured: int = 0, refusal_code: str | None = None
) -> Answer:
    books.write(
        "UPDATE charges SET state = ?, authorized = max(authorized, ?), captured = ?, refusal_code = ?,"
        " settles_at = NULL WHERE ref = ? AND state IN ('pending', 'requires_action', 'authorized')",
        state,
        captured,
        captured,
        refusal_code,
        row["ref"],
    )
    return _told(books, row["ref"])


def _told(books: OpenBooks, ref: str) -> Answer:
    """Tell of the change by an event as well as by the answer."""
    row = _row(books, ref)
    books.emit(f"charge.{row['state']}", charge_object(books, row))
    if row["store_card"] is not None:
        _settle_card(books, row)
    if row["state"] == "succeeded":
        dispute_as_card_says(books, row)
    return charge_answer(books, row)


def _settle_card(books: OpenBooks, row: sqlite3.Row) -> None:
    """What becomes of the card that the charge brought, now that the charge has come to a further state."""
    method = payment_method_row(books, row["payment_method_ref"])
    if row["authorized"] == 0 and row["state"] in ("declined", "failed", "voided"):
        release_token(books, method["ref"])
    elif row["authorized"] > 0 and row["store_card"] and method["attached_at"] is method["detached_at"] is None:
        attach(books, method["ref"])


def charge_answer(books: OpenBooks, row: sqlite3.Row, *, status: int | None = None) -> Answer:
    """402 is for the call that was declined; one that only reads gets a declined charge with 200."""
    body: dict[str, Any] = {"charge": charge_object(books, row)}
    if row["state"] == "requires_action":
        body["next_action"] = {
            "redirect_url": row["challenge_url"],
            "expires_at": _moment(row["challenge_expires_at"]),
        }
    return Answer(status or (402 if row["state"] == "declined" else 200), body, charge_ref=row["ref"])


def charge_object(books: OpenBooks, row: sqlite3.Row) -> dict[str, Any]:
    """What everybody may see, in answers, events and logs: neither the challenge's URL nor a token is in it."""
    brought = None if row["store_card"] is None else payment_method_row(books, row["payment_method_ref"])
    return {
        "object": "charge",
        "ref": row["ref"],
        "operation_id": operation_of(row),
        "charge_id": row["charge_id"],
        "customer_ref": row["customer_ref"],
        "payment_method_ref": row["payment_method_ref"],
        "new_payment_method": brought and payment_method_object(books, brought),
        "initiator": row["initiator"],
        "currency": row["currency"],
        "amount": row["amount"],
        "capture": row["capture"],
        "capture_before": row["capture_before"] and _moment(row["capture_before"]),
        "authorized": row["authorized"],
        "captured": row["captured"],
        "refunded": row["refunded"],
        "state": row["state"],
        "refusal": _refusal(row["refusal_code"]),
        "statement_descriptor": row["statement_descriptor"],
        "metadata": orjson.loads(row["metadata"]),
        "created_at": _moment(row["created_at"]),
    }


def _refusal(code: str | None) -> dict[str, Any] | None:
    if code is None:
        return None
    if code in _FAILURES:
        return {"code": code, "issuer_code": None, "message": _FAILURES[code]}
    decline = BANK_DECLINES[code]
    return {"code": code, "issuer_code": decline.issuer_code, "message": decline.message}


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).isoformat()
