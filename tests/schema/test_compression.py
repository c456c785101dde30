"""gzip: what is compressed, for whom, and what is left alone."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from schema.http.compression import SMALLEST_BODY, Compression
from schema.view import GraphQLView
from tests.schema.conftest import toy_context, toy_schema

BOATS = {"query": "{ boats(first: 45) { nodes { id name } } }"}
TEXT = b"A sail. " * 1_000


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "text.js").write_bytes(TEXT)

    async def events(_request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(200):
                yield b"data: {}\n\n"

        return StreamingResponse(parts(), media_type="text/event-stream; charset=utf-8")

    async def packed(_request: Request) -> Response:
        return Response(gzip.compress(TEXT), headers={"Content-Encoding": "gzip"}, media_type="text/javascript")

    async def file(_request: Request) -> Response:
        return FileResponse(tmp_path / "text.js")

    routes = [
        Route("/graphql", GraphQLView(toy_schema(), context=toy_context)),
        Route("/events", events),
        Route("/packed", packed),
        Route("/file", file),
    ]
    transport = httpx.ASGITransport(Starlette(routes=routes, middleware=[Middleware(Compression)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


@pytest.mark.parametrize(
    ("wanted", "compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5, *;q=0", True),
        ("GZIP", True),
        ("*", True),
        ("identity, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*;q=0", False),
        ("br", False),
        ("x-notgzip", False),
        ("identity", False),
        ("", False),
        ("gzip;q=x", False),
    ],
)
async def test_an_answer_is_compressed_for_whoever_takes_it(
    client: httpx.AsyncClient, wanted: str, compressed: bool
) -> None:
    response = await client.post("/graphql", json=BOATS, headers={"accept-encoding": wanted})

    assert response.headers.get("content-encoding") == ("gzip" if compressed else None)
    assert response.headers["vary"] == "Accept, Accept-Encoding"
    assert len(response.json()["data"]["boats"]["nodes"]) == 45
    assert (int(response.headers["content-length"]) < len(response.content) / 2) is compressed


async def test_a_small_answer_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ hello }"}, headers={"accept-encoding": "gzip"})

    assert len(response.content) < SMALLEST_BODY
    assert "content-encoding" not in response.headers


async def test_events_are_never_compressed_for_they_would_wait_for_one_another(client: httpx.AsyncClient) -> None:
    response = await client.get("/events", headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in response.headers
    assert response.content == b"data: {}\n\n" * 200


async def test_what_is_compressed_already_is_left_alone(client: httpx.AsyncClient) -> None:
    response = await client.get("/packed", headers={"accept-encoding": "gzip"})

    assert response.headers["content-encoding"] == "gzip"
    assert response.content == TEXT


async def test_a_part_of_a_file_is_that_part_of_its_own_bytes(client: httpx.AsyncClient) -> None:
    response = await client.get("/file", headers={"accept-encoding": "gzip", "range": "bytes=0-1999"})

    assert response.status_code == 206
    assert "content-encoding" not in response.headers
    assert response.content == TEXT[:2000]
    whole = await client.get("/file", headers={"accept-encoding": "gzip"})
    assert (whole.headers["content-encoding"], whole.content) == ("gzip", TEXT)
