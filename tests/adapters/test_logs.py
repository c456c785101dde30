"""Logs: readable in development, JSON elsewhere, each line with its request, and never with a secret in a traceback."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.logs import configure_logs

SECRET = "hunter2-and-more"
log = logging.getLogger("paydesk.tests")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The loggers of the process are put back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in logging.Logger.manager.loggerDict}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def configure(*, as_json: bool, level: str = "INFO", request_id: str | None = None) -> None:
    configure_logs(json=as_json, level=level, request_id=lambda: request_id)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def pay_with(card: str) -> None:
    cvc = SECRET
    raise LookupError(f"{len(card) + len(cvc)} characters")


def test_a_line_is_json_with_the_id_of_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True, request_id="req-1")

    log.info("paid %s", "ord_1", extra={"milliseconds": 1.5})

    [line] = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "paid ord_1",
        "logger": "paydesk.tests",
        "level": "info",
        "milliseconds": 1.5,
        "request_id": "req-1",
    }


def test_a_line_outside_of_a_request_has_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True)

    log.info("started")

    assert "request_id" not in lines(capsys)[0]


def test_an_id_that_a_line_brings_along_stays(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True, request_id="of the context")

    log.info("masked", extra={"request_id": "of the error"})

    assert lines(capsys)[0]["request_id"] == "of the error"


def test_a_line_break_in_a_text_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True)

    log.info("token refused: %s", 'x\n{"event": "all is well"}')

    assert [line["event"] for line in lines(capsys)] == ['token refused: x\n{"event": "all is well"}']


def test_a_traceback_in_json_names_the_place_and_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True)

    try:
        pay_with(SECRET)
    except LookupError:
        log.exception("could not pay")

    text = capsys.readouterr().err
    [error] = json.loads(text)["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("LookupError", "32 characters")
    assert [frame["name"] for frame in error["frames"]][-1] == "pay_with"
    assert SECRET not in text


def test_a_traceback_for_people_shows_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=False)

    try:
        pay_with(SECRET)
    except LookupError:
        log.exception("could not pay")

    text = capsys.readouterr().err
    assert "LookupError: 32 characters" in text
    assert "in pay_with" in text
    assert SECRET not in text


def test_colours_are_for_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=False, request_id="req-1")

    log.warning("careful", extra={"color_message": "\x1b[36mcareful\x1b[0m"})

    text = capsys.readouterr().err
    assert "careful" in text
    assert "request_id=req-1" in text
    assert "\x1b" not in text
    assert "color_message" not in text


def test_less_than_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True, level="WARNING")

    log.info("all is well")
    log.warning("careful")

    assert [line["event"] for line in lines(capsys)] == ["careful"]


def test_libraries_that_tell_every_step_are_heard_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True, level="DEBUG")

    logging.getLogger("httpx").info("HTTP Request: POST https://provider.example")
    logging.getLogger("httpx").warning("odd")

    assert [line["event"] for line in lines(capsys)] == ["odd"]


def test_configuring_twice_does_not_log_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure(as_json=True)
    configure(as_json=True)

    log.info("once")

    assert len(lines(capsys)) == 1
