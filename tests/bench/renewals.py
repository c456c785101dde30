"""How many subscriptions a worker renews in a minute, what memory that takes, and that neither depends on their number.

    python -m tests.bench.renewals [--write] [1000 3000 10000]

For each number there is a PostgreSQL of its own, as durable as in production, with so many subscriptions of a monthly
plan, all of whose periods ended a day ago; and one `paydesk worker`, as it is, with the fake bank in its process, which
answers as soon as it can. Each renewal makes the period and the invoice with its number, charges the card and books
what came of it. `--write` puts the table into docs/performance.md. It takes a quarter of an hour on two cores.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it comes without types

from adapters.fake import Bank
from domain.clock import SystemClock
from domain.ids import IdPrefix, new_id
from persistence.database import Database
from persistence.migrate import migrate
from persistence.store import TortoiseStore
from tests.bench.machines import postgres, say
from tests.bench.pages import write
from tests.databases import ROOT
from tests.server.processes import settings
from tests.services.shop import open_shop
from tests.services.subscribed import keep_begun, subscribed

NUMBERS = (1_000, 3_000, 10_000)
CUSTOMERS = 400
"""So that two renewals at once rarely are of one customer, whose card and balance are locked while one is billed."""
WARM_UP = 200
"""Renewals before the clock runs: a worker that has just begun has its caches to fill."""
_LONGEST_SECONDS = 3_600.0
_PAID = "SELECT count(*) AS paid FROM invoices WHERE reason = 'PERIOD' AND state = 'PAID'"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Run:
    number: int
    seconds: float
    """For all but those of the warm-up."""
    cpu_seconds: float
    """Of the worker."""
    memory_soon: int
    """Bytes, when a tenth was renewed."""
    memory_most: int

    @property
    def a_minute(self) -> float:
        return (self.number - WARM_UP) / self.seconds * 60

    @property
    def cpu_each(self) -> float:
        """Milliseconds."""
        return self.cpu_seconds * 1000 / (self.number - WARM_UP)


async def bench(number: int, folder: Path) -> Run:
    with postgres(folder / "server", durable=True) as url:
        await stock(url, folder, number)
        with working(url, folder) as worker:
            run = await measure(url, worker, number)
        await check(url, number)
    return run


async def stock(url: str, folder: Path, number: int) -> None:
    """Subscriptions whose renewal is due, of customers who have cards."""
    database = await Database.open(url)
    await migrate(database)
    bank = Bank(folder / "books.sqlite3", clock=SystemClock(), public_url="http://127.0.0.1")
    shop = open_shop(database, bank, SystemClock())
    customers = []
    for _ in range(CUSTOMERS):
        customers.append(await shop.customer())
        await shop.card(customers[-1])
    began = shop.clock.now().replace(microsecond=0) - timedelta(days=32)
    template = await subscribed(shop, customer_id=customers[0], starts_at=began)
    whose = islice(cycle(customers), number - 1)
    left = number - 1
    while left:
        async with TortoiseStore(database).transaction() as tx:
            for customer_id in islice(whose, _AT_ONCE):
                items = tuple(replace(item, id=new_id(IdPrefix.SUBSCRIPTION_ITEM)) for item in template.items)
                own = replace(template, id=new_id(IdPrefix.SUBSCRIPTION), customer_id=customer_id, items=items)
                await keep_begun(tx, own, now=shop.clock.now())
                left -= 1
    await shop.close()
    bank.close()
    await database.close()


@contextmanager
def working(url: str, folder: Path) -> Iterator[psutil.Process]:
    chosen = settings(url, folder, log_level="WARNING", fake_webhook_secret="a-secret-of-the-webhooks")
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, str(ROOT / "server.py"), "worker"],
            cwd=folder,
            env=os.environ | chosen | {"PAYDESK_ENV_FILE": ""},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as popen,
    ):
        try:
            yield psutil.Process(popen.pid)
        finally:
            popen.terminate()


async def measure(url: str, worker: psutil.Process, number: int) -> Run:
    database = await Database.open(url)
    began = spent = 0.0
    soon = most = done = first = 0
    deadline = time.monotonic() + _LONGEST_SECONDS
    while done < number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done} of {number} were renewed")
        await asyncio.sleep(0.1 if not began else 0.5)
        async with database.reader() as connection:
            row = await connection.fetch_one(_PAID)
        done = row["paid"] if row else 0
        memory, cpu = worker.memory_info().rss, worker.cpu_times()
        if not began and done >= WARM_UP:
            began, spent = time.monotonic(), cpu.user + cpu.system
            first = done
        if not soon and done >= number / 10:
            soon = memory
        most = max(most, memory)
    seconds = (time.monotonic() - began) * (number - WARM_UP) / max(number - first, 1)
    cpu = worker.cpu_times()
    await database.close()
    return Run(number, seconds, cpu.user + cpu.system - spent, soon, most)


async def check(url: str, number: int) -> None:
    """Each was billed once and charged once, and the numbers have no gap."""
    database = await Database.open(url)
    async with database.reader() as connection:
        for statement in (
            "SELECT count(*) AS n FROM subscription_periods WHERE invoice_id IS NOT NULL",
            "SELECT count(*) AS n FROM charges WHERE state = 'SUCCEEDED'",
            "SELECT count(*) AS n FROM charges",
            "SELECT max(sequence) AS n FROM invoices",
        ):
            row = await connection.fetch_one(statement)
            assert row is not None
            assert row["n"] == number, (statement, row["n"])
    await database.close()


def table(runs: list[Run], load: float) -> str:
    shared = f"On {os.cpu_count()} cores, which one worker, its bank and PostgreSQL share"
    lines = [
        f"{shared}, with a load of {load:.1f} when the run began.\n",
        "| Subscriptions | Renewals a minute | CPU ms a renewal, of the worker | Memory soon, MB | At most, MB |",
        "|---" * 5 + "|",
    ]
    for run in runs:
        soon, most = run.memory_soon / 2**20, run.memory_most / 2**20
        lines.append(f"| {run.number:,} | {run.a_minute:,.0f} | {run.cpu_each:.1f} | {soon:.0f} | {most:.0f} |")
    return "\n".join(lines)


async def main(folder: Path, numbers: list[int]) -> None:
    runs, load = [], os.getloadavg()[0]
    for number in numbers:
        runs.append(await bench(number, made(folder / str(number))))
        say(table(runs, load))
    if "--write" in sys.argv:
        write("renewals", table(runs, load))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    wanted = [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or list(NUMBERS)
    with tempfile.TemporaryDirectory(prefix="paydesk-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        asyncio.run(main(Path(name), wanted))
