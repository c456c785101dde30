"""Where a request comes from, and what is said of a proxy that nobody named."""

import logging

import pytest
from starlette.requests import HTTPConnection

from adapters.proxies import Proxies


def connection(peer: str | None, *, forwarded_for: str | None = None) -> HTTPConnection:
    headers = [] if forwarded_for is None else [(b"x-forwarded-for", forwarded_for.encode())]
    client = None if peer is None else (peer, 40_000)
    return HTTPConnection({"type": "http", "headers": headers, "client": client})


def test_it_comes_from_the_peer_of_the_connection() -> None:
    proxies = Proxies([])
    assert proxies.network_of(connection("8.8.8.8")) == "8.8.8.8"
    assert proxies.network_of(connection("127.0.0.1")) is None
    assert proxies.network_of(connection(None)) is None, "a socket of the file system has no address"


def test_what_a_stranger_says_is_not_believed_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    proxies = Proxies([])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert proxies.network_of(connection("9.9.9.9", forwarded_for="8.8.8.8")) == "9.9.9.9"
    (record,) = caplog.records
    assert "9.9.9.9" in record.getMessage()
    assert "PAYDESK_TRUSTED_PROXIES" in record.getMessage()


def test_where_proxies_are_named_nothing_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Proxies(["10.0.0.0/8"]).network_of(connection("8.8.8.8", forwarded_for="8.8.8.8, 10.0.0.7"))
    assert caplog.records == []
