"""Pausing a subscription, and going on with it: by somebody, and when the time of it has come.

While it is paused its periods are made without an invoice, so whatever day it goes on, the rest of a period is charged,
and its periods begin when they always did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.changes import Undoable, moment_of, paused, period_end, resumed
from domain.clock import whole_seconds
from domain.errors import ChangePending, InvalidInput
from domain.events import EventKind
from domain.idempotency import KeyedRequest
from domain.invoices import InvoiceReason
from domain.operations import Operation
from domain.principals import Permission, Principal
from domain.services.applying import Applying
from domain.services.giving_back import give_back
from domain.services.keeping import keep
from domain.services.managing import Asked, Managing
from domain.services.plans import plans_of
from domain.services.running import cause_of, keep_change, let_wait, running
from domain.services.steps import Stepped
from domain.services.subscription_events import tell
from domain.store import Transaction
from domain.subscriptions import Pause, PauseBehavior, Subscription, SubscriptionState
from domain.wishes import Wish, check_may

LONGEST_PAUSE = timedelta(days=5 * 365)
"""As an order may wait; who stays away longer subscribes anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSubscription:
    subscription_id: str
    behavior: PauseBehavior
    until: datetime | None = None
    """None: until somebody resumes it."""
    version: int | None = None
    request: KeyedRequest | None = None


class Pausing:
    def __init__(self, *, applying: Applying) -> None:
        self._applying = applying

    async def pause_now(self, tx: Transaction, subscription: Subscription, pause: Pause, asked: Asked) -> None:
        if subscription.pending_update is not None:
            raise ChangePending("A change of this subscription waits for its payment. Undo it first.")
        cause = f"{cause_of(subscription)}:paused"
        billed = await running(tx, subscription)
        at, plans = moment_of(asked.now, billed), await plans_of(tx, subscription)
        made = paused(subscription, billed, replace(pause, since=at), plans, at=at, credit=True)
        made = await keep_change(tx, made, told=asked.told)
        if billed is not None:
            left = await give_back(tx, billed, made.lines, cause=cause, actor=asked.actor, told=asked.told)
            await let_wait(tx, made.subscription, left, cause=cause, now=asked.now)
        await tell(
            tx,
            EventKind.SUBSCRIPTION_PAUSED,
            made.subscription,
            actor=asked.actor,
            now=asked.now,
            told=asked.told,
            **_until(pause),
        )

    async def go_on(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """RESUME: the rest of the running period is charged; where that ends just now, the next one will be."""
        await self._applying.try_owed(tx, subscription, now=now)
        billed = await running(tx, subscription)
        method = await self._applying.payer(tx, subscription, billed)
        made = resumed(subscription, billed, await plans_of(tx, subscription), at=at)
        kind = EventKind.SUBSCRIPTION_RESUMED
        if not made.lines:
            await tell(tx, kind, made.subscription, actor=actor, now=now, told=told)
            return Stepped(subscription=made.subscription)
        invoice, after, operations = await self._applying.bill(
            tx,
            made.subscription,
            InvoiceReason.CHANGE,
            made.lines,
            method,
            period_start=None if billed is None else billed.period.start,
            actor=actor,
            now=now,
            told=told,
        )
        if made.billed is not None:
            # Of a period that was paused from its start on, this is the invoice.
            own = made.billed.invoice_id or invoice.id
            await tx.subscriptions.save_period(replace(made.billed, invoice_id=own))
        await tell(tx, kind, made.subscription, invoice.id, actor=actor, now=now, told=told)
        return Stepped(subscription=after, operations=operations)

    async def begin(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """PAUSE: the period is used up. What is owed comes first: then there is no pause."""
        if subscription.state is not SubscriptionState.ACTIVE or subscription.pause is None:
            dropped = replace(subscription, pause=None, updated_at=now)
            kind, what = EventKind.SUBSCRIPTION_UNDONE, Undoable.PAUSE
            await tell(tx, kind, dropped, actor=actor, now=now, told=told, what=what)
            return Stepped(subscription=dropped)
        made = paused(subscription, None, subscription.pause, {}, at=at, credit=False)
        kind = EventKind.SUBSCRIPTION_PAUSED
        await tell(tx, kind, made.subscription, actor=actor, now=now, told=told, **_until(subscription.pause))
        return Stepped(subscription=made.subscription)


class PausingService:
    def __init__(self, *, managing: Managing, pausing: Pausing) -> None:
        self._managing = managing
        self._pausing = pausing

    async def pause(self, principal: Principal, command: PauseSubscription) -> str:
        principal.require(Permission.SUBSCRIPTIONS_BY_HAND)

        async def act(tx: Transaction, subscription: Subscription, asked: Asked) -> Sequence[Operation]:
            at_once = command.behavior is PauseBehavior.CREDIT
            check_may(subscription, Wish.PAUSE_NOW if at_once else Wish.PAUSE_AT_PERIOD_END)
            since = asked.now if at_once else period_end(subscription)
            until = whole_seconds(command.until) if command.until else None
            _check_until(until, since=since)
            pause = Pause(behavior=command.behavior, since=since, until=until)
            if at_once:
                await self._pausing.pause_now(tx, subscription, pause, asked)
            else:
                await _schedule(tx, subscription, pause, asked)
            return ()

        return await self._managing.manage(
            principal, command.subscription_id, act, version=command.version, request=command.request
        )

    async def resume(
        self, principal: Principal, subscription_id: str, *, version: int | None, request: KeyedRequest
    ) -> str:
        principal.require(Permission.SUBSCRIPTIONS_BY_HAND)

        async def act(tx: Transaction, subscription: Subscription, asked: Asked) -> Sequence[Operation]:
            check_may(subscription, Wish.RESUME)
            at = moment_of(asked.now, await running(tx, subscription))
            stepped = await self._pausing.go_on(
                tx, subscription, at=at, now=asked.now, told=asked.told, actor=asked.actor
            )
            if stepped.subscription is not subscription:
                await keep(tx, stepped.subscription, now=asked.told)
            return stepped.operations

        return await self._managing.manage(principal, subscription_id, act, version=version, request=request)


async def _schedule(tx: Transaction, subscription: Subscription, pause: Pause, asked: Asked) -> None:
    kept = await keep(tx, replace(subscription, pause=pause, updated_at=asked.now), now=asked.told)
    kind, moments = EventKind.SUBSCRIPTION_PAUSE_SCHEDULED, {"at": pause.since.isoformat(), **_until(pause)}
    await tell(tx, kind, kept, actor=asked.actor, now=asked.now, told=asked.told, **moments)


def _check_until(until: datetime | None, *, since: datetime) -> None:
    if until is None:
        return
    if until <= since:
        raise InvalidInput("A pause ends after it has begun.", path=("endsAt",))
    if until > since + LONGEST_PAUSE:
        raise InvalidInput("A pause takes five years at most.", path=("endsAt",))


def _until(pause: Pause) -> dict[str, str]:
    return {"until": pause.until.isoformat()} if pause.until else {}
