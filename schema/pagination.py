"""Relay connections over keyset pages.

The types are ordinary Strawberry generics: `Connection[Order]` prints as `OrderConnection` with
`OrderEdge`, in as many schemas as one likes. (Strawberry's own `relay.connection` keeps the type that it
has built on the field and fails in the second schema.)

Cursors hold the key values of a row, in base64url. They are not secret and not trusted: whatever comes
back is checked to be what this list would have given out.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from domain.pages import PageRequest, Slice
from schema.masking import ExposedError

Node = TypeVar("Node")
Row = TypeVar("Row")
Value = TypeVar("Value")

DEFAULT_PAGE_SIZE = 20
LARGEST_PAGE_SIZE = 100

CURSOR_VERSION = 1
# A cursor of ours holds a sort, a time and an id: about 100 characters.
LONGEST_CURSOR = 512
# SQL's bigint; a larger integer would be an error of the driver instead of an answer.
LARGEST_KEY = 2**63 - 1
# NUL and half surrogate pairs can be written in JSON, but sent to no database.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

First = Annotated[
    int | None,
    strawberry.argument(description="How many items to return, 1 to 100, from the start of the list. 20 if not given."),
]
After = Annotated[
    str | None,
    strawberry.argument(description="Return the items after this cursor (a `pageInfo.endCursor`)."),
]
Last = Annotated[
    int | None,
    strawberry.argument(description="How many items to return, 1 to 100, from the end of the list. Not with `first`."),
]
Before = Annotated[
    str | None,
    strawberry.argument(description="Return the items before this cursor (a `pageInfo.startCursor`)."),
]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are items after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are items before this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item, null on an empty page; give it as `before` to get the page before."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item, null on an empty page; give it as `after` to get the page after."
    )


@strawberry.type(description="An item of a list with its cursor.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(description="Give it as `after` or `before` to go on from this item.")
    node: Node = strawberry.field(description="The item itself.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[Node]):
    nodes: list[Node] = strawberry.field(description="The items of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    cursors: strawberry.Private[Sequence[str]]

    # A lambda, because its missing annotation leaves the field with the generic type written here.
    edges: list[Edge[Node]] = strawberry.field(
        resolver=lambda root: edges_of(root),  # noqa: PLW0108
        description="The items of this page, each with its cursor.",
    )


def edges_of(connection: Connection[Node]) -> list[Edge[Node]]:
    """Made only when asked for; most clients read `nodes`."""
    pairs = zip(connection.cursors, connection.nodes, strict=True)
    return [Edge(cursor=cursor, node=node) for cursor, node in pairs]


def page_arguments(
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    sort: str,
    mark: str | None = None,
    key_types: tuple[type[str] | type[int], ...] = (str,),
) -> PageRequest:
    """What a connection field was asked for; `mark` (else the sort) and `key_types` say what its cursors look like.

    Raises `ExposedError` with `BAD_USER_INPUT`. Nothing is clamped: a client that asks for 1,000 items and
    gets 100 believes to have them all. `UNSET`, the default that prints as no default, counts as None.
    """
    first, last, after, before = given(first), given(last), given(after), given(before)
    if first is not None and last is not None:
        raise refused("first", "Give either “first” or “last”, not both.")
    if after is not None and before is not None:
        raise refused("after", "Give either “after” or “before”, not both.")
    if first is not None and before is not None:
        raise refused("before", "“before” goes with “last”.")
    if last is not None and after is not None:
        raise refused("after", "“after” goes with “first”.")
    backward = last is not None or before is not None
    name, limit = ("last", last) if backward else ("first", first)
    if limit is None:
        limit = DEFAULT_PAGE_SIZE
    if not 0 < limit <= LARGEST_PAGE_SIZE:
        raise refused(name, f"“{name}” has to be 1 to {LARGEST_PAGE_SIZE}.")
    name, text = ("before", before) if backward else ("after", after)
    cursor = None if text is None else decode_cursor(text, argument=name, sort=mark or sort, key_types=key_types)
    return PageRequest(limit=limit, sort=sort, backward=backward, cursor=cursor)


def given(value: Value | None) -> Value | None:
    return None if value is strawberry.UNSET else value


def connection_of(
    page: Slice[Row],
    *,
    sort: str,
    key: Callable[[Row], tuple[str | int, ...]],
    node: Callable[[Row], Node],
) -> Connection[Node]:
    """`key` gives the values of the sort's columns, in the order that the store compares them."""
    cursors = [encode_cursor(sort, key(row)) for row in page.items]
    return Connection(
        nodes=[node(row) for row in page.items],
        cursors=cursors,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
    )


def encode_cursor(sort: str, key: tuple[str | int, ...]) -> str:
    text = json.dumps([CURSOR_VERSION, sort, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(
    text: str, *, argument: str, sort: str, key_types: tuple[type[str] | type[int], ...]
) -> tuple[str | int, ...]:
    """The key values, if this list with this sort could have written the cursor."""
    match read_cursor(text):
        case [version, str(written_for), *key] if version == CURSOR_VERSION and type(version) is int:
            pass
        case _:
            raise refused(argument, f"“{argument}” is not a cursor of this list.")
    if written_for != sort:
        raise refused(argument, f"“{argument}” is a cursor of another sorting or search of this list.")
    if not fits(key, key_types):
        raise refused(argument, f"“{argument}” is not a cursor of this list.")
    return tuple(key)


def read_cursor(text: str) -> Any:
    """Whatever JSON is inside, or None."""
    if len(text) > LONGEST_CURSOR or not text.isascii():
        return None
    try:
        return json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None


def fits(key: list[Any], key_types: tuple[type[str] | type[int], ...]) -> bool:
    if len(key) != len(key_types):
        return False
    for value, wanted in zip(key, key_types, strict=True):
        if type(value) is not wanted:
            return False
        if isinstance(value, int) and abs(value) > LARGEST_KEY:
            return False
        if isinstance(value, str) and _UNSTORABLE.search(value):
            return False
    return True


def refused(argument: str, message: str) -> ExposedError:
    return ExposedError(message, code="BAD_USER_INPUT", argument=argument)
