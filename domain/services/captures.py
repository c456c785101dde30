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
    InvoiceAlreadyPaid,
    InvoiceNotPayable,
    OrderAlreadyPaid,
    OrderNotPayable,
    PaydeskError,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.invoices import InvoiceState
from domain.money import Money
from domain.operations import Operation
from domain.orders import Order, OrderState
from domain.payables import Payable
from domain.principals import Permission, Principal
from domain.provider import CaptureRequest, Outcome, ProviderAction
from domain.services.charges import Charged, charged, ref_of
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
        payable, charge = await lock_charge(tx, principal, command.charge_id)
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
        await _check_due(tx, payable, amount)
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
                charge.payable_id,
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
        return charged(charge)


async def _check_due(tx: Transaction, payable: Payable, amount: Money) -> None:
    """What meanwhile was paid by another charge, or has ended, takes nothing more."""
    if not payable.takes_money:
        raise _takes_nothing(payable)
    due = payable.to_pay - await captured_of(tx, payable)
    if amount > due:
        raise CaptureAmountTooHigh(str(due))


def _takes_nothing(payable: Payable) -> PaydeskError:
    path = ("chargeId",)
    if isinstance(payable, Order):
        completed = payable.state is OrderState.COMPLETED
        return OrderAlreadyPaid(path=path) if completed else OrderNotPayable(payable.state, path=path)
    paid = payable.state is InvoiceState.PAID
    return InvoiceAlreadyPaid(path=path) if paid else InvoiceNotPayable(payable.state, path=path)


def _raise_refusal(operation: Operation, charge: Charge) -> None:
    """What this request came to, whatever another has done since."""
    if operation.outcome is Outcome.NOT_SENT:
        raise ProviderUnavailable
    if charge.state not in (ChargeState.AUTHORIZED, ChargeState.SUCCEEDED):
        raise ChargeNotCapturable(charge.state)
    raise ProviderRefused("The provider refused the capture.", path=("chargeId",))
