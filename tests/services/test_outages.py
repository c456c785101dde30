"""A provider that is away, slow or overrun: refused fast, before anything is written down, and never guessed about."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.breaker import BreakerState
from domain.charges import ChargeState, FailureCode
from domain.errors import ProviderUnavailable
from domain.jobs import JobKind
from domain.operations import Operation
from domain.provider import Initiator, Outcome
from domain.services.gates import CallKind
from tests.services.conftest import OpenShop
from tests.services.dying import die_before
from tests.services.shop import MovableClock, Shop, at_once, usd
from tests.services.watching import Ask

FAST_SECONDS = 1.5
"""Of an answer for which nobody was asked; a provider that hangs holds its clients for two seconds here."""


@pytest.fixture
def shop(new_shop: OpenShop) -> Shop:
    return new_shop(breaker_failures=3)


def state_of(shop: Shop) -> BreakerState:
    return shop.teller.health[0].state


async def orders(shop: Shop, count: int) -> list[str]:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    return [await shop.order_of(customer_id) for _ in range(count)]


async def outage(shop: Shop, order_ids: list[str], script: str = "charge#*=refuse; *#*=error") -> None:
    """Payments go wrong until the gateway has had enough."""
    shop.misbehave(script)
    for order_id in order_ids:
        await shop.pay(order_id)
    assert state_of(shop) is BreakerState.OPEN


async def contents(shop: Shop) -> list[Any]:
    tables = ("orders", "charges", "operations", "refunds", "payment_methods", "events", "idempotency_keys", "jobs")
    return [await shop.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


@pytest.mark.fault("F15")
async def test_a_dead_provider_becomes_a_fast_refusal_that_leaves_nothing_behind(shop: Shop) -> None:
    paid = await shop.paid((await orders(shop, 1))[0])
    held, waiting = await shop.authorized(), await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    customer_id = await shop.customer()
    *dead, order_id = await orders(shop, 4)
    await outage(shop, dead)
    before, calls = await contents(shop), len(shop.provider.calls)

    began = time.monotonic()
    for refused in (
        shop.pay(order_id, "key"),
        shop.proceed(waiting.id),
        shop.capture(held.id),
        shop.void(held.id),
        shop.refund(paid.id, 1_00),
        shop.card(customer_id),
    ):
        with pytest.raises(ProviderUnavailable) as told:
            await refused
        assert told.value.retry_after_seconds == 10
    assert time.monotonic() - began < FAST_SECONDS

    assert await contents(shop) == before
    assert len(shop.provider.calls) == calls, "nobody was asked"
    await shop.check()


@pytest.mark.fault("F15")
async def test_it_closes_by_itself_and_the_same_key_pays(shop: Shop, clock: MovableClock) -> None:
    *dead, order_id = await orders(shop, 4)
    await outage(shop, dead)
    with pytest.raises(ProviderUnavailable):
        await shop.pay(order_id, "key")
    shop.misbehave("")

    await shop.teller.look_at_silent_accounts()
    assert state_of(shop) is BreakerState.OPEN, "it is left alone for a while"
    clock.advance(seconds=10)
    await shop.teller.look_at_silent_accounts()
    assert state_of(shop) is BreakerState.HALF_OPEN

    charged = await shop.pay(order_id, "key")
    assert (await shop.charge(charged.charge_id or "")).state is ChargeState.SUCCEEDED
    assert state_of(shop) is BreakerState.CLOSED
    await shop.check(settled=True)


async def test_a_setting_that_is_wrong_does_not_keep_it_open(
    shop: Shop, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of one currency that the account does not take any more: the provider answers, and takes all others."""
    *dead, order_id = await orders(shop, 4)
    await outage(shop, dead)
    shop.misbehave("")

    async def complain() -> str:
        return "The merchant account jpy is suspended."

    monkeypatch.setattr(shop.provider, "check", complain)
    for _ in range(3):
        clock.advance(seconds=10)
        await shop.teller.look_at_silent_accounts()

    assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    assert state_of(shop) is BreakerState.CLOSED


async def test_the_looks_of_the_resolver_notice_that_it_is_over(shop: Shop, clock: MovableClock) -> None:
    """Of lost answers: money may have moved, and the looking goes on throughout the outage."""
    order_ids = await orders(shop, 3)
    await outage(shop, order_ids, "charge#*=lose_answer; *#*=error")
    await shop.run_jobs()
    assert [charge.state for order_id in order_ids for charge in await shop.charges_of(order_id)] == [
        ChargeState.UNKNOWN
    ] * 3

    shop.misbehave("")
    clock.advance(seconds=10)
    await shop.run_jobs()

    assert [charge.state for order_id in order_ids for charge in await shop.charges_of(order_id)] == [
        ChargeState.SUCCEEDED
    ] * 3
    assert state_of(shop) is BreakerState.HALF_OPEN
    await shop.check(settled=True)


@pytest.mark.fault("F12", "F14")
@pytest.mark.parametrize("fault", ["lose_answer", "error", "error_after", "html", "truncate", "empty"])
async def test_an_answer_that_tells_nothing_is_an_outage_and_stays_unknown(shop: Shop, fault: str) -> None:
    order_ids = await orders(shop, 3)
    await outage(shop, order_ids, f"charge#*={fault}")
    states = [charge.state for order_id in order_ids for charge in await shop.charges_of(order_id)]
    assert states == [ChargeState.UNKNOWN] * 3


async def test_who_says_no_is_alive(shop: Shop) -> None:
    shop.misbehave("charge#1-10=decline; charge#11-20=rate_limit")
    for _ in range(20):
        await shop.pay(await shop.order(), initiator=Initiator.UNSCHEDULED)
    assert state_of(shop) is BreakerState.CLOSED


async def test_what_was_written_down_before_the_outage_was_noticed_is_not_sent(shop: Shop) -> None:
    """The breaker opens between commit and request: the customer's key is free, and nobody pays later."""
    *dead, order_id = await orders(shop, 4)
    let_go = asyncio.Event()
    send = shop.teller.send_charge

    async def late(operation: Operation) -> Any:
        await let_go.wait()
        return await send(operation)

    shop.teller.send_charge = late  # type: ignore[method-assign]
    paying = asyncio.create_task(shop.pay(order_id, "key"))
    while not await shop.charges_of(order_id):
        await asyncio.sleep(0.01)
    shop.teller.send_charge = send  # type: ignore[method-assign]
    await outage(shop, dead)
    let_go.set()
    charged = await paying

    charge = await shop.charge(charged.charge_id or "")
    assert (charge.state, charge.failure_code) == (ChargeState.FAILED, FailureCode.PROVIDER_UNAVAILABLE)
    assert len(shop.provider.asked("charge")) == 3
    assert (await shop.rows("SELECT 1 FROM idempotency_keys WHERE object_id = $1", charge.id)) == []
    await shop.check()


async def test_a_repeat_that_the_breaker_keeps_back_makes_no_failure_of_an_unknown(shop: Shop) -> None:
    """The resolver finds no trace and may send again; that it was kept back says nothing of the first request."""
    lost, *dead = await orders(shop, 4)
    shop.provider.between["charge"] = die_before
    await shop.pay(lost)
    del shop.provider.between["charge"]
    (charge,) = await shop.charges_of(lost)

    async def find_and_die(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        await outage(shop, dead, "charge#*=refuse")
        return told

    shop.provider.between["find_charge"] = find_and_die
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    operation = await shop.operation(charge.id)
    assert (operation.outcome, operation.is_finished) == (Outcome.UNKNOWN, False)
    await shop.check()


async def test_jobs_that_meet_an_outage_come_back(shop: Shop, clock: MovableClock) -> None:
    """A confirmation nobody finished is ended at the provider first; until it answers, the charge waits."""
    waiting = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    await outage(shop, await orders(shop, 3))
    clock.advance(hours=2)
    await shop.run_jobs()
    assert (await shop.charge(waiting.id)).state is ChargeState.REQUIRES_ACTION
    (job,) = [job for job in await shop.jobs(JobKind.EXPIRE_CHARGE) if job["subject_id"] == waiting.id]
    assert job["last_error"] is None, "waiting is no failure"

    shop.misbehave("")
    clock.advance(seconds=10)
    await shop.teller.look_at_silent_accounts()
    await shop.run_jobs(rounds=3)
    assert (await shop.charge(waiting.id)).state is ChargeState.EXPIRED


# --- places -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def stuck(shop: Shop, call: str, count: int, ask: Any) -> AsyncIterator[None]:
    """So many calls of a kind hang at the provider."""
    inside, let_go = asyncio.Semaphore(0), asyncio.Event()

    async def hang(_asked: Any, ask_: Ask) -> Any:
        inside.release()
        await let_go.wait()
        return await ask_()

    shop.provider.between[call] = hang
    calls = [asyncio.create_task(ask()) for _ in range(count)]
    for _ in range(count):
        await inside.acquire()
    del shop.provider.between[call]
    try:
        yield
    finally:
        let_go.set()
        await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.fault("F9")
async def test_looks_that_hang_keep_nobody_from_paying(new_shop: OpenShop) -> None:
    shop = new_shop(provider_look_ups=2)
    async with stuck(shop, "fetch_charge", 2, lambda: shop.teller.fetch_charge("fake", "ch_none")):
        assert [places.under_way for places in shop.teller.health[0].places] == [0, 0, 2]
        assert (await shop.paid(await shop.order())).state is ChargeState.SUCCEEDED


@pytest.mark.fault("F9")
async def test_payments_that_hang_keep_nobody_from_looking_or_storing_a_card(new_shop: OpenShop) -> None:
    shop = new_shop(provider_calls=1)
    (order_id,) = await orders(shop, 1)
    async with stuck(shop, "charge", 1, lambda: shop.pay(order_id)):
        await shop.card(await shop.customer())
        assert (await shop.teller.fetch_charge("fake", "ch_none")).outcome is Outcome.UNKNOWN
        assert len(shop.provider.asked("fetch_charge")) == 1
    await shop.check(settled=True)


@pytest.mark.fault("F9")
async def test_beyond_the_places_and_those_who_wait_for_one_payments_are_refused_at_once(new_shop: OpenShop) -> None:
    shop = new_shop(provider_calls=1)
    paying, waiting, late = await orders(shop, 3)
    async with stuck(shop, "charge", 1, lambda: shop.pay(paying)):
        second = asyncio.create_task(shop.pay(waiting, "key"))
        while not shop.teller.health[0].places[0].waiting:
            await asyncio.sleep(0.01)
        before = await contents(shop)
        with pytest.raises(ProviderUnavailable) as told:
            await shop.pay(late)
        assert told.value.retry_after_seconds == 1
        assert await contents(shop) == before

        # The one who waited is told after two seconds, and certainly not charged.
        charge = await shop.charge((await second).charge_id or "")
        assert (charge.state, charge.failure_code) == (ChargeState.FAILED, FailureCode.PROVIDER_UNAVAILABLE)
    assert state_of(shop) is BreakerState.CLOSED
    assert (await shop.paid(waiting, key="key")).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_an_adapter_with_a_bug_opens_nothing(shop: Shop) -> None:
    async def burst(_asked: Any, _ask: Ask) -> Any:
        raise KeyError("amount")

    shop.provider.between["charge"] = burst
    await at_once(*(shop.pay(order_id) for order_id in await orders(shop, 5)))
    assert state_of(shop) is BreakerState.CLOSED


def test_there_are_places_of_each_kind(shop: Shop) -> None:
    (health,) = shop.teller.health
    assert [(places.kind, places.most) for places in health.places] == [
        (CallKind.MONEY, 50),
        (CallKind.CARDS, 20),
        (CallKind.LOOK_UPS, 20),
    ]


# --- Retry-After ------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F13")
@pytest.mark.parametrize("fault", ["rate_limit", "rate_limit:90"])
async def test_the_same_request_is_repeated_when_the_provider_asked_for_it(
    shop: Shop, clock: MovableClock, fault: str
) -> None:
    (order_id,) = await orders(shop, 1)
    shop.misbehave(f"charge#1={fault}")
    charge = await shop.paid(order_id)
    expected = 90 if ":" in fault else 5
    assert charge.state is ChargeState.UNKNOWN
    assert charge.next_check_at is not None
    assert (charge.next_check_at - clock.now()).total_seconds() == expected

    clock.advance(seconds=expected)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    first, again = shop.provider.asked("charge")
    assert first == again
    await shop.check(settled=True)
