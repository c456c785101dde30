"""The tree of refusals and the list of codes are one."""

import re
from collections.abc import Iterator

import pytest

import domain.errors
import domain.pages  # one leaf of the tree grows there
from domain.errors import Conflict, ErrorCode, InvalidInput, NotFound, PaydeskError

BRANCHES = (PaydeskError, Conflict)
"""They only hold others together, and are never raised."""


def tree(top: type[PaydeskError]) -> Iterator[type[PaydeskError]]:
    yield top
    for below in top.__subclasses__():
        yield from tree(below)


ERRORS = [error for error in tree(PaydeskError) if error.__module__.startswith("domain.")]


@pytest.mark.parametrize("error", [error for error in ERRORS if error not in BRANCHES])
def test_every_refusal_has_a_code_of_the_list(error: type[PaydeskError]) -> None:
    assert isinstance(error.code, ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_that_of_a_refusal_of_the_same_name(code: ErrorCode) -> None:
    own = [error for error in ERRORS if vars(error).get("code") is code]
    assert [error.__name__ for error in own] == [code.title().replace("_", "")]


def test_a_refusal_of_its_own_kind_without_a_code_keeps_that_of_its_branch() -> None:
    assert domain.pages.CursorInvalid().code is ErrorCode.INVALID_INPUT


def test_the_drawing_of_the_tree_names_only_what_exists() -> None:
    drawing = (domain.errors.__doc__ or "").split("\n\n")[1]
    named = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", drawing))
    assert {"PaydeskError", "InvalidInput", "NotFound"} <= named
    assert named <= {error.__name__ for error in ERRORS}


def test_a_path_that_is_known_grows_on_the_left() -> None:
    refused = InvalidInput("no", path=("currency",))
    assert refused.at("lines", "0", "unitAmount") is refused
    assert refused.path == ("lines", "0", "unitAmount", "currency")
    assert NotFound("order").at("orderId").path == ("orderId",)


def test_a_refusal_reads_as_its_message() -> None:
    assert str(NotFound("order")) == NotFound("order").message == "There is no such order."
