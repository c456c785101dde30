"""Test clocks: made, lived by from a customer's first day on, and advanced.

What is due on the way happens in the order of its moments, each thing in a commit of its own, and the next one when
the charges of the one before are settled. Where an advance is stands in the rows alone: whoever goes on with it, after
whatever kill, finds what is due first. Two who do so at once do nothing twice, for whatever is due is done once.
"""

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock
from domain.deployment import Deployment
from domain.detached import Detached
from domain.errors import NotFound, PermissionDenied
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id, prefix_of
from domain.jobs import JobKind
from domain.principals import Permission, Principal
from domain.services.billing import Billing
from domain.services.keyed import claim
from domain.services.locking import there
from domain.services.orders import OrderService
from domain.store import Store, StoreUnavailable
from domain.test_clocks import DueOnClock, TestClock, check_in_reach
from domain.texts import clean_optional

LOOK_AGAIN_SECONDS = (0.02, 0.5)
"""At charges that are not settled: most are in a moment, and for the others nobody is to be kept busy."""
TAKEN_OVER_SECONDS = 30.0
"""When others may go on with an advance whose process says nothing any more."""
TELLS_SECONDS = 10.0
LONGEST_RUN_SECONDS = 45.0
"""Of a job, which then comes back: it is cut off after a minute and a half."""
MOST_TRIES = 3
"""Of something that is due and cannot be done; another process may have done it meanwhile, but not so often."""

_log = logging.getLogger("paydesk.test_clocks")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTestClock:
    now: datetime
    name: str | None
    request: KeyedRequest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceTestClock:
    clock_id: str
    to: datetime
    request: KeyedRequest | None


class Stuck(Exception):
    """Something does not end that has to before time goes on."""

    def __init__(self, subject_id: str, waits_for: str) -> None:
        super().__init__(f"{subject_id} waits for {waits_for}. See what becomes of it, then advance again.")


class TestClockService:
    __test__ = False  # for pytest

    def __init__(
        self,
        *,
        store: Store,
        billing: Billing,
        orders: OrderService,
        detached: Detached,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._billing = billing
        self._orders = orders
        self._detached = detached
        self._clock = clock
        self._deployment = deployment

    async def create(self, principal: Principal, command: CreateTestClock) -> str:
        self._check_here(principal)
        told = self._clock.now()
        check_in_reach(command.now, "now")
        clock = TestClock(
            id=new_id(IdPrefix.TEST_CLOCK),
            name=clean_optional(command.name, "name"),
            now=command.now.replace(microsecond=0),
            created_at=told,
            updated_at=told,
        )
        async with self._store.transaction() as tx:
            if made := await claim(tx, command.request, clock.id, now=told):
                return made
            await tx.test_clocks.insert(clock)
        return clock.id

    async def advance(self, principal: Principal, command: AdvanceTestClock) -> str:
        """Answers when it has arrived or failed, or within `answer_within_seconds`: then it goes on by itself."""
        self._check_here(principal)
        check_in_reach(command.to, "to")
        told = self._clock.now()
        async with self._store.transaction() as tx:
            clock = await tx.test_clocks.get_for_update(command.clock_id)
            if clock is None:
                raise NotFound("test clock", path=("testClockId",))
            if await claim(tx, command.request, clock.id, now=told):
                return clock.id
            self._deployment.check_not_recovering()
            await tx.test_clocks.save(clock.advancing(command.to.replace(microsecond=0), now=told))
            await tx.jobs.schedule(JobKind.ADVANCE_CLOCK, clock.id, after_seconds=TAKEN_OVER_SECONDS)
        task = self._detached.spawn(self._arrive(clock.id), name=f"advance {clock.id}")
        await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        return clock.id

    def _check_here(self, principal: Principal) -> None:
        principal.require(Permission.TEST_CLOCKS_WRITE)
        if self._deployment.livemode:
            raise PermissionDenied("Nobody moves the time where money is real: use a sandbox.")

    # --- on its way -------------------------------------------------------------------------------------------------

    async def go_on(self, clock_id: str) -> float | None:
        """For the job: after how many seconds to go on; None when it has arrived, or failed."""
        return None if await self._arrive(clock_id, at_most_seconds=LONGEST_RUN_SECONDS) else 0.0

    async def _arrive(self, clock_id: str, *, at_most_seconds: float | None = None) -> bool:
        """Whether it advances no more; it may still do so after `at_most_seconds`."""
        began = told = time.monotonic()
        tries: Counter[DueOnClock] = Counter()
        waiting: set[str] = set()
        """Orders that cannot be ended just now."""
        try:
            while at_most_seconds is None or time.monotonic() - began < at_most_seconds:
                await self._settle(clock_id)
                tells = time.monotonic() - told > TELLS_SECONDS
                told = time.monotonic() if tells else told
                due = await self._at_what_is_due(clock_id, waiting, tells=tells)
                if due is None:
                    return True
                if prefix_of(due.id) is IdPrefix.ORDER:
                    if not await self._expire(due.id):
                        waiting.add(due.id)
                    continue
                step = await self._billing.step(due.id)
                tries[due] += step is None or not step.done
                if tries[due] >= MOST_TRIES:
                    raise Stuck(due.id, (step and step.waits_for) or "something that is under way")
        except StoreUnavailable:
            raise
        except Stuck as stuck:
            await self._fail(clock_id, str(stuck))
            return True
        except Exception as error:  # whatever it is: a clock that stays ADVANCING would keep its customers locked
            _log.exception("%s cannot go on", clock_id)
            await self._fail(clock_id, f"Something went wrong here: {type(error).__name__}: {error}")
            return True
        return False

    async def _settle(self, clock_id: str) -> None:
        """Wait until nothing that was done is under way any more, for as long as a mutation would wait for it."""
        deadline = time.monotonic() + self._deployment.answer_within_seconds
        pause, longest = LOOK_AGAIN_SECONDS
        while True:
            async with self._store.reading() as tx:
                undecided = await tx.test_clocks.undecided_charges(clock_id)
                collected = await tx.test_clocks.subscriptions_to_collect(clock_id)
            now = [each for each, is_due in collected.items() if is_due]
            for each in now:
                await self._collect(each)
            if not undecided and not collected:
                return
            if time.monotonic() > deadline:
                raise Stuck(next(iter(undecided or collected)), "its provider")
            if not now:
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)

    async def _at_what_is_due(self, clock_id: str, but: set[str], *, tells: bool) -> DueOnClock | None:
        """Move it there; None when it has arrived, or advances no more."""
        told = self._clock.now()
        async with self._store.transaction() as tx:
            clock = there(await tx.test_clocks.get_for_update(clock_id), clock_id)
            if clock.target is None or not clock.is_advancing:
                return None
            due = await tx.test_clocks.next_due(clock.id, until=clock.target, but=but)
            if due is None:
                await tx.test_clocks.save(clock.arrived(now=told))
                await tx.jobs.cancel(JobKind.ADVANCE_CLOCK, clock.id)
                return None
            if due.at > clock.now:
                await tx.test_clocks.save(clock.at(due.at, now=told))
            if tells:
                await tx.jobs.schedule(JobKind.ADVANCE_CLOCK, clock.id, after_seconds=TAKEN_OVER_SECONDS)
        return due

    async def _collect(self, subscription_id: str) -> None:
        """What a worker would do in a moment; no worker need run."""
        async with self._store.transaction() as tx:
            await tx.jobs.cancel(JobKind.COLLECT_SUBSCRIPTION, subscription_id)
        await self._billing.step(subscription_id)

    async def _expire(self, order_id: str) -> bool:
        """Whether it has ended."""
        again = await self._orders.expire(order_id)
        if again is not None:
            # A payment is under way, or a part of the money was kept: that goes by the real time.
            async with self._store.transaction() as tx:
                await tx.jobs.schedule(JobKind.EXPIRE_ORDER, order_id, after_seconds=again)
        return again is None

    async def _fail(self, clock_id: str, failure: str) -> None:
        async with self._store.transaction() as tx:
            clock = there(await tx.test_clocks.get_for_update(clock_id), clock_id)
            if clock.is_advancing:
                await tx.test_clocks.save(clock.failed(failure, now=self._clock.now()))
                await tx.jobs.cancel(JobKind.ADVANCE_CLOCK, clock.id)
