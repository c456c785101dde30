"""What a client may read of an error.

`ExposedError` and whatever a deployment of the formatter lists are written for people and are shown.
Everything else is a surprise: the client gets one fixed sentence and the request id, the log gets the
traceback under the same id.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import ArgumentNode, GraphQLError, Node, ValueNode
from strawberry.exceptions import StrawberryInputCoercionError

from domain.store import StoreUnavailable
from schema.http.request_id import request_id

logger = logging.getLogger("paydesk.graphql")

FormattedError = dict[str, Any]
ErrorFormatter = Callable[[GraphQLError], FormattedError]

INTERNAL_MESSAGE = "Internal error. It was logged; quote the request id when you report it."
_AWAY_MESSAGE = "The gateway cannot reach its database just now. Please try again."

# A message may quote what the client sent, so that people find their mistake, but not a whole document.
LONGEST_QUOTE = 100
LONGEST_MESSAGE = 400
_LONG_QUOTE = re.compile(r"'([^']{101,})'|\"([^\"]{101,})\"")


class ExposedError(Exception):
    """An error whose code and sentence are meant for the client; `details` join them in `extensions`."""

    def __init__(self, message: str, *, code: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details


class Unauthenticated(ExposedError):
    """The credentials that were sent are not good: HTTP 401, whatever the document asks for."""

    def __init__(self, message: str = "The key or token is not valid, or not valid any more.") -> None:
        super().__init__(message, code="UNAUTHENTICATED")


class NotCheckedNow(ExposedError):
    """The credentials may be good, but cannot be checked: HTTP 503. With 401, clients would sign people out."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "The token cannot be checked just now: the identity provider does not answer. Try again.",
            code="IDENTITY_PROVIDER_UNAVAILABLE",
            retryAfterSeconds=retry_after_seconds,
        )
        self.retry_after_seconds = retry_after_seconds


class MaskingFormatter:
    """Formats the errors of an execution; `exposed` says how further exceptions are shown.

    The table is keyed by class and read along the method resolution order, so one entry for the root of
    an error tree is enough and a subclass may have its own.
    """

    def __init__(self, exposed: Mapping[type[Exception], Callable[[Any], ExposedError]] | None = None) -> None:
        self._exposed: dict[type[Exception], Callable[[Any], ExposedError]] = {ExposedError: lambda error: error}
        self._exposed.update(exposed or {})

    def __call__(self, error: GraphQLError) -> FormattedError:
        cause = cause_of(error)
        for kind in type(cause).__mro__:
            if show := self._exposed.get(kind):
                return format_error(error, show(cause))
        if is_about_input(error, cause):
            return format_error(error, ExposedError(error.message, code="BAD_USER_INPUT"))
        return mask(cause, error)


def cause_of(error: GraphQLError) -> Exception:
    """The exception that a resolver raised, under the locations that graphql-core has wrapped around it."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def is_about_input(error: GraphQLError, cause: Exception) -> bool:
    """Whether an argument was refused; some are only wrong once the variables are put in, during execution.

    graphql-core gives no other sign than the node that it blames: a value for input, a field for results.
    """
    if isinstance(cause, StrawberryInputCoercionError):
        return True
    blamed: Sequence[Node] = error.nodes or ()
    return isinstance(cause, GraphQLError) and any(isinstance(n, (ValueNode, ArgumentNode)) for n in blamed)


def mask(cause: BaseException, error: GraphQLError | None = None) -> FormattedError:
    """Log the cause with its traceback and return what the client gets instead.

    A database that is away is no mistake of ours: one line, whose traceback would say nothing, and an invitation.
    """
    where = ".".join(map(str, error.path)) if error and error.path else "the request"
    if isinstance(cause, StoreUnavailable):
        logger.warning("no database for %s: %s", where, cause, extra={"request_id": request_id.get()})
        away = ExposedError(_AWAY_MESSAGE, code="DATABASE_UNAVAILABLE", requestId=request_id.get())
        return format_error(error, away)
    logger.error("unexpected error at %s", where, exc_info=cause, extra={"request_id": request_id.get()})
    shown = ExposedError(INTERNAL_MESSAGE, code="INTERNAL", requestId=request_id.get())
    return format_error(error, shown)


def format_error(error: GraphQLError | None, shown: ExposedError) -> FormattedError:
    formatted: FormattedError = {"message": shorten(shown.message)}
    if error and error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error and error.path:
        formatted["path"] = error.path
    formatted["extensions"] = {"code": shown.code, **shown.details}
    return formatted


def format_all(errors: Sequence[GraphQLError], formatter: ErrorFormatter, *, most: int) -> list[FormattedError]:
    """At most `most` errors: a list of a hundred rows that fail for one reason has said so by then."""
    if len(errors) <= most:
        return [formatter(error) for error in errors]
    rest = len(errors) - most + 1
    note = ExposedError(f"{rest} more errors are not shown.", code="TOO_MANY_ERRORS")
    return [*(formatter(error) for error in errors[: most - 1]), format_error(None, note)]


def shorten(message: str) -> str:
    message = _LONG_QUOTE.sub(lambda quote: f"{quote[0][:LONGEST_QUOTE]}…{quote[0][0]}", message)
    return message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
