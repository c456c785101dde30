"""A process is killed with -9 at its n-th step, n growing until it lives, and another one goes on.

After each death: the promises hold at once; the client repeats its request with the same key, the jobs run, and then
everything is at its end, here and at the bank. On one kind of database the client is back before the jobs run, on the
other after them, and at the next step the other way round.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState
from domain.orders import OrderState
from domain.provider import CaptureMode
from domain.refunds import RefundState
from domain.webhooks import DeliveryState
from persistence.database import Database
from persistence.sql import Dialect
from tests.forks import Deed, Forks, Life
from tests.services.dying import dropped_charge
from tests.services.lives import do
from tests.services.shop import MovableClock, Shop, open_shop, usd

WITHOUT_A_KEY = {"cancel", "take webhooks", "work"}
THREE_D_SECURE = "tok_threeDSecureRequired"

Prepare = Callable[[Shop], Awaitable[str]]
"""Makes what a life is about to work on, and says which it is."""


@dataclass
class World:
    """A database and a bank, and the processes that come and go between them."""

    forks: Forks
    url: str
    books: Path
    bank: Bank
    clock: MovableClock
    dialect: Dialect
    numbers: "count[int]" = field(default_factory=count)
    subjects: list[str] = field(default_factory=list)
    customers: dict[str, str] = field(default_factory=dict)
    """By the token of their card."""

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[Shop]:
        """A process that finds what the dead have left."""
        database = await Database.open(self.url)
        shop = open_shop(database, self.bank, self.clock)
        shop.numbers = self.numbers
        try:
            yield shop
        finally:
            await shop.close()
            await database.close()

    async def customer(self, shop: Shop, token: str = "tok_visa") -> str:
        if token not in self.customers:
            self.customers[token] = await shop.customer()
            await shop.card(self.customers[token], token)
        return self.customers[token]

    async def order(self, shop: Shop, token: str = "tok_visa") -> str:
        return await shop.order_of(await self.customer(shop, token))

    async def die_at_every_step(self, what: str, prepare: Prepare, *, at_least: int, amount: int | None = None) -> None:
        """Each life does it to a subject of its own; a whole one has at least that many steps."""
        async with self.awake() as shop:
            self.subjects.append(await prepare(shop))
        for last in count(1):
            deed = Deed(
                what=what,
                url=self.url,
                books=str(self.books),
                moment=self.clock.now(),
                subject=self.subjects[-1],
                key="" if what in WITHOUT_A_KEY else f"the request of life {last}",
                amount=amount,
            )
            (life,) = self.forks.live(deed.dying_at(last))
            assert life.was_killed == (len(life.steps) == last)
            async with self.awake() as shop:
                await shop.check()
                await self.go_on(shop, deed, life, client_first=(last % 2 == 0) is (self.dialect is Dialect.POSTGRES))
                await shop.check(settled=True)
                if not life.was_killed:
                    assert len(life.steps) >= at_least, life.steps
                    return
                self.subjects.append(await prepare(shop))

    async def go_on(self, shop: Shop, deed: Deed, life: Life, *, client_first: bool) -> None:
        """The one who finds what is left. What a client has been told under a key, it is told again."""
        if deed.what == "work":
            await shop.run_jobs()
            return
        answers = [] if life.was_killed else [life.told]
        if client_first:
            answers.append(await do(shop, deed))
        await shop.run_jobs()
        answers.append(await do(shop, deed))
        await shop.run_jobs()
        assert deed.key == "" or len(set(answers)) == 1, answers


@pytest.fixture
def world(forks: Forks, database_url: str, dialect: Dialect, tmp_path: Path) -> Iterator[World]:
    clock = MovableClock()
    books = tmp_path / "bank.sqlite3"
    bank = Bank(books, clock=clock, public_url="http://bank.test")
    yield World(forks, database_url, books, bank, clock, dialect)
    bank.close()


# --- what clients ask for ---------------------------------------------------------------------------------------------


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
async def test_a_charge_is_taken_once_whenever_its_process_is_killed(world: World) -> None:
    await world.die_at_every_step("pay", world.order, at_least=8)

    async with world.awake() as shop:
        for order_id in world.subjects:
            assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
            (charge,) = await shop.charges_of(order_id)
            assert charge.state is ChargeState.SUCCEEDED
    assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * len(world.subjects)


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
async def test_a_confirmed_charge_is_taken_once_whenever_its_process_is_killed(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        charge = await shop.paid(await world.order(shop, THREE_D_SECURE))
        await shop.answer_challenge(charge)
        return charge.id

    await world.die_at_every_step("continue", prepare, at_least=8)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in world.subjects} == {ChargeState.SUCCEEDED}


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
@pytest.mark.parametrize(("what", "ends", "taken"), [("capture", "succeeded", 5_00), ("void", "voided", 0)])
async def test_a_held_amount_is_taken_or_released_whenever_the_process_is_killed(
    world: World, what: str, ends: str, taken: int
) -> None:
    async def prepare(shop: Shop) -> str:
        return (await shop.paid(await world.order(shop), capture=CaptureMode.MANUAL)).id

    await world.die_at_every_step(what, prepare, at_least=8, amount=taken or None)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).captured for charge_id in world.subjects} == {usd(taken)}
    assert {(charge.state, charge.captured) for charge in world.bank.truth().charges} == {(ends, taken)}


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
async def test_a_refund_gives_back_once_whenever_its_process_is_killed(world: World) -> None:
    charges: list[str] = []

    async def prepare(shop: Shop) -> str:
        if not charges:
            charges.append((await shop.paid(await shop.order(1_000_00))).id)
        return charges[0]

    await world.die_at_every_step("refund", prepare, at_least=8, amount=1_00)

    lives = len(world.subjects)
    async with world.awake() as shop:
        charge = await shop.charge(charges[0])
        assert (charge.refunded, charge.refund_reserved) == (usd(lives * 1_00), usd(0))
        assert {row["state"] for row in await shop.rows("SELECT state FROM refunds")} == {RefundState.SUCCEEDED}
    assert [refund.amount for refund in world.bank.truth().refunds] == [1_00] * lives


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
@pytest.mark.parametrize(("token", "mode"), [(THREE_D_SECURE, CaptureMode.AUTOMATIC), ("tok_visa", CaptureMode.MANUAL)])
async def test_an_order_is_cancelled_with_what_it_holds_whenever_the_process_is_killed(
    world: World, token: str, mode: CaptureMode
) -> None:
    async def prepare(shop: Shop) -> str:
        return (await shop.paid(await world.order(shop, token), capture=mode)).order_id

    await world.die_at_every_step("cancel", prepare, at_least=11)

    async with world.awake() as shop:
        for order_id in world.subjects:
            assert (await shop.order_row(order_id)).state is OrderState.CANCELED
            (charge,) = await shop.charges_of(order_id)
            assert charge.state is ChargeState.VOIDED
    assert {charge.state for charge in world.bank.truth().charges} == {"voided"}


# --- what jobs do -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F2", "F3", "F4", "F6")
@pytest.mark.parametrize("script", ["charge#1=lose_answer", "charge#1=error"])
async def test_a_resolver_finishes_whenever_the_one_before_it_was_killed(world: World, script: str) -> None:
    async def prepare(shop: Shop) -> str:
        shop.misbehave("")
        shop.misbehave(script)
        charge = await shop.paid(await world.order(shop))
        assert charge.state is ChargeState.UNKNOWN
        await shop.make_jobs_due()
        return charge.id

    await world.die_at_every_step("work", prepare, at_least=11)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in world.subjects} == {ChargeState.SUCCEEDED}
    assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * len(world.subjects)


@pytest.mark.fault("F4", "F30", "F36")
async def test_a_delivery_that_was_not_stored_is_not_answered_and_comes_again(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        # The bank delivers again what was not answered.
        world.clock.advance(hours=1)
        charge, _ = await dropped_charge(shop, await world.order(shop))
        return charge.id

    await world.die_at_every_step("take webhooks", prepare, at_least=3)

    async with world.awake() as shop:
        await shop.deliver_webhooks()
        await shop.run_jobs()
        states = [row["state"] for row in await shop.rows("SELECT state FROM webhook_deliveries")]
        sent = await shop.bank.run(lambda books: books.all("SELECT id FROM events"))
    assert states == [DeliveryState.APPLIED] * len(sent)


@pytest.mark.fault("F4", "F30", "F32")
async def test_a_webhook_is_applied_once_whenever_the_one_who_applies_it_is_killed(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        charge, _ = await dropped_charge(shop, await world.order(shop))
        # The operation's own job has its lease; the delivery's is due at once.
        assert await shop.deliver_webhooks() > 0
        return charge.id

    await world.die_at_every_step("work", prepare, at_least=11)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in world.subjects} == {ChargeState.SUCCEEDED}
        states = {row["state"] for row in await shop.rows("SELECT state FROM webhook_deliveries")}
    assert states == {DeliveryState.APPLIED}


@pytest.mark.fault("F2", "F3", "F4", "F22")
async def test_a_confirmation_that_nobody_gives_expires_whenever_the_process_is_killed(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        charge = await shop.paid(await world.order(shop, THREE_D_SECURE))
        world.clock.advance(hours=2)
        await shop.make_jobs_due()
        return charge.id

    await world.die_at_every_step("work", prepare, at_least=11)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in world.subjects} == {ChargeState.EXPIRED}
