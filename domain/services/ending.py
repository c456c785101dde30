"""Ending a subscription: now, or when its period is over.

What it has used is asked for with a last invoice, where something waits for one. What is owed stays owed, but is not
tried again by itself. What is left of the period is credited where the shop says so (`giving_back`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.changes import ChangeTime, canceled, moment_of, period_end
from domain.errors import InvalidInput, PermissionDenied
from domain.events import EventKind
from domain.idempotency import KeyedRequest
from domain.invoices import InvoiceLine, InvoiceReason
from domain.operations import Operation
from domain.payment_methods import PaymentMethod
from domain.principals import Permission, Principal
from domain.services import dunning
from domain.services.applying import Applying
from domain.services.calling_off import call_off, check_undisturbed, drop_update
from domain.services.giving_back import give_back
from domain.services.keeping import keep
from domain.services.locking import there
from domain.services.managing import Asked, Managing
from domain.services.plans import plans_of
from domain.services.running import cause_of, running
from domain.services.steps import Stepped
from domain.services.subscription_events import tell
from domain.store import Transaction
from domain.subscriptions import Subscription, SubscriptionState
from domain.wishes import Wish, check_may


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSubscription:
    subscription_id: str
    when: ChangeTime
    credit: bool = False
    """Whether what is left of the period is credited, of one that ends now."""
    version: int | None = None
    request: KeyedRequest


class Ending:
    def __init__(self, *, applying: Applying) -> None:
        self._applying = applying

    async def end(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """CANCEL: its time has come."""
        return await self.end_with(
            tx, subscription, credit=False, patient=False, actor=actor, at=at, now=now, told=told
        )

    async def end_unpaid(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """END_DUNNING: as its policy says. What it used and was not asked for yet is asked for when it ends, and given
        up with the rest."""
        stepped = await dunning.end(tx, subscription, at=at, now=now, told=told, actor=actor)
        if not stepped.subscription.is_ended:
            return stepped
        ended = await keep(tx, stepped.subscription, now=told)
        await self._billed_last(tx, ended, (), None, actor=actor, now=now, told=told)
        for invoice in await tx.invoices.open_of_subscription(ended.id):
            await dunning.give_up(tx, invoice, actor=actor, now=now, told=told)
        return Stepped(subscription=ended)

    async def end_with(
        self,
        tx: Transaction,
        subscription: Subscription,
        *,
        credit: bool,
        patient: bool,
        actor: str,
        at: datetime,
        now: datetime,
        told: datetime,
    ) -> Stepped:
        """`patient` as `drop_update` has it. The subscription that is returned is kept."""
        cause = f"{cause_of(subscription)}:canceled"
        billed = await running(tx, subscription)
        method = await self._applying.payer(tx, subscription, billed)
        if subscription.pending_update is not None:
            subscription = await drop_update(tx, subscription, patient=patient, actor=actor, now=now, told=told)
        # Of what was never paid for, and is called off, nothing is to be given back.
        never_begun = subscription.state is SubscriptionState.INCOMPLETE
        credit = credit and not never_begun
        made = canceled(subscription, billed, await plans_of(tx, subscription), at=moment_of(at, billed), credit=credit)
        ended = await keep(tx, made.subscription, now=told)
        if made.billed is not None:
            await tx.subscriptions.save_period(made.billed)
        if never_begun:
            await _call_first_off(tx, ended, patient=patient, actor=actor, now=now, told=told)
        left: tuple[InvoiceLine, ...] = made.lines
        if billed is not None:
            left = await give_back(tx, billed, made.lines, cause=cause, actor=actor, told=told)
        await dunning.leave(tx, ended, now=now)
        kind, reason = EventKind.SUBSCRIPTION_CANCELED, ended.cancel_reason
        await tell(tx, kind, ended, actor=actor, now=now, told=told, reason=reason)
        return await self._billed_last(tx, ended, left, method, actor=actor, now=now, told=told)

    async def _billed_last(
        self,
        tx: Transaction,
        ended: Subscription,
        left: tuple[InvoiceLine, ...],
        method: PaymentMethod | None,
        *,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> Stepped:
        waiting = await tx.invoices.waiting_lines(ended.customer_id, ended.currency, subscription_id=ended.id)
        if not left and not waiting:
            return Stepped(subscription=ended)
        start = ended.period.start if ended.period else None
        _, _, operations = await self._applying.bill(
            tx, ended, InvoiceReason.CANCEL, left, method, period_start=start, actor=actor, now=now, told=told
        )
        return Stepped(subscription=ended, operations=operations)


class EndingService:
    def __init__(self, *, managing: Managing, ending: Ending) -> None:
        self._managing = managing
        self._ending = ending

    async def cancel(self, principal: Principal, command: CancelSubscription) -> str:
        principal.require(Permission.SUBSCRIPTIONS_WRITE)
        if command.when is ChangeTime.NOW and not principal.may(Permission.SUBSCRIPTIONS_BY_HAND):
            raise PermissionDenied("Only the shop ends a subscription before its period does.", path=("when",))
        if command.credit and command.when is not ChangeTime.NOW:
            raise InvalidInput("At the end of the period nothing is left to be credited.", path=("credit",))

        async def act(tx: Transaction, subscription: Subscription, asked: Asked) -> Sequence[Operation]:
            if command.when is ChangeTime.PERIOD_END:
                await _schedule(tx, subscription, asked)
                return ()
            check_may(subscription, Wish.CANCEL_NOW)
            ended = await self._ending.end_with(
                tx,
                subscription,
                credit=command.credit,
                patient=True,
                actor=asked.actor,
                at=asked.now,
                now=asked.now,
                told=asked.told,
            )
            return ended.operations

        return await self._managing.manage(
            principal, command.subscription_id, act, version=command.version, request=command.request
        )


async def _schedule(tx: Transaction, subscription: Subscription, asked: Asked) -> None:
    check_may(subscription, Wish.CANCEL_AT_PERIOD_END)
    at = period_end(subscription)
    if subscription.cancel_at == at:
        return
    scheduled = await keep(tx, replace(subscription, cancel_at=at, updated_at=asked.now), now=asked.told)
    kind = EventKind.SUBSCRIPTION_CANCELLATION_SCHEDULED
    await tell(tx, kind, scheduled, actor=asked.actor, now=asked.now, told=asked.told, at=at.isoformat())


async def _call_first_off(
    tx: Transaction, ended: Subscription, *, patient: bool, actor: str, now: datetime, told: datetime
) -> None:
    """Nobody has paid for it, so it never was."""
    for each in await tx.invoices.open_of_subscription(ended.id):
        invoice = there(await tx.invoices.get_for_update(each.id), each.id)
        if patient:
            await check_undisturbed(tx, invoice, path="subscriptionId")
        await call_off(tx, invoice, actor=actor, now=now, told=told)
