"""What happened at the bank since a moment: the list that a gateway compares its own story with.

Every change of a charge, a refund or a dispute is in the outbox (books.py) from the moment at which it happened,
delivered or not, so the outbox is the list. Each entry shows its object as it is now; one that changed often may come
more than once.
"""

from datetime import datetime
from typing import Any

import orjson

from adapters.fake.books import OpenBooks
from adapters.fake.calls import Answer, Fields, Refused
from adapters.fake.charges import charge_object, charge_row
from adapters.fake.disputes import dispute_object, dispute_row
from adapters.fake.refunds import refund_object, refund_row

PAGE = 100
"""Changes in one answer; a charge is about a kilobyte."""
_LISTED = {
    "charge": lambda books, ref: charge_object(books, charge_row(books, ref)),
    "refund": lambda books, ref: refund_object(refund_row(books, ref)),
    "dispute": lambda books, ref: dispute_object(dispute_row(books, ref)),
}


def changes(books: OpenBooks, asked: Fields) -> Answer:
    """`cursor` is the number of the last change that was told."""
    if "since" not in asked.body:
        raise Refused(400, "field_invalid", "since has to be a moment, or null for everything.")
    since, told = asked.optional_moment("since"), _told(asked)
    if told is None:
        told = 0 if since is None else _last_before(books, since)
    rows = books.all("SELECT sequence, body FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", told, PAGE)
    subjects = (orjson.loads(row["body"])["data"] for row in rows)
    listed = dict.fromkeys((each["object"], each["ref"]) for each in subjects if each["object"] in _LISTED)
    found: list[dict[str, Any]] = [_LISTED[kind](books, ref) for kind, ref in listed]
    return Answer(200, {"changes": found, "cursor": str(rows[-1]["sequence"]) if len(rows) == PAGE else None})


def _told(asked: Fields) -> int | None:
    cursor = asked.optional_text("cursor", longest=18)
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit()):
        raise Refused(400, "field_invalid", "cursor has to be one of this list.")
    return int(cursor)


def _last_before(books: OpenBooks, since: datetime) -> int:
    """The number of the last change before this moment. Numbers rise with time, so a few reads find it."""
    newest = books.one("SELECT coalesce(max(sequence), 0) AS sequence FROM events")
    low, high = 0, 0 if newest is None else newest["sequence"]
    while low < high:
        middle = (low + high + 1) // 2
        if _happened(books, middle) < since:
            low = middle
        else:
            high = middle - 1
    return low


def _happened(books: OpenBooks, sequence: int) -> datetime:
    row = books.one("SELECT body FROM events WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1", sequence)
    if row is None:
        raise LookupError(f"no change has the number {sequence} or one below")
    return datetime.fromisoformat(orjson.loads(row["body"])["created_at"])
