"""Followers that break off: after 500 of them nothing is held, nobody is served any more, and the gateway answers."""

import asyncio
import json
import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.sql import Dialect
from server import application
from tests.schema.gateway import ADMIN, Shop, open_shop, settings_for
from tests.schema.live import PATIENCE_SECONDS, connected, serving

ABORTS = 500
AT_ONCE = 8
FOLLOW = "subscription { events { event { id kind subjectIds } cursor } }"


@pytest.mark.fault("F45", "F61")
async def test_500_aborted_sockets_and_streams_leave_nothing_behind(
    dialect: Dialect, database_url: str, tmp_path: Path
) -> None:
    url = database_url + ("?pool_size=3" if dialect is Dialect.POSTGRES else "?readers=2")
    async with open_shop(settings_for(tmp_path, url)) as shop:
        order_id = await shop.order(await shop.buyer())
        price = await shop.price()
        async with serving(application(shop.running)) as address:
            before = len(asyncio.all_tasks())
            stop = asyncio.Event()
            selling = asyncio.create_task(sell(shop, order_id, price, stop))
            watching = asyncio.create_task(most_at_once(shop, stop))
            turn = asyncio.Semaphore(AT_ONCE)

            async def one(number: int) -> None:
                async with turn:
                    await asyncio.to_thread(abort, address, order_id, number)

            await asyncio.gather(*(one(number) for number in range(ABORTS)))
            stop.set()
            sold = await selling
            most = await watching

            async with asyncio.timeout(PATIENCE_SECONDS):
                while not is_clean(shop):
                    await asyncio.sleep(0.05)
                while len(asyncio.all_tasks()) > before:
                    await asyncio.sleep(0.05)
            began = time.monotonic()
            async with connected(address) as client:
                await client.subscribe("1", FOLLOW)
                await client.data("1")
                charge = await shop.charge(order_id)
                assert charge["state"] == "SUCCEEDED"
                assert (await client.data("1"))["events"]["event"]["kind"] == "ORDER_PLACED"
            assert time.monotonic() - began < PATIENCE_SECONDS / 2
        assert sold > 5, "something happened while they came and went"
        assert min(most) >= 1, "and they were followed by then"


def is_clean(shop: Shop) -> bool:
    running = shop.running
    followed = running.live.connections + running.live.operations + running.feed.followers
    return followed == 0 and running.database.idle and running.feed.is_resting


async def most_at_once(shop: Shop, stop: asyncio.Event) -> tuple[int, int, int]:
    """Connections, operations of sockets, followers."""
    most = (0, 0, 0)
    while not stop.is_set():
        running = shop.running
        seen = (running.live.connections, running.live.operations, running.feed.followers)
        most = (max(most[0], seen[0]), max(most[1], seen[1]), max(most[2], seen[2]))
        await asyncio.sleep(0.002)
    return most


async def sell(shop: Shop, order_id: str, price: str, stop: asyncio.Event) -> int:
    """Events for those who follow, so that some are cut off while they are told of one."""
    sold = 0
    while not stop.is_set() and sold < 400:
        await shop.do("orderAddLine", {"orderId": order_id, "priceId": price}, "order { id }")
        sold += 1
        await asyncio.sleep(0.02)
    return sold


def abort(address: str, order_id: str, number: int) -> None:
    """Reset the connection: in the middle of a request or a message, or while answers come."""
    chance = random.Random(number)
    head, *rest = socket_messages(order_id) if number % 2 else stream_request(order_id)
    body = b"".join(rest)
    whole = len(head) + len(body)
    length = chance.randrange(1, whole) if chance.random() < 0.5 else whole
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(head[:length])
        if number % 2 and length > len(head):
            # Messages are read once the handshake is done.
            while b"\r\n\r\n" not in connection.recv(4_096, socket.MSG_PEEK):
                pass
        connection.sendall(body[: max(length - len(head), 0)])
        if length == whole and chance.random() < 0.7:
            connection.recv(chance.choice((1, 300, 5_000)))
        time.sleep(chance.choice((0, 0, 0.005, 0.03, 0.1)))
        # Lingering for no time: the gateway gets a reset, not an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def socket_messages(order_id: str) -> Iterator[bytes]:
    yield (
        b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    yield frame({"type": "connection_init", "payload": {"Authorization": ADMIN}})
    yield frame({"type": "subscribe", "id": "1", "payload": {"query": FOLLOW}})
    yield frame({"type": "subscribe", "id": "2", "payload": following(order_id)})
    yield frame({"type": "subscribe", "id": "3", "payload": {"query": "{ orders { nodes { id } } }"}})


def frame(message: object) -> bytes:
    """A client's text frame, masked with zeros."""
    text = json.dumps(message).encode()
    size = bytes((0x80 | len(text),)) if len(text) < 126 else struct.pack("!BH", 0x80 | 126, len(text))
    return b"\x81" + size + b"\0\0\0\0" + text


def stream_request(order_id: str) -> Iterator[bytes]:
    body = json.dumps(following(order_id)).encode()
    yield (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
        f"Authorization: {ADMIN}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    yield body


def following(order_id: str) -> dict[str, object]:
    query = "subscription($id: ID!) { orderUpdated(id: $id) { order { id state lines { id } } event { kind } cursor } }"
    return {"query": query, "variables": {"id": order_id}}
