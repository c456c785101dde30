"""How late the event loop is while pages of Braintree's transactions are read: `python -m tests.bench.parsing`."""

import asyncio
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from braintree.util.parser import Parser

import server  # noqa: F401 (a gateway's memory, kept out of the garbage collector's way as it is there)
from adapters.braintree import xmltext
from tests.bench.machines import say
from tests.bench.pages import write
from tests.emulators.braintree.serving import serving_aside
from tests.emulators.braintree_shop import KEYS, open_shop

TRANSACTIONS = 50
"""What Braintree puts on a page."""
FEW = 5
ROUNDS = 8
PAGES_A_ROUND = 5
_TICK_SECONDS = 0.001


@dataclass
class Way:
    """One way to read a page."""

    read: Callable[[], Awaitable[object]]
    milliseconds: list[float] = field(default_factory=list)
    """That each page took."""
    late: list[float] = field(default_factory=list)
    """Milliseconds that the loop was late by, each time that somebody wanted something of it."""

    async def measure(self) -> None:
        ticking = asyncio.create_task(self._tick())
        for _ in range(PAGES_A_ROUND):
            began = time.perf_counter()
            await self.read()
            self.milliseconds.append((time.perf_counter() - began) * 1000)
        ticking.cancel()

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            self.late.append((time.perf_counter() - began - _TICK_SECONDS) * 1000)

    def row(self, name: str) -> str:
        late = sorted(self.late)
        middle, most, worst = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
        took = sorted(self.milliseconds)[len(self.milliseconds) // 2]
        return f"| {name} | {took:.0f} | {middle:.1f} | {most:.1f} | {worst:.1f} |"


def page_of_the_emulator() -> bytes:
    """In lines of their own, as Braintree writes."""
    with serving_aside(keys=KEYS) as (address, _), open_shop(address, duplicate_window_seconds=0) as shop:
        _, token = shop.customer_with()
        for _ in range(TRANSACTIONS):
            shop.sold(nonce=None, payment_method_token=token)
        return shop.post("transactions/advanced_search", "<search/>").content.replace(b"><", b">\n      <")


def as_the_sdk_reads(body: bytes) -> dict[str, Any]:
    return dict(Parser(body).parse())


def built_in_c(body: bytes) -> object:
    """The tree of xml.etree, and what is least to do with it afterwards."""
    return _plain(ET.fromstring(body))  # noqa: S314 (of the emulator)


def _plain(node: ET.Element) -> object:
    return {child.tag.replace("-", "_"): _plain(child) for child in node} if len(node) else node.text


def few_of(page: bytes) -> bytes:
    head, *each = page.split(b"<transaction>")
    return b"<transaction>".join([head, *each[:FEW]]) + b"</credit-card-transactions>"


async def bench() -> str:
    page = page_of_the_emulator()
    if xmltext.read(page) != as_the_sdk_reads(page):
        raise AssertionError("They read different things.")
    few = few_of(page)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        await loop.run_in_executor(process, as_the_sdk_reads, page)
        ways = {
            "nobody reads anything": Way(lambda: asyncio.sleep(0.05)),
            "the SDK's parser in a thread": Way(lambda: asyncio.to_thread(as_the_sdk_reads, page)),
            f"the same, {FEW} transactions a page": Way(lambda: asyncio.to_thread(as_the_sdk_reads, few)),
            "`xml.etree` in a thread": Way(lambda: asyncio.to_thread(built_in_c, page)),
            "the SDK's parser in a process of its own": Way(
                lambda: loop.run_in_executor(process, as_the_sdk_reads, page)
            ),
            "**`adapters/braintree/xmltext.py` in a thread**": Way(lambda: asyncio.to_thread(xmltext.read, page)),
        }
        for _ in range(ROUNDS):
            for way in ways.values():
                gc.collect()
                await way.measure()
    rows = [way.row(name) for name, way in ways.items()]
    size = f"{len(page) / 1024:.0f} KiB for {TRANSACTIONS} transactions, {ROUNDS * PAGES_A_ROUND} times each"
    return "\n".join(
        [
            f"{size}.\n",
            "| How it is read | ms a page | late by p50 | p99 | at most |",
            "|---" * 5 + "|",
            *rows,
        ]
    )


def main() -> None:
    load = os.getloadavg()[0]
    text = f"On {os.cpu_count()} cores, with a load of {load:.1f} when the run began. " + asyncio.run(bench())
    say(text)
    if "--write" in sys.argv:
        write("parsing", text)


if __name__ == "__main__":
    main()
