"""Several gateways and workers at the same moment, each a process of its own: no promise breaks.

On PostgreSQL, for SQLite lets one write at a time, which hides lost updates.
"""

from collections import Counter
from dataclasses import replace

import pytest

from domain.charges import ChargeState
from domain.orders import OrderState
from domain.provider import CaptureMode
from domain.refunds import RefundState
from persistence.sql import Dialect
from tests.services.dying import dropped_charge
from tests.services.shop import usd
from tests.services.world import World

pytestmark = pytest.mark.parametrize("dialect", [Dialect.POSTGRES])

ROUNDS = 3
"""Who is first is chance; a race that is lost now and then is not lost in every round."""


@pytest.mark.fault("F6", "F23", "F24")
async def test_an_order_that_three_gateways_are_asked_to_charge_is_charged_once(world: World) -> None:
    async with world.awake() as shop:
        for number in range(ROUNDS):
            order_id = await world.order(shop)

            lives = world.forks.live(
                *(world.deed("pay", order_id, key=f"tab {tab} of {number}") for tab in (1, 1, 2, 2, 3, 3))
            )

            await shop.run_jobs()
            (charge,) = await shop.charges_of(order_id)
            told = {life.told for life in lives}
            assert charge.id in told
            assert told <= {charge.id, "ChargeInProgress", "OrderAlreadyPaid"}
            await shop.check(settled=True)
    assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * ROUNDS


@pytest.mark.fault("F26")
async def test_refunds_of_several_gateways_never_go_beyond_what_was_taken(world: World) -> None:
    async with world.awake() as shop:
        for number in range(ROUNDS):
            charge = await shop.paid(await world.order(shop))

            lives = world.forks.live(
                *(world.deed("refund", charge.id, key=f"refund {one} of {number}", amount=7_00) for one in range(5))
            )

            await shop.run_jobs()
            refused = Counter(life.told for life in lives)["RefundAmountTooHigh"]
            assert refused == 3
            assert (await shop.charge(charge.id)).refunded == usd(14_00)
            assert world.bank.truth().refunded(charge.id) == 14_00
            await shop.check(settled=True)


@pytest.mark.fault("F28", "F31", "F32")
async def test_whoever_ends_a_hold_first_the_others_find_it_ended(world: World) -> None:
    """It is captured, called off, cancelled with its order, expired, and told of by the bank, all at once."""
    async with world.awake() as shop:
        for number in range(ROUNDS):
            charge = await shop.paid(await world.order(shop), capture=CaptureMode.MANUAL)
            held_until = charge.expires_at
            assert held_until is not None
            await shop.make_jobs_due()
            deeds = [
                world.deed("capture", charge.id, key=f"capture {number}", amount=5_00),
                world.deed("void", charge.id, key=f"void {number}"),
                world.deed("cancel", charge.payable_id),
                world.deed("work"),
                world.deed("take webhooks"),
            ]

            world.forks.live(*(replace(deed, moment=held_until) if deed.what == "work" else deed for deed in deeds))

            await shop.check()
            await shop.run_jobs(rounds=2)
            await shop.check(settled=True)
            ended = await shop.charge(charge.id)
            assert (ended.state, ended.captured) in {
                (ChargeState.SUCCEEDED, usd(5_00)),
                (ChargeState.VOIDED, usd(0)),
                (ChargeState.EXPIRED, usd(0)),
            }
            assert world.bank.truth().captured(charge.id) == ended.captured.minor_units


@pytest.mark.fault("F3", "F6", "F30")
async def test_three_workers_and_the_clients_finish_what_died_and_each_thing_once(world: World) -> None:
    """Requests that never left, and answers that never came, with the webhooks that tell of them."""
    async with world.awake() as shop:
        orders = [await world.order(shop) for _ in range(8)]
        for order_id in orders[:4]:
            await dropped_charge(shop, order_id, key=f"pay {order_id}")
        shop.misbehave("charge#*=error")
        for order_id in orders[4:]:
            await shop.pay(order_id, key=f"pay {order_id}")
        shop.misbehave("")
        await shop.deliver_webhooks()
        await shop.make_jobs_due()

        again = [world.deed("pay", order_id, key=f"pay {order_id}") for order_id in orders[::3]]
        workers = world.forks.live(*[world.deed("work")] * 3, *again)

        # Every operation was for one of them, and every webhook.
        assert sum(worker.told for worker in workers[:3]) >= len(orders)
        await shop.run_jobs()
        for order_id in orders:
            assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
        assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * len(orders)
        await shop.check(settled=True)


@pytest.mark.fault("F6", "F26")
async def test_three_workers_finish_refunds_once_while_others_are_asked_for(world: World) -> None:
    async with world.awake() as shop:
        charge = await shop.paid(await world.order(shop))
        shop.misbehave("refund#*=error")
        for number in range(4):
            await shop.refund(charge.id, 2_00, key=f"refund {number}")
        shop.misbehave("")
        await shop.make_jobs_due()

        more = [world.deed("refund", charge.id, key=f"more {number}", amount=7_00) for number in range(3)]
        lives = world.forks.live(*[world.deed("work")] * 3, *more)

        assert [life.told for life in lives[3:]].count("RefundAmountTooHigh") == 2
        await shop.run_jobs()
        assert {row["state"] for row in await shop.rows("SELECT state FROM refunds")} == {RefundState.SUCCEEDED}
        assert world.bank.truth().refunded(charge.id) == 15_00
        await shop.check(settled=True)
