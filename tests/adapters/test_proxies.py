"""Where a request comes from, and what is said of a proxy that nobody named."""

import logging
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from adapters.proxies import Proxies, as_seen


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


def test_a_proxy_that_is_not_among_those_that_are_named_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    proxies = Proxies(["10.0.0.7"])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert proxies.network_of(connection("10.0.0.8", forwarded_for="8.8.8.8")) is None
    (record,) = caplog.records
    assert "10.0.0.8" in record.getMessage()
    assert "PAYDESK_TRUSTED_PROXIES" in record.getMessage()


@pytest.mark.parametrize("peer", ["10.0.0.7", "::ffff:10.0.0.7", "192.168.3.4", "::ffff:192.168.3.4", "fd00::1"])
@pytest.mark.parametrize("said", ["8.8.8.8", "7.7.7.7, 8.8.8.8, ::ffff:10.0.0.7", "::ffff:8.8.8.8, 192.168.0.1"])
async def test_a_proxy_is_believed_however_a_socket_shows_it(peer: str, said: str) -> None:
    assert await seen_behind(peer, said) == "8.8.8.8"


@pytest.mark.parametrize("peer", ["9.9.9.9", "10.0.0.8", "::ffff:10.0.0.8", "::ffff:192.169.0.1", "::a00:7", "fd01::1"])
async def test_nobody_else_is(peer: str) -> None:
    assert await seen_behind(peer, "8.8.8.8") != "8.8.8.8"


async def seen_behind(peer: str, said: str) -> str | None:
    """What declines are counted against, as the server that runs the gateway hands on a connection."""
    trusted = ["10.0.0.7", "192.168.0.0/16", "fd00::/16"]
    seen: list[str | None] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(Proxies(trusted).network_of(HTTPConnection(scope)))

    scope: Any = connection(peer, forwarded_for=said).scope
    await ProxyHeadersMiddleware(app, trusted_hosts=as_seen(trusted))(scope, nothing, nothing)
    (network,) = seen
    return network


async def nothing(*_: Any) -> Any:
    raise AssertionError("nobody reads or answers")


def test_where_proxies_are_named_nothing_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Proxies(["10.0.0.0/8"]).network_of(connection("8.8.8.8", forwarded_for="8.8.8.8, 10.0.0.7"))
    assert caplog.records == []
