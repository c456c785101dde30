"""Structured logs: for people in development, JSON lines elsewhere, every line with the id of its request."""

import logging
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
        with_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if json
        # Rich tracebacks print local variables, and with them whatever secret they hold.
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
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
