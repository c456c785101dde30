"""Everything that time does to a subscription, one step after another.

What is due stands in the subscription's row, so a step finds what is still to be done and nothing else, whoever takes
it: a worker on the day, one that comes a month late, two at once, a test clock that is moved, or a customer who changes
their plan at a moment when a renewal has not been made yet. Each step is one transaction under the subscription's lock:
what it does and what is due next are one commit.

After a time in which nothing ran, all that was due is done in order, each at its own time: no period is left out, and
each has an invoice of its own. The invoices are charged one after the other (`collecting`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from types import MappingProxyType
from typing import Protocol

from domain.charges import ChargeState
from domain.clock import Clock, whole_seconds
from domain.deployment import Deployment
from domain.errors import ChargeInProgress, ProviderUnavailable, UnsupportedByProvider
from domain.operations import Operation, VoidPurpose
from domain.provider import Outcome
from domain.services import dunning
from domain.services.business_time import now_of
from domain.services.collecting import Collecting
from domain.services.keeping import keep
from domain.services.locking import there
from domain.services.operations import is_written_down
from domain.services.renewing import Renewing
from domain.services.sending import Sending
from domain.services.steps import Handlers, Stepped
from domain.store import Store, Transaction
from domain.subscriptions import Due, DueKind, Subscription

STEPS_AT_ONCE = 12
"""Of one subscription, before the others have their turn: a year of months that nobody has billed."""
LOOK_AGAIN_SECONDS = 300.0
"""How soon a step is tried again that waits for a charge; most are told of sooner, when the charge has ended."""

_ACTOR = "system:billing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What there was to be done, and is."""

    done: bool
    """False: nothing was due that could be done."""
    again: bool = False
    """Whether there may be more to do at once."""
    waits_for: str | None = None
    """The charge that keeps something from being done that is due."""
    next_at: datetime | None
    """When something is due next, in the customer's time; in the past while it waits."""
    tries_at: datetime | None = None
    """When an invoice is charged whose charge was put off, or is tried again."""
    now: datetime
    """The customer's time of this step."""
    by_test_clock: bool = False


class Voids(Protocol):
    """As `orders` needs it, too."""

    async def end_waiting(self, charge_id: str, purpose: VoidPurpose, *, actor: str) -> Outcome | None: ...


class Billing:
    def __init__(
        self,
        *,
        store: Store,
        renewing: Renewing,
        collecting: Collecting,
        voids: Voids,
        sending: Sending,
        clock: Clock,
        deployment: Deployment,
        changes: Handlers = MappingProxyType({}),
    ) -> None:
        """`changes`: what is done for CANCEL, END_DUNNING, DROP_UPDATE, RESUME, PAUSE and CHANGE."""
        self._store = store
        self._renewing = renewing
        self._collecting = collecting
        self._voids = voids
        self._sending = sending
        self._clock = clock
        self._deployment = deployment
        self._handlers: Handlers = {
            DueKind.START: renewing.start,
            DueKind.END_TRIAL: renewing.end_trial,
            DueKind.RENEW: renewing.renew,
            DueKind.EXPIRE: renewing.expire,
            DueKind.RETRY: self._retry,
            **changes,
        }

    # --- for jobs ---------------------------------------------------------------------------------------------------

    async def bill(self, subscription_id: str) -> float | None:
        """Do what is due by now; after how many seconds to look again, None where that is scheduled, or never."""
        step = await self._go_on(subscription_id)
        if step is None:
            return None
        if step.again or step.waits_for is not None:
            return 0.0 if step.again else LOOK_AGAIN_SECONDS
        if step.next_at is None or step.by_test_clock:
            return None
        # Come too early, by the difference of two clocks, or only to charge something: nobody has kept it then.
        return (step.next_at - step.now).total_seconds()

    async def collect(self, subscription_id: str) -> float | None:
        """Charge what can be charged since something has happened; as `bill`."""
        step = await self._go_on(subscription_id, until_nothing_is_done=True)
        if step is None:
            return None
        if step.done:
            return 0.0
        if step.waits_for is None and step.tries_at is not None:
            return max((step.tries_at - step.now).total_seconds(), 0)
        return LOOK_AGAIN_SECONDS if step.waits_for is not None else None

    async def _go_on(self, subscription_id: str, *, until_nothing_is_done: bool = False) -> Step | None:
        """What is due comes before what may be charged, so a step that did something may have left a charge behind."""
        step = await self.step(subscription_id)
        for _ in range(STEPS_AT_ONCE - 1):
            if step is None or not (step.again or (until_nothing_is_done and step.done)):
                break
            step = await self.step(subscription_id)
        return step

    # --- one step ---------------------------------------------------------------------------------------------------

    async def step(self, subscription_id: str) -> Step | None:
        """Do the first thing that is due, or charge what can be charged now; None of a subscription that is not there.

        What it charges is sent, and settled where the answer comes within `answer_within_seconds`. A payment that waits
        for its customer, and stands in the way, is called off first.
        """
        step, operations = await self._store.run(lambda tx: self._step(tx, subscription_id), landed=_is_kept)
        for operation in operations:
            await self._sending.send(operation, actor=f"provider:{operation.account}")
        if step is not None and step.waits_for is not None and await self._called_off(step.waits_for):
            return replace(step, done=True, again=True, waits_for=None)
        return step

    async def _step(self, tx: Transaction, subscription_id: str) -> tuple[Step | None, tuple[Operation, ...]]:
        subscription = await tx.subscriptions.get_for_update(subscription_id)
        if subscription is None:
            return None, ()
        told = whole_seconds(self._clock.now())
        now = await now_of(tx, subscription.customer_id, now=told)
        waits_for, tries_at = None, None
        for due in _due_by(subscription, now):
            stepped = await self._done(tx, subscription, due, now=now, told=told, actor=_ACTOR)
            if stepped.waits_for is None:
                break
            # What comes after it need not wait too: a charge that nobody knows the end of stops no period.
            waits_for = waits_for or stepped.waits_for
        else:
            stepped, tries_at = await self._collect_next(tx, subscription, now=now, told=told, actor=_ACTOR)
            waits_for = waits_for or stepped.waits_for
        is_same = stepped.subscription == subscription
        kept = subscription if is_same else await self._kept(tx, subscription, stepped.subscription, now=now, told=told)
        done, next_at = bool(stepped.operations) or not is_same, kept.due_at
        step = Step(
            done=done,
            again=done and next_at is not None and next_at <= now,
            waits_for=waits_for,
            next_at=next_at,
            tries_at=tries_at,
            now=now,
            by_test_clock=now != told,
        )
        return step, stepped.operations

    async def _done(
        self, tx: Transaction, subscription: Subscription, due: Due, *, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        stepped = await self._handlers[due.kind](tx, subscription, at=due.at, now=now, told=told, actor=actor)
        if stepped.waits_for is None and due in stepped.subscription.dues():
            raise LookupError(f"{due.kind} of {subscription.id} was done, and is still due")
        return stepped

    async def _kept(
        self, tx: Transaction, before: Subscription, after: Subscription, *, now: datetime, told: datetime
    ) -> Subscription:
        if after.is_ended and before.dunning is not None:
            await dunning.leave(tx, after, now=now)
        return await keep(tx, after, now=told)

    async def _called_off(self, charge_id: str) -> bool:
        """Whether a charge that waited for its customer has ended."""
        async with self._store.reading() as tx:
            charge = there(await tx.charges.get(charge_id), charge_id)
        if charge.state is not ChargeState.REQUIRES_ACTION:
            return not charge.is_live
        # One that is under way already, or a provider that is away: it is tried again.
        with suppress(ChargeInProgress, ProviderUnavailable, UnsupportedByProvider):
            await self._voids.end_waiting(charge_id, VoidPurpose.EXPIRE, actor=_ACTOR)
        async with self._store.reading() as tx:
            return not there(await tx.charges.get(charge_id), charge_id).is_live

    # --- in somebody else's transaction -----------------------------------------------------------------------------

    async def caught_up(
        self, tx: Transaction, subscription: Subscription, *, now: datetime, told: datetime, actor: str
    ) -> tuple[Subscription, tuple[Operation, ...]]:
        """A locked subscription with everything done that was due by `now`, in order: before anybody changes it, for a
        change belongs into the period that it falls in.

        It is kept, and the operations are sent by the caller, after the commit (`Sending.send`). What waits for a
        charge is left as it is; so is everything in recovery. `now` is the customer's time, `told` the real one.
        """
        operations: list[Operation] = []
        current = subscription
        while not self._deployment.recovery:
            for due in _due_by(current, now):
                stepped = await self._done(tx, current, due, now=now, told=told, actor=actor)
                if stepped.waits_for is None:
                    break
            else:
                break
            if stepped.subscription.is_ended and current.dunning is not None:
                await dunning.leave(tx, stepped.subscription, now=now)
            # At once: the lines of a period name items that a change has added just before it.
            current = await keep(tx, stepped.subscription, now=told)
            operations += stepped.operations
        if not self._deployment.recovery and await self._collecting.owed(tx, current) is None:
            # What came back from being unpaid is asked for the period in which a change falls, before that does.
            opened = await self._renewing.open_waiting(tx, current, now=now, told=told, actor=actor)
            if opened.subscription is not current:
                current = await keep(tx, opened.subscription, now=told)
            operations += opened.operations
        return current, tuple(operations)

    # --- what is owed -----------------------------------------------------------------------------------------------

    async def _retry(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """RETRY. A charge that is under way is a try by itself; of one that is put off, the time has come."""
        invoice = await self._collecting.owed(tx, subscription)
        if invoice is None:
            # Somebody has called off what was owed.
            return Stepped(subscription=subscription.paid(now=now))
        tried = subscription.tried(now=now)
        invoice = await dunning.try_at(tx, invoice, None, now=now)
        method = await self._collecting.method_of(tx, tried)
        return await self._collecting.collect(tx, tried, invoice, method, actor=actor, now=now, told=told)

    async def _collect_next(
        self, tx: Transaction, subscription: Subscription, *, now: datetime, told: datetime, actor: str
    ) -> tuple[Stepped, datetime | None]:
        """Charge the oldest invoice where its time has come, or with a card that it was not tried with; beside it, when
        its time comes."""
        unchanged = Stepped(subscription=subscription)
        invoice = await self._collecting.owed(tx, subscription)
        if invoice is None:
            return await self._renewing.open_waiting(tx, subscription, now=now, told=told, actor=actor), None
        charges = await tx.charges.of_invoice(invoice.id)
        method = await self._collecting.method_of(tx, subscription)
        is_due = invoice.next_try_at is not None and invoice.next_try_at <= now
        is_new = method is not None and all(charge.payment_method_id != method.id for charge in charges)
        waits_for_card = is_new and (bool(charges) or invoice.next_try_at is None) and not subscription.is_ended
        if not is_due and not waits_for_card:
            return unchanged, invoice.next_try_at
        live = next((charge for charge in charges if charge.is_live), None)
        if live is not None:
            waits = live.state is ChargeState.REQUIRES_ACTION and not live.initiator.on_session
            return (replace(unchanged, waits_for=live.id) if waits else unchanged), None
        collected = await self._collecting.collect(tx, subscription, invoice, method, actor=actor, now=now, told=told)
        return collected, None


def _due_by(subscription: Subscription, now: datetime) -> Iterator[Due]:
    return takewhile(lambda due: due.at <= now, subscription.dues())


async def _is_kept(tx: Transaction, result: tuple[Step | None, tuple[Operation, ...]]) -> bool:
    """A step that is taken again finds by itself what is still to be done; its charge would be sent late, though."""
    _, operations = result
    return bool(operations) and await is_written_down(tx, operations)
