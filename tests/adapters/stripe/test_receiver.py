"""The webhook receiver with Stripe behind it: 400, 200 after the commit, 5xx when it could not store, nothing else."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from adapters.http import webhook_routes
from adapters.settings import PLAIN, Settings
from server import Gateway, gateway
from tests.adapters.stripe.deliveries import event_of, now, signed
from tests.adapters.stripe.desk import Desk
from tests.emulators.stripe.serving import Served

SECRET, OLD_SECRET = "whsec_new", "whsec_old"


@pytest.fixture
async def running(served: Served, desk: Desk, database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    given_settings = Settings.model_validate(
        {
            "environment": "sandbox",
            "provider": "stripe",
            "database_url": database_url,
            "stripe": {
                PLAIN: {
                    "secret_key": "sk_test_emulator",
                    "publishable_key": "pk_test_emulator",
                    "webhook_secret": f"{SECRET},{OLD_SECRET}",
                    "api_base": served[0],
                }
            },
        }
    )
    async with gateway(given_settings) as opened:
        yield opened


@pytest.fixture
async def client(running: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[*webhook_routes(running.webhooks)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as opened:
        yield opened


async def deliver(client: httpx.AsyncClient, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return await client.post("/webhooks/stripe", content=body, headers=headers or signed(body, secret=SECRET))


async def test_a_good_delivery_is_stored_before_it_is_answered_and_once(
    client: httpx.AsyncClient, running: Gateway
) -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    answers = [await deliver(client, body, signed(body, secret=secret)) for secret in (SECRET, OLD_SECRET, SECRET)]
    assert [(each.status_code, each.json()["repeated"]) for each in answers] == [(200, False), (200, True), (200, True)]
    assert await running.worker.run_due() == 1, "its job was stored with it"


GENUINE = event_of("payment_intent.succeeded")
BODY = orjson.dumps(GENUINE)


_UNSIGNED = {
    "without a signature": (BODY, {"User-Agent": "Stripe/1.0"}),
    "forged": (BODY, signed(BODY, secret="whsec_nobodys")),
    "made up": (BODY, {"Stripe-Signature": "t=1,v1=00"}),
    "stale": (BODY, signed(BODY, secret=SECRET, moment=now() - timedelta(hours=1))),
    "future": (BODY, signed(BODY, secret=SECRET, moment=now() + timedelta(hours=1))),
    "re-serialised": (json.dumps(GENUINE, indent=2).encode(), signed(BODY, secret=SECRET)),
}


async def test_what_stripe_did_not_sign_a_moment_ago_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, running: Gateway
) -> None:
    answers = {name: await deliver(client, *sent) for name, sent in _UNSIGNED.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(_UNSIGNED, 400)
    assert answers["forged"].json() == {"error": "not accepted"}
    assert await running.worker.run_due() == 0


def _without(name: str) -> dict[str, Any]:
    return {each: value for each, value in GENUINE.items() if each != name}


def _nested(levels: int) -> bytes:
    inside = b"[" * levels + b"]" * levels
    return BODY.replace(b'"metadata":{}', b'"metadata":' + inside)


_NO_EVENTS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"event"',
    "a number": b"7",
    "an empty object": b"{}",
    "half an object": b"{",
    "no text": b"\xff\xfe",
    "a byte too many": BODY + b"\xff",
    "a deep list": b"[" * 100_000,
    "a deep event": _nested(500),
    "no number": b"NaN",
    "a moment that is no number": BODY.replace(b'"created":1', b'"created":NaN,"was":1'),
    "a moment too far": BODY.replace(b'"created":1', b'"created":' + b"9" * 40 + b',"was":1'),
    "a moment that is a truth": orjson.dumps({**GENUINE, "created": True}),
    "a moment in letters": orjson.dumps({**GENUINE, "created": "2026-11-21"}),
    "an id that is a list": orjson.dumps({**GENUINE, "id": ["evt_1"]}),
    "an id that is too long": orjson.dumps({**GENUINE, "id": "e" * 300}),
    "an id with a NUL": orjson.dumps({**GENUINE, "id": "evt\0"}),
    "a mode in letters": orjson.dumps({**GENUINE, "livemode": "yes"}),
    "no type": orjson.dumps({**GENUINE, "type": None}),
    "a thin event": orjson.dumps({**GENUINE, "object": "v2.core.event"}),
    "data that is a list": orjson.dumps({**GENUINE, "data": []}),
    "an object that is a text": orjson.dumps({**GENUINE, "data": {"object": "pi_1"}}),
    "an object of no kind": orjson.dumps({**GENUINE, "data": {"object": {"id": "pi_1"}}}),
    "a kind that is a list": orjson.dumps({**GENUINE, "data": {"object": {"object": [], "id": "pi_1"}}}),
    **{f"without {name}": orjson.dumps(_without(name)) for name in ("id", "type", "data", "created", "livemode")},
}


async def test_what_is_signed_and_no_event_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, running: Gateway
) -> None:
    answers = {name: (await deliver(client, body)).status_code for name, body in _NO_EVENTS.items()}
    assert answers == dict.fromkeys(_NO_EVENTS, 400)
    assert await running.worker.run_due() == 0


_STRANGE = {
    "letters of the world": orjson.dumps({**GENUINE, "note": "☃ é ￿"}),
    "a huge number": BODY.replace(b'"metadata":{}', b'"metadata":{"n":' + b"9" * 60 + b"}"),
    "a huge float": BODY.replace(b'"metadata":{}', b'"metadata":{"n":1e308}'),
    "less than nothing": BODY.replace(b'"metadata":{}', b'"metadata":{"n":-0.0}'),
    "a type of tomorrow": orjson.dumps({**GENUINE, "type": "mystery.solved"}),
    "another version": orjson.dumps({**GENUINE, "api_version": "2019-02-19"}),
}


async def test_what_is_strange_and_an_event_is_stored(client: httpx.AsyncClient) -> None:
    for number, (name, body) in enumerate(_STRANGE.items()):
        answer = await deliver(client, body.replace(b"evt_1", b"evt_%d" % number))
        assert (answer.status_code, answer.json()) == (200, {"received": True, "repeated": False}), name


async def test_what_could_not_be_stored_has_to_come_again(client: httpx.AsyncClient, running: Gateway) -> None:
    await running.database.close()
    answer = await deliver(client, BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)
_EVENTS = st.builds(
    lambda fields, about: {**GENUINE, "data": {"object": {**GENUINE["data"]["object"], **about}}, **fields},
    st.dictionaries(st.sampled_from([*GENUINE, "account", "note"]), _JSON, max_size=2),
    st.dictionaries(st.sampled_from(["object", "id", "metadata", "payment_intent", "note"]), _JSON, max_size=2),
)
_BODIES = st.binary(max_size=60) | (_EVENTS | _JSON).map(lambda value: json.dumps(value).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_BODIES)
async def test_whatever_is_signed_is_taken_or_refused_and_never_an_accident(
    client: httpx.AsyncClient, body: bytes
) -> None:
    assert (await deliver(client, body)).status_code in (200, 400)
