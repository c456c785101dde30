"""One id per request: in the answer's header, in masked errors and, by the ContextVar, in every log line."""

import re
from contextvars import ContextVar

from starlette.requests import HTTPConnection
from ulid import ULID

HEADER = "X-Request-ID"

# What a caller may choose. It is written to logs and headers, so it must not carry line ends or markup.
ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id_of(request: HTTPConnection) -> str:
    """The id that an outer middleware has set already, else the caller's if it is sane, else a new one."""
    known = getattr(request.state, "request_id", None)
    if isinstance(known, str) and ACCEPTABLE.fullmatch(known):
        return known
    chosen = request.headers.get(HEADER, "")
    if ACCEPTABLE.fullmatch(chosen):
        return chosen
    return str(ULID()).lower()
