"""Giving money back: reserved under lock, sent in three phases, always to the provider that took it."""

from dataclasses import dataclass
from datetime import datetime

from domain.charges import Charge
from domain.clock import Clock
from domain.deployment import Deployment
from domain.detached import Detached
from domain.errors import CurrencyMismatch, InvalidInput
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.operations import Operation
from domain.principals import Permission, Principal
from domain.provider import ProviderAction, RefundRequest
from domain.refunds import Refund, RefundReason
from domain.services.discrepancies import check_may_refund
from domain.services.gates import CallKind
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, there
from domain.services.operations import is_written_down, write_down
from domain.services.settlement import Settlement
from domain.services.teller import Teller
from domain.store import Store, Transaction, to_be_repeated
from domain.texts import clean_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCharge:
    charge_id: str
    amount: Money | None
    """None: all that is left."""
    reason: RefundReason | None
    note: str | None
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    charge_id: str
    refund_id: str


class RefundService:
    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        settlement: Settlement,
        detached: Detached,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._detached = detached
        self._clock = clock
        self._deployment = deployment

    async def refund_charge(self, principal: Principal, command: RefundCharge) -> Refunded:
        principal.require(Permission.REFUNDS_WRITE)
        note = clean_optional(command.note, "note", longest=500)
        charge_id, refund_id, operation = await self._store.run(
            lambda tx: self._begin(tx, principal, command, note=note), landed=is_written_down
        )
        if operation is not None:
            task = self._detached.spawn(self._send_and_settle(operation, refund_id), name=operation.id)
            # An error in there is logged, and the job of the operation goes on with it.
            await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        return Refunded(charge_id=charge_id, refund_id=refund_id)

    async def _begin(
        self, tx: Transaction, principal: Principal, command: RefundCharge, *, note: str | None
    ) -> tuple[str, str, Operation | None]:
        """Phase 1: charge, refund, and the operation, if this request has not made one before."""
        _, charge = await lock_charge(tx, principal, command.charge_id)
        if made := await made_before(tx, command.request):
            return charge.id, made, None
        self._deployment.check_not_recovering()
        if note is not None:
            await _check_may_be_told_of(tx, charge)
        if command.amount and command.amount.currency != charge.amount.currency:
            raise CurrencyMismatch(
                expected=charge.amount.currency, actual=command.amount.currency, path=("amount", "currency")
            )
        await check_may_refund(tx, charge.id)
        now = self._clock.now()
        amount = charge.refundable if command.amount is None else command.amount
        whole = amount == charge.captured
        self._teller.require_support(charge.account, ProviderAction.REFUND if whole else ProviderAction.PARTIAL_REFUND)
        requested = charge.refund_requested(amount, now=now)
        self._teller.require_reachable(charge.account, CallKind.MONEY)
        await tx.charges.save(requested)
        refund = _new_refund(charge, command, amount=amount, note=note, now=now)
        await claim(tx, command.request, refund.id, now=now)
        await tx.refunds.insert(refund)
        request = RefundRequest(
            operation_id=new_id(IdPrefix.OPERATION),
            refund_id=refund.id,
            charge_ref=there(charge.charge_ref, f"the reference of {charge.id}"),
            amount=refund.amount,
            reason=refund.reason,
        )
        operation = await write_down(
            tx,
            charge,
            request,
            solved_by=self._teller.solves(charge.account),
            lease_seconds=self._deployment.lease_seconds,
            now=now,
        )
        await tx.events.add(
            new_event(
                EventKind.REFUND_REQUESTED,
                refund.id,
                charge.id,
                charge.payable_id,
                charge.customer_id,
                actor=principal.actor,
                livemode=refund.livemode,
                now=now,
                data={"amount": amount.minor_units, "currency": amount.currency},
            )
        )
        return charge.id, refund.id, operation

    async def _send_and_settle(self, operation: Operation, refund_id: str) -> None:
        asleep = (self._clock.now() - operation.first_sent_at).total_seconds()
        if asleep > self._deployment.provider_timeout_seconds:
            return  # whoever holds the lease now sends it
        result = await self._teller.send_refund(operation)

        async def settle(tx: Transaction) -> None:
            await self._settlement.settle_refund(
                tx, refund_id, result, operation_id=operation.id, actor=f"provider:{operation.account}"
            )

        await self._store.run(settle, landed=to_be_repeated)


async def _check_may_be_told_of(tx: Transaction, charge: Charge) -> None:
    """Under the order's lock, which an erasure takes too: nothing is written of a person after they were erased."""
    customer = there(await tx.customers.get(charge.customer_id), charge.customer_id)
    if customer.redacted_at is not None:
        raise InvalidInput("The customer's data was erased: a refund of theirs takes no note.", path=("note",))


def _new_refund(charge: Charge, command: RefundCharge, *, amount: Money, note: str | None, now: datetime) -> Refund:
    return Refund(
        id=new_id(IdPrefix.REFUND),
        charge_id=charge.id,
        order_id=charge.order_id,
        invoice_id=charge.invoice_id,
        customer_id=charge.customer_id,
        account=charge.account,
        amount=amount,
        reason=command.reason,
        note=note,
        livemode=charge.livemode,
        created_at=now,
        updated_at=now,
    )
