"""Workers killed in the midst of a renewal, and several of them at once: each period is billed and charged once.

As `test_crashes` and `test_processes_at_once` do it, with processes of their own.
"""

from collections import Counter

import pytest

from domain.charges import ChargeState
from domain.invoices import InvoiceState
from domain.subscriptions import Subscription, SubscriptionState
from persistence.sql import Dialect
from tests.services.invoiced import charges_of
from tests.services.shop import Shop
from tests.services.subscribed import DAILY, as_it_is, behind, invoices_of, periods_of
from tests.services.test_crashes import die_at_every_step
from tests.services.world import World

CARDS = ("tok_visa", "tok_visa_debit", "tok_mastercard", "tok_amex", "tok_discover", "tok_diners", "tok_jcb")


async def check_renewed_once(shop: Shop, subscription: Subscription, *, periods: int = 2) -> None:
    assert len(await periods_of(shop, subscription)) == periods
    invoices = await invoices_of(shop, subscription)
    assert [invoice.state for invoice in invoices] == [InvoiceState.PAID] * (periods - 1)
    for invoice in invoices:
        assert [charge.state for charge in await charges_of(shop, invoice)] == [ChargeState.SUCCEEDED]
    assert (await as_it_is(shop, subscription)).state is SubscriptionState.ACTIVE


@pytest.mark.fault("F1", "F2", "F3", "F4", "F6", "F54")
@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_a_period_is_billed_and_charged_once_whenever_its_worker_is_killed(world: World) -> None:
    made: list[Subscription] = []

    async def prepare(shop: Shop) -> str:
        made.append(await behind(shop, await world.customer(shop)))
        return made[-1].id

    await die_at_every_step(world, "work", prepare, at_least=8)

    async with world.awake() as shop:
        for subscription in made:
            await check_renewed_once(shop, subscription)
    assert [charge.captured for charge in world.bank.truth().charges] == [20_00] * len(made)


@pytest.mark.fault("F1", "F2", "F3", "F4", "F6")
@pytest.mark.parametrize("dialect", [Dialect.SQLITE])
async def test_a_decline_begins_one_dunning_whenever_its_worker_is_killed(world: World) -> None:
    made: list[Subscription] = []

    async def prepare(shop: Shop) -> str:
        shop.misbehave("charge#*=decline:insufficient_funds")
        customer_id = await shop.customer()
        # None of them so often that it may not be tried any more today.
        await shop.card(customer_id, CARDS[len(made) % len(CARDS)])
        made.append(await behind(shop, customer_id))
        return made[-1].id

    await die_at_every_step(world, "work", prepare, at_least=8)

    async with world.awake() as shop:
        for subscription in made:
            assert (await shop.events(subscription.id)).count("SUBSCRIPTION_PAST_DUE") == 1
            (invoice,) = await invoices_of(shop, subscription)
            assert [charge.state for charge in await charges_of(shop, invoice)] == [ChargeState.DECLINED]
            assert invoice.next_try_at is not None


@pytest.mark.fault("F6", "F23", "F24", "F54")
@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_workers_at_once_of_which_some_are_killed_renew_once(world: World) -> None:
    """Each finds the same subscriptions due: a few periods of each, and a customer who pays for all of them."""
    async with world.awake() as shop:
        customer_id = await world.customer(shop)
        for killed_at in range(1, 12, 2):
            one, other = [await behind(shop, customer_id, days=3.5, interval=DAILY) for _ in range(2)]
            deeds = [world.deed("renew", subscription.id) for subscription in (one, other, one, other)]

            lives = world.forks.live(*(deed.dying_at(killed_at + place) for place, deed in enumerate(deeds)))

            assert any(life.was_killed for life in lives)
            await shop.check()
            await shop.run_jobs(rounds=3)
            for subscription in (one, other):
                await check_renewed_once(shop, subscription, periods=4)
            await shop.check(settled=True)
    taken = Counter(charge.captured for charge in world.bank.truth().charges)
    assert taken == {20_00: 6 * 2 * 3}
