"""What the gateway adds to a charge, beside the provider's own time; next to a route that does the same without safety.

    python -m tests.bench.charges [--write]

For each database, and for a fake bank inside the process and one of its own, two real servers run side by side:
`paydesk serve`, and `tests.bench.by_hand`. In every round each of them charges so many orders, one after the other and
then 16 at once; they take turns, and what counts is each round's ratio, for the machine is not as fast in one minute as
in the next. The provider's own time is measured at the port and taken off. `--write` puts the tables into
docs/performance.md. It takes five minutes on a machine that has nothing else to do.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from adapters.fake import Bank
from domain.clock import SystemClock
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.orders import Order, OrderLine
from domain.principals import ALL_PERMISSIONS
from domain.services.api_keys import CreateApiKey
from persistence.database import Database
from persistence.migrate import migrate
from persistence.store import TortoiseStore
from tests.bench.client import Client
from tests.bench.machines import postgres, say
from tests.bench.pages import write
from tests.bench.timed import TIMES
from tests.databases import ROOT
from tests.server.processes import Process, free_port, settings, wait_until_answering
from tests.services.shop import SHOP, open_shop

ROUNDS = 5
WARM_UP = 40
CHARGES = {1: 40, 16: 160}
"""At once → how many in each round."""
CUSTOMERS = 64
"""So that 16 charges at once rarely are of one customer, whose card is locked while one of them begins."""
_BANK_KEY = "a-key-of-the-bank-that-nobody-guesses"

_DOCUMENT = """
mutation Pay($input: OrderChargeInput!) {
  orderCharge(input: $input) {
    charge { id state captured { minorUnits currency } order { id state paymentState } }
    userErrors { code }
  }
}
"""


@dataclass
class Side:
    """One of the two servers, and what was measured of it: at once → round → …"""

    name: str
    process: Process
    path: str
    secret: str
    ask: Callable[[str], dict[str, Any]]
    read: Callable[[Any], dict[str, Any]]
    spent: dict[int, list[list[tuple[str, float]]]] = field(default_factory=lambda: {count: [] for count in CHARGES})
    """Charge and seconds, as the client saw them."""
    seconds: dict[int, list[float]] = field(default_factory=lambda: {count: [] for count in CHARGES})
    cpu: dict[int, list[float]] = field(default_factory=lambda: {count: [] for count in CHARGES})
    provider: dict[str, float] = field(default_factory=dict)
    """Charge → seconds at the provider; known when the process has ended."""

    def added(self, at_once: int) -> list[list[float]]:
        """Milliseconds beside the provider's own time, by round."""
        return [[(took - self.provider[charge]) * 1000 for charge, took in of] for of in self.spent[at_once]]

    def each(self, at_once: int) -> list[float]:
        """Charges a second, by round."""
        return [CHARGES[at_once] / seconds for seconds in self.seconds[at_once]]


async def measure(sides: Sequence[Side], orders: Iterator[str]) -> None:
    for side in sides:
        await charge(side, 4, [next(orders) for _ in range(WARM_UP)])
    for number in range(ROUNDS):
        for at_once, count in CHARGES.items():
            for side in sides if number % 2 == 0 else reversed(sides):
                theirs = [next(orders) for _ in range(count)]
                usage = psutil.Process(side.process.popen.pid)
                before = usage.cpu_times()
                began = asyncio.get_running_loop().time()
                spent = await charge(side, at_once, theirs)
                side.seconds[at_once].append(asyncio.get_running_loop().time() - began)
                # What is still to do for these charges, such as their webhooks, is theirs too.
                await asyncio.sleep(1)
                after = usage.cpu_times()
                side.cpu[at_once].append((after.user + after.system - before.user - before.system) * 1000 / count)
                side.spent[at_once].append(spent)


async def charge(side: Side, at_once: int, order_ids: Sequence[str]) -> list[tuple[str, float]]:
    waiting, done = list(order_ids), list[tuple[str, float]]()

    async def customer() -> None:
        client = Client(side.process.address, side.path, side.secret)
        await client.open()
        while waiting:
            answer = await client.ask(side.ask(waiting.pop()))
            charged = side.read(answer.body)
            if charged["state"] != "SUCCEEDED" or charged["order"]["paymentState"] != "PAID":
                raise AssertionError(f"{side.name}: {answer.body}")
            done.append((charged["id"], answer.seconds))
        await client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(customer())
    return done


# --- the shop ---------------------------------------------------------------------------------------------------------


async def stocked(url: str, folder: Path) -> tuple[list[str], str]:
    """A database with open orders of customers who have cards; and a server's key, whose acts are not audited."""
    database = await Database.open(url)
    await migrate(database)
    bank = Bank(folder / "books.sqlite3", clock=SystemClock(), public_url="http://127.0.0.1")
    shop = open_shop(database, bank, SystemClock())
    customers = [await shop.customer() for _ in range(CUSTOMERS)]
    for customer in customers:
        await shop.card(customer)
    issued = await shop.api_keys.create(SHOP, CreateApiKey(name="bench", permissions=ALL_PERMISSIONS))
    count = 2 * (2 * WARM_UP + ROUNDS * sum(CHARGES.values()))
    orders = [an_order(customers[number % CUSTOMERS]) for number in range(count)]
    async with TortoiseStore(database).transaction() as tx:
        for order in orders:
            await tx.orders.insert(order)
    await shop.close()
    bank.close()
    await database.close()
    assert issued.secret is not None
    return [order.id for order in orders], issued.secret


def an_order(customer_id: str) -> Order:
    now = datetime.now(UTC)
    line = OrderLine(
        id=new_id(IdPrefix.ORDER_LINE),
        product_id=None,
        price_id=None,
        name="Tea",
        unit_amount=Money(20_00, "USD"),
        quantity=1,
    )
    return Order(
        id=new_id(IdPrefix.ORDER),
        customer_id=customer_id,
        currency="USD",
        lines=(line,),
        livemode=False,
        created_at=now,
        updated_at=now,
    )


async def count_rows(url: str) -> dict[str, int]:
    tables = ("charges", "operations", "ledger_entries", "events", "event_subjects", "idempotency_keys")
    database = await Database.open(url)
    async with database.reader() as connection:
        counts = {}
        for table in tables:
            row = await connection.fetch_one(f"SELECT count(*) AS rows FROM {table}")
            counts[table] = row["rows"] if row else 0
    await database.close()
    return counts


# --- the servers ------------------------------------------------------------------------------------------------------


@contextmanager
def running(folder: Path, name: str, *command: str, environment: dict[str, str], ready: str) -> Iterator[Process]:
    """A module of ours in a process of its own, which is asked to end, for it writes its times then."""
    port = free_port()
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", *(part.format(port=port) for part in command)],
            cwd=ROOT,
            env=os.environ
            | environment
            | {"PAYDESK_ENV_FILE": "", "PAYDESK_PORT": str(port), TIMES: str(folder / f"{name}.times")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    process = Process(popen, log, address=f"http://127.0.0.1:{port}")
    try:
        wait_until_answering(process, ready)
        yield process
    finally:
        process.terminate()


@asynccontextmanager
async def both(url: str, folder: Path, secret: str, *, bank_apart: bool) -> AsyncIterator[list[Side]]:
    chosen = settings(url, folder, log_level="WARNING", fake_webhook_secret="a-secret-of-the-webhooks")
    with ExitStack() as stack:
        if bank_apart:
            chosen["PAYDESK_FAKE_API_KEY"] = _BANK_KEY
            command = ("tests.bench.gateway", "fake-provider", "--port", "{port}")
            bank = stack.enter_context(running(folder, "bank", *command, environment=chosen, ready="/healthz"))
            chosen["PAYDESK_FAKE_URL"] = bank.address
        serve = ("tests.bench.gateway", "serve")
        gateway = stack.enter_context(running(folder, "gateway", *serve, environment=chosen, ready="/readyz"))
        hand = ("tests.bench.by_hand", "{port}")
        route = stack.enter_context(running(folder, "by-hand", *hand, environment=chosen, ready="/readyz"))
        sides = [
            Side(
                "gateway",
                gateway,
                "/graphql",
                secret,
                _mutation,
                lambda body: dict(body["data"]["orderCharge"]["charge"]),
            ),
            Side("by-hand", route, "/charges", chosen["PAYDESK_ADMIN_KEY"], _plain, lambda body: dict(body["charge"])),
        ]
        yield sides
    for side in sides:
        side.provider = json.loads((folder / f"{side.name}.times").read_text(encoding="utf-8"))


def _mutation(order_id: str) -> dict[str, Any]:
    return {"query": _DOCUMENT, "variables": {"input": _plain(order_id)}}


def _plain(order_id: str) -> dict[str, Any]:
    return {"orderId": order_id, "idempotencyKey": new_id(IdPrefix.EVENT)}


async def bench(url: str, folder: Path, *, bank_apart: bool) -> list[Side]:
    orders, secret = await stocked(url, folder)
    waiting = iter(orders)
    async with both(url, folder, secret, bank_apart=bank_apart) as sides:
        before = await count_rows(url)
        await charge(sides[0], 1, [next(waiting) for _ in range(WARM_UP // 2)])
        between = await count_rows(url)
        await charge(sides[1], 1, [next(waiting) for _ in range(WARM_UP // 2)])
        after = await count_rows(url)
        theirs = {table: between[table] - before[table] for table in before}
        by_hand = {table: after[table] - between[table] for table in before}
        assert theirs == by_hand, "the two do not write the same rows"
        await measure(sides, waiting)
    return sides


# --- the tables -------------------------------------------------------------------------------------------------------


def tables(cells: dict[tuple[str, str], list[Side]]) -> str:
    added = [
        "| Database | Fake bank | At once | Paydesk p50 | p99 | By hand p50 | p99 | Ratio of p50 |",
        "|---" * 8 + "|",
    ]
    rates = [
        "| Database | Fake bank | At once | Charges/s | By hand | Ratio | CPU ms a charge | By hand | Ratio |",
        "|---" * 9 + "|",
    ]
    for (database, bank), (gateway, by_hand) in cells.items():
        for at_once in CHARGES:
            place = f"| {database} | {bank} | {at_once} "
            ours, theirs = gateway.added(at_once), by_hand.added(at_once)
            marks = [f"{mark:.1f}" for mark in (*_marks(ours), *_marks(theirs))]
            slower = _ratios([_middle(of) for of in ours], [_middle(of) for of in theirs])
            added.append(f"{place}| {' | '.join(marks)} | {slower} |")
            each = [gateway.each(at_once), by_hand.each(at_once)]
            cpu = [gateway.cpu[at_once], by_hand.cpu[at_once]]
            rates.append(
                f"{place}| {_middle(each[0]):.0f} | {_middle(each[1]):.0f} | {_ratios(*each)} "
                f"| {_middle(cpu[0]):.1f} | {_middle(cpu[1]):.1f} | {_ratios(*cpu)} |"
            )
    return "\n".join(
        [
            "Milliseconds that are added to a charge, beside the provider's own time:\n",
            *added,
            "",
            "At full speed:\n",
            *rates,
        ]
    )


def _marks(rounds: list[list[float]]) -> tuple[float, float]:
    """p50 and p99 of all rounds together."""
    ordered = sorted(value for of in rounds for value in of)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The middle of the rounds, and the least and the most."""
    ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    return f"{_middle(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"


async def main(folder: Path) -> None:
    cells: dict[tuple[str, str], list[Side]] = {}
    load = os.getloadavg()[0]
    for place, bank_apart in (("in the process", False), ("its own process", True)):
        url = f"sqlite://{folder / place}.sqlite3"
        cells["SQLite", place] = await bench(url, made(folder / f"sqlite {place}"), bank_apart=bank_apart)
        with postgres(folder / f"server {place}", durable=True) as url:
            cells["PostgreSQL", place] = await bench(url, made(folder / f"postgres {place}"), bank_apart=bank_apart)
    busy = f"On {os.cpu_count()} cores, with a load of {load:.1f} when the run began.\n\n"
    text = busy + tables(dict(sorted(cells.items(), reverse=True)))
    say(text)
    if "--write" in sys.argv:
        write("charges", text)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="paydesk-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        asyncio.run(main(Path(name)))
