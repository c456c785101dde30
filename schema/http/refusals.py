"""Answers without `data`: the request was refused before anything ran."""

from collections.abc import Mapping, Sequence

from schema.masking import ExposedError, FormattedError, format_error


class Refusal(Exception):
    """An HTTP status and well-formed GraphQL errors.

    `legacy_status` is for clients that take `application/json` alone. They read any status but 200 as
    "no GraphQL here", so what is wrong inside a well-formed request must reach them as 200.
    """

    def __init__(
        self,
        status: int,
        errors: Sequence[FormattedError],
        *,
        legacy_status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status)
        self.status = status
        self.legacy_status = legacy_status or status
        self.errors = errors
        self.headers = headers or {}

    @property
    def is_about_document(self) -> bool:
        """Whether the request is well-formed, and its document, operation or variables are at fault."""
        return self.legacy_status == 200


def refuse(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """The exchange itself is wrong: method, media type, size, encoding."""
    return Refusal(status, [format_error(None, ExposedError(message, code=code))], headers=headers)


def refuse_shape(message: str) -> Refusal:
    """Readable JSON that is no GraphQL request. The older text of "GraphQL over HTTP" knows 400 only."""
    error = format_error(None, ExposedError(message, code="BAD_REQUEST"))
    return Refusal(422, [error], legacy_status=400)


def refuse_document(errors: Sequence[FormattedError], *, status: int = 422) -> Refusal:
    """A well-formed request whose document, operation or variables are not to be executed."""
    return Refusal(status, errors, legacy_status=200)
