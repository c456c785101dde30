"""Voiding: ending a charge that has taken no money, at the provider first, and releasing what it holds."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from domain.charges import Charge, ChargeState, ReviewReason
from domain.clock import Clock
from domain.deployment import Deployment
from domain.errors import ChargeInProgress, ChargeNotVoidable, ProviderRefused, ProviderUnavailable
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.operations import Operation, VoidPurpose
from domain.principals import Permission, Principal, system
from domain.provider import ChargeResult, Outcome, ProviderAction, VoidRequest
from domain.services.charges import Charged, charged, ref_of
from domain.services.gates import CallKind
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, there
from domain.services.operations import is_written_down, write_down
from domain.services.sending import Sending
from domain.services.settlement import Settlement
from domain.services.teller import NothingHeard, Teller
from domain.store import Store, Transaction

LOOK_AGAIN_SECONDS = 60.0
"""How soon an expiry is tried again that met a payment under way, or a provider that did not answer."""

LONGEST_WAIT_SECONDS = 3_600.0
"""An hour more means little to a hold that could not be released for two, and an outage ends unseen no longer."""
REVIEW_AFTER = timedelta(days=1)
"""An amount that could not be released for a day: somebody should ask the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidCharge:
    charge_id: str
    request: KeyedRequest


class VoidService:
    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        settlement: Settlement,
        sending: Sending,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._sending = sending
        self._clock = clock
        self._deployment = deployment

    async def void(self, principal: Principal, command: VoidCharge) -> Charged:
        """Call a charge off.

        ChargeNotVoidable where it was too late, and the money is booked; ProviderUnavailable when nothing was sent,
        ProviderRefused when the provider refused: the charge is as it was.
        """
        principal.require(Permission.CAPTURES_WRITE)
        begun = await self._store.run(lambda tx: self._begin(tx, principal, command), landed=is_written_down)
        if isinstance(begun, Operation):
            await self._sending.send(begun, actor=f"provider:{begun.account}")
        return await self._answer(begun.id if isinstance(begun, Operation) else begun)

    async def _begin(self, tx: Transaction, principal: Principal, command: VoidCharge) -> Operation | str:
        """Phase 1; the id of the charge where the provider has nothing that could be called off."""
        _, charge = await lock_charge(tx, principal, command.charge_id)
        if made := await made_before(tx, command.request):
            return made
        self._deployment.check_not_recovering()
        charge.check_voidable()
        if charge.is_only_asked_for:
            await claim(tx, command.request, charge.id, now=self._clock.now())
            await self._end_here(tx, charge, VoidPurpose.CANCEL, actor=principal.actor, path="chargeId")
            return charge.id
        operation = await self._write_down(tx, charge, VoidPurpose.CANCEL, actor=principal.actor, path="chargeId")
        await claim(tx, command.request, operation.id, now=operation.created_at)
        return operation

    async def _answer(self, made: str) -> Charged:
        """`made` is the operation's id, or the charge's where there was nothing to ask for."""
        async with self._store.reading() as tx:
            if (ended := await tx.charges.get(made)) is not None:
                return charged(ended)
            operation = there(await tx.operations.get(made), made)
            charge = there(await tx.charges.get(operation.charge_id), operation.charge_id)
        is_ended = charge.state in (ChargeState.VOIDED, ChargeState.EXPIRED)
        if operation.is_finished and operation.outcome not in (Outcome.VOIDED, Outcome.EXPIRED) and not is_ended:
            _raise_refusal(operation, charge)
        return charged(charge)

    async def end_waiting(
        self, charge_id: str, purpose: VoidPurpose, *, only_if_overdue: bool = False, actor: str
    ) -> Outcome | None:
        """End a charge that waits for its customer or its capture, at the provider first; None when it waits no longer.

        A provider that meanwhile took the money says so, and the money is booked.
        """
        async with self._store.transaction() as tx:
            _, charge = await lock_charge(tx, system("voids"), charge_id)
            if not charge.is_live or (only_if_overdue and not charge.is_overdue(now=self._clock.now())):
                return None
            if charge.is_only_asked_for:
                return await self._end_here(tx, charge, purpose, actor=actor, path="orderId")
            operation = await self._write_down(tx, charge, purpose, actor=actor, path="orderId")
        return await self._sending.send(operation, actor=f"provider:{operation.account}")

    async def _end_here(
        self, tx: Transaction, charge: Charge, purpose: VoidPurpose, *, actor: str, path: str
    ) -> Outcome:
        """End a charge of which the provider has nothing; while its customer's confirmation is on the way it may."""
        if await tx.operations.unfinished_of_charge(charge.id):
            raise ChargeInProgress(path=(path,))
        ended = Outcome.EXPIRED if purpose is VoidPurpose.EXPIRE else Outcome.VOIDED
        await self._settlement.settle_charge(tx, charge.id, ChargeResult(outcome=ended), actor=actor)
        return ended

    async def _write_down(
        self, tx: Transaction, charge: Charge, purpose: VoidPurpose, *, actor: str, path: str, told: bool = True
    ) -> Operation:
        """`path` leads to the field of the input that named this charge or its order; `told`: it is an event."""
        if await tx.operations.unfinished_of_charge(charge.id):
            raise ChargeInProgress(path=(path,))
        self._teller.require_support(charge.account, ProviderAction.VOID)
        self._teller.require_reachable(charge.account, CallKind.MONEY)
        request = VoidRequest(operation_id=new_id(IdPrefix.OPERATION), charge_ref=ref_of(charge))
        now = self._clock.now()
        operation = await write_down(
            tx,
            charge,
            request,
            solved_by=self._teller.solves(charge.account),
            lease_seconds=self._deployment.lease_seconds,
            now=now,
            void_purpose=purpose,
        )
        await tx.charges.save(charge.void_started(now=now))
        if purpose is VoidPurpose.EXPIRE or not told:
            return operation  # nobody has asked for it; if it expires by this, that is told when it has
        await tx.events.add(
            new_event(
                EventKind.CHARGE_VOID_REQUESTED,
                charge.id,
                charge.payable_id,
                charge.customer_id,
                actor=actor,
                livemode=charge.livemode,
                now=now,
            )
        )
        return operation

    # --- expiry -----------------------------------------------------------------------------------------------------

    async def expire(self, charge_id: str) -> float | None:
        """End a charge whose time to be confirmed, or to be captured, is over.

        Returns after how many seconds to look again, None when there is nothing left to do.
        """
        waiting = await self._seconds_to_wait(charge_id)
        if waiting is None or waiting > 0:
            return waiting
        with suppress(ChargeInProgress, ProviderUnavailable):
            await self.end_waiting(charge_id, VoidPurpose.EXPIRE, only_if_overdue=True, actor="system:expiry")
        if await self._seconds_to_wait(charge_id) is None:
            return None
        return await self._seconds_to_try_again(charge_id)

    async def _seconds_to_try_again(self, charge_id: str) -> float:
        """Half of how long it is overdue; after a day, somebody is told."""
        async with self._store.transaction() as tx:
            _, charge = await lock_charge(tx, system("voids"), charge_id)
            overdue = self._clock.now() - (charge.expires_at or self._clock.now())
            if overdue > REVIEW_AFTER:
                await self._settlement.open_review(tx, charge, ReviewReason.UNRESOLVED, actor="system:expiry")
        return min(max(overdue.total_seconds() / 2, LOOK_AGAIN_SECONDS), LONGEST_WAIT_SECONDS)

    # --- what is held for a charge that has ended -------------------------------------------------------------------

    async def release(self, charge_id: str) -> float | None:
        """Call off what the provider holds, or would still take, for a charge that has ended here, if a look shows it.

        Returns after how many seconds to look again, None when there is nothing to call off.
        """
        async with self._store.reading() as tx:
            charge = await tx.charges.get(charge_id)
        if charge is None or charge.is_live or charge.charge_ref is None:
            return None
        picture = await self._teller.fetch_charge(charge.account, charge.charge_ref)
        if picture.outcome is Outcome.UNKNOWN:
            raise NothingHeard(charge.charge_ref)
        if picture.outcome not in (Outcome.AUTHORIZED, Outcome.REQUIRES_ACTION) and not picture.is_open:
            async with self._store.transaction() as tx:
                await self._settlement.settle_charge(tx, charge_id, picture, actor="system:release")
            return None
        with suppress(ChargeInProgress, ProviderUnavailable):
            async with self._store.transaction() as tx:
                _, charge = await lock_charge(tx, system("voids"), charge_id)
                if not charge.has_ended_unpaid:
                    return None  # the picture is older than what is known by now: a paid charge is not called off
                operation = await self._write_down(
                    tx,
                    charge,
                    VoidPurpose.CANCEL,
                    actor="system:release",
                    path="id",
                    told=picture.outcome is Outcome.AUTHORIZED,
                )
            await self._sending.send(operation, actor=f"provider:{operation.account}")
        return LOOK_AGAIN_SECONDS

    async def _seconds_to_wait(self, charge_id: str) -> float | None:
        async with self._store.reading() as tx:
            charge = await tx.charges.get(charge_id)
        if charge is None or charge.expires_at is None:
            return None
        return max((charge.expires_at - self._clock.now()).total_seconds(), 0)


def _raise_refusal(operation: Operation, charge: Charge) -> None:
    if operation.outcome is Outcome.NOT_SENT:
        raise ProviderUnavailable
    if charge.state is ChargeState.SUCCEEDED:
        raise ChargeNotVoidable(charge.state)
    raise ProviderRefused("The provider did not call it off.", path=("chargeId",))
