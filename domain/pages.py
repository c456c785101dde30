"""Pages of a list, as the stores give them.

Every list is read by key, not by offset: a page starts after the sort key of a known row, so rows that
arrive meanwhile neither repeat nor hide others, and page 500 costs what page 1 costs.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.errors import InvalidInput

T = TypeVar("T")


class CursorInvalid(InvalidInput):
    """The key values of a cursor are not those of this list in this order. Cursors are untrusted input."""

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__("This cursor does not belong to this list in this order.", path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list is wanted.

    `sort` names one of the orders that the list offers. `cursor` holds the key values of the row beside
    which the page starts, in the columns of that sort, or None for the end of the list. `backward` asks
    for the rows before the cursor; they still come back in the order of the list.
    """

    limit: int
    sort: str
    backward: bool = False
    cursor: tuple[str | int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """The rows of one page in list order, and whether there are more on either side."""

    items: tuple[T, ...]
    has_next: bool
    has_previous: bool
