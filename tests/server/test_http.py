"""What is not GraphQL: health, readiness, request ids, webhooks in."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from adapters.fake.webhooks import SIGNATURE_HEADER, sign
from domain.ids import IdPrefix, new_id
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.server.api import Api, eventually, new_key
from tests.server.conftest import WEBHOOK_SECRET
from tests.server.processes import RETURN_URL, Process, serving, settings


async def test_a_gateway_says_that_it_lives_and_can_work(sandbox: Process) -> None:
    async with Api(sandbox.address, credential=None) as api:
        for path in ("/healthz", "/readyz"):
            response = await api.http.get(path)
            assert response.status_code == 200
            assert response.json()["status"] == "ok"


async def test_a_gateway_without_its_database_is_not_ready_but_lives(
    new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    url = new_database_url(Dialect.POSTGRES)
    event = event_about("charge", "ch_of_somebody_else")
    with serving(settings(url, tmp_path, fake_webhook_secret=WEBHOOK_SECRET), tmp_path) as gateway:
        async with Api(gateway.address) as api:
            await let_connect(url, "false")
            not_ready = await eventually(lambda: api.http.get("/readyz"), lambda answer: not answer.is_success)
            living = await api.http.get("/healthz")
            asked = await api.post("{ customers { nodes { id } } }")
            untaken = await api.http.post("/webhooks/fake", content=event, headers={SIGNATURE_HEADER: signed(event)})
            await let_connect(url, "true")
            await eventually(lambda: api.http.get("/readyz"), lambda answer: answer.is_success)
            taken = await api.http.post("/webhooks/fake", content=event, headers={SIGNATURE_HEADER: signed(event)})
    assert not_ready.status_code == 503
    assert not_ready.json() == {"status": "not ready", "lacks": ["the database does not answer"]}
    assert living.status_code == 200
    [error] = asked.json()["errors"]
    assert error["extensions"]["code"] == "DATABASE_UNAVAILABLE"
    assert error["extensions"]["requestId"] == asked.headers["x-request-id"]
    assert (untaken.status_code, untaken.headers["retry-after"]) == (503, "30")
    assert taken.json() == {"received": True, "repeated": False}


async def let_connect(url: str, allowed: str) -> None:
    """Whether anybody can use this database; who does so at the moment is cut off."""
    server, _, name = url.rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}')
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            name,
        )
    finally:
        await connection.close()


async def test_an_answer_carries_the_id_under_which_the_log_tells_of_it(sandbox: Process) -> None:
    chosen = f"shop-{new_key()}"
    async with Api(sandbox.address) as api:
        named = await api.http.post("/graphql", json={"query": "{ me { id } }"}, headers={"X-Request-ID": chosen})
        unnamed = await api.http.get("/healthz")
        forged = await api.http.get("/healthz", headers={"X-Request-ID": "a b<script>"})
    assert named.headers["x-request-id"] == chosen
    lines = await eventually(lambda: logged(sandbox, chosen), bool)
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("POST", "/graphql", 200)]
    assert lines[0]["milliseconds"] > 0
    assert unnamed.headers["x-request-id"] not in ("", chosen, forged.headers["x-request-id"])
    assert "script" not in forged.headers["x-request-id"]


async def logged(gateway: Process, request_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in gateway.output.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("request_id") == request_id and line["event"] == "request"]


# --- webhooks -------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F35")
async def test_what_is_no_webhook_of_the_provider_is_refused(sandbox: Process) -> None:
    event = event_about("charge", "ch_of_somebody_else")
    async with httpx.AsyncClient(base_url=sandbox.address, trust_env=False) as client:

        async def deliver(body: bytes, signature: str, account: str = "fake") -> int:
            headers = {SIGNATURE_HEADER: signature}
            return (await client.post(f"/webhooks/{account}", content=body, headers=headers)).status_code

        assert await deliver(event, signed(event), account="nobody") == 404
        assert await deliver(event, signed(event, secret="a guess")) == 400
        assert await deliver(event, "") == 400
        assert await deliver(event + b" ", signed(event)) == 400
        assert await deliver(event, signed(event, moment=datetime.now(UTC) - timedelta(minutes=6))) == 400
        too_large = b" " * (256 * 1024 + 1)
        assert await deliver(too_large, signed(too_large)) == 413
        no_event = b'{"hello": "world"}'
        assert await deliver(no_event, signed(no_event)) == 400
        assert (await client.get("/webhooks/fake")).status_code == 405


@pytest.mark.fault("F30")
async def test_a_webhook_is_taken_once(sandbox: Process) -> None:
    event = event_about("charge", "ch_of_somebody_else")
    async with httpx.AsyncClient(base_url=sandbox.address, trust_env=False) as client:
        answers = [
            await client.post("/webhooks/fake", content=event, headers={SIGNATURE_HEADER: signed(event)})
            for _ in range(2)
        ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"received": True, "repeated": False}),
        (200, {"received": True, "repeated": True}),
    ]


async def test_a_webhook_tells_of_a_confirmation_from_which_nobody_came_back(sandbox: Process) -> None:
    async with Api(sandbox.address) as api:
        customer = await api.customer("Hedy", "tok_threeDSecureRequired")
        order_id = await api.order(customer, {await api.price("Ticket", 20_00): 1})
        charge = (await api.pay(order_id, returnUrl=RETURN_URL))["charge"]
        await api.http.post(charge["nextAction"]["url"], data={"answer": "confirm"})
        settled = await api.charge_when(charge["id"], "SUCCEEDED")
        assert settled["order"]["paymentState"] == "PAID"
        timeline = await api.query(
            "query($id: ID!) { charge(id: $id) { timeline { nodes { kind actor } } } }", id=charge["id"]
        )
    actors = {event["kind"]: event["actor"] for event in timeline["charge"]["timeline"]["nodes"]}
    assert actors["CHARGE_SUCCEEDED"].startswith("webhook:")


def event_about(kind: str, ref: str) -> bytes:
    event = {
        "id": new_id(IdPrefix.EVENT),
        "kind": f"{kind}.succeeded",
        "livemode": False,
        "created_at": datetime.now(UTC).isoformat(),
        "data": {"object": kind, "ref": ref},
    }
    return json.dumps(event).encode()


def signed(body: bytes, *, secret: str = WEBHOOK_SECRET, moment: datetime | None = None) -> str:
    return sign(body, secrets=[secret], moment=moment or datetime.now(UTC))
