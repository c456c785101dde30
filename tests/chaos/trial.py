"""One trial: the storm, the calm after it, and the verdict."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.fake.truth import Truth
from domain.deployment import Deployment
from domain.orders import OrderState
from domain.services.answers import LOOK_AFTER_SECONDS
from persistence.database import Database
from tests.chaos.books import Books, held, read_books, unsettled
from tests.chaos.memory import Memory
from tests.chaos.shop import NotAnswered
from tests.chaos.town import TIMEOUT_SECONDS, Plan, Town, town
from tests.chaos.verdict import DOUBLE, ENDED, EVENTS, SETTLED, Verdict, doubles, judge, silent

_LEASE_SECONDS = (
    Deployment(livemode=False, return_urls=(), provider_timeout_seconds=TIMEOUT_SECONDS).longest_job_seconds + 15
)
"""When others take the job of a worker that was killed."""
_LATE_SECONDS = 15
"""For the look itself, on a machine that is busy."""
_CAUGHT_WITHIN_SECONDS = 40.0
_ONE_OF_SO_MANY_IS_PAID = 4
"""Of the orders of a storm; two in three are, as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What happened, and what it came to."""

    plan: Plan
    memory: Memory
    books: Books
    truth: Truth
    events: Counter[str]
    """How often what was done to the processes and on the wires."""
    wire_requests: int
    webhooks: int
    storm_seconds: float
    settled_seconds: float
    settle_within_seconds: float
    slowest_start_seconds: float
    recovery_seconds: list[float]
    connections: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Caught:
    """A gateway with a mistake in it, under fire."""

    plan: Plan
    paid: int
    """How many of the plan's orders."""
    evidence: Sequence[str]
    """What shows the mistake; nothing when it got away."""
    seconds: float

    @property
    def proves(self) -> bool:
        """A gateway that nobody can pay loses nothing either: it has to be the product but for its mistake."""
        return bool(self.evidence) and self.paid >= self.plan.orders / _ONE_OF_SO_MANY_IS_PAID


async def try_out(plan: Plan, folder: Path, *, calm: Callable[[], None]) -> Trial:
    """`calm` is called when the storm is over, and most of what is left is waiting."""
    async with town(plan, folder) as place:
        following = asyncio.create_task(place.follower.follow())
        await place.follower.ready()
        storm_seconds = await _weather(place)
        calm()
        bank = place.bank
        within = settle_within(storm_seconds, lag_seconds=bank.lag_seconds, by_looks_alone=not bank.takes_keys)
        within += bank.settles_within_seconds
        began = time.monotonic()
        open_still = await _settled(place, began + within)
        settled_seconds = time.monotonic() - began
        await _catch_up(place)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        ended_badly = await place.fleet.end()
        database = await Database.open(place.database_url)
        try:
            truth = await place.truth(database)
            verdict = await judge(database, truth, place.shop.memory, place.follower.seen)
            books = await read_books(database)
        finally:
            await database.close()
        verdict.add(SETTLED, [f"{what}: {', '.join(ids[:5])}" for what, ids in open_still.items()])
        verdict.add(ENDED, ended_badly)
        happened: Counter[str] = Counter()
        for counted in (place.wire.faults, place.postman.faults, place.storm.blows):
            happened.update({str(what): times for what, times in counted.items()})
        happened.update(place.bank_faults)
        return Trial(
            plan=plan,
            memory=place.shop.memory,
            books=books,
            truth=truth,
            events=happened,
            wire_requests=place.wire.requests,
            webhooks=place.postman.delivered,
            storm_seconds=storm_seconds,
            settled_seconds=settled_seconds,
            settle_within_seconds=within,
            slowest_start_seconds=place.fleet.slowest_start_seconds,
            recovery_seconds=place.storm.recovery_seconds,
            connections=place.follower.connections,
            verdict=verdict,
        )


async def catch(plan: Plan, folder: Path) -> Caught:
    """The plan's mistake, looked for."""
    began = time.monotonic()
    async with town(plan, folder) as place:
        await _weather(place)
        deadline = time.monotonic() + _CAUGHT_WITHIN_SECONDS
        while not (found := _evidence(*await _both_sides(place))) and time.monotonic() < deadline:
            await asyncio.sleep(2.0)
        # Whatever was only about to be written is written now.
        await place.fleet.end()
        books, truth = await _both_sides(place)
        return Caught(
            plan=plan,
            paid=sum(row["state"] == OrderState.COMPLETED for row in books.orders),
            evidence=_evidence(books, truth) if found else [],
            seconds=time.monotonic() - began,
        )


def settle_within(storm_seconds: float, *, lag_seconds: float, by_looks_alone: bool) -> float:
    """From the resolver's schedule: the longest wait that the storm can have caused, and the lease of a dead worker.

    What is only looked for, since its key is spent, ends with the first look that is late enough to prove something.
    Where nothing else is done, there are so many that one of the two looks that prove is lost itself.
    """
    longest, proof, passed = 0, 0, 0
    for wait in LOOK_AFTER_SECONDS:
        if passed <= storm_seconds:
            longest = wait
        proves = passed > 2 * TIMEOUT_SECONDS + lag_seconds
        if lag_seconds and (not proves or (by_looks_alone and proof == passed)):
            proof = passed + wait
            by_looks_alone = by_looks_alone and not proves
        passed += wait
    return max(longest, proof) + _LEASE_SECONDS + _LATE_SECONDS


async def _weather(place: Town) -> float:
    """The storm, as long as the shop trades; then calm. How long that was."""
    began = time.monotonic()
    await _beside(place.storm.blow(), place.shop.trade(place.plan.clients))
    await place.calm_down()
    return time.monotonic() - began


async def _beside(endless: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None]) -> None:
    """The work, while the other goes on; should that fail, it is told at once."""
    going = asyncio.create_task(endless)
    working = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({going, working}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (going, working):
            task.cancel()
        await asyncio.gather(going, working, return_exceptions=True)


async def _settled(place: Town, deadline: float) -> dict[str, list[str]]:
    """Wait until nothing is open any more; what still is when the time is over.

    Amounts that are held for clients who have left wait for the shop, which calls them off.
    """
    database = await Database.open(place.database_url)
    try:
        while True:
            waiting = await held(database)
            try:
                await place.shop.close_the_day(waiting)
            except NotAnswered as silence:
                place.shop.memory.unanswered.append(str(silence))
            open_still = await unsettled(database)
            if not open_still and not await held(database):
                return {}
            if time.monotonic() > deadline:
                return open_still | {"held": waiting}
            await asyncio.sleep(1.0)
    finally:
        await database.close()


async def _catch_up(place: Town) -> None:
    """Nothing new happens: the follower has seen all when nothing new comes to them either."""
    database = await Database.open(place.database_url)
    try:
        for _ in range(100):
            books = await read_books(database)
            if place.follower.seen and books.events and place.follower.seen[-1] == books.events[-1]:
                return
            await asyncio.sleep(0.3)
    finally:
        await database.close()


async def _both_sides(place: Town) -> tuple[Books, Truth]:
    database = await Database.open(place.database_url)
    try:
        return await read_books(database), await place.truth(database)
    finally:
        await database.close()


def _evidence(books: Books, truth: Truth) -> list[str]:
    """Of the mistakes that are planted."""
    twice = [f"{DOUBLE}: {sentence}" for sentence in doubles(books, truth)]
    return twice + [f"{EVENTS}: {sentence}" for sentence in silent(books)]
