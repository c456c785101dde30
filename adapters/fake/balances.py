"""What is left of a charge, for whoever wants to give it back or to take it back."""

import sqlite3

from adapters.fake.books import OpenBooks


def left_of(books: OpenBooks, charge: sqlite3.Row) -> int:
    """What was captured and neither went back, nor is on its way back, nor was taken by a dispute."""
    row = books.one(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge_ref = ? AND state = 'pending')"
        " + (SELECT coalesce(sum(withdrawn), 0) FROM disputes WHERE charge_ref = ?) AS spoken_for",
        charge["ref"],
        charge["ref"],
    )
    spoken_for = 0 if row is None else int(row["spoken_for"])
    return int(charge["captured"]) - int(charge["refunded"]) - spoken_for
