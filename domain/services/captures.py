"""Capturing: taking what a charge holds, or a part of it, whose rest is released."""

from dataclasses import dataclass

from domain.charges import Charge, ChargeState
from domain.clock import Clock
from domain.deployment import Deployment
from domain.errors import (
    CaptureAmountTooHigh,
    ChargeInProgress,
    ChargeNotCapturable,
    CurrencyMismatch,
    OrderAlreadyPaid,
    OrderNotPayable,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.operations import Operation
from domain.orders import Order, OrderState
from domain.principals import Permission, Principal
from domain.provider import CaptureRequest, Outcome, ProviderAction
from domain.services.charges import Charged, ref_of
from domain.services.gates import CallKind
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, there
from domain.services.operations import is_written_down, write_down
from domain.services.sending import Sending
from domain.services.settlement import captured_of
from domain.services.teller import Teller
from domain.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCharge:
    charge_id: str
    amount: Money | None
    """None: all that is held."""
    request: KeyedRequest


class CaptureService:
    def __init__(self, *, store: Store, teller: Teller, sending: Sending, clock: Clock, deployment: Deployment) -> None:
        self._store = store
        self._teller = teller
        self._sending = sending
        self._clock = clock
        self._deployment = deployment

    async def capture(self, principal: Principal, command: CaptureCharge) -> Charged:
        """Take the money; there is one capture a charge. A capture that takes longer than we answer goes on by itself.

        ProviderUnavailable when nothing was sent, ProviderRefused when the provider refused it, ChargeNotCapturable
        when the hold turned out to be over. While the charge is AUTHORIZED a new request may capture it.
        """
        principal.require(Permission.CAPTURES_WRITE)
        begun = await self._store.run(lambda tx: self._begin(tx, principal, command), landed=is_written_down)
        if isinstance(begun, Operation):
            await self._sending.send(begun, actor=f"provider:{begun.account}")
        return await self._answer(begun.id if isinstance(begun, Operation) else begun)

    async def _begin(self, tx: Transaction, principal: Principal, command: CaptureCharge) -> Operation | str:
        """Phase 1: the operation, or the id of the one that this very request has made before."""
        order, charge = await lock_charge(tx, principal, command.charge_id)
        if made := await made_before(tx, command.request):
            return made
        self._deployment.check_not_recovering()
        if command.amount and command.amount.currency != charge.amount.currency:
            raise CurrencyMismatch(
                expected=charge.amount.currency, actual=command.amount.currency, path=("amount", "currency")
            )
        if charge.state is ChargeState.AUTHORIZED and await tx.operations.unfinished_of_charge(charge.id):
            raise ChargeInProgress(path=("chargeId",))
        now = self._clock.now()
        amount = charge.capturable if command.amount is None else command.amount
        captured = charge.capture_started(amount, now=now)
        await _check_due(tx, order, amount)
        whole = amount == charge.capturable
        self._teller.require_support(
            charge.account, ProviderAction.CAPTURE if whole else ProviderAction.PARTIAL_CAPTURE
        )
        self._teller.require_reachable(charge.account, CallKind.MONEY)
        request = CaptureRequest(operation_id=new_id(IdPrefix.OPERATION), charge_ref=ref_of(charge), amount=amount)
        await claim(tx, command.request, request.operation_id, now=now)
        await tx.charges.save(captured)
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
                EventKind.CHARGE_CAPTURE_REQUESTED,
                charge.id,
                charge.order_id,
                charge.customer_id,
                actor=principal.actor,
                livemode=charge.livemode,
                now=now,
                data={"amount": amount.minor_units, "currency": amount.currency},
            )
        )
        return operation

    async def _answer(self, operation_id: str) -> Charged:
        async with self._store.reading() as tx:
            operation = there(await tx.operations.get(operation_id), operation_id)
            charge = there(await tx.charges.get(operation.charge_id), operation.charge_id)
        if operation.is_finished and operation.outcome is not Outcome.SUCCEEDED:
            _raise_refusal(operation, charge)
        return Charged(order_id=charge.order_id, charge_id=charge.id)


async def _check_due(tx: Transaction, order: Order, amount: Money) -> None:
    """An order that meanwhile was paid by another charge, or has ended, takes nothing more."""
    if order.state is not OrderState.PLACED:
        completed = order.state is OrderState.COMPLETED
        raise OrderAlreadyPaid(path=("chargeId",)) if completed else OrderNotPayable(order.state, path=("chargeId",))
    due = order.total - await captured_of(tx, order)
    if amount > due:
        raise CaptureAmountTooHigh(str(due))


def _raise_refusal(operation: Operation, charge: Charge) -> None:
    """What this request came to, whatever another has done since."""
    if operation.outcome is Outcome.NOT_SENT:
        raise ProviderUnavailable
    if charge.state not in (ChargeState.AUTHORIZED, ChargeState.SUCCEEDED):
        raise ChargeNotCapturable(charge.state)
    raise ProviderRefused("The provider refused the capture.", path=("chargeId",))
