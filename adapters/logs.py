"""Structured logs: for people in development, JSON lines elsewhere, every line with the id of its request."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog

_QUIET = ("httpx", "httpcore", "aiosqlite", "asyncio", "tortoise", "uvicorn.access")
"""They tell every step of theirs at INFO or DEBUG; what matters of it is told by our own loggers."""


def configure_logs(*, json: bool, level: str, request_id: Callable[[], str | None]) -> None:
    def with_request_id(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if (current := request_id()) and "request_id" not in event:
            event["request_id"] = current
        return event

    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _without_colours_of_uvicorn,
        with_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _as_json() if json else _for_people()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


# Tracebacks go without local variables, which structlog adds by default: they hold whatever secret is at hand.


def _as_json() -> list[structlog.typing.Processor]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]


def _for_people() -> list[structlog.typing.Processor]:
    # Colours are for a terminal; in a file or a pipe they are noise around every word.
    return [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]


def _without_colours_of_uvicorn(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Uvicorn sends each of its sentences twice, the second time with colours."""
    event.pop("color_message", None)
    return event
