"""Settlement of disputes, and the looks at them that it lives on.

A webhook, the resolver and reconciliation only say that a dispute is worth a look. What the look shows is booked here,
whoever asked for it, in one commit with all that follows: the money on its charge, the ledger, the events.
"""

from datetime import datetime

from domain.charges import Charge, ReviewReason
from domain.clock import Clock
from domain.disputes import Dispute, answer_in, is_picture
from domain.events import Event, EventKind
from domain.ledger import dispute_entries
from domain.money import Money
from domain.operations import Operation, restored
from domain.principals import system
from domain.provider import DisputeResult, DisputeState, EvidenceRequest, Outcome, Refusal
from domain.services.answers import counted, finish, is_lost, learnt_from, postpone, told_event, weighed
from domain.services.locking import lock_charge, there
from domain.services.settlement import Settlement, forget_who
from domain.services.teller import NothingHeard, Teller
from domain.store import Store, Transaction, to_be_repeated

_STATE_EVENTS: dict[DisputeState, EventKind] = {
    DisputeState.NEEDS_RESPONSE: EventKind.DISPUTE_REOPENED,
    DisputeState.UNDER_REVIEW: EventKind.DISPUTE_UNDER_REVIEW,
    DisputeState.WON: EventKind.DISPUTE_WON,
    DisputeState.LOST: EventKind.DISPUTE_LOST,
    DisputeState.ACCEPTED: EventKind.DISPUTE_ACCEPTED,
}


class DisputeSettlement:
    def __init__(self, *, store: Store, teller: Teller, settlement: Settlement, clock: Clock) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._clock = clock

    async def look(self, account: str, dispute_ref: str, *, actor: str) -> bool:
        """Ask the provider for a dispute, and settle what it shows; False where it is none of ours.

        NothingHeard when it gives no usable answer, or one that somebody whose clock is ahead of ours keeps from being
        booked: asked again, it tells the same or more. No transaction is open.
        """
        asked_at = self._clock.now()
        picture = await self._teller.fetch_dispute(account, dispute_ref)
        if picture.outcome is Outcome.UNKNOWN:
            raise NothingHeard(dispute_ref)

        async def settle(tx: Transaction) -> bool:
            return await self.settle_picture(tx, account, picture, asked_at=asked_at, actor=actor)

        is_ours = await self._store.run(settle, landed=to_be_repeated)
        async with self._store.reading() as tx:
            known = await tx.disputes.find_by_ref(account, dispute_ref)
        if known is not None and known.seen_at > asked_at and not known.shows(picture):
            raise NothingHeard(dispute_ref)
        return is_ours

    async def settle_picture(
        self, tx: Transaction, account: str, picture: DisputeResult, *, asked_at: datetime, actor: str
    ) -> bool:
        """Apply what a look has shown; False where it is of no charge of ours.

        It also answers the request under way, if it was asked for after that may have left.
        """
        known = await _charge_of(tx, account, picture)
        if known is None:
            return False
        _, charge = await lock_charge(tx, system("settlement"), known.id)
        if is_in_another_currency(charge, picture):
            await self._settlement.open_review(tx, charge, ReviewReason.AMOUNT_MISMATCH, actor=actor)
            return True
        found = await tx.disputes.find_by_ref(account, there(picture.dispute_ref, "the name of a dispute"))
        operation = await tx.operations.unfinished_of_dispute(found.id) if found else None
        now = self._clock.now()
        if found is None:
            opened = Dispute.opened(charge, picture, asked_at=asked_at, now=now)
            await self._book(tx, charge, None, opened, actor=actor, now=now)
            return True
        before = there(await tx.disputes.get_for_update(found.id), found.id)
        after = before
        if operation is not None and asked_at > operation.first_sent_at:
            answer = answer_in(picture, operation.kind)
            after = await self._answered(tx, charge, operation, before, picture, answer, owned=False, actor=actor)
        after = after.after(picture, asked_at=asked_at, now=now)
        await self._book(tx, charge, before, after, operation=operation, actor=actor, now=now)
        return True

    async def settle_response(
        self,
        tx: Transaction,
        dispute_id: str,
        result: DisputeResult,
        *,
        operation_id: str,
        asked_at: datetime,
        is_picture: bool = False,
        look_was_empty: bool | None = None,
        actor: str,
    ) -> Dispute:
        """Apply what became of evidence, or of an acceptance, that was sent.

        The answer may be the provider's first, however late it is heard, so it shows the dispute as of `asked_at`, when
        it was sent. With `is_picture` it is what the resolver saw.
        """
        charge, operation, before = await _lock(tx, dispute_id, operation_id)
        result = weighed(operation, result)
        operation = counted(operation, look_was_empty)
        answer = answer_in(result, operation.kind) if is_picture else result.outcome
        after = await self._answered(tx, charge, operation, before, result, answer, owned=True, actor=actor)
        now = self._clock.now()
        if not is_in_another_currency(charge, result):
            after = after.after(result, asked_at=asked_at, now=now)
        refusal = result.refusal
        return await self._book(tx, charge, before, after, operation=operation, refusal=refusal, actor=actor, now=now)

    async def response_not_applied(self, tx: Transaction, dispute_id: str, *, operation_id: str, actor: str) -> Dispute:
        """The provider has shown that it never saw the request."""
        charge, operation, before = await _lock(tx, dispute_id, operation_id)
        nothing = DisputeResult(outcome=Outcome.FAILED)
        after = await self._answered(tx, charge, operation, before, nothing, nothing.outcome, owned=True, actor=actor)
        return await self._book(tx, charge, before, after, operation=operation, actor=actor, now=self._clock.now())

    async def _answered(
        self,
        tx: Transaction,
        charge: Charge,
        operation: Operation,
        dispute: Dispute,
        result: DisputeResult,
        answer: Outcome,
        *,
        owned: bool,
        actor: str,
    ) -> Dispute:
        """Finish the request, or see to it that somebody looks into it again."""
        if operation.is_finished:
            return dispute
        now = self._clock.now()
        learnt = learnt_from(operation, result, answer=answer)
        if operation.is_answered_by(answer):
            await finish(tx, learnt, now=now)
            if answer is Outcome.NOT_SENT:
                # Nothing happened, so the client's key is free for another try.
                await tx.keys.release(operation.id)
            await self._settlement.end_review(tx, charge, ReviewReason.DISPUTE_UNRESOLVED, actor=actor)
            if answer is not Outcome.SUCCEEDED:
                return dispute.response_ended(now=now)
            return _responded(operation, dispute, now=now)
        if not owned:
            return dispute  # a webhook that settles nothing: whoever holds the lease goes on
        wait = await postpone(tx, learnt, result.refusal)
        if is_lost(learnt):
            await self._settlement.open_review(tx, charge, ReviewReason.DISPUTE_UNRESOLVED, actor=actor)
        return dispute.checked_again_at(now + wait)

    async def _book(
        self,
        tx: Transaction,
        charge: Charge,
        before: Dispute | None,
        after: Dispute,
        *,
        operation: Operation | None = None,
        refusal: Refusal | None = None,
        actor: str,
        now: datetime,
    ) -> Dispute:
        if after != before:
            await self._write(tx, charge, before, after, now=now)
            await tx.events.add(*_events(before, after, operation, refusal, actor=actor, now=now))
        if before is not None and operation is not None and before.is_inquiry and not after.is_inquiry:
            await _only_look_for(tx, operation.id)
        await forget_who(tx, charge)
        return after

    async def _write(
        self, tx: Transaction, charge: Charge, before: Dispute | None, after: Dispute, *, now: datetime
    ) -> None:
        taken = before.withdrawn if before else Money.zero(after.amount.currency)
        by = after.withdrawn - taken
        after = after if by.is_zero else after.moved()
        if before is None:
            await tx.disputes.insert(after)
        else:
            await tx.disputes.save(after)
        if not by.is_zero:
            # Read anew, for a review of it may have been opened or ended just now.
            current = there(await tx.charges.get_for_update(charge.id), charge.id)
            await tx.charges.save(current.dispute_moved(by, now=now))
            await tx.ledger.add(
                dispute_entries(
                    after.id, number=after.movements, by=by, charge_id=charge.id, livemode=after.livemode, now=now
                )
            )


def is_in_another_currency(charge: Charge, picture: DisputeResult) -> bool:
    """Whether this tells of money that cannot be booked here."""
    return picture.amount is not None and picture.amount.currency != charge.amount.currency


async def _charge_of(tx: Transaction, account: str, picture: DisputeResult) -> Charge | None:
    if not is_picture(picture) or picture.charge_ref is None or picture.dispute_ref is None:
        return None
    charge = await tx.charges.find_by_ref(account, picture.charge_ref)
    return charge if charge is not None and charge.livemode is picture.livemode else None


async def _only_look_for(tx: Transaction, operation_id: str) -> None:
    """An answer to an inquiry that has become a dispute, which is heard once, and of which nobody wrote it."""
    operation = there(await tx.operations.get_for_update(operation_id), operation_id)
    if not operation.is_finished:
        await tx.operations.save(operation.without_key())


async def _lock(tx: Transaction, dispute_id: str, operation_id: str) -> tuple[Charge, Operation, Dispute]:
    known = there(await tx.disputes.get(dispute_id), dispute_id)
    _, charge = await lock_charge(tx, system("settlement"), known.charge_id)
    operation = there(await tx.operations.get_for_update(operation_id), operation_id)
    return charge, operation, there(await tx.disputes.get_for_update(dispute_id), dispute_id)


def _responded(operation: Operation, dispute: Dispute, *, now: datetime) -> Dispute:
    request = restored(operation)
    if isinstance(request, EvidenceRequest):
        return dispute.evidence_sent(request.evidence, now=now)
    return dispute.accepted(now=now)


def _events(
    before: Dispute | None,
    after: Dispute,
    operation: Operation | None,
    refusal: Refusal | None,
    *,
    actor: str,
    now: datetime,
) -> list[Event]:
    """Without the customer among the subjects: it is between the merchant and the bank."""
    subjects = (after.id, after.charge_id, after.payable_id)
    money: dict[str, object] = {"amount": after.amount.minor_units, "currency": after.amount.currency}
    told = [(kind, money) for kind in _kinds(before, after)]
    if before is not None and operation is not None and before.is_being_answered and not after.is_being_answered:
        told = [*_response_told(before, after, operation, refusal), *told]
    # In this order, for their ids rise.
    return [told_event(kind, subjects, data, actor, after.livemode, now) for kind, data in told]


def _response_told(
    before: Dispute, after: Dispute, operation: Operation, refusal: Refusal | None
) -> list[tuple[EventKind, dict[str, object]]]:
    if after.evidence_sent_at != before.evidence_sent_at:
        return [(EventKind.DISPUTE_EVIDENCE_SENT, {})]
    if after.accepted_at != before.accepted_at:
        return []  # that it is accepted now says it
    code = refusal.provider_code if refusal else None
    return [(EventKind.DISPUTE_RESPONSE_FAILED, {"response": operation.kind, "providerCode": code})]


def _kinds(before: Dispute | None, after: Dispute) -> list[EventKind]:
    if before is None:
        opened = [EventKind.DISPUTE_OPENED]
        return opened if after.state is DisputeState.NEEDS_RESPONSE else [*opened, _STATE_EVENTS[after.state]]
    kinds = [EventKind.DISPUTE_AMOUNT_CHANGED] if after.amount != before.amount else []
    escalated = before.is_inquiry and not after.is_inquiry
    kinds += [EventKind.DISPUTE_ESCALATED] if escalated else []
    if after.state is not before.state and not (escalated and after.state is DisputeState.NEEDS_RESPONSE):
        kinds.append(_STATE_EVENTS[after.state])
    return kinds
