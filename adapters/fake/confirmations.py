"""Cards whose owner has to confirm that they are stored: 3D Secure before there is anything to pay.

The card waits, attached to nobody, until its owner confirms or refuses on the bank's page (pages.py), until the gateway
detaches it, or until the time for that is over.
"""

import sqlite3
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from adapters.fake.books import OpenBooks, as_text

EXPIRED = "action_expired"
_REFUSALS = {
    "refused": ("authentication_failed", "The owner of the card did not confirm it."),
    "expired": (EXPIRED, "The owner of the card neither confirmed nor refused in time."),
}


def begin(books: OpenBooks, payment_method_ref: str, return_url: str | None) -> None:
    challenge = token_urlsafe(32)
    books.write(
        "INSERT INTO confirmations (challenge, payment_method_ref, url, return_url, state, expires_at)"
        " VALUES (?, ?, ?, ?, 'waiting', ?)",
        challenge,
        payment_method_ref,
        f"{books.terms.public_url}/fake/3ds/{challenge}",
        return_url,
        as_text(books.now + timedelta(seconds=books.terms.challenge_seconds)),
    )


def of_card(books: OpenBooks, payment_method_ref: str) -> sqlite3.Row | None:
    return books.one("SELECT * FROM confirmations WHERE payment_method_ref = ?", payment_method_ref)


def of_page(books: OpenBooks, challenge: str) -> sqlite3.Row | None:
    return books.one("SELECT * FROM confirmations WHERE challenge = ?", challenge)


def overdue(books: OpenBooks) -> list[sqlite3.Row]:
    return books.all("SELECT * FROM confirmations WHERE state = 'waiting' AND expires_at <= ?", books.moment)


def end(books: OpenBooks, row: sqlite3.Row, state: str) -> bool:
    """Whether it was still waiting, and is no longer: only the first end counts."""
    ended = books.write(
        "UPDATE confirmations SET state = ? WHERE challenge = ? AND state = 'waiting'", state, row["challenge"]
    )
    return ended == 1


def told(row: sqlite3.Row | None) -> dict[str, Any]:
    """What an answer about the card says of it."""
    if row is None:
        return {}
    if row["state"] == "waiting":
        expires_at = datetime.fromisoformat(row["expires_at"]).isoformat()
        return {"next_action": {"redirect_url": row["url"], "expires_at": expires_at}}
    if row["state"] not in _REFUSALS:
        return {}
    code, message = _REFUSALS[row["state"]]
    return {"refusal": {"code": code, "issuer_code": None, "message": message}}
