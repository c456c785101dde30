"""Renewals under fire: workers are killed while they renew, the wire fails in every way, and PostgreSQL is cut off.

    python -m tests.chaos.renewals [--subscriptions 60] [--seed 1]

Subscriptions with a period a day, of which nobody has billed the last twelve, wait for three `paydesk worker`s. All of
these fall upon them at once, are killed with -9, and are started again; each answer of the bank may be lost, late, or
come twice. A tenth of the cards have no money. When the storm is over and all is settled, the bank's books say whether
each period was billed once and charged once, and whether anybody paid twice. Part of `make chaos`; five minutes.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from adapters.fake import Bank
from adapters.fake.truth import Truth
from domain.clock import SystemClock
from domain.invoices import InvoiceState
from domain.subscriptions import SubscriptionState
from persistence.database import Database
from persistence.migrate import migrate
from tests.chaos.fleet import Fleet
from tests.chaos.postgres import Postgres, postgres
from tests.chaos.run import keep, say
from tests.chaos.storm import KILLED, RESTARTED
from tests.chaos.wire import Wire, faulty_wire
from tests.invariants import check_invariants
from tests.server.banks import BANKS, FakeBank
from tests.server.processes import PAYDESK, settings
from tests.services.shop import open_shop
from tests.services.subscribed import DAILY, behind

PERIODS = 12
"""Of each subscription, that are due."""
WORKERS = 3
POOR_EVERY = 10
FAULTS = 0.15
"""The share of requests about money that go wrong on the wire."""
CHARGES_BETWEEN_BLOWS = (4, 20)
"""In renewals and not in seconds: on a busy machine a worker that is killed every few seconds never gets to work."""
LONGEST_STORM_SECONDS = 240.0
SETTLED_WITHIN_SECONDS = 600.0
"""A charge that was put off waits for a minute or more, and each of a subscription's for the one before."""

_UNSETTLED = (
    "SELECT id FROM operations WHERE finished_at IS NULL"
    " UNION ALL SELECT id FROM charges WHERE state IN ('PENDING', 'UNKNOWN', 'REQUIRES_ACTION')"
    " UNION ALL SELECT invoices.id FROM invoices JOIN subscriptions ON subscriptions.id = invoices.subscription_id"
    " WHERE invoices.state = 'OPEN' AND subscriptions.state = 'ACTIVE'"
    " UNION ALL SELECT id FROM subscriptions WHERE due_at <= now()"
)


@dataclass
class Town:
    url: str
    fleet: Fleet
    wire: Wire
    server: Postgres
    bank: Any
    blows: Counter[str] = field(default_factory=Counter)

    async def blow(self, seed: str) -> None:
        """For ever: a worker is killed, or two of them; PostgreSQL falls; the wire is cut."""
        chance = random.Random(seed)
        while True:
            await self._wait_for(await self._charges() + chance.randint(*CHARGES_BETWEEN_BLOWS))
            drawn = chance.random()
            if drawn < 0.8:
                alive = [member for member in self.fleet.members if member.runs]
                struck = chance.sample(alive, min(len(alive), 2 if chance.random() < 0.3 else 1))
                for member in struck:
                    member.kill()
                self.blows[KILLED] += len(struck)
            elif drawn < 0.9:
                await self.server.restart_immediately()
                self.blows[RESTARTED] += 1
            else:
                await self.wire.cut(chance.uniform(0.5, 2.5))

    async def _wait_for(self, charges: int) -> None:
        while await self._charges() < charges:
            await asyncio.sleep(0.2)

    async def _charges(self) -> int:
        rows = await looked(self.url, "SELECT count(*) AS charges FROM charges")
        return rows[0]["charges"] if rows else 0


@asynccontextmanager
async def town(folder: Path, subscriptions: int, seed: int) -> AsyncIterator[Town]:
    async with postgres(folder / "postgres") as server:
        await stock(server.url, folder, subscriptions)
        chosen = settings(server.url, folder, provider_timeout_seconds="3", log_level="WARNING")
        with BANKS[FakeBank.account](None, chosen, folder) as bank:
            wire = Wire(bank.port, seed=f"{seed}/renewals/wire", money=FAULTS, others=0.05)
            async with faulty_wire(wire):
                fleet = Fleet(folder, chosen | bank.settings(wire.address), PAYDESK)
                for _ in range(WORKERS):
                    fleet.add("worker", answers=False)
                try:
                    await fleet.begin()
                    yield Town(server.url, fleet, wire, server, bank)
                finally:
                    await fleet.end()


async def stock(url: str, folder: Path, subscriptions: int) -> None:
    database = await Database.open(url)
    await migrate(database)
    bank = Bank(folder / "books.sqlite3", clock=SystemClock(), public_url="http://127.0.0.1")
    shop = open_shop(database, bank, SystemClock())
    for number in range(subscriptions):
        customer_id = await shop.customer()
        poor = number % POOR_EVERY == POOR_EVERY - 1
        await shop.card(customer_id, "tok_chargeDeclinedInsufficientFunds" if poor else "tok_visa")
        await behind(shop, customer_id, days=PERIODS + 0.5, interval=DAILY)
    await shop.close()
    bank.close()
    await database.close()


# --- what happens -----------------------------------------------------------------------------------------------------


async def try_out(folder: Path, subscriptions: int, seed: int) -> list[str]:
    """What was broken; nothing when every promise was kept."""
    async with town(folder, subscriptions, seed) as place:
        began = time.monotonic()
        blowing = asyncio.create_task(place.blow(f"{seed}/renewals/storm"))
        await _until_settled(place.url, began + LONGEST_STORM_SECONDS)
        blowing.cancel()
        await asyncio.gather(blowing, return_exceptions=True)
        stormy = time.monotonic() - began
        place.wire.calm = True
        await place.wire.settle()
        began = time.monotonic()
        open_still = await _until_settled(place.url, began + SETTLED_WITHIN_SECONDS)
        settled = time.monotonic() - began
        ended_badly = await place.fleet.end()
        database = await Database.open(place.url)
        try:
            books, truth = await _read(database), place.bank.truth()
            broken = [*judge(books, truth, subscriptions)]
            try:
                await check_invariants(database, truth, settled=True)
            except AssertionError as invariants:
                broken += str(invariants).splitlines()
        finally:
            await database.close()
    broken += [f"unsettled when the time was over: {each}" for each in open_still]
    broken += [f"did not end as it should: {each}" for each in ended_badly]
    say(_report(books, place, stormy, settled))
    return broken


async def _until_settled(url: str, deadline: float) -> list[str]:
    """What is still to be done at the deadline, though it be the storm that keeps the database from telling."""
    while (found := await looked(url, _UNSETTLED)) is None or found:
        if time.monotonic() > deadline:
            return ["nobody could look"] if found is None else [row["id"] for row in found]
        await asyncio.sleep(1.0)
    return []


async def looked(url: str, statement: str) -> list[dict[str, Any]] | None:
    """None while the database is away."""
    try:
        database = await Database.open(url)
        try:
            async with database.reader() as connection:
                return await connection.fetch_all(statement)
        finally:
            await database.close()
    except Exception:  # its PostgreSQL is restarted in the storm: whoever asks then asks again
        return None


# --- the verdict ------------------------------------------------------------------------------------------------------

Books = dict[str, list[dict[str, Any]]]


async def _read(database: Database) -> Books:
    async with database.reader() as connection:
        return {
            table: await connection.fetch_all(f"SELECT * FROM {table} ORDER BY {order}")
            for table, order in (
                ("subscriptions", "id"),
                ("subscription_periods", "subscription_id, starts_at"),
                ("invoices", "sequence"),
                ("charges", "id"),
            )
        }


def judge(books: Books, truth: Truth, subscriptions: int) -> Iterator[str]:
    periods, invoices = defaultdict(list), defaultdict(list)
    for row in books["subscription_periods"]:
        periods[row["subscription_id"]].append(row)
    for row in books["invoices"]:
        invoices[row["subscription_id"]].append(row)
    if len(books["subscriptions"]) != subscriptions:
        yield f"{len(books['subscriptions'])} subscriptions of {subscriptions}"
    charges = defaultdict(list)
    for row in books["charges"]:
        charges[row["invoice_id"]].append(row)
    for subscription in books["subscriptions"]:
        own = periods[subscription["id"]]
        if len(own) != PERIODS + 1:
            yield f"{subscription['id']} has {len(own)} periods"
        if any(one["ends_at"] != following["starts_at"] for one, following in pairwise(own)):
            yield f"{subscription['id']} has a gap, or periods that overlap"
        if [row["period_start"] for row in invoices[subscription["id"]]] != [row["starts_at"] for row in own[1:]]:
            yield f"{subscription['id']} has other invoices than periods, or in another order"
        is_paid = subscription["state"] == SubscriptionState.ACTIVE
        for invoice in invoices[subscription["id"]]:
            taken = sum(truth.captured(charge["id"]) for charge in charges[invoice["id"]])
            if is_paid and (invoice["state"] != InvoiceState.PAID or taken != invoice["due"]):
                yield f"{invoice['id']} of {invoice['due']} is {invoice['state']}, and {taken} was taken"
    times = Counter(there.charge_id for there in truth.charges if there.captured)
    yield from (f"{charge_id} was captured {count} times" for charge_id, count in times.items() if count > 1)
    poor = sum(row["state"] == SubscriptionState.PAST_DUE for row in books["subscriptions"])
    if poor != subscriptions // POOR_EVERY:
        yield f"{poor} subscriptions are past due, and {subscriptions // POOR_EVERY} cards have no money"


def _report(books: Books, place: Town, stormy: float, settled: float) -> str:
    lines = [
        f"| subscriptions | {len(books['subscriptions'])} |",
        f"| renewals | {len(books['invoices'])} |",
        f"| seconds of storm | {stormy:.0f} |",
        f"| settled unaided, seconds after the storm | {settled:.0f} |",
    ]
    for counted in (place.wire.faults, place.blows):
        lines += [f"| {what} | {times} |" for what, times in counted.items()]
    for noun in ("subscriptions", "invoices", "charges"):
        states = Counter(row["state"] for row in books[noun])
        lines.append(f"| {noun} | {', '.join(f'{times} {state}' for state, times in states.most_common())} |")
    return "\n".join(["| Renewals under fire | |", "|---|---|", *lines])


def command() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.renewals")
    parser.add_argument("--subscriptions", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paydesk-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        broken = asyncio.run(try_out(folder, chosen.subscriptions, chosen.seed))
        if broken:
            say("\n".join(["", "Broken:", *broken]))
            keep(folder)
            return 1
    say("Every promise was kept.")
    return 0


if __name__ == "__main__":
    sys.exit(command())
