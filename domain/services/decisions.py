"""What is left to a person: closing a review, and saying what became of money that nobody could find out.

A person's word counts only where the provider's cannot be had. So the provider is asked once more before, of what it is
known by and of what the person names, and nothing is settled by hand while a request may still act or the provider is
still deciding.
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
from domain.provider import ChargeResult, LookUp, Outcome, RefundResult
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
"""How long an unknown outcome that no request waits for is left to the gateway, before a person may decide instead."""
DECIDED_WITHIN = timedelta(days=30)
"""How long a provider that says it is still deciding is believed: a debit may take fourteen working days (Stripe's page
on bank debits), and it cannot be called off meanwhile, whatever a person says."""


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
        told = _told_of_charge(charge, command, provider_ref)
        if told is not None:
            await self._check_told_of_charge(charge, operation, told)

        async def settle(tx: Transaction) -> str:
            _, locked = await lock_charge(tx, principal, command.charge_id)
            if await made_before(tx, command.request):
                return locked.id
            self._check_nobody_else_can_tell(locked, await tx.operations.unfinished_of_charge(locked.id))
            _check_same_name(locked.charge_ref, told.charge_ref if told else None)
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
        if operation is None and not charge.is_undecided:
            raise NotToBeSettled(f"What became of it is known: {charge.state}.", path=("chargeId",))
        if operation is not None and self._resolver.may_still_act(operation):
            raise NotToBeSettled("The request may still act; the gateway is looking.", path=("chargeId",))
        if charge.is_being_decided:
            self._check_not_believed(charge.created_at, path=("chargeId",))
        if operation is None and self._clock.now() - charge.created_at < UNWATCHED_AFTER:
            raise NotToBeSettled("The gateway is still looking.", path=("chargeId",))

    def _check_not_believed(self, asked_at: datetime, *, path: tuple[str, ...]) -> None:
        if self._clock.now() - asked_at < DECIDED_WITHIN:
            raise NotToBeSettled("The provider is still deciding.", path=path)

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
        if picture is None or picture.outcome is Outcome.UNKNOWN:
            return
        is_pending = picture.outcome is Outcome.PENDING
        answers = operation.is_answered_by(picture.outcome) if operation is not None else not is_pending
        if not answers and not is_pending:
            return
        is_foreign = charge.is_in_another_currency(picture)
        async with self._store.transaction() as tx:
            charge = await self._settlement.settle_charge(
                tx,
                charge.id,
                picture,
                operation_id=operation.id if operation is not None else None,
                is_picture=True,
                actor="system:resolver",
            )
        if is_foreign:
            return  # money that cannot be booked here: what it comes to is for a person to say
        if is_pending:
            self._check_not_believed(operation.created_at if operation else charge.created_at, path=("chargeId",))
            return
        raise NotToBeSettled(f"The provider has told meanwhile: {charge.state}.", path=("chargeId",))

    async def _check_told_of_charge(self, charge: Charge, operation: Operation | None, told: ChargeResult) -> None:
        """What a person says, held against what the provider shows under the name that they give."""
        captured = there(told.captured, charge.id)
        seen = None
        if charge.charge_ref is None:
            seen = await self._teller.fetch_charge(charge.account, there(told.charge_ref, charge.id))
            _check_named(seen, seen.charge_ref, operation)
        if seen is not None and seen.outcome is Outcome.SUCCEEDED and not charge.is_in_another_currency(seen):
            if seen.captured not in (None, captured):
                raise InvalidInput(f"The provider took {seen.captured}.", path=("captured",))
        elif captured > max(charge.amount, charge.authorized):
            raise InvalidInput("Nothing shows that more was taken than was asked for.", path=("captured",))

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
        await self._ask_once_more_of_refund(refund, operation, look_up_of(operation, charge, account))
        _check_same_name(refund.refund_ref, provider_ref)
        if command.found is MoneyFound.MOVED and refund.refund_ref is None and provider_ref is not None:
            seen = await self._teller.fetch_refund(refund.account, provider_ref)
            _check_named(seen, seen.refund_ref, operation)

        async def settle(tx: Transaction) -> str:
            await lock_charge(tx, principal, refund.charge_id)
            if await made_before(tx, command.request):
                return refund.id
            current = there(await tx.refunds.get(refund.id), refund.id)
            operation = await self._check_refund(tx, current)
            _check_same_name(current.refund_ref, provider_ref)
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

    async def _ask_once_more_of_refund(self, refund: Refund, operation: Operation, look_up: LookUp) -> None:
        found = await self._resolver.look_for_refund(operation, refund, look_up)
        if found is None or found.outcome is Outcome.UNKNOWN:
            return
        async with self._store.transaction() as tx:
            settled = await self._settlement.settle_refund(
                tx, refund.id, found, operation_id=operation.id, actor="system:resolver"
            )
        if refund.is_in_another_currency(found):
            return
        if not operation.is_answered_by(found.outcome):
            self._check_not_believed(operation.created_at, path=("refundId",))
            return
        raise NotToBeSettled(f"The provider has told meanwhile: {settled.state}.", path=("refundId",))

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
        if refund.is_being_decided:
            self._check_not_believed(refund.created_at, path=("refundId",))
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
    _check_same_name(charge.charge_ref, provider_ref)
    return ChargeResult(
        outcome=Outcome.SUCCEEDED, charge_ref=charge.charge_ref or provider_ref, captured=command.captured
    )


def _check_same_name(known: str | None, said: str | None) -> None:
    if known is not None and said not in (None, known):
        raise InvalidInput("The provider has another id of this.", path=("providerRef",))


def _check_named(seen: ChargeResult | RefundResult, ref: str | None, operation: Operation | None) -> None:
    """InvalidInput where the provider answers for this name, and it is not what the person takes it for."""
    if ref is None:
        if seen.refusal is not None and not seen.refusal.is_outage:
            raise InvalidInput("The provider shows nothing of this name.", path=("providerRef",))
        return
    if operation is not None and seen.operation_id not in (None, operation.id):
        raise InvalidInput("This was made by another request.", path=("providerRef",))
    if seen.outcome is not Outcome.SUCCEEDED:
        raise InvalidInput(f"The provider says of it: {seen.outcome}.", path=("providerRef",))


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
