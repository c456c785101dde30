"""Workers that renew are killed at random, several of them at once, while cards are declined and answers get lost.

On PostgreSQL, each worker a process of its own. Whatever is left by those who die, the next ones go on with; in the end
every period was billed and paid once, which the model says, and the bank.
"""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
from hypothesis import settings

from domain.clock import whole_seconds
from domain.invoices import InvoiceState
from domain.products import Interval, IntervalUnit
from domain.subscriptions import Subscription, SubscriptionState
from persistence.sql import Dialect
from tests.model.calendar import Rhythm
from tests.model.diary import Diary, Plan
from tests.model.tariffs import per_unit
from tests.model.verdict import check_billed, check_money, check_numbers
from tests.services.shop import Shop
from tests.services.subscribed import subscribed
from tests.services.world import World

pytestmark = pytest.mark.parametrize("dialect", [Dialect.POSTGRES], ids=str)

WORKERS = 3
LATEST_STEP = 45
"""A worker that is to die does so at one of its first steps; one that has less to do lives."""
RHYTHMS = (Rhythm(1, "MONTH"), Rhythm(1, "WEEK"), Rhythm(1, "MONTH"), Rhythm(3, "DAY"))
TROUBLE = "; ".join(
    ("charge#*~0.15=decline:insufficient_funds", "charge#*~0.1=lose_answer", "charge#*~0.1=error", "*#*~0.05=reset")
)
"""None of it is the end: what is declined so is tried again, and the rest is found out."""


def seeds() -> Iterator[int]:
    yield from range(40 if settings.get_current_profile_name() == "chaos" else 1)


async def test_every_period_is_billed_and_paid_once_whoever_dies(world: World) -> None:
    for seed in seeds():
        await live_and_die(world, Random(seed))


async def live_and_die(world: World, chance: Random) -> None:
    """A season of a few subscribers, from the end of their trials on."""
    async with world.awake() as shop:
        diaries = {}
        for number, rhythm in enumerate(RHYTHMS):
            subscription = await a_trial(world, shop, rhythm, 20_00 + number)
            diaries[subscription.id] = diary_of(subscription, rhythm, 20_00 + number)
        shop.bank.misbehave(TROUBLE, seed=chance.randrange(1_000))
        for _ in range(6):
            world.clock.advance(seconds=chance.randrange(20 * 86_400))
            await shop.make_jobs_due()
            work = world.deed("work")
            world.forks.live(
                *(chance.choice((work, work.dying_at(chance.randint(1, LATEST_STEP)))) for _ in range(WORKERS))
            )
            await shop.check()
        shop.misbehave("")
        await come_to_an_end(world, shop)
        await shop.check(settled=True)
        await check_money(shop, world.bank)
        await check_numbers(shop)
        for subscription_id, diary in diaries.items():
            await check_billed(shop, subscription_id, diary, world.clock.now())
        await check_ends(shop)


async def check_ends(shop: Shop) -> None:
    """Nothing is owed any more, but by those who had their time for it."""
    rows = await shop.rows(
        "SELECT invoices.state AS paid, subscriptions.state AS state"
        " FROM invoices JOIN subscriptions ON subscription_id = subscriptions.id"
    )
    ends = {(row["state"], row["paid"]) for row in rows}
    assert ends <= {
        (SubscriptionState.ACTIVE, InvoiceState.PAID),
        (SubscriptionState.CANCELED, InvoiceState.PAID),
        (SubscriptionState.CANCELED, InvoiceState.UNCOLLECTIBLE),
    }


async def a_trial(world: World, shop: Shop, rhythm: Rhythm, amount: int) -> Subscription:
    """Of a new customer who has a card; it ends in a day."""
    return await subscribed(
        shop,
        SubscriptionState.TRIALING,
        interval=Interval(IntervalUnit(rhythm.unit), rhythm.every),
        amount=amount,
        trial_ends_at=whole_seconds(world.clock.now()) + timedelta(days=1),
    )


def diary_of(subscription: Subscription, rhythm: Rhythm, amount: int) -> Diary:
    (item,) = subscription.items
    return Diary(subscription.periods_from, "UTC", None, {item.id: (Plan(per_unit(amount), rhythm), 1)})


async def come_to_an_end(world: World, shop: Shop) -> None:
    """Time for every look; then whoever owes something brings another card."""
    for _ in range(6):
        world.clock.advance(hours=2)
        await shop.run_jobs()
    for row in await shop.rows("SELECT customer_id FROM subscriptions WHERE state = 'PAST_DUE'"):
        await shop.card(row["customer_id"], make_default=True)
    await shop.run_jobs(rounds=5)
