"""Webhooks in, health, and the line that each request leaves in the log."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.fake.webhooks import SIGNATURE_HEADER, sign
from adapters.http import LARGEST_WEBHOOK, READINESS_SECONDS, RequestLog, health_routes, webhook_routes
from adapters.settings import PLAIN, Settings
from domain.reconciliation import Standing
from persistence.sql import Dialect
from server import Gateway, gateway
from tests.databases import NewDatabaseUrl

SECRET = "a-webhook-secret-that-only-tests-know"


@pytest.fixture
async def running(new_database_url: NewDatabaseUrl, tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings.model_validate(
        {
            "environment": "sandbox",
            "provider": "fake",
            "database_url": new_database_url(Dialect.SQLITE),
            "fake": {PLAIN: {"books": str(tmp_path / "bank.sqlite3"), "webhook_secret": SECRET}},
        }
    )
    async with gateway(settings) as opened:
        yield opened


@pytest.fixture
async def webhooks(running: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(Starlette(routes=[*webhook_routes(running.webhooks)])) as client:
        yield client


def client_of(app: Callable[..., Awaitable[None]]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway.test")


def event(key: str = "evt_1", **more: object) -> bytes:
    """Of a charge that this gateway does not know."""
    return orjson.dumps(
        {
            "id": key,
            "kind": "charge.succeeded",
            "data": {"object": "charge", "ref": "ch_unknown"},
            "livemode": False,
            "created_at": datetime.now(UTC).isoformat(),
        }
        | more
    )


def signed(body: bytes, *, secret: str = SECRET, age: timedelta = timedelta(0)) -> dict[str, str]:
    return {SIGNATURE_HEADER: sign(body, secrets=[secret], moment=datetime.now(UTC) - age)}


# --- webhooks in ----------------------------------------------------------------------------------------------------


async def test_a_signed_webhook_is_stored_before_it_is_answered(webhooks: httpx.AsyncClient, running: Gateway) -> None:
    body = event()

    response = await webhooks.post("/webhooks/fake", content=body, headers=signed(body))

    assert (response.status_code, response.json()) == (200, {"received": True, "repeated": False})
    assert await running.worker.run_due() == 1, "its job was stored with it"


async def test_a_repeated_webhook_is_taken_calmly_and_stored_once(webhooks: httpx.AsyncClient) -> None:
    body = event()

    answers = [(await webhooks.post("/webhooks/fake", content=body, headers=signed(body))).json() for _ in range(3)]

    assert [answer["repeated"] for answer in answers] == [False, True, True]


BODY = event()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, {SIGNATURE_HEADER: ""}),
        (BODY, {SIGNATURE_HEADER: "t=1,v1=00"}),
        (BODY, signed(BODY, secret="another")),
        (BODY, signed(event("evt_2"))),
        (BODY, signed(BODY, age=timedelta(hours=1))),
        (BODY, signed(BODY, age=-timedelta(hours=1))),
        (b"", signed(b"")),
        (b"\xff\xfe", signed(b"\xff\xfe")),
        (b"null", signed(b"null")),
        (b"[]", signed(b"[]")),
        (b'"charge"', signed(b'"charge"')),
        (b"{}", signed(b"{}")),
        (b"[" * 10_000, signed(b"[" * 10_000)),
    ],
    ids=range(14),
)
async def test_what_the_provider_has_not_said_is_refused_and_leaves_nothing(
    webhooks: httpx.AsyncClient, running: Gateway, body: bytes, headers: dict[str, str]
) -> None:
    response = await webhooks.post("/webhooks/fake", content=body, headers=headers)

    assert (response.status_code, response.json()) == (400, {"error": "not accepted"})
    assert await running.worker.run_due() == 0


@pytest.mark.parametrize("account", ["stripe", "Fake", "fake%00", "f" * 500])
async def test_an_account_that_is_not_ours(webhooks: httpx.AsyncClient, account: str) -> None:
    body = event()

    response = await webhooks.post(f"/webhooks/{account}", content=body, headers=signed(body))

    assert (response.status_code, response.json()) == (404, {"error": "no such account"})


async def test_only_post_brings_a_webhook(webhooks: httpx.AsyncClient) -> None:
    assert (await webhooks.get("/webhooks/fake")).status_code == 405


async def test_a_webhook_that_is_too_large_is_refused(webhooks: httpx.AsyncClient) -> None:
    body = event(note="x" * LARGEST_WEBHOOK)

    response = await webhooks.post("/webhooks/fake", content=body, headers=signed(body))

    assert (response.status_code, response.json()) == (413, {"error": "too large"})


async def test_a_length_that_lies_is_found_out(running: Gateway) -> None:
    """It says five bytes and sends without end; what is read is bounded all the same."""
    app = Starlette(routes=[*webhook_routes(running.webhooks)])
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    assert await status_of(app, receive, content_length=b"5") == 413
    assert read == LARGEST_WEBHOOK // 65_536 + 1


async def test_a_length_that_is_too_great_counts_for_nothing(webhooks: httpx.AsyncClient, running: Gateway) -> None:
    body = event()
    app = Starlette(routes=[*webhook_routes(running.webhooks)])
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(parts)

    assert await status_of(app, receive, content_length=b"999999999", headers=signed(body)) == 200


async def test_whoever_hangs_up_while_sending_has_said_nothing(running: Gateway) -> None:
    app = Starlette(routes=[*webhook_routes(running.webhooks)])
    parts: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": event()[:20], "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(parts)

    assert await status_of(app, receive) == 400
    assert await running.worker.run_due() == 0


@pytest.mark.fault("F35")
async def test_a_body_that_does_not_end_is_not_waited_for(running: Gateway) -> None:
    app = Starlette(routes=[*webhook_routes(running.webhooks, seconds=0.05)])
    parts = iter([{"type": "http.request", "body": event()[:20], "more_body": True}])

    async def receive() -> dict[str, Any]:
        if part := next(parts, None):
            return part
        await asyncio.Event().wait()
        raise AssertionError("nothing more comes")

    assert await status_of(app, receive) == 408
    assert await running.worker.run_due() == 0


@pytest.mark.fault("F35")
async def test_of_too_many_bodies_that_do_not_end_the_oldest_is_cut_off_and_the_provider_gets_through(
    running: Gateway,
) -> None:
    app = Starlette(routes=[*webhook_routes(running.webhooks, seconds=60, most_at_once=3)])
    begun = asyncio.Semaphore(0)

    async def hang() -> dict[str, Any]:
        begun.release()
        await asyncio.Event().wait()
        raise AssertionError("nothing comes")

    hanging = []
    for _ in range(3):
        hanging.append(asyncio.create_task(status_of(app, hang)))
        await begun.acquire()
    async with client_of(app) as provider:
        body = event()
        assert (await provider.post("/webhooks/fake", content=body, headers=signed(body))).status_code == 200
    assert await hanging[0] == 408
    await asyncio.sleep(0.01)
    assert [task.done() for task in hanging[1:]] == [False, False]
    for task in hanging[1:]:
        task.cancel()
    await asyncio.gather(*hanging[1:], return_exceptions=True)


@pytest.mark.fault("F36")
async def test_a_webhook_that_cannot_be_stored_has_to_come_again(
    webhooks: httpx.AsyncClient, running: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    body = event()
    await running.database.close()

    response = await webhooks.post("/webhooks/fake", content=body, headers=signed(body))

    assert (response.status_code, response.json()) == (503, {"error": "try again"})
    assert response.headers["Retry-After"] == "30"
    assert "webhook could not be stored" in caplog.messages


async def status_of(
    app: Starlette,
    receive: Callable[[], Awaitable[dict[str, Any]]],
    *,
    content_length: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> int:
    """A conversation that no HTTP client would have."""
    lines = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    if content_length is not None:
        lines.append((b"content-length", content_length))
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/fake",
        "raw_path": b"/webhooks/fake",
        "query_string": b"",
        "headers": lines,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("gateway.test", 80),
    }
    await app(scope, receive, send)
    return statuses[0]


# --- health ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacks", "standing", "status", "answer"),
    [
        ([], None, 200, {"status": "ok", "lacks": []}),
        (["a database"], None, 503, {"status": "not ready", "lacks": ["a database"]}),
        (
            [],
            Standing.DIFFERENT,
            200,
            {"status": "ok", "lacks": [], "recovering": True, "reconciliation": "DIFFERENT"},
        ),
        (["a database"], Standing.CLEAN, 503, {"status": "not ready", "lacks": ["a database"]}),
    ],
)
async def test_a_gateway_says_whether_it_can_work_and_what_it_lacks(
    lacks: list[str], standing: Standing | None, status: int, answer: dict[str, object]
) -> None:
    async def ready() -> list[str]:
        return lacks

    async def recovery() -> Standing | None:
        return standing

    async with client_of(Starlette(routes=[*health_routes(ready, recovery=recovery)])) as client:
        readiness, health = await client.get("/readyz"), await client.get("/healthz")

    assert (readiness.status_code, readiness.json()) == (status, answer)
    assert (health.status_code, health.json()) == (200, {"status": "ok"})


@pytest.mark.fault("F59")
async def test_a_crowd_that_asks_whether_it_is_ready_makes_it_look_once_a_second() -> None:
    looks = 0

    async def ready() -> list[str]:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.01)
        return ["a database"]

    async def recovery() -> Standing | None:
        return None

    began = time.monotonic()
    async with client_of(Starlette(routes=[*health_routes(ready, recovery=recovery)])) as client:
        for _ in range(2):
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {503}
    assert 1 <= looks <= 1 + (time.monotonic() - began) / READINESS_SECONDS


# --- the log --------------------------------------------------------------------------------------------------------


def logged_app(bound: list[str]) -> Starlette:
    async def well(_request: Request) -> Response:
        return PlainTextResponse("well", headers={"X-Request-Id": "of the handler"})

    async def broken(_request: Request) -> Response:
        raise LookupError("somebody@example.com")

    log = Middleware(RequestLog, request_id_of=lambda request: f"id of {request.method}", bind=bound.append)
    return Starlette(routes=[Route("/well", well), Route("/broken", broken)], middleware=[log])


async def test_a_request_leaves_one_line_with_what_it_was_and_no_word_of_what_it_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "paydesk.http")
    bound: list[str] = []

    async with client_of(logged_app(bound)) as client:
        response = await client.get("/well?card=4242", headers={"Authorization": "Bearer secret"})

    [line] = [record for record in caplog.records if record.name == "paydesk.http"]
    told = vars(line)
    assert (line.message, told["method"], told["path"], told["status"]) == ("request", "GET", "/well", 200)
    assert told["milliseconds"] >= 0
    assert "4242" not in str(told)
    assert "secret" not in str(told)
    assert bound == ["id of GET"]
    assert response.headers.get_list("x-request-id") == ["id of GET"]


async def test_a_request_that_breaks_is_logged_as_what_the_client_gets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "paydesk.http")

    async with client_of(logged_app([])) as client:
        response = await client.get("/broken")

    [line] = [record for record in caplog.records if record.name == "paydesk.http"]
    assert vars(line)["status"] == response.status_code == 500
    assert "somebody@example.com" not in response.text
