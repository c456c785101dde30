"""What is left to a person: closing a review, and saying what became of money that nobody could find out.

A person's word counts only where the provider's cannot be had. So the provider is asked once more before, and nothing
is settled by hand while a request may still act.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.charges import Charge, ReviewReason
from domain.clock import Clock
from domain.decisions import Decision, DecisionKind, MoneyFound
from domain.errors import AmountNotPositive, CurrencyMismatch, InvalidInput, NotFound, NotToBeSettled
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.operations import Operation
from domain.principals import Permission, Principal
from domain.provider import ChargeResult, Outcome, RefundResult
from domain.refunds import Refund
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, there
from domain.services.resolver import Resolver, look_up_of
from domain.services.settlement import Settlement, forget_who
from domain.services.teller import Teller
from domain.store import Store, Transaction, UniqueTaken
from domain.texts import clean_optional, clean_text

LONGEST_NOTE = 500
LONGEST_REF = 255

UNWATCHED_AFTER = timedelta(days=1)
"""How long a charge is left to the provider that says it is still deciding, before a person may decide instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReview:
    charge_id: str
    reason: ReviewReason
    note: str
    request: KeyedRequest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleCharge:
    charge_id: str
    found: MoneyFound
    captured: Money | None
    """What was taken; needed when money moved."""
    provider_ref: str | None
    """The provider's id of the charge; needed when money moved, unless it is known: refunds go by it."""
    note: str
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRefund:
    refund_id: str
    found: MoneyFound
    provider_ref: str | None
    note: str
    request: KeyedRequest


class DecisionService:
    def __init__(
        self, *, store: Store, teller: Teller, settlement: Settlement, resolver: Resolver, clock: Clock
    ) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._resolver = resolver
        self._clock = clock

    # --- reviews ----------------------------------------------------------------------------------------------------

    async def close_review(self, principal: Principal, command: CloseReview) -> str:
        """Somebody has looked at the charge; its id. The other reviews of it stay open."""
        principal.require(Permission.UPKEEP_WRITE)
        note = clean_text(command.note, "note", longest=LONGEST_NOTE)

        async def close(tx: Transaction) -> str:
            _, charge = await lock_charge(tx, principal, command.charge_id)
            if await made_before(tx, command.request):
                return charge.id
            await self._settlement.close_review(tx, charge, command.reason, actor=principal.actor)
            decision = _decision(
                DecisionKind.REVIEW_CLOSED, charge.id, principal, note, now=self._clock.now(), reason=command.reason
            )
            await self._write(tx, decision, charge, command.request)
            return charge.id

        return await self._store.run(close)

    # --- charges ----------------------------------------------------------------------------------------------------

    async def settle_charge(self, principal: Principal, command: SettleCharge) -> str:
        """The charge's id, once it is at the end that a person found.

        NotToBeSettled while the provider can tell, or a request may still act; what it tells is booked then.
        """
        principal.require(Permission.UPKEEP_WRITE)
        note = clean_text(command.note, "note", longest=LONGEST_NOTE)
        provider_ref = clean_optional(command.provider_ref, "providerRef", longest=LONGEST_REF)
        async with self._store.reading() as tx:
            charge = await tx.charges.get(command.charge_id)
            if charge is None or not principal.sees(charge.customer_id):
                raise NotFound("charge", path=("chargeId",))
            if await made_before(tx, command.request):
                return charge.id
            operation = await tx.operations.unfinished_of_charge(charge.id)
        self._check_nobody_else_can_tell(charge, operation)
        await self._ask_once_more(charge, operation)

        async def settle(tx: Transaction) -> str:
            _, locked = await lock_charge(tx, principal, command.charge_id)
            if await made_before(tx, command.request):
                return locked.id
            self._check_nobody_else_can_tell(locked, await tx.operations.unfinished_of_charge(locked.id))
            told = _told_of_charge(locked, command, provider_ref)
            await self._settlement.settle_charge_by_hand(tx, locked, told, actor=principal.actor)
            decision = _decision(
                DecisionKind.SETTLED, locked.id, principal, note, now=self._clock.now(), found=command.found
            )
            await self._write(tx, decision, locked, command.request)
            return locked.id

        try:
            return await self._store.run(settle)
        except UniqueTaken as taken:
            raise InvalidInput("This is another charge of ours.", path=("providerRef",)) from taken

    def _check_nobody_else_can_tell(self, charge: Charge, operation: Operation | None) -> None:
        if operation is not None:
            if self._resolver.may_still_act(operation):
                raise NotToBeSettled("The request may still act; the gateway is looking.", path=("chargeId",))
            return
        if not charge.is_undecided:
            raise NotToBeSettled(f"What became of it is known: {charge.state}.", path=("chargeId",))
        if self._clock.now() - charge.created_at < UNWATCHED_AFTER:
            raise NotToBeSettled("The provider is still deciding.", path=("chargeId",))

    async def _ask_once_more(self, charge: Charge, operation: Operation | None) -> None:
        """NotToBeSettled where the provider has an answer after all, which is booked."""
        if operation is not None:
            async with self._store.reading() as tx:
                account = await tx.accounts.find(charge.customer_id, charge.account)
            picture = await self._resolver.look_for_charge(operation, charge, look_up_of(operation, charge, account))
        elif charge.charge_ref is not None:
            picture = await self._teller.fetch_charge(charge.account, charge.charge_ref)
        else:
            return
        answers = picture is not None and (
            operation.is_answered_by(picture.outcome)
            if operation is not None
            else picture.outcome not in (Outcome.UNKNOWN, Outcome.PENDING)
        )
        if picture is None or not answers:
            return
        async with self._store.transaction() as tx:
            charge = await self._settlement.settle_charge(
                tx,
                charge.id,
                picture,
                operation_id=operation.id if operation is not None else None,
                is_picture=True,
                actor="system:resolver",
            )
        raise NotToBeSettled(f"The provider has told meanwhile: {charge.state}.", path=("chargeId",))

    # --- refunds ----------------------------------------------------------------------------------------------------

    async def settle_refund(self, principal: Principal, command: SettleRefund) -> str:
        """As `settle_charge`; the refund's id."""
        principal.require(Permission.UPKEEP_WRITE)
        note = clean_text(command.note, "note", longest=LONGEST_NOTE)
        provider_ref = clean_optional(command.provider_ref, "providerRef", longest=LONGEST_REF)
        async with self._store.reading() as tx:
            refund = await tx.refunds.get(command.refund_id)
            if refund is None or not principal.sees(refund.customer_id):
                raise NotFound("refund", path=("refundId",))
            if await made_before(tx, command.request):
                return refund.id
            operation = await self._check_refund(tx, refund)
            charge = there(await tx.charges.get(refund.charge_id), refund.charge_id)
            account = await tx.accounts.find(refund.customer_id, refund.account)
        found = await self._resolver.look_for_refund(operation, refund, look_up_of(operation, charge, account))
        if found is not None and operation.is_answered_by(found.outcome):
            async with self._store.transaction() as tx:
                refund = await self._settlement.settle_refund(
                    tx, refund.id, found, operation_id=operation.id, actor="system:resolver"
                )
            raise NotToBeSettled(f"The provider has told meanwhile: {refund.state}.", path=("refundId",))

        async def settle(tx: Transaction) -> str:
            await lock_charge(tx, principal, refund.charge_id)
            if await made_before(tx, command.request):
                return refund.id
            current = there(await tx.refunds.get(refund.id), refund.id)
            operation = await self._check_refund(tx, current)
            if command.found is MoneyFound.MOVED:
                told = RefundResult(outcome=Outcome.SUCCEEDED, refund_ref=provider_ref, amount=current.amount)
                await self._settlement.settle_refund(
                    tx, refund.id, told, operation_id=operation.id, actor=principal.actor
                )
            else:
                await self._settlement.refund_not_applied(
                    tx, refund.id, operation_id=operation.id, actor=principal.actor
                )
            decision = _decision(
                DecisionKind.SETTLED,
                refund.charge_id,
                principal,
                note,
                now=self._clock.now(),
                refund_id=refund.id,
                found=command.found,
            )
            await self._write(tx, decision, charge, command.request)
            return refund.id

        try:
            return await self._store.run(settle)
        except UniqueTaken as taken:
            raise InvalidInput("This is another refund of ours.", path=("providerRef",)) from taken

    async def _write(self, tx: Transaction, decision: Decision, charge: Charge, request: KeyedRequest | None) -> None:
        await claim(tx, request, decision.id, now=decision.created_at)
        await tx.decisions.insert(decision)
        await forget_who(tx, charge)  # who was erased is named in no note either

    async def _check_refund(self, tx: Transaction, refund: Refund) -> Operation:
        operation = await tx.operations.unfinished_of_refund(refund.id)
        if operation is None:
            raise NotToBeSettled(f"What became of it is known: {refund.state}.", path=("refundId",))
        if self._resolver.may_still_act(operation):
            raise NotToBeSettled("The request may still act; the gateway is looking.", path=("refundId",))
        return operation


def _told_of_charge(charge: Charge, command: SettleCharge, provider_ref: str | None) -> ChargeResult | None:
    if command.found is MoneyFound.NOT_MOVED:
        return None
    if command.captured is None:
        raise InvalidInput("How much was taken has to be said.", path=("captured",))
    if command.captured.currency != charge.amount.currency:
        raise CurrencyMismatch(
            expected=charge.amount.currency, actual=command.captured.currency, path=("captured", "currency")
        )
    if not command.captured.is_positive:
        raise AmountNotPositive(path=("captured",))
    if charge.charge_ref is None and provider_ref is None:
        raise InvalidInput("The provider's id of the charge is needed: refunds go by it.", path=("providerRef",))
    if charge.charge_ref is not None and provider_ref not in (None, charge.charge_ref):
        raise InvalidInput("The provider has another id of this charge.", path=("providerRef",))
    return ChargeResult(
        outcome=Outcome.SUCCEEDED, charge_ref=charge.charge_ref or provider_ref, captured=command.captured
    )


def _decision(
    kind: DecisionKind,
    charge_id: str,
    principal: Principal,
    note: str,
    *,
    now: datetime,
    refund_id: str | None = None,
    reason: ReviewReason | None = None,
    found: MoneyFound | None = None,
) -> Decision:
    return Decision(
        id=new_id(IdPrefix.DECISION),
        kind=kind,
        charge_id=charge_id,
        refund_id=refund_id,
        reason=reason,
        found=found,
        note=note,
        actor=principal.actor,
        created_at=now,
    )
