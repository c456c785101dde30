"""A process is killed with -9 at its n-th step, n growing until it lives, and another one goes on.

After each death: the promises hold at once; the client repeats its request with the same key, the jobs run, and then
everything is at its end, here and at the bank. On one kind of database the client is back before the jobs run, on the
other after them, and at the next step the other way round.
"""

from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from domain.charges import ChargeState
from domain.orders import OrderState
from domain.provider import CaptureMode, DisputeState
from domain.refunds import RefundState
from domain.webhooks import DeliveryState
from persistence.sql import Dialect
from tests.forks import Deed, Life
from tests.services.disputed import complain, hear_of
from tests.services.dying import dropped_charge
from tests.services.lives import do
from tests.services.shop import Shop, usd
from tests.services.world import World

WITHOUT_A_KEY = {"cancel", "take webhooks", "work"}
THREE_D_SECURE = "tok_threeDSecureRequired"

Prepare = Callable[[Shop], Awaitable[str]]
"""Makes what a life is about to work on, and says which it is."""


async def die_at_every_step(
    world: World, what: str, prepare: Prepare, *, at_least: int, amount: int | None = None
) -> list[str]:
    """Each life does it to a subject of its own, which are returned; a whole one has at least that many steps."""
    async with world.awake() as shop:
        subjects = [await prepare(shop)]
    for last in count(1):
        key = "" if what in WITHOUT_A_KEY else f"the request of life {last}"
        deed = world.deed(what, subjects[-1], key=key, amount=amount)
        (life,) = world.forks.live(deed.dying_at(last))
        assert life.was_killed == (len(life.steps) == last)
        async with world.awake() as shop:
            await shop.check()
            await go_on(shop, deed, life, client_first=(last % 2 == 0) is (world.dialect is Dialect.POSTGRES))
            await shop.check(settled=True)
            if not life.was_killed:
                assert len(life.steps) >= at_least, life.steps
                return subjects
            subjects.append(await prepare(shop))
    raise AssertionError("unreachable: counting has no end")


async def go_on(shop: Shop, deed: Deed, life: Life, *, client_first: bool) -> None:
    """By the one who finds what is left. What a client has been told under a key, it is told again."""
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


# --- what clients ask for ---------------------------------------------------------------------------------------------


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
async def test_a_charge_is_taken_once_whenever_its_process_is_killed(world: World) -> None:
    subjects = await die_at_every_step(world, "pay", world.order, at_least=8)

    async with world.awake() as shop:
        for order_id in subjects:
            assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
            (charge,) = await shop.charges_of(order_id)
            assert charge.state is ChargeState.SUCCEEDED
    assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * len(subjects)


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
async def test_a_confirmed_charge_is_taken_once_whenever_its_process_is_killed(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        charge = await shop.paid(await world.order(shop, THREE_D_SECURE))
        await shop.answer_challenge(charge)
        return charge.id

    subjects = await die_at_every_step(world, "continue", prepare, at_least=8)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in subjects} == {ChargeState.SUCCEEDED}


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
@pytest.mark.parametrize(("what", "ends"), [("fight", DisputeState.UNDER_REVIEW), ("give in", DisputeState.ACCEPTED)])
async def test_a_dispute_is_answered_once_whenever_the_process_is_killed(
    world: World, what: str, ends: DisputeState
) -> None:
    async def prepare(shop: Shop) -> str:
        charge = await shop.paid(await world.order(shop))
        return (await hear_of(shop, await complain(shop, charge))).id

    subjects = await die_at_every_step(world, what, prepare, at_least=8)

    async with world.awake() as shop:
        answered = [await shop.dispute(dispute_id) for dispute_id in subjects]
    assert {dispute.state for dispute in answered} == {ends}
    assert not any(dispute.is_being_answered for dispute in answered)
    assert [dispute.withdrawn for dispute in world.bank.truth().disputes] == [20_00] * len(subjects)


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
@pytest.mark.parametrize(("what", "ends", "taken"), [("capture", "succeeded", 5_00), ("void", "voided", 0)])
async def test_a_held_amount_is_taken_or_released_whenever_the_process_is_killed(
    world: World, what: str, ends: str, taken: int
) -> None:
    async def prepare(shop: Shop) -> str:
        return (await shop.paid(await world.order(shop), capture=CaptureMode.MANUAL)).id

    subjects = await die_at_every_step(world, what, prepare, at_least=8, amount=taken or None)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).captured for charge_id in subjects} == {usd(taken)}
    assert {(charge.state, charge.captured) for charge in world.bank.truth().charges} == {(ends, taken)}


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5")
async def test_a_refund_gives_back_once_whenever_its_process_is_killed(world: World) -> None:
    charges: list[str] = []

    async def prepare(shop: Shop) -> str:
        if not charges:
            charges.append((await shop.paid(await shop.order(1_000_00))).id)
        return charges[0]

    subjects = await die_at_every_step(world, "refund", prepare, at_least=8, amount=1_00)

    lives = len(subjects)
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
        return (await shop.paid(await world.order(shop, token), capture=mode)).payable_id

    subjects = await die_at_every_step(world, "cancel", prepare, at_least=11)

    async with world.awake() as shop:
        for order_id in subjects:
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

    subjects = await die_at_every_step(world, "work", prepare, at_least=11)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in subjects} == {ChargeState.SUCCEEDED}
    assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * len(subjects)


@pytest.mark.fault("F4", "F30", "F36")
async def test_a_delivery_that_was_not_stored_is_not_answered_and_comes_again(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        # The bank delivers again what was not answered.
        world.clock.advance(hours=1)
        charge, _ = await dropped_charge(shop, await world.order(shop))
        return charge.id

    await die_at_every_step(world, "take webhooks", prepare, at_least=3)

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

    subjects = await die_at_every_step(world, "work", prepare, at_least=11)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in subjects} == {ChargeState.SUCCEEDED}
        states = {row["state"] for row in await shop.rows("SELECT state FROM webhook_deliveries")}
    assert states == {DeliveryState.APPLIED}


@pytest.mark.fault("F2", "F3", "F4", "F22")
async def test_a_confirmation_that_nobody_gives_expires_whenever_the_process_is_killed(world: World) -> None:
    async def prepare(shop: Shop) -> str:
        charge = await shop.paid(await world.order(shop, THREE_D_SECURE))
        world.clock.advance(hours=2)
        await shop.make_jobs_due()
        return charge.id

    subjects = await die_at_every_step(world, "work", prepare, at_least=11)

    async with world.awake() as shop:
        assert {(await shop.charge(charge_id)).state for charge_id in subjects} == {ChargeState.EXPIRED}
