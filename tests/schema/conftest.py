"""A gateway about nothing in particular, for what the transport does with any schema."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route
from strawberry.schema.config import StrawberryConfig

from persistence.sql import Dialect
from schema.scalars import SCALARS
from schema.view import GraphQLView, Unauthenticated
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import Shop, open_shop, settings_for
from tests.schema.toys import Mutation, Query, Subscription, launched

MODERN = "application/graphql-response+json"
LEGACY = "application/json"

Ask = Callable[..., Awaitable[httpx.Response]]


def toy_schema(*, subscriptions: bool = False) -> strawberry.Schema:
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription if subscriptions else None,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


async def toy_context(request: HTTPConnection) -> dict[str, str]:
    """The one key that is known is `good`; nobody has to have one."""
    given = request.headers.get("authorization", "Bearer good")
    if given != "Bearer good":
        raise Unauthenticated
    return {}


def client_of(view: GraphQLView) -> httpx.AsyncClient:
    """A client without an Accept header of its own; httpx would send `*/*`."""
    app = Starlette(routes=[Route("/graphql", view)])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test")
    del client.headers["accept"]
    return client


def asking(client: httpx.AsyncClient) -> Ask:
    async def ask(
        query: str, variables: dict[str, Any] | None = None, *, accept: str = MODERN, **more: Any
    ) -> httpx.Response:
        body = {"query": query, "variables": variables, **more}
        return await client.post("/graphql", json=body, headers={"accept": accept})

    return ask


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


def message(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    return str(error["message"])


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    launched.clear()
    async with client_of(GraphQLView(toy_schema(), context=toy_context)) as client:
        yield client


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    return asking(client)


@pytest.fixture
async def served() -> AsyncIterator[str]:
    """The same over TCP, where a client is still sending when it is answered."""
    app = Starlette(routes=[Route("/graphql", GraphQLView(toy_schema(), context=toy_context))])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def shop(tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[Shop]:
    """A whole gateway on an empty SQLite, for what the nouns do."""
    async with open_shop(settings_for(tmp_path, new_database_url(Dialect.SQLITE))) as shop:
        yield shop


@pytest.fixture
async def shop_on_both(tmp_path: Path, database_url: str) -> AsyncIterator[Shop]:
    """The same on SQLite and on PostgreSQL, for what their differences could reach."""
    async with open_shop(settings_for(tmp_path, database_url)) as shop:
        yield shop
