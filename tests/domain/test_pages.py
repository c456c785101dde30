"""A cursor of another list is refused in words."""

from domain.errors import ErrorCode, InvalidInput
from domain.pages import CursorInvalid, PageRequest


def test_a_strange_cursor_is_the_clients_wrong_input() -> None:
    refused = CursorInvalid(path=("after",))
    assert isinstance(refused, InvalidInput)
    assert (refused.code, refused.path) == (ErrorCode.INVALID_INPUT, ("after",))
    assert "cursor" in refused.message


def test_a_page_begins_at_the_top_unless_it_is_told_otherwise() -> None:
    request = PageRequest(limit=20, sort="NEWEST")
    assert (request.cursor, request.backward) == (None, False)
