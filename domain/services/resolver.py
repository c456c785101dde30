"""The resolver: finishes the story of every operation whose answer nobody got.

It looks first. Only when the provider has no trace of the operation is the very same request sent again under its key,
while the provider surely remembers that key, and an on-session charge only while the customer can still be thought to
wait. Where an account keeps no keys nothing is sent again, nor is what came out of a backup: what three searches do not
find, long enough after the request can have been on its way, has not happened. What stays unknown stays so, in sight of
the client, and is looked into again; it never becomes a failure by age alone.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from domain.charges import Charge
from domain.clock import Clock
from domain.customers import ProviderAccount
from domain.deployment import Deployment
from domain.disputes import Dispute, answer_in, is_picture
from domain.jobs import JobKind
from domain.operations import Operation, OperationKind, SolvedBy
from domain.provider import ChargeResult, DisputeResult, LookUp, Outcome, RefundResult
from domain.refunds import Refund
from domain.services.answers import LOOK_AFTER_SECONDS
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.locking import there
from domain.services.settlement import Settlement
from domain.services.teller import NothingHeard, Teller
from domain.store import Store

SEND_AGAIN_WITHIN = timedelta(minutes=10)
"""How long after the client asked an on-session charge may still be sent. Nobody expects to pay an hour later."""

EMPTY_LOOKS_FOR_PROOF = 3
UNSEEN_FOR = timedelta(days=1)
"""Where a provider does not say how far its look-ups lag behind: a person sees there what there is by then."""

_UNTOUCHED: dict[OperationKind, frozenset[Outcome]] = {
    OperationKind.CAPTURE: frozenset({Outcome.AUTHORIZED}),
    OperationKind.VOID: frozenset({Outcome.AUTHORIZED, Outcome.REQUIRES_ACTION, Outcome.PENDING}),
}
"""What a charge looks like that the request has not reached."""

_ACTOR = "system:resolver"

Answer = TypeVar("Answer", ChargeResult, RefundResult, DisputeResult)


class Resolver:
    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        settlement: Settlement,
        disputes: DisputeSettlement,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._disputes = disputes
        self._clock = clock
        self._deployment = deployment

    async def resolve(self, operation_id: str) -> None:
        """Look after one operation; settlement schedules the next look where one is needed."""
        async with self._store.reading() as tx:
            operation = await tx.operations.get(operation_id)
            charge = await tx.charges.get(operation.charge_id) if operation else None
            account = await tx.accounts.find(charge.customer_id, charge.account) if charge else None
            refund = await tx.refunds.get(operation.refund_id) if operation and operation.refund_id else None
            dispute = await tx.disputes.get(operation.dispute_id) if operation and operation.dispute_id else None
        if operation is None or charge is None or operation.is_finished:
            return
        look_up = look_up_of(operation, charge, account)
        if refund is not None:
            await self._resolve_refund(operation, refund, look_up)
        elif dispute is not None:
            await self._resolve_response(operation, dispute)
        else:
            await self._resolve_charge(operation, charge, look_up)

    # --- charges ----------------------------------------------------------------------------------------------------

    async def _resolve_charge(self, operation: Operation, charge: Charge, look_up: LookUp) -> None:
        picture = await self.look_for_charge(operation, charge, look_up)
        if picture is not None:
            evidence = picture
        elif await self._may_send_now(operation):
            taken = await self._take_over(operation)
            if taken is None:
                await self._come_back(operation)
                return
            evidence = _as_replay(operation, await self._teller.send_charge(taken))
        elif self._proves_absence(operation):
            await self._not_applied(operation)
            return
        else:
            evidence = ChargeResult(outcome=Outcome.UNKNOWN)
        async with self._store.transaction() as tx:
            await self._settlement.settle_charge(
                tx,
                operation.charge_id,
                evidence,
                operation_id=operation.id,
                is_picture=picture is not None,
                look_was_empty=picture is None,
                actor=_ACTOR,
            )

    async def look_for_charge(self, operation: Operation, charge: Charge, look_up: LookUp) -> ChargeResult | None:
        """What the provider shows of it; None when it shows no trace of this request."""
        if operation.makes_a_charge and charge.charge_ref is None:
            return await self._teller.find_charge(operation.account, look_up)
        if charge.charge_ref is None:
            raise LookupError(f"{operation.id} acts on {charge.id}, which has no reference")
        seen = await self._teller.fetch_charge(operation.account, charge.charge_ref)
        # A void or a capture that has not acted leaves the charge waiting: that is the trace of nothing, and it may be
        # sent again.
        return None if seen.outcome in _UNTOUCHED.get(operation.kind, ()) else seen

    # --- refunds ----------------------------------------------------------------------------------------------------

    async def _resolve_refund(self, operation: Operation, refund: Refund, look_up: LookUp) -> None:
        found = await self.look_for_refund(operation, refund, look_up)
        empty = found is None
        if found is None:
            if await self._may_send_now(operation):
                taken = await self._take_over(operation)
                if taken is None:
                    await self._come_back(operation)
                    return
                found = _as_replay(operation, await self._teller.send_refund(taken))
            elif self._proves_absence(operation):
                await self._not_applied(operation)
                return
            else:
                found = RefundResult(outcome=Outcome.UNKNOWN)
        async with self._store.transaction() as tx:
            await self._settlement.settle_refund(
                tx, refund.id, found, operation_id=operation.id, look_was_empty=empty, actor=_ACTOR
            )

    async def look_for_refund(self, operation: Operation, refund: Refund, look_up: LookUp) -> RefundResult | None:
        """As `look_for_charge`; by its own name where that is known.

        What is pending for weeks drops out of the lists that are searched.
        """
        if refund.refund_ref is not None:
            return await self._teller.fetch_refund(operation.account, refund.refund_ref)
        return await self._teller.find_refund(operation.account, look_up)

    # --- responses to disputes --------------------------------------------------------------------------------------

    async def _resolve_response(self, operation: Operation, dispute: Dispute) -> None:
        asked_at = self._clock.now()
        found = await self._teller.fetch_dispute(dispute.account, dispute.dispute_ref)
        is_untouched = is_picture(found) and answer_in(found, operation.kind) is Outcome.UNKNOWN
        # What was said to an inquiry is not said to the dispute that has come of it: a bank listens once.
        is_the_same = found.is_inquiry is dispute.is_inquiry
        is_repeated = is_untouched and is_the_same and await self._may_send_now(operation)
        if is_repeated:
            taken = await self._take_over(operation)
            if taken is None:
                await self._come_back(operation)
                return
            # Answered as it was at first, it shows the dispute as it was then.
            asked_at = operation.first_sent_at
            found = _as_replay(operation, await self._teller.send_response(taken))
        elif is_untouched and self._proves_absence(operation):
            await self._not_applied(operation)
            return
        async with self._store.transaction() as tx:
            await self._disputes.settle_response(
                tx,
                dispute.id,
                found,
                operation_id=operation.id,
                asked_at=asked_at,
                is_picture=not is_repeated,
                look_was_empty=is_untouched,
                actor=_ACTOR,
            )
        if is_repeated and found.outcome is not Outcome.UNKNOWN:
            with suppress(NothingHeard):
                await self._disputes.look(dispute.account, dispute.dispute_ref, actor=_ACTOR)

    # --- sending again ----------------------------------------------------------------------------------------------

    async def _take_over(self, operation: Operation) -> Operation | None:
        """The operation, written down as ours before it is sent again; None when it may not be, or is not needed.

        An owner that slept past its lease may wake up and find that its own sending failed. That proves nothing once
        somebody else is sending, and the row has to say so before that happens, not after.
        """
        async with self._store.transaction() as tx:
            current = await tx.operations.get_for_update(operation.id)
            if current is None or current.is_finished or not self._may_send(current):
                return None
            allowed_at = self._clock.now()
            taken = current.taken_over(now=allowed_at)
            await tx.operations.save(taken)
        asleep = (self._clock.now() - allowed_at).total_seconds()
        return None if asleep > self._deployment.provider_timeout_seconds else taken

    async def _come_back(self, operation: Operation) -> None:
        async with self._store.transaction() as tx:
            current = await tx.operations.get_for_update(operation.id)
            if current is not None and not current.is_finished:
                await tx.jobs.schedule(JobKind.RESOLVE_OPERATION, operation.id, after_seconds=LOOK_AFTER_SECONDS[0])

    # --- rules ------------------------------------------------------------------------------------------------------

    async def _may_send_now(self, operation: Operation) -> bool:
        """Not while the provider's books show money that may be this very wish, asked for again and lost by us."""
        if not self._may_send(operation):
            return False
        async with self._store.reading() as tx:
            if operation.refund_id is not None:
                return not await tx.discrepancies.blocks_refunding(operation.charge_id)
            if not operation.makes_a_charge:
                return True
            charge = there(await tx.charges.get(operation.charge_id), operation.charge_id)
            return not await tx.discrepancies.blocks_charging(charge.payable_id)

    def _may_send(self, operation: Operation) -> bool:
        if not operation.may_be_repeated or self._deployment.recovery:
            return False
        if operation.is_held_back:
            return not operation.on_session or self._clock.now() - operation.created_at <= SEND_AGAIN_WITHIN
        return self._clock.now() - operation.first_sent_at <= self._sent_within(operation)

    def _sent_within(self, operation: Operation) -> timedelta:
        """Until how long after its first sending it may have been sent again, by us or by a rival."""
        if operation.solved_by is SolvedBy.SEARCH:
            return timedelta(0)
        # An account that has stopped keeping keys says so for what is asked from now on; of others it may know less.
        safe = self._teller.provider(operation.account).key_lifetime or timedelta(0)
        return min(safe, SEND_AGAIN_WITHIN) if operation.on_session else safe

    def _proves_absence(self, operation: Operation) -> bool:
        """Whether an empty look-up shows that nothing happened and nothing is still on its way."""
        if operation.is_held_back and operation.recovered_at is None:
            return not self._deployment.recovery  # nothing of it has left, and nothing will
        lag = self._teller.provider(operation.account).look_up_lag_seconds
        enough = operation.empty_looks + 1 >= EMPTY_LOOKS_FOR_PROOF
        return lag is not None and enough and not self.may_still_act(operation)

    def may_still_act(self, operation: Operation) -> bool:
        """Whether a request of it may still be sent, or be on its way, or not yet be seen by whoever looks."""
        if operation.is_held_back and operation.recovered_at is None:
            return self._may_send(operation)
        # From the last moment at which it may have been taken over, by us or by a rival; it may then leave a little
        # later, and needs its own time.
        last_sent = operation.first_sent_at + self._sent_within(operation)
        if operation.recovered_at is not None:
            last_sent = min(last_sent, operation.recovered_at)
        travel = timedelta(seconds=2 * self._deployment.provider_timeout_seconds)
        lag = self._teller.provider(operation.account).look_up_lag_seconds
        unseen = UNSEEN_FOR if lag is None else timedelta(seconds=lag)
        return self._clock.now() - last_sent <= travel + unseen

    async def _not_applied(self, operation: Operation) -> None:
        async with self._store.transaction() as tx:
            if operation.refund_id is not None:
                await self._settlement.refund_not_applied(
                    tx, operation.refund_id, operation_id=operation.id, actor=_ACTOR
                )
            elif operation.dispute_id is not None:
                await self._disputes.response_not_applied(
                    tx, operation.dispute_id, operation_id=operation.id, actor=_ACTOR
                )
            else:
                await self._settlement.charge_not_applied(
                    tx, operation.charge_id, operation_id=operation.id, actor=_ACTOR
                )


def _as_replay(operation: Operation, result: Answer) -> Answer:
    """A repeat that never left says nothing of the first request, which may have arrived; nor does one that was refused
    for its key, which somebody has used by then. What had been held back has not been sent before, and still is."""
    if operation.is_held_back and result.outcome is Outcome.NOT_SENT and not isinstance(result, DisputeResult):
        return replace(result, outcome=Outcome.PENDING, is_held_back=True)
    is_refused_for_its_key = result.refusal is not None and result.refusal.is_key_spent
    says_nothing = result.outcome is Outcome.NOT_SENT or (result.outcome is Outcome.FAILED and is_refused_for_its_key)
    return replace(result, outcome=Outcome.UNKNOWN) if says_nothing else result


def look_up_of(operation: Operation, charge: Charge, account: ProviderAccount | None) -> LookUp:
    return LookUp(
        operation_id=operation.id,
        customer_ref=account.customer_ref if account else None,
        charge_ref=charge.charge_ref,
        not_before=operation.created_at,
        initiator=charge.initiator,
        amount=operation.asked_for,
    )
