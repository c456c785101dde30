"""Web pages of other origins (CORS): who may ask, what they may send and read, and what they never get."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.settings import Environment
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import ADMIN, open_shop, settings_for

SHOP, APP = "https://shop.example", "capacitor://localhost"
FOREIGN = ("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null", f"{SHOP}:8443")
MINE = ("http://localhost:5173", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:8080")

PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-client-name",
}
QUERY = {"query": "{ customers { nodes { id } } }"}


@asynccontextmanager
async def serving(folder: Path, database_url: str, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    chosen = settings_for(folder, database_url).model_copy(update=changed)
    async with open_shop(chosen) as shop:
        shop.client.headers["host"] = "localhost"
        yield shop.client


@pytest.fixture
async def client(tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[httpx.AsyncClient]:
    url = new_database_url(Dialect.SQLITE)
    async with serving(tmp_path, url, cors_origins=(SHOP, APP)) as client:
        yield client


@pytest.fixture
async def developers(tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[httpx.AsyncClient]:
    url = new_database_url(Dialect.SQLITE)
    async with serving(tmp_path, url, environment=Environment.DEVELOPMENT, jwt_secret=None) as client:
        yield client


async def ask(client: httpx.AsyncClient, origin: str | None, **headers: str) -> httpx.Response:
    sent = {"authorization": ADMIN, **({"origin": origin} if origin else {}), **headers}
    return await client.post("/graphql", json=QUERY, headers=sent)


def may_read(response: httpx.Response, origin: str) -> bool:
    """As a browser decides it."""
    return str(response.headers.get("access-control-allow-origin")) == origin


async def preflight(client: httpx.AsyncClient, origin: str) -> httpx.Response:
    return await client.options("/graphql", headers={"origin": origin, **PREFLIGHT})


@pytest.mark.parametrize("origin", [SHOP, APP])
async def test_a_page_of_a_configured_origin_may_ask(client: httpx.AsyncClient, origin: str) -> None:
    asked = await preflight(client, origin)
    assert asked.status_code == 200
    assert may_read(asked, origin)
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert asked.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
    assert asked.headers["access-control-max-age"] == "7200"
    assert "Origin" in asked.headers["vary"]

    answered = await ask(client, origin)
    assert answered.json()["data"] == {"customers": {"nodes": []}}
    assert may_read(answered, origin)
    assert answered.headers["access-control-expose-headers"] == "X-Request-ID, Retry-After"
    assert "Origin" in answered.headers["vary"]


async def test_a_page_may_read_refusals_and_answers_to_get_too(client: httpx.AsyncClient) -> None:
    assert may_read(await ask(client, SHOP, authorization="Bearer wrong"), SHOP)
    got = await client.get(
        "/graphql",
        params={"query": "{ __typename }"},
        headers={"origin": SHOP, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
    )
    assert (got.status_code, may_read(got, SHOP)) == (200, True)


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_of_another_origin_may_not(client: httpx.AsyncClient, origin: str) -> None:
    for response in (await preflight(client, origin), await ask(client, origin)):
        assert "access-control-allow-origin" not in response.headers
        assert "Origin" in response.headers["vary"]


async def test_cookies_are_never_asked_for(client: httpx.AsyncClient) -> None:
    for response in (await preflight(client, SHOP), await ask(client, SHOP)):
        assert "access-control-allow-credentials" not in response.headers
        assert "set-cookie" not in response.headers


async def test_a_cache_is_told_that_origins_get_different_answers(client: httpx.AsyncClient) -> None:
    assert "Origin" in (await ask(client, None)).headers["vary"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/webhooks/fake", "/"])
async def test_other_addresses_are_not_for_pages(client: httpx.AsyncClient, path: str) -> None:
    asked = await client.options(path, headers={"origin": SHOP, **PREFLIGHT})
    assert "access-control-allow-origin" not in asked.headers


async def test_without_origins_no_page_may_ask(tmp_path: Path, new_database_url: NewDatabaseUrl) -> None:
    async with serving(tmp_path, new_database_url(Dialect.SQLITE)) as client:
        for origin in (SHOP, *MINE):
            asked = await preflight(client, origin)
            assert (asked.status_code, asked.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")
            assert "access-control-allow-origin" not in asked.headers
            assert "access-control-allow-origin" not in (await ask(client, origin)).headers


@pytest.mark.parametrize("origin", MINE)
async def test_in_development_any_port_of_this_machine_may_ask(developers: httpx.AsyncClient, origin: str) -> None:
    assert may_read(await preflight(developers, origin), origin)
    assert may_read(await ask(developers, origin), origin)


@pytest.mark.parametrize(
    "origin", [*FOREIGN, "http://localhost.evil.example", "http://evil.example:80#localhost", "http://127.0.0.11"]
)
async def test_in_development_nobody_else_may(developers: httpx.AsyncClient, origin: str) -> None:
    assert "access-control-allow-origin" not in (await ask(developers, origin)).headers


async def test_a_page_that_may_ask_never_gets_the_page_with_the_token(developers: httpx.AsyncClient) -> None:
    html = {"accept": "text/html"}
    opened = await developers.get("/graphql", headers=html)
    assert opened.headers["content-type"].startswith("text/html")
    assert "access-control-allow-origin" not in opened.headers

    read = await developers.get("/graphql", headers=html | {"origin": MINE[0]})
    assert may_read(read, MINE[0])
    assert (read.status_code, read.headers["content-type"]) == (406, "application/json; charset=utf-8")
