"""Charging an order: the three phases, and what the customer's part in them needs."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from domain.charges import Charge, ChargeState
from domain.clock import Clock
from domain.deployment import Deployment
from domain.detached import Detached
from domain.errors import (
    ChargeInProgress,
    InvalidInput,
    NotFound,
    PaymentMethodMissing,
    ProviderUnavailable,
)
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.operations import Operation, OperationKind, VoidPurpose
from domain.orders import Order, OrderState
from domain.payment_methods import PaymentMethod
from domain.principals import Permission, Principal, system
from domain.provider import ChargeRequest, ContinueRequest, Initiator, Outcome, ProviderAction, VoidRequest
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, lock_order
from domain.services.operations import write_down
from domain.services.orders import place
from domain.services.settlement import Settlement, captured_of
from domain.services.teller import Teller
from domain.store import Store, Transaction, UniqueTaken
from domain.texts import LONGEST_TOKEN, clean_optional

LOOK_AGAIN_SECONDS = 60.0
"""How soon an expiry is tried again that met a payment under way, or a provider that did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    order_id: str
    payment_method_id: str | None
    """None: the customer's default."""
    initiator: Initiator
    return_url: str | None
    version: int | None
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueCharge:
    charge_id: str
    token: str | None
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    order_id: str
    charge_id: str | None
    """None when there was nothing to pay."""


class ChargeService:
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

    # --- charge -----------------------------------------------------------------------------------------------------

    async def charge_order(self, principal: Principal, command: ChargeOrder) -> Charged:
        """Take what is due of the order; placing it first, where it is still open.

        Answers within `answer_within_seconds`; a charge that takes longer goes on by itself.
        """
        principal.require(Permission.CHARGES_WRITE)
        if not command.initiator.on_session:
            principal.require(Permission.CHARGES_OFF_SESSION)
        self._deployment.check_return_url(command.return_url, "returnUrl")
        try:
            begun = await self._store.run(lambda tx: self._begin_charge(tx, principal, command))
        except UniqueTaken as taken:
            # The order's lock makes this unreachable on one order; the index is there for what the code forgets.
            raise ChargeInProgress(path=("orderId",)) from taken
        if isinstance(begun, Charged):
            return begun
        charge, operation = begun
        await self._send(operation, actor=f"provider:{charge.account}")
        return Charged(order_id=charge.order_id, charge_id=charge.id)

    async def _begin_charge(
        self, tx: Transaction, principal: Principal, command: ChargeOrder
    ) -> Charged | tuple[Charge, Operation]:
        """Phase 1."""
        order = await lock_order(tx, principal, command.order_id)
        if made := await made_before(tx, command.request):
            return Charged(order_id=order.id, charge_id=None if made == order.id else made)
        order.check_version(command.version)
        captured = await captured_of(tx, order)
        order.check_payable(captured=captured, now=self._clock.now())
        await _check_nothing_under_way(tx, order)
        now = self._clock.now()
        if order.total.is_zero:
            await claim(tx, command.request, order.id, now=now)
            await place(tx, order, actor=principal.actor, now=now)
            return Charged(order_id=order.id, charge_id=None)
        method = await _usable_method(tx, order, command.payment_method_id)
        self._teller.require_support(method.account, ProviderAction.CHARGE)
        account = await tx.accounts.find(order.customer_id, method.account)
        if account is None or method.payment_method_ref is None:
            raise LookupError(f"{method.id} is active but has no reference at {method.account}")
        if order.state is OrderState.OPEN:
            order = await place(tx, order, actor=principal.actor, now=now)
        charge = _new_charge(order, method, command, due=order.total - captured, now=now)
        request = ChargeRequest(
            operation_id=new_id(IdPrefix.OPERATION),
            charge_id=charge.id,
            amount=charge.amount,
            customer_ref=account.customer_ref,
            payment_method_ref=method.payment_method_ref,
            initiator=charge.initiator,
            return_url=charge.return_url,
            metadata={"paydesk_order": order.id, "paydesk_charge": charge.id},
        )
        await claim(tx, command.request, charge.id, now=now)
        await tx.charges.insert(charge)
        operation = await write_down(tx, charge, request, lease_seconds=self._deployment.lease_seconds, now=now)
        await tx.events.add(
            new_event(
                EventKind.CHARGE_CREATED,
                charge.id,
                order.id,
                charge.customer_id,
                actor=principal.actor,
                livemode=charge.livemode,
                now=now,
                data={"amount": charge.amount.minor_units, "currency": charge.amount.currency},
            )
        )
        return charge, operation

    # --- continue ---------------------------------------------------------------------------------------------------

    async def continue_charge(self, principal: Principal, command: ContinueCharge) -> Charged:
        """After the customer came back: learn what became of it."""
        principal.require(Permission.CHARGES_WRITE)
        token = clean_optional(command.token, "token", longest=LONGEST_TOKEN)
        async with self._store.transaction() as tx:
            _, charge = await lock_charge(tx, principal, command.charge_id)
            if await made_before(tx, command.request):
                return Charged(order_id=charge.order_id, charge_id=charge.id)
            waiting = charge.state is ChargeState.REQUIRES_ACTION
            if not waiting or await tx.operations.unfinished_of_charge(charge.id):
                # A webhook, or another tab, was faster than the customer's way back: the charge tells what happened.
                return Charged(order_id=charge.order_id, charge_id=charge.id)
            self._teller.require_support(charge.account, ProviderAction.CUSTOMER_ACTION)
            request = ContinueRequest(operation_id=new_id(IdPrefix.OPERATION), charge_ref=_ref_of(charge), token=token)
            now = self._clock.now()
            await claim(tx, command.request, request.operation_id, now=now)
            operation = await write_down(tx, charge, request, lease_seconds=self._deployment.lease_seconds, now=now)
        await self._send(operation, actor=f"provider:{charge.account}")
        async with self._store.reading() as tx:
            ended = await tx.operations.get(operation.id)
        if ended is not None and ended.outcome is Outcome.NOT_SENT:
            raise ProviderUnavailable
        return Charged(order_id=charge.order_id, charge_id=charge.id)

    # --- void -------------------------------------------------------------------------------------------------------

    async def end_waiting(
        self, charge_id: str, purpose: VoidPurpose, *, only_if_overdue: bool = False, actor: str
    ) -> Outcome | None:
        """End a charge that waits for its customer, at the provider first; None when it no longer waits.

        A provider that meanwhile took the money says so, and the money is booked.
        """
        async with self._store.transaction() as tx:
            _, charge = await lock_charge(tx, system("charges"), charge_id)
            if not charge.is_live or (only_if_overdue and not charge.is_overdue(now=self._clock.now())):
                return None
            if await tx.operations.unfinished_of_charge(charge.id):
                raise ChargeInProgress(path=("orderId",))
            self._teller.require_support(charge.account, ProviderAction.VOID)
            request = VoidRequest(operation_id=new_id(IdPrefix.OPERATION), charge_ref=_ref_of(charge))
            operation = await write_down(
                tx,
                charge,
                request,
                lease_seconds=self._deployment.lease_seconds,
                now=self._clock.now(),
                void_purpose=purpose,
            )
        return await self._send(operation, actor=actor)

    async def expire(self, charge_id: str) -> float | None:
        """End a charge whose customer's time to confirm is over.

        Returns after how many seconds to look again, None when there is nothing left to do.
        """
        waiting = await self._seconds_to_wait(charge_id)
        if waiting is None or waiting > 0:
            return waiting
        with suppress(ChargeInProgress):
            await self.end_waiting(charge_id, VoidPurpose.EXPIRE, only_if_overdue=True, actor="system:expiry")
        return None if await self._seconds_to_wait(charge_id) is None else LOOK_AGAIN_SECONDS

    async def _seconds_to_wait(self, charge_id: str) -> float | None:
        async with self._store.reading() as tx:
            charge = await tx.charges.get(charge_id)
        if charge is None or charge.action_expires_at is None:
            return None
        return max((charge.action_expires_at - self._clock.now()).total_seconds(), 0)

    # --- watch ------------------------------------------------------------------------------------------------------

    async def watch(self, charge_id: str) -> float | None:
        """Look at a charge that the provider is still deciding on.

        Returns after how many seconds to look again, None when it is decided.
        """
        async with self._store.reading() as tx:
            charge = await tx.charges.get(charge_id)
            operation = await tx.operations.unfinished_of_charge(charge_id)
        if charge is None or not charge.is_undecided or charge.charge_ref is None:
            return None
        if operation is not None:
            # The operation is looked after by its own job; but it may end without deciding the charge.
            return self._settlement.watch_seconds(charge)
        picture = await self._teller.fetch_charge(charge.account, charge.charge_ref)
        if picture.outcome is not Outcome.UNKNOWN:
            async with self._store.transaction() as tx:
                charge = await self._settlement.settle_charge(tx, charge_id, picture, actor="system:watch")
        return self._settlement.watch_seconds(charge) if charge.is_undecided else None

    # --- phases 2 and 3 ---------------------------------------------------------------------------------------------

    async def _send(self, operation: Operation, *, actor: str) -> Outcome | None:
        """Phases 2 and 3, detached from the caller; the outcome, or None when it is not known in time."""
        task = self._detached.spawn(self._send_and_settle(operation, actor=actor), name=operation.id)
        ended = await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        # Whatever went wrong in there is logged. The money may have moved: the operation's job goes on with it.
        return task.result() if ended and not task.cancelled() and task.exception() is None else None

    async def _send_and_settle(self, operation: Operation, *, actor: str) -> Outcome:
        if self._is_stale(operation):
            return Outcome.UNKNOWN
        result = await self._teller.send_charge(operation)

        async def settle(tx: Transaction) -> None:
            await self._settlement.settle_charge(
                tx, operation.charge_id, result, operation_id=operation.id, actor=actor
            )

        await self._store.run(settle)
        if result.outcome is Outcome.FAILED and operation.kind is not OperationKind.CHARGE:
            await self._see_why(operation, actor=actor)
        return result.outcome

    def _is_stale(self, operation: Operation) -> bool:
        """A process that slept between commit and request leaves the operation to whoever holds the lease now."""
        return (self._clock.now() - operation.first_sent_at).total_seconds() > self._deployment.provider_timeout_seconds

    async def _see_why(self, operation: Operation, *, actor: str) -> None:
        """A void or continuation that is refused says that the charge is not as we think: look at it."""
        charge_ref = operation.request["charge_ref"]
        picture = await self._teller.fetch_charge(operation.account, charge_ref)
        if picture.outcome is not Outcome.UNKNOWN:
            async with self._store.transaction() as tx:
                await self._settlement.settle_charge(tx, operation.charge_id, picture, actor=actor)


async def _check_nothing_under_way(tx: Transaction, order: Order) -> None:
    if any(charge.is_live for charge in await tx.charges.of_order(order.id)):
        raise ChargeInProgress(path=("orderId",))


async def _usable_method(tx: Transaction, order: Order, payment_method_id: str | None) -> PaymentMethod:
    if payment_method_id is None:
        customer = await tx.customers.get(order.customer_id)
        payment_method_id = customer.default_payment_method_id if customer else None
    if payment_method_id is None:
        raise PaymentMethodMissing
    method = await tx.payment_methods.get_for_update(payment_method_id)
    if method is None or method.customer_id != order.customer_id:
        raise NotFound("payment method", path=("paymentMethodId",))
    method.check_usable()
    return method


def _new_charge(order: Order, method: PaymentMethod, command: ChargeOrder, *, due: Money, now: datetime) -> Charge:
    nothing = Money.zero(order.currency)
    return Charge(
        id=new_id(IdPrefix.CHARGE),
        order_id=order.id,
        customer_id=order.customer_id,
        payment_method_id=method.id,
        account=method.account,
        initiator=command.initiator,
        amount=due,
        authorized=nothing,
        captured=nothing,
        refunded=nothing,
        refund_reserved=nothing,
        return_url=command.return_url,
        livemode=order.livemode,
        created_at=now,
        updated_at=now,
    )


def _ref_of(charge: Charge) -> str:
    if charge.charge_ref is None:
        raise InvalidInput("The provider has not answered for this charge yet.", path=("chargeId",))
    return charge.charge_ref
