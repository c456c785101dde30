"""Nothing that one client sends holds up the others: measured on a real gateway, by somebody who asks all the time."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server.api import Api
from tests.server.hostile import HOSTILE, THE_WHOLE_SCHEMA, document, unseen
from tests.server.processes import ADMIN_KEY, run_paydesk, serving, settings

HELD_UP_SECONDS = 0.2
"""How much later than on an idle gateway others may be answered. Most kinds take a tenth of that; before long documents
were read beside the event loop, some took twice as long."""
TRIES = 4
"""The machine is busy with other tests: a kind that holds up the loop does so each time."""

STRANGERS = 20
"""Addresses that attack at once. When they came first, a new document of the shop's own waited for one of each."""
MOST_BEFORE = 5
"""Documents of strangers that are finished while one of the shop waits: the one that is being read, and some whose
answers are still on their way. Counted, and not timed: the machine is busy with other tests."""

_PROBE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Probe:
    """Asks for next to nothing, again and again, and remembers the longest wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.longest = 0.0

    async def ask_on(self) -> None:
        while True:
            began = time.monotonic()
            self._writer.write(_PROBE)
            await self._reader.readuntil(b"}")
            self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def probing(address: str) -> AsyncIterator[Probe]:
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    probe = Probe(reader, writer)
    asking = asyncio.create_task(probe.ask_on())
    try:
        yield probe
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        writer.close()


async def longest_wait(api: Api, address: str, body: bytes | None) -> float:
    async with probing(address) as probe:
        await asyncio.sleep(0.05)
        if body is not None:
            answer = await api.http.post("/graphql", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, answer.text
        await asyncio.sleep(0.05)
    return probe.longest


@pytest.mark.fault("F25", "F59", "F61")
async def test_others_are_answered_while_hostile_requests_are_worked_on(tmp_path: Path) -> None:
    chosen = settings(f"sqlite://{tmp_path}/paydesk.sqlite3", tmp_path, worker="false")
    assert run_paydesk("migrate", settings=chosen, folder=tmp_path).returncode == 0
    with serving(chosen, tmp_path) as gateway:
        async with Api(gateway.address) as api, slow_bodies(gateway.address, count=50):
            slow: dict[str, float] = {}
            for name, make in HOSTILE.items():
                body = make()
                for _ in range(TRIES):
                    idle = await longest_wait(api, gateway.address, None)
                    slow[name] = await longest_wait(api, gateway.address, body) - idle
                    if slow[name] < HELD_UP_SECONDS:
                        break
            assert {name: wait for name, wait in slow.items() if wait >= HELD_UP_SECONDS} == {}
        assert "Traceback" not in gateway.output


@pytest.mark.fault("F25", "F59")
async def test_many_strangers_hold_up_nobody_who_is_signed_in(tmp_path: Path) -> None:
    chosen = settings(f"sqlite://{tmp_path}/paydesk.sqlite3", tmp_path, worker="false", trusted_proxies="127.0.0.1")
    assert run_paydesk("migrate", settings=chosen, folder=tmp_path).returncode == 0
    probes: dict[str, Callable[[], bytes]] = {
        "a new long document": lambda: unseen(document("{ orders { nodes { id } } }" + " " * 1_000)),
        "whether anybody is there": lambda: document("{ __typename }"),
        "the schema": lambda: document(f"{{ {THE_WHOLE_SCHEMA} }}"),
    }
    with serving(chosen, tmp_path) as gateway:
        async with Api(gateway.address) as api, attacking(gateway.address) as answered:
            before: dict[str, int] = {}
            for name, make in probes.items():
                seen = answered[422]
                answer = await api.http.post(
                    "/graphql", content=make(), headers={"Content-Type": "application/json"}, timeout=60
                )
                assert answer.status_code == 200, answer.text
                before[name] = answered[422] - seen
            assert {name: count for name, count in before.items() if count > MOST_BEFORE} == {}
            assert set(answered) <= {422, 503}
        assert "Traceback" not in gateway.output


@contextlib.asynccontextmanager
async def attacking(address: str) -> AsyncIterator[Counter[int]]:
    """Strangers who send documents that take long to refuse, without a pause; how often each status was answered."""
    place = urlsplit(address)
    answered: Counter[int] = Counter()

    async def attack(source: str) -> None:
        while True:
            body = unseen(HOSTILE["60 fragments that are compared"]())
            head = (
                f"POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {source}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            try:
                writer.write(head.encode() + body)
                answered[int((await reader.read()).split()[1])] += 1
            finally:
                writer.close()
                await writer.wait_closed()

    attacks = [asyncio.create_task(attack(f"8.8.8.{number}")) for number in range(STRANGERS)]
    try:
        async with asyncio.timeout(60):
            while answered[422] < 2:
                await asyncio.sleep(0.01)
        yield answered
    finally:
        for task in attacks:
            task.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)


@contextlib.asynccontextmanager
async def slow_bodies(address: str, *, count: int) -> AsyncIterator[None]:
    """Connections that have promised a body and never end it."""
    place = urlsplit(address)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ADMIN_KEY}\r\n"
        'Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n{"query": "'
    )
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(head.encode())
        writers.append(writer)
    try:
        yield
    finally:
        for writer in writers:
            writer.close()
