"""The bank's customers and their payment methods."""

import hashlib
import hmac
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from adapters.fake import confirmations
from adapters.fake.books import OpenBooks, new_ref
from adapters.fake.calls import Answer, Fields, Refused
from adapters.fake.cards import CARDS_BY_NAME, CARDS_BY_TOKEN, FakeCard

_SESSION_LASTS = timedelta(hours=1)
_TOKEN_CARD_YEARS = 4
"""A card that was made from a token's name is good until the December that many years from now."""


def client_session(books: OpenBooks, asked: Fields) -> Answer:
    customer_row(books, asked.text("customer_ref"))
    session = {
        "secret": f"fcs_{token_urlsafe(24)}",
        "tokenizer_url": f"{books.terms.public_url}/fake/tokens",
        "expires_at": (books.now + _SESSION_LASTS).isoformat(),
    }
    return Answer(200, {"session": session})


def ensure_customer(books: OpenBooks, asked: Fields) -> Answer:
    customer_id = asked.text("customer_id")
    ref = asked.optional_text("customer_ref")
    email, name = asked.optional_text("email"), asked.optional_text("name")
    if ref is not None and customer_row(books, ref)["customer_id"] != customer_id:
        raise Refused(400, "customer_mismatch", "This account belongs to another customer.")
    books.write(
        "INSERT INTO customers (ref, customer_id, email, name, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (customer_id) DO UPDATE SET email = excluded.email, name = excluded.name",
        new_ref("fcu"),
        customer_id,
        email,
        name,
        books.moment,
    )
    row = books.one("SELECT ref FROM customers WHERE customer_id = ?", customer_id)
    assert row is not None  # noqa: S101 - written just above, in the same transaction
    return Answer(200, {"customer": {"ref": row["ref"], "customer_id": customer_id}})


def forget_customer(books: OpenBooks, asked: Fields) -> Answer:
    """The person goes, with all that was told of them; the accounts of the money stay."""
    customer = customer_row(books, asked.text("customer_ref"))
    ref = customer["ref"]
    books.write("UPDATE customers SET email = NULL, name = NULL WHERE ref = ?", ref)
    books.write(
        "UPDATE payment_methods SET detached_at = coalesce(detached_at, ?) WHERE customer_ref = ?", books.moment, ref
    )
    books.write("UPDATE charges SET return_url = NULL, metadata = '{}' WHERE customer_ref = ?", ref)
    books.write(
        "UPDATE disputes SET evidence = NULL WHERE charge_ref IN (SELECT ref FROM charges WHERE customer_ref = ?)", ref
    )
    return Answer(200, {"customer": {"ref": ref, "customer_id": customer["customer_id"]}})


def attach_payment_method(books: OpenBooks, asked: Fields) -> Answer:
    """The gateway's id of the method is the key: asked again it is the same method, with another token a mistake."""
    payment_method_id, token = asked.text("payment_method_id"), asked.text("token")
    customer = customer_row(books, asked.text("customer_ref"))
    existing = books.one("SELECT * FROM payment_methods WHERE payment_method_id = ?", payment_method_id)
    if existing is not None:
        if (existing["token"], existing["customer_ref"]) != (token, customer["ref"]):
            raise Refused(400, "idempotency_key_reused", "This payment_method_id was used for another card.")
        return _card_answer(books, existing["ref"])
    return_url = asked.return_url()
    ref = redeem(books, token, customer, payment_method_id)
    if CARDS_BY_NAME[payment_method_row(books, ref)["card"]].confirmed_first:
        confirmations.begin(books, ref, return_url)
    else:
        attach(books, ref)
    return _card_answer(books, ref)


def confirmation_row(books: OpenBooks, challenge: str) -> sqlite3.Row | None:
    """As it is at this moment: what its time has come for happens before anybody sees it."""
    expire_confirmations(books)
    return confirmations.of_page(books, challenge)


def finish_confirmation(books: OpenBooks, challenge: str, *, confirmed: bool) -> sqlite3.Row | None:
    """The owner's answer. Only the first one counts; the row as it then is, None when there is no such challenge."""
    row = confirmation_row(books, challenge)
    if row is not None and confirmations.end(books, row, "confirmed" if confirmed else "refused"):
        _tell_of_confirmation(books, row, confirmed=confirmed)
    return confirmations.of_page(books, challenge)


def expire_confirmations(books: OpenBooks) -> None:
    for row in confirmations.overdue(books):
        if confirmations.end(books, row, "expired"):
            _tell_of_confirmation(books, row, confirmed=False)


def _tell_of_confirmation(books: OpenBooks, row: sqlite3.Row, *, confirmed: bool) -> None:
    ref = row["payment_method_ref"]
    if confirmed:
        attach(books, ref)
    else:
        release_token(books, ref)
        books.emit("payment_method.failed", payment_method_object(books, payment_method_row(books, ref)))


def _card_answer(books: OpenBooks, ref: str) -> Answer:
    expire_confirmations(books)
    found = payment_method_object(books, payment_method_row(books, ref))
    return Answer(200, {"payment_method": found} | confirmations.told(confirmations.of_card(books, ref)))


def redeem(books: OpenBooks, token: str, customer: sqlite3.Row, payment_method_id: str | None = None) -> str:
    """What the token stands for, as a card of this customer's that is not attached yet; its ref."""
    card, expiry_month, expiry_year = _card_of(books, token)
    ref = new_ref("fpm")
    books.write("UPDATE tokens SET used_by = ? WHERE token = ?", ref, token)
    books.write(
        "INSERT INTO payment_methods (ref, payment_method_id, customer_ref, token, card, brand, last4,"
        " expiry_month, expiry_year, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ref,
        payment_method_id,
        customer["ref"],
        token,
        card.name,
        card.brand,
        card.last4,
        expiry_month,
        expiry_year,
        books.moment,
    )
    return ref


def _card_of(books: OpenBooks, token: str) -> tuple[FakeCard, int, int]:
    named = CARDS_BY_TOKEN.get(token)
    if named is not None:
        return named, 12, books.now.year + _TOKEN_CARD_YEARS
    minted = books.one("SELECT * FROM tokens WHERE token = ?", token)
    if minted is None:
        raise Refused(400, "token_unknown", "There is no such token.")
    if minted["used_by"] is not None:
        raise Refused(400, "token_used", "This token was used already; it is good for one card, or for one charge.")
    return CARDS_BY_NAME[minted["card"]], minted["expiry_month"], minted["expiry_year"]


def release_token(books: OpenBooks, ref: str) -> None:
    """The card was not charged after all, and may be tried again."""
    books.write("UPDATE tokens SET used_by = NULL WHERE used_by = ?", ref)


def attach(books: OpenBooks, ref: str) -> dict[str, Any]:
    books.write("UPDATE payment_methods SET attached_at = ? WHERE ref = ?", books.moment, ref)
    attached = payment_method_object(books, payment_method_row(books, ref))
    books.emit("payment_method.attached", attached)
    return attached


def detach_payment_method(books: OpenBooks, asked: Fields) -> Answer:
    row = payment_method_row(books, asked.text("payment_method_ref"))
    books.write(
        "UPDATE payment_methods SET detached_at = coalesce(detached_at, ?) WHERE ref = ?",
        books.moment,
        row["ref"],
    )
    waiting = confirmations.of_card(books, row["ref"])
    if waiting is not None:
        confirmations.end(books, waiting, "canceled")
    detached = payment_method_object(books, payment_method_row(books, row["ref"]))
    if is_attached(row):
        books.emit("payment_method.detached", detached)
    return Answer(200, {"payment_method": detached})


def fetch_payment_method(books: OpenBooks, asked: Fields) -> Answer:
    row = payment_method_row(books, asked.text("payment_method_ref"))
    return _card_answer(books, row["ref"])


def customer_row(books: OpenBooks, ref: str) -> sqlite3.Row:
    row = books.one("SELECT * FROM customers WHERE ref = ?", ref)
    if row is None:
        raise Refused(404, "customer_missing", "There is no such customer at this bank.")
    return row


def payment_method_row(books: OpenBooks, ref: str) -> sqlite3.Row:
    row = books.one("SELECT * FROM payment_methods WHERE ref = ?", ref)
    if row is None:
        raise Refused(404, "payment_method_missing", "There is no such payment method at this bank.")
    return row


def payment_method_object(books: OpenBooks, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "payment_method",
        "ref": row["ref"],
        "payment_method_id": row["payment_method_id"],
        "customer_ref": row["customer_ref"],
        "brand": row["brand"],
        "last4": row["last4"],
        "expiry_month": row["expiry_month"],
        "expiry_year": row["expiry_year"],
        "fingerprint": _fingerprint(books, row),
        "attached": is_attached(row),
    }


def is_attached(row: sqlite3.Row) -> bool:
    return row["attached_at"] is not None and row["detached_at"] is None


def _fingerprint(books: OpenBooks, row: sqlite3.Row) -> str:
    """Of the number, which nobody reads from it; whoever types it in has the same card.

    A name from the table stands for a card of the customer's own: else one person's lost card were everybody's, and a
    thousand buyers in a test had one card among them.
    """
    number = CARDS_BY_NAME[row["card"]].number
    owner = row["customer_ref"] if row["token"] in CARDS_BY_TOKEN else ""
    key = books.fact("fingerprint_key")
    if key is None:
        # Of these books alone: the numbers are public, and another bank's fingerprints are none of its own.
        key = token_urlsafe(32)
        books.remember("fingerprint_key", key)
    return hmac.new(key.encode(), f"{number}{owner}".encode(), hashlib.sha256).hexdigest()[:32]


def mint_token(books: OpenBooks, *, card: FakeCard, expiry_month: int, expiry_year: int) -> str:
    """A token that is good for one card. The number stays behind: the books know the card's name."""
    token = f"tok_{token_urlsafe(18)}"
    books.write(
        "INSERT INTO tokens (token, card, expiry_month, expiry_year, created_at) VALUES (?, ?, ?, ?, ?)",
        token,
        card.name,
        expiry_month,
        expiry_year,
        books.moment,
    )
    return token


def is_expired(expiry: Mapping[str, int] | sqlite3.Row, now: datetime) -> bool:
    """A card is good to the last day of its month; the bank counts days in UTC."""
    return (int(expiry["expiry_year"]), int(expiry["expiry_month"])) < (now.year, now.month)
