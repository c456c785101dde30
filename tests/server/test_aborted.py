"""Clients that hang up, and a gateway that is told to stop: nothing stays locked, and no payment is forgotten."""

import asyncio
import json
import socket
import struct
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from persistence.database import Database
from persistence.sql import Dialect
from tests.server.api import Api, eventually, mutation, new_key
from tests.server.processes import ADMIN_KEY, END_SECONDS, serving, settings
from tests.server.truths import assert_both_sides_agree, opened_bank

SOON_SECONDS = 5.0
"""Many times what the answers take; a wedged database gives none at all."""


@pytest.mark.fault("F45")
async def test_a_hundred_aborted_requests_wedge_nothing(dialect: Dialect, database_url: str, tmp_path: Path) -> None:
    url = database_url + ("?pool_size=3" if dialect is Dialect.POSTGRES else "?readers=2")
    with serving(settings(url, tmp_path), tmp_path) as gateway:
        async with Api(gateway.address) as api:
            customers, ticket = [await api.customer(f"Ada {n}") for n in range(6)], await api.price("Ticket", 20_00)
            orders = [await api.order(customers[number % 6], {ticket: 1}) for number in range(30)]
            aborted, untouched = orders[:25], orders[25:]
            for number in range(100):
                await asyncio.to_thread(abort, gateway.address, request_for(aborted[number % 25]), number)

            began = time.monotonic()
            answers = await asyncio.gather(*(api.pay(order_id) for order_id in untouched))
            assert [answer["charge"]["state"] for answer in answers] == ["SUCCEEDED"] * 5
            assert time.monotonic() - began < SOON_SECONDS
            for order_id in aborted:
                # Where every request was cut off before it was whole, this one pays; else it is told that it is late.
                await api.pay(order_id)
                await api.order_when(order_id, lambda order: bool(order["paymentState"] == "PAID"))
            await assert_nothing_is_held(url)
        assert "Traceback" not in gateway.output
    truth = await assert_both_sides_agree(database_url, tmp_path)
    assert [charge.captured for charge in truth.charges] == [20_00] * 30


def request_for(order_id: str) -> bytes:
    values = {"orderId": order_id, "idempotencyKey": new_key()}
    body = json.dumps({"query": mutation("orderCharge", "charge { id }"), "variables": {"input": values}}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {ADMIN_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def abort(address: str, request: bytes, number: int) -> None:
    """Reset the connection: in the middle of the body, right after it, or at some point of the mutation."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port)) as connection:
        sent = request[:-40] if number % 4 == 0 else request
        connection.sendall(sent)
        if number % 4 > 1:
            time.sleep(number % 10 / 250)
        # Lingering for no time: the gateway gets a reset, not an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def assert_nothing_is_held(url: str) -> None:
    """No transaction is left open: another process can write at once."""
    database = await Database.open(url)
    try:
        async with asyncio.timeout(SOON_SECONDS), database.transaction() as connection:
            await connection.execute("UPDATE orders SET version = version")
        if database.dialect is Dialect.POSTGRES:
            # One that is at work is gone at the next look; one that was left behind stays.
            await eventually(lambda: open_transactions(database), lambda queries: not queries)
    finally:
        await database.close()


async def open_transactions(database: Database) -> list[str]:
    async with database.reader() as connection:
        rows = await connection.fetch_all(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%'"
        )
    return [row["query"] for row in rows]


# --- told to stop ---------------------------------------------------------------------------------------------------


@pytest.mark.fault("F46")
async def test_a_gateway_that_is_told_to_stop_ends_its_payments_first(database_url: str, tmp_path: Path) -> None:
    """The one whose client waits for the answer, and the one that was answered with PENDING."""
    script = "charge#1=slow:3; charge#2=slow:1"
    with serving(
        settings(database_url, tmp_path, fake_script=script, answer_within_seconds="1.5"), tmp_path
    ) as gateway:
        async with Api(gateway.address) as api:
            long, short = await new_order(api), await new_order(api)
            payment = await api.pay(long)
            assert payment["charge"]["state"] == "PENDING"
            paying = asyncio.create_task(api.pay(short))
            await bank_is_at_work(tmp_path, on=2)
            gateway.popen.terminate()
            assert (await paying)["charge"]["state"] == "SUCCEEDED"
        assert await asyncio.to_thread(gateway.popen.wait, END_SECONDS) == 0
    assert "Traceback" not in gateway.output
    truth = await assert_both_sides_agree(database_url, tmp_path)
    assert [charge.captured for charge in truth.charges] == [20_00, 20_00]
    assert truth.captured(payment["charge"]["id"]) == 20_00


async def new_order(api: Api) -> str:
    return await api.order(await api.customer("Ada"), {await api.price("Ticket", 20_00): 1})


async def bank_is_at_work(folder: Path, *, on: int) -> None:
    with opened_bank(folder) as bank:

        async def calls() -> int:
            return await bank.run(lambda books: len(books.all("SELECT * FROM in_flight")))

        await eventually(calls, lambda count: count == on)
