"""Settlement: the one way in which evidence of a provider becomes our story.

The direct answer, the webhook and the resolver all come through here, in any order and any number. Everything that
follows from a change is written in the same commit: the ledger, the order or invoice, the events, the jobs.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.charges import Charge, ChargeState, ReviewReason
from domain.clock import Clock
from domain.deployment import Deployment
from domain.events import Event, EventKind
from domain.invoices import Invoice
from domain.jobs import JobKind
from domain.ledger import capture_entries, refund_entries, refunded_cause, returned_entries
from domain.money import Money
from domain.operations import Operation, OperationKind, VoidPurpose
from domain.orders import Order
from domain.payables import Payable
from domain.principals import system
from domain.provider import ChargeResult, Outcome, PaymentMethodResult, RefundResult, Refusal
from domain.refunds import Refund, RefundState
from domain.services import declines, new_cards, order_invoices, paid_invoices, unpaid_invoices
from domain.services.answers import (
    LOOK_AFTER_SECONDS,
    counted,
    finish,
    is_lost,
    learnt_from,
    postpone,
    told_event,
    weighed,
)
from domain.services.locking import lock_charge, there
from domain.store import Transaction

_CHARGE_EVENTS: dict[ChargeState, EventKind] = {
    ChargeState.REQUIRES_ACTION: EventKind.CHARGE_REQUIRES_ACTION,
    ChargeState.AUTHORIZED: EventKind.CHARGE_AUTHORIZED,
    ChargeState.SUCCEEDED: EventKind.CHARGE_SUCCEEDED,
    ChargeState.DECLINED: EventKind.CHARGE_DECLINED,
    ChargeState.FAILED: EventKind.CHARGE_FAILED,
    ChargeState.VOIDED: EventKind.CHARGE_VOIDED,
    ChargeState.EXPIRED: EventKind.CHARGE_EXPIRED,
    ChargeState.UNKNOWN: EventKind.CHARGE_UNKNOWN,
}

_REFUND_EVENTS: dict[RefundState, EventKind] = {
    RefundState.SUCCEEDED: EventKind.REFUND_SUCCEEDED,
    RefundState.FAILED: EventKind.REFUND_FAILED,
    RefundState.UNKNOWN: EventKind.REFUND_UNKNOWN,
}


class Settlement:
    def __init__(self, *, clock: Clock, deployment: Deployment) -> None:
        self._clock = clock
        self._deployment = deployment

    # --- charges ----------------------------------------------------------------------------------------------------

    async def settle_charge(
        self,
        tx: Transaction,
        charge_id: str,
        result: ChargeResult,
        *,
        operation_id: str | None = None,
        is_picture: bool = False,
        look_was_empty: bool | None = None,
        actor: str,
    ) -> Charge:
        """Apply what the provider says of a charge.

        `operation_id` names the request that this answers. Without it, or with `is_picture`, the result shows the
        charge as it was found (by a webhook or a look-up); it then also answers the request under way, where it is of
        the kind that can. `look_was_empty` counts a look of the resolver.
        """
        payable, before, operation = await _lock(tx, charge_id, operation_id)
        is_foreign = before.is_in_another_currency(result)
        if is_foreign:
            # A person has to ask the provider, and needs its name of the charge for that.
            result = ChargeResult(outcome=Outcome.UNKNOWN, charge_ref=result.charge_ref, raw=result.raw)
        if operation is not None:
            result = weighed(operation, result)
            operation = counted(operation, look_was_empty)
        now = self._clock.now()
        is_picture = is_picture or operation_id is None
        told_nothing = operation is not None and not operation.tells_of_the_charge(result.outcome)
        # A look that failed tells as little of the charge as a request that failed.
        if (is_foreign and operation is None) or (
            told_nothing and (not is_picture or result.outcome is Outcome.UNKNOWN)
        ):
            after = before
        else:
            after = before.after(result, now=now)
            after = after.waiting_until(before.created_at + self._deployment.action_lifetime)
            after = after.held_until(before.created_at + self._deployment.authorization_lifetime)
        if _is_held_in_vain(before, result) or (result.is_open and after.has_ended_unpaid):
            after = after.known_as(result.charge_ref)
            await tx.jobs.schedule(JobKind.RELEASE_HOLD, charge_id, after_seconds=0)
        if is_foreign:
            after = after.with_review(ReviewReason.AMOUNT_MISMATCH, now=now)
        if operation is not None:
            after = _with_purpose(operation, before, after, now=now)
            after = await self._look_after(tx, operation, result, after, owned=operation_id is not None)
        after = await self._book(
            tx, payable, before, after, refusal=result.refusal, card=result.payment_method, actor=actor, now=now
        )
        await self._watch(tx, after)
        await forget_who(tx, after)
        return after

    async def open_review(self, tx: Transaction, charge: Charge, reason: ReviewReason, *, actor: str) -> Charge:
        """Ask a person to look at a locked charge; a review that is open for this reason already stays."""
        now = self._clock.now()
        reviewed = charge.with_review(reason, now=now)
        await _save_reviews(tx, charge, reviewed, actor=actor, now=now)
        return reviewed

    async def close_review(self, tx: Transaction, charge: Charge, reason: ReviewReason, *, actor: str) -> None:
        """A person has looked at a locked charge; ReviewNotOpen where nobody was asked to."""
        now = self._clock.now()
        await _save_reviews(tx, charge, charge.review_closed(reason, now=now), actor=actor, now=now)

    async def end_review(self, tx: Transaction, charge: Charge, reason: ReviewReason, *, actor: str) -> Charge:
        """What a locked charge was reviewed for is known by now; one without such a review stays as it is."""
        now = self._clock.now()
        ended = charge.without_review(reason, now=now)
        await _save_reviews(tx, charge, ended, actor=actor, now=now)
        return ended

    async def _watch(self, tx: Transaction, charge: Charge) -> None:
        """An undecided charge that no request waits for is looked at: the webhook that will tell may get lost."""
        if charge.is_undecided and not await tx.operations.unfinished_of_charge(charge.id):
            await tx.jobs.schedule(JobKind.WATCH_CHARGE, charge.id, after_seconds=self.watch_seconds(charge))

    def watch_seconds(self, charge: Charge) -> float:
        """A tenth of its age, from a minute to an hour: what was undecided for a day is so for another hour."""
        age = (self._clock.now() - charge.created_at).total_seconds()
        return min(max(age / 10, 60.0), 3_600.0)

    async def charge_not_applied(self, tx: Transaction, charge_id: str, *, operation_id: str, actor: str) -> Charge:
        """The provider has shown that it never saw the request."""
        payable, before, operation = await _lock(tx, charge_id, operation_id)
        now = self._clock.now()
        if operation is None or operation.is_finished:
            return before
        await finish(tx, operation.learnt(Outcome.FAILED, None), now=now)
        after = before.checked_again_at(None)
        if operation.kind is OperationKind.CHARGE and before.is_live:
            # Any other request that never acted leaves the charge as it is: alive, and waiting.
            after = after.not_applied(now=now)
        after = _request_ended(operation, after, now=now)
        after = await self._book(tx, payable, before, after, actor=actor, now=now)
        await self._watch(tx, after)
        await forget_who(tx, after)
        return after

    async def settle_charge_by_hand(
        self, tx: Transaction, charge: Charge, told: ChargeResult | None, *, actor: str
    ) -> Charge:
        """A person says what became of a locked charge that is undecided, or whose request is unfinished.

        `told` is what was taken, as a provider would have said it; None when no money moved.
        """
        operation = await tx.operations.unfinished_of_charge(charge.id)
        if told is None and operation is not None and operation.kind in _LEAVES_IT_AS_IT_WAS:
            return await self.charge_not_applied(tx, charge.id, operation_id=operation.id, actor=actor)
        if told is None:
            kind = operation.kind if operation is not None else OperationKind.CHARGE
            told = ChargeResult(outcome=_NOTHING_MOVED[kind], refusal=Refusal("A person found that nothing moved."))
        operation_id = operation.id if operation is not None else None
        return await self.settle_charge(tx, charge.id, told, operation_id=operation_id, is_picture=True, actor=actor)

    async def _look_after(
        self, tx: Transaction, operation: Operation, result: ChargeResult, charge: Charge, *, owned: bool
    ) -> Charge:
        """Finish the operation, or see to it that somebody looks into it again."""
        if operation.is_finished:
            return charge
        now = self._clock.now()
        learnt = learnt_from(operation, result)
        if operation.is_answered_by(result.outcome):
            await finish(tx, learnt, now=now)
            if result.outcome is Outcome.NOT_SENT:
                # Nothing happened, so the client's key is free for another try.
                await tx.keys.release(charge.id if operation.kind is OperationKind.CHARGE else operation.id)
            if operation.is_refused_by(result.outcome):
                # That it is not as we thought is learnt by looking, even if whoever asked dies before they do.
                await tx.jobs.schedule(JobKind.WATCH_CHARGE, charge.id, after_seconds=LOOK_AFTER_SECONDS[0])
            return _request_ended(operation, charge, now=now).checked_again_at(None)
        if not owned:
            return charge  # a webhook that settles nothing: whoever holds the lease goes on
        wait = await postpone(tx, learnt, result.refusal)
        charge = charge.checked_again_at(now + wait)
        lost = is_lost(learnt) and not charge.is_being_decided
        return charge.with_review(ReviewReason.UNRESOLVED, now=now) if lost else charge

    async def _book(
        self,
        tx: Transaction,
        payable: Payable,
        before: Charge,
        after: Charge,
        *,
        refusal: Refusal | None = None,
        card: PaymentMethodResult | None = None,
        actor: str,
        now: datetime,
    ) -> Charge:
        if after == before:
            return before
        gained = after.captured > before.captured
        if gained and not payable.takes_money:
            after = after.with_review(ReviewReason.LATE_MONEY, now=now)
        await tx.charges.save(after)
        if after.state is not before.state:
            await new_cards.settle(tx, after, card, limits=self._deployment.declines, actor=actor, now=now)
        await declines.settle(tx, before, after)
        await tx.events.add(*_charge_events(before, after, refusal=refusal, actor=actor, now=now))
        await self._watch_expiry(tx, before, after, now=now)
        if gained:
            await tx.ledger.add(
                capture_entries(
                    after.id,
                    before=before.captured,
                    captured=after.captured,
                    livemode=after.livemode,
                    now=now,
                )
            )
            await _complete_if_paid(tx, payable, actor=actor, now=now)
        elif after.state is not before.state and isinstance(payable, Invoice):
            await unpaid_invoices.settle(tx, payable, after, actor=actor, now=now)
        return after

    async def _watch_expiry(self, tx: Transaction, before: Charge, after: Charge, *, now: datetime) -> None:
        if after.expires_at == before.expires_at:
            return
        if after.expires_at is None:
            await tx.jobs.cancel(JobKind.EXPIRE_CHARGE, after.id)
            return
        seconds = max((after.expires_at - now).total_seconds(), 0)
        await tx.jobs.schedule(JobKind.EXPIRE_CHARGE, after.id, after_seconds=seconds)

    # --- refunds ----------------------------------------------------------------------------------------------------

    async def settle_refund(
        self,
        tx: Transaction,
        refund_id: str,
        result: RefundResult,
        *,
        operation_id: str,
        is_picture: bool = False,
        look_was_empty: bool | None = None,
        actor: str,
    ) -> Refund:
        """Apply what the provider says of a refund.

        `operation_id` names the request that made it. With `is_picture` this is no answer to it, and whoever looks
        after it goes on; a picture that tells how it ended answers it all the same.
        """
        charge, operation, before = await _lock_refund(tx, refund_id, operation_id)
        now = self._clock.now()
        if before.is_in_another_currency(result):
            charge = await self.open_review(tx, charge, ReviewReason.AMOUNT_MISMATCH, actor=actor)
            result = RefundResult(outcome=Outcome.UNKNOWN, refund_ref=result.refund_ref, raw=result.raw)
        result = before.weighed(weighed(operation, result))
        operation = counted(operation, look_was_empty)
        after = before.after(result, now=now)
        if not operation.is_finished:
            learnt = learnt_from(operation, result)
            if operation.is_answered_by(result.outcome):
                await finish(tx, learnt, now=now)
                if result.outcome is Outcome.NOT_SENT:
                    await tx.keys.release(before.id)
            elif not is_picture:
                after = after.checked_again_at(now + await postpone(tx, learnt, result.refusal))
                if is_lost(learnt) and not after.is_being_decided:
                    charge = await self.open_review(tx, charge, ReviewReason.REFUND_UNRESOLVED, actor=actor)
        after = await _book_refund(tx, charge, before, after, told=result.amount, actor=actor, now=now)
        await forget_who(tx, charge)
        return after

    async def refund_not_applied(self, tx: Transaction, refund_id: str, *, operation_id: str, actor: str) -> Refund:
        charge, operation, before = await _lock_refund(tx, refund_id, operation_id)
        now = self._clock.now()
        if operation.is_finished:
            return before
        await finish(tx, operation.learnt(Outcome.FAILED, None), now=now)
        after = before.not_applied(now=now) if before.is_waiting else before
        after = await _book_refund(tx, charge, before, after, actor=actor, now=now)
        await forget_who(tx, charge)
        return after


_LEAVES_IT_AS_IT_WAS = (OperationKind.CHARGE, OperationKind.CAPTURE, OperationKind.VOID)
_NOTHING_MOVED = {OperationKind.CHARGE: Outcome.FAILED, OperationKind.CONTINUE: Outcome.EXPIRED}
"""What a charge came to of which a person knows that it took nothing, by the request that was lost."""


# --- charges: helpers -----------------------------------------------------------------------------------------------


async def _lock(tx: Transaction, charge_id: str, operation_id: str | None) -> tuple[Payable, Charge, Operation | None]:
    """What is paid, charge, operation: always in this order."""
    payable, charge = await lock_charge(tx, system("settlement"), charge_id)
    if operation_id is not None:
        return payable, charge, there(await tx.operations.get_for_update(operation_id), operation_id)
    return payable, charge, await tx.operations.unfinished_of_charge(charge_id)


def _with_purpose(operation: Operation, before: Charge, after: Charge, *, now: datetime) -> Charge:
    """A charge that we voided because its time was over has expired; the customer or a colleague cancelled nothing."""
    voided = after.state is ChargeState.VOIDED and before.state is not ChargeState.VOIDED
    return after.expired(now=now) if voided and operation.void_purpose is VoidPurpose.EXPIRE else after


async def _complete_if_paid(tx: Transaction, payable: Payable, *, actor: str, now: datetime) -> None:
    if not payable.takes_money or await captured_of(tx, payable) < payable.to_pay:
        return
    # Those first, for the issuer of the invoice is locked after all else.
    await give_up_others(tx, payable, now=now)
    if isinstance(payable, Order):
        await order_invoices.complete(tx, payable.completed(now=now), actor=actor, now=now)
    else:
        await paid_invoices.pay(tx, payable, actor=actor, now=now)


async def give_up_others(tx: Transaction, payable: Payable, *, now: datetime) -> None:
    """What waits to pay a locked order or invoice that wants no money any more: it is paid, also by a charge that had
    been given up, or called off."""
    for charge in await charges_of(tx, payable):
        if charge.is_live:
            other = there(await tx.charges.get_for_update(charge.id), charge.id).given_up(now=now)
            await tx.charges.save(other)
            if other.expires_at:
                await tx.jobs.schedule(JobKind.EXPIRE_CHARGE, other.id, after_seconds=0)


def _is_held_in_vain(before: Charge, result: ChargeResult) -> bool:
    """The provider shows an amount that it holds for a charge that has ended here, and will not be revived."""
    return result.outcome is Outcome.AUTHORIZED and before.has_ended_unpaid


def _request_ended(operation: Operation, charge: Charge, *, now: datetime) -> Charge:
    match operation.kind:
        case OperationKind.CAPTURE:
            return charge.capture_ended(now=now)
        case OperationKind.VOID:
            return charge.void_ended(now=now)
        case OperationKind.CONTINUE if charge.charge_ref is None and charge.is_undecided:
            # It was unknown whether the customer's confirmation had paid, and nobody waits for another one.
            return charge.expired(now=now)
        case _:
            return charge


async def charges_of(tx: Transaction, payable: Payable) -> Sequence[Charge]:
    """All of them, oldest first; of an order's invoice, those of the order, which have paid it."""
    order_id = payable.id if isinstance(payable, Order) else payable.order_id
    if order_id is not None:
        return await tx.charges.of_order(order_id)
    return await tx.charges.of_invoice(payable.id)


async def captured_of(tx: Transaction, payable: Payable) -> Money:
    """What all its charges have taken. A refund does not make it due again."""
    return Money.total((charge.captured for charge in await charges_of(tx, payable)), currency=payable.currency)


async def kept_of(tx: Transaction, order: Order) -> Money:
    """What its charges have taken and refunds have not given back."""
    charges = await tx.charges.of_order(order.id)
    return Money.total((charge.captured - charge.refunded for charge in charges), currency=order.currency)


def _charge_events(
    before: Charge, after: Charge, *, refusal: Refusal | None, actor: str, now: datetime
) -> Sequence[Event]:
    subjects = (after.id, after.payable_id, after.customer_id)
    events = []
    if after.state is not before.state and after.state in _CHARGE_EVENTS:
        taken = after.captured if after.state is ChargeState.SUCCEEDED else after.amount
        data = {
            "amount": taken.minor_units,
            "currency": after.amount.currency,
            "declineCode": after.decline_code,
            "failureCode": after.failure_code,
        }
        events.append(told_event(_CHARGE_EVENTS[after.state], subjects, data, actor, after.livemode, now))
    if before.capture_requested and not after.capture_requested:
        data = {
            "amount": before.capture_requested.minor_units,
            "currency": after.amount.currency,
            "providerCode": refusal.provider_code if refusal else None,
        }
        events.append(told_event(EventKind.CHARGE_CAPTURE_FAILED, subjects, data, actor, after.livemode, now))
    return [*events, *_review_events(before, after, actor=actor, now=now)]


async def _save_reviews(tx: Transaction, before: Charge, after: Charge, *, actor: str, now: datetime) -> None:
    if after.reviews != before.reviews:
        await tx.charges.save(after)
        await tx.events.add(*_review_events(before, after, actor=actor, now=now))


def _review_events(before: Charge, after: Charge, *, actor: str, now: datetime) -> Sequence[Event]:
    """Without the customer among the subjects, whom it does not concern."""
    subjects = (after.id, after.payable_id)
    opened = (review for review in after.reviews if not before.is_reviewed_for(review.reason))
    closed = (review for review in before.reviews if not after.is_reviewed_for(review.reason))
    return [
        told_event(kind, subjects, {"reason": review.reason}, actor, after.livemode, now)
        for kind, reviews in ((EventKind.CHARGE_REVIEW_OPENED, opened), (EventKind.CHARGE_REVIEW_CLOSED, closed))
        for review in reviews
    ]


# --- refunds: helpers -----------------------------------------------------------------------------------------------


async def _lock_refund(tx: Transaction, refund_id: str, operation_id: str) -> tuple[Charge, Operation, Refund]:
    known = there(await tx.refunds.get(refund_id), refund_id)
    _, charge = await lock_charge(tx, system("settlement"), known.charge_id)
    operation = there(await tx.operations.get_for_update(operation_id), operation_id)
    return charge, operation, there(await tx.refunds.get_for_update(refund_id), refund_id)


async def _book_refund(
    tx: Transaction,
    charge: Charge,
    before: Refund,
    after: Refund,
    *,
    told: Money | None = None,
    actor: str,
    now: datetime,
) -> Refund:
    """`told` is the amount that the provider named, where it named one."""
    if after == before:
        return before
    # Never more than the charge still has, whatever the provider says: the review tells the rest.
    after = replace(after, amount=min(after.amount, charge.unrefunded + before.amount)) if before.is_waiting else after
    await tx.refunds.save(after)
    given_back = after.state is RefundState.SUCCEEDED and before.state is not RefundState.SUCCEEDED
    returned = after.is_returned and before.state is RefundState.SUCCEEDED
    if before.is_waiting and not after.is_waiting:
        given = after.amount if given_back else Money.zero(after.amount.currency)
        charged = charge.refund_ended(before.amount, given_back=given, now=now)
        if given_back and told is not None and told != before.amount:
            charged = charged.with_review(ReviewReason.AMOUNT_MISMATCH, now=now)
        await tx.charges.save(charged)
        await tx.events.add(*_review_events(charge, charged, actor=actor, now=now))
    elif given_back:
        # Where the same money was promised again meanwhile the database refuses this, until the provider has refused
        # that other refund: it gives nothing back twice.
        await tx.charges.save(charge.refunded_after_all(after.amount, now=now))
    elif returned:
        charged = charge.refund_returned(before.amount, now=now)
        await tx.charges.save(charged)
        await tx.events.add(*_review_events(charge, charged, actor=actor, now=now))
    if given_back or returned:
        entries = refund_entries if given_back else returned_entries
        second = after.refund_ref if before.is_returned else None
        if returned and await tx.ledger.has(refunded_cause(after.id, after.refund_ref)):
            second = after.refund_ref
        await tx.ledger.add(
            entries(
                after.id,
                second=second,
                charge_id=charge.id,
                amount=after.amount,
                livemode=after.livemode,
                now=now,
            )
        )
    if after.state is not before.state and after.state in _REFUND_EVENTS:
        subjects = (after.id, charge.id, charge.payable_id, charge.customer_id)
        data = {
            "amount": after.amount.minor_units,
            "currency": after.amount.currency,
            "failureCode": after.failure_code,
        }
        await tx.events.add(told_event(_REFUND_EVENTS[after.state], subjects, data, actor, after.livemode, now))
    return after


# --- both -----------------------------------------------------------------------------------------------------------


async def forget_who(tx: Transaction, charge: Charge) -> None:
    """What a provider tells of somebody who was erased is not kept. Last of all: nothing is saved over it."""
    customer = there(await tx.customers.get(charge.customer_id), charge.customer_id)
    if customer.redacted_at is not None:
        await tx.erasure.erase_charge(charge.id)
