"""Live updates between processes: what one has done, clients of another are told."""

import asyncio
import base64
import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.schema.live import SocketClient, connected, streaming
from tests.server.api import Api, Json
from tests.server.processes import ADMIN_KEY, Process, paydesk, serving, settings

AUTHORIZATION = f"Bearer {ADMIN_KEY}"
FOLLOW = (
    "subscription($id: ID!, $after: String) { orderUpdated(id: $id, after: $after) "
    "{ order { state } event { id kind actor } cursor } }"
)
EVERYTHING = "subscription($after: String) { events(after: $after) { event { id kind } cursor } }"


def place(gateway: Process) -> str:
    return gateway.address.removeprefix("http://")


async def update(client: SocketClient) -> Json:
    found: Json = (await client.data("1"))["orderUpdated"]
    return found


async def test_what_a_worker_does_reaches_clients_of_other_gateways(database_url: str, tmp_path: Path) -> None:
    """An order expires in the worker, a process of its own; one client has a socket, the other an event stream."""
    chosen = settings(database_url, tmp_path, worker="false", sqlite_shared="true")
    with serving(chosen, tmp_path) as asked, serving(chosen, tmp_path) as followed:
        async with Api(asked.address) as api:
            customer_id = await api.customer("Ada")
            expires_at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
            order_id = await api.order(customer_id, {await api.price("Ticket", 20_00): 1}, expiresAt=expires_at)
        async with (
            connected(place(followed), AUTHORIZATION) as client,
            streaming(place(followed), FOLLOW, authorization=AUTHORIZATION, id=order_id) as stream,
        ):
            await client.subscribe("1", FOLLOW, id=order_id)
            assert (await update(client))["order"]["state"] == "OPEN"
            assert (await stream.data())["orderUpdated"]["order"]["state"] == "OPEN"

            with paydesk("worker", settings=chosen, folder=tmp_path) as worker:
                told = await update(client)
                also_told = (await stream.data())["orderUpdated"]
                assert worker.popen.poll() is None

        assert (told["order"]["state"], told["event"]["kind"]) == ("EXPIRED", "ORDER_EXPIRED")
        assert told["event"]["actor"].startswith("system:")
        assert also_told == told


async def test_a_client_goes_on_at_another_gateway_without_a_gap_or_a_repeat(database_url: str, tmp_path: Path) -> None:
    """Its gateway is killed twice, while another goes on working."""
    chosen = settings(database_url, tmp_path, worker="false", sqlite_shared="true")
    with ExitStack() as running:
        asked = running.enter_context(serving(chosen, tmp_path))
        async with Api(asked.address) as api:
            price = await api.price("Ticket", 20_00)
            customer_id = await api.customer("Ada")
            seen: list[str] = []
            cursor = None
            shopping = asyncio.create_task(shop(api, customer_id, price))
            for _ in range(2):
                gateway = running.enter_context(serving(chosen, tmp_path))
                async with connected(place(gateway), AUTHORIZATION) as client:
                    await client.subscribe("1", EVERYTHING, after=cursor)
                    for _ in range(9):
                        message = (await client.data("1"))["events"]
                        cursor = message["cursor"]
                        if message["event"]:
                            seen.append(message["event"]["id"])
                    gateway.kill()
            await shopping
            async with connected(place(asked), AUTHORIZATION) as client:
                last = await last_event(client)
                await client.subscribe("1", EVERYTHING, after=cursor)
                while seen[-1] != last:
                    seen.append((await client.data("1"))["events"]["event"]["id"])
            order_ids = await shopping
            story = [event for order_id in order_ids for event in await timeline(api, order_id)]
    assert len(seen) == len(set(seen)), "a repeat"
    first = next(number for number, event in enumerate(story) if event in seen)
    assert set(story[first:]) <= set(seen), "a gap"
    assert len(story[first:]) > 20


async def shop(api: Api, customer_id: str, price: str) -> list[str]:
    order_ids = []
    for _ in range(8):
        order_id = await api.order(customer_id, {price: 1})
        payment = await api.pay(order_id)
        assert payment["charge"]["state"] == "SUCCEEDED"
        order_ids.append(order_id)
        await asyncio.sleep(0.2)
    return order_ids


async def last_event(client: SocketClient) -> str:
    """Of everything that has happened by now: the first message names the place behind it."""
    await client.subscribe("last", "subscription { events { cursor } }")
    cursor = (await client.data("last"))["events"]["cursor"]
    await client.send(id="last", type="complete")
    return event_of(cursor)


def event_of(cursor: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[-1])


async def timeline(api: Api, order_id: str) -> list[str]:
    query = "query($id: ID!) { order(id: $id) { timeline(first: 100, sort: OLDEST) { nodes { id } } } }"
    data = await api.query(query, id=order_id)
    return [event["id"] for event in data["order"]["timeline"]["nodes"]]


async def test_a_gateway_that_is_told_to_stop_lets_its_followers_go_at_once(database_url: str, tmp_path: Path) -> None:
    """They would last for ever, and payments under way have 30 seconds."""
    with serving(settings(database_url, tmp_path), tmp_path) as gateway:
        async with (
            connected(place(gateway), AUTHORIZATION) as client,
            streaming(place(gateway), EVERYTHING, authorization=AUTHORIZATION) as stream,
        ):
            await client.subscribe("1", EVERYTHING)
            await client.data("1")
            await stream.data()
            began = time.monotonic()
            gateway.popen.terminate()
            code, _ = await client.closed()
            assert code in (1001, 1012)
            assert await stream.event() is None, "without `complete`, so that it is taken up again elsewhere"
            assert await asyncio.to_thread(gateway.popen.wait, 20) == 0
            assert time.monotonic() - began < 10
    assert "Traceback" not in gateway.output
