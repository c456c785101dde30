"""One run's world: the bank, the wire, the gateways, their database, and who watches them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.fake.truth import Truth
from persistence.database import Database
from persistence.migrate import migrate
from persistence.sql import Dialect
from tests.chaos.fleet import Fleet
from tests.chaos.follower import Follower
from tests.chaos.messages import listening
from tests.chaos.planted import STATEMENTS, Mistake
from tests.chaos.postgres import Postgres, postgres
from tests.chaos.postman import Postman
from tests.chaos.shop import Habits, Shop
from tests.chaos.storm import Storm, Weather
from tests.chaos.wire import LATE_SECONDS, Wire, faulty_wire
from tests.databases import ROOT
from tests.server.banks import BANKS, Bank, FakeBank
from tests.server.processes import PAYDESK, run_paydesk, settings
from tests.server.truths import named

TIMEOUT_SECONDS = 3.0
"""Of the provider. A dead gateway's request is looked after when twice that and 5 s are over."""
ACTION_SECONDS = 15
"""For 3D Secure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to whom.

    The same seed draws the same wishes, faults and kills; what they meet is up to the machine.
    """

    dialect: Dialect
    orders: int
    seed: int
    bank: str = FakeBank.account
    """One of BANKS."""
    clients: int = 48
    mistake: Mistake | None = None
    money_faults: float = 0.15
    """The share of requests about money that go wrong on the wire."""
    other_faults: float = 0.05
    webhook_faults: float = 0.3
    bank_faults: float = 0.05
    """The share of requests about money that the bank itself fails with, where it has faults that no wire has."""
    lateness: float = 1.0
    late_seconds: tuple[float, float] = LATE_SECONDS
    doubled: float = 1.0
    weather: Weather = field(default_factory=Weather)
    habits: Habits = field(default_factory=Habits)

    @property
    def name(self) -> str:
        return self.dialect if self.bank == FakeBank.account else f"{self.dialect}-{self.bank}"

    def seed_of(self, part: str) -> str:
        return f"{self.seed}/{self.name}/{part}"


@dataclass
class Town:
    plan: Plan
    folder: Path
    database_url: str
    fleet: Fleet
    wire: Wire
    postman: Postman
    storm: Storm
    shop: Shop
    follower: Follower
    bank: Bank
    bank_faults: Mapping[str, int] = field(default_factory=dict)
    """What the bank did of its own accord, once it is calm."""

    async def truth(self, database: Database) -> Truth:
        return await named(self.bank.truth(), database)

    async def calm_down(self) -> None:
        """No more faults from now on; what is on its way arrives."""
        self.wire.calm = self.postman.calm = True
        self.bank_faults = self.bank.calm_down()
        await self.wire.settle()
        await self.postman.settle()
        await self.fleet.all_answer()


@asynccontextmanager
async def town(plan: Plan, folder: Path) -> AsyncIterator[Town]:
    async with _database(plan, folder) as (database_url, server):
        chosen = settings(
            database_url,
            folder,
            provider_timeout_seconds=str(TIMEOUT_SECONDS),
            action_lifetime_seconds=str(ACTION_SECONDS),
            answer_within_seconds="4",
            log_level="WARNING",
        )
        await _migrated(database_url)
        if plan.mistake:
            await _change_database(database_url, STATEMENTS.get(plan.mistake, ()))
        fleet: Fleet
        postman = Postman(lambda: fleet.ports, seed=plan.seed_of("webhooks"), share=plan.webhook_faults)
        async with listening(postman.carry) as mail:
            with BANKS[plan.bank](mail.address, chosen, folder) as bank:
                wire = Wire(
                    bank.port,
                    seed=plan.seed_of("wire"),
                    money=plan.money_faults,
                    others=plan.other_faults,
                    late=plan.lateness,
                    late_seconds=plan.late_seconds,
                    doubled=plan.doubled,
                )
                async with faulty_wire(wire):
                    chosen |= bank.settings(wire.address)
                    credential = await asyncio.to_thread(_new_key, chosen, folder)
                    fleet = _fleet(plan, folder, chosen)
                    shop = Shop(
                        lambda: fleet.ports,
                        bank,
                        credential,
                        orders=plan.orders,
                        seed=plan.seed_of("shop"),
                        habits=plan.habits,
                    )
                    follower = Follower(lambda: fleet.ports, credential, seed=plan.seed_of("follower"))
                    storm = Storm(fleet, wire, server, plan.weather, plan.seed_of("storm"))
                    try:
                        await fleet.begin()
                        bank.misbehave(seed=plan.seed, share=plan.bank_faults)
                        yield Town(plan, folder, database_url, fleet, wire, postman, storm, shop, follower, bank)
                    finally:
                        await fleet.end()


def _fleet(plan: Plan, folder: Path, chosen: dict[str, str]) -> Fleet:
    """Two gateways and a worker of its own on PostgreSQL; SQLite has one process."""
    command: Sequence[str | Path] = PAYDESK
    if plan.mistake:
        command = (sys.executable, "-m", "tests.chaos.planted", plan.mistake)
        # So many faults that a breaker would keep back what has to fail.
        chosen = chosen | {"PYTHONPATH": str(ROOT), "PAYDESK_BREAKER_FAILURES": "0"}
    fleet = Fleet(folder, chosen, command)
    fleet.add("serve")
    if plan.dialect is Dialect.POSTGRES:
        fleet.add("serve")
        fleet.add("worker", answers=False)
    return fleet


@asynccontextmanager
async def _database(plan: Plan, folder: Path) -> AsyncIterator[tuple[str, Postgres | None]]:
    if plan.dialect is Dialect.SQLITE:
        yield f"sqlite://{folder / 'paydesk.sqlite3'}", None
        return
    async with postgres(folder / "postgres") as server:
        yield server.url, server


async def _migrated(database_url: str) -> None:
    database = await Database.open(database_url)
    try:
        await migrate(database)
    finally:
        await database.close()


def _new_key(chosen: dict[str, str], folder: Path) -> str:
    done = run_paydesk("keys", "create", "shop", settings=chosen, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def _change_database(database_url: str, statements: Sequence[str]) -> None:
    database = await Database.open(database_url)
    try:
        for statement in statements:
            async with database.transaction() as connection:
                await connection.execute(statement)
    finally:
        await database.close()
