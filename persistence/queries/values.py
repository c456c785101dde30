"""Values that come from clients, and what a database makes of them."""

import re
from collections.abc import Sequence
from typing import Final

from domain.pages import CursorInvalid
from persistence.queries.listing import Sorting

# PostgreSQL's texts have no NUL, and no text in UTF-8 has half of a surrogate pair, which JSON can name.
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
# A column is a 64-bit integer on both databases.
_INTEGERS: Final = range(-(2**63), 2**63)


def is_storable(value: object) -> bool:
    """Whether a column could hold the value. One that it could not is equal to none, and no reason to fail."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    return not isinstance(value, int) or value in _INTEGERS


def check_cursor(sorting: Sorting, cursor: Sequence[object]) -> None:
    if len(cursor) != len(sorting.keys):
        raise CursorInvalid
    for key, value in zip(sorting.keys, cursor, strict=True):
        # Not isinstance: True is an int, too.
        if type(value) is not key.kind or not is_storable(value):
            raise CursorInvalid
