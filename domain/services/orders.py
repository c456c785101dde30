"""Orders: lines while open, placing, cancelling, expiring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.charges import ChargeState
from domain.clock import Clock
from domain.deployment import Deployment
from domain.errors import (
    ChargeInProgress,
    ExternalIdTaken,
    InvalidInput,
    NotFound,
    OrderHeld,
    OrderNotCancelable,
    PermissionDenied,
    ProductArchived,
    ProviderRefused,
    ProviderUnavailable,
    told_of,
)
from domain.events import Event, EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.jobs import JobKind
from domain.money import Money, currency_exponent
from domain.operations import VoidPurpose
from domain.orders import LONGEST_LIFE, MAXIMUM_LINES, WAITING_STATES, Order, OrderLine, OrderState
from domain.principals import Permission, Principal, system
from domain.provider import Outcome
from domain.services import order_invoices
from domain.services.business_time import clock_of, now_of
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_order
from domain.services.settlement import kept_of
from domain.store import Store, Transaction, UniqueTaken
from domain.texts import EXTERNAL_ID_LENGTH, clean_metadata, clean_optional, clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """Either of a price, or by hand with a name and an amount."""

    price_id: str | None = None
    name: str | None = None
    unit_amount: Money | None = None
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrder:
    customer_id: str | None
    """None: the customer who asks."""
    currency: str | None
    """None: that of the first line."""
    lines: Sequence[NewLine]
    external_id: str | None
    external_version: int | None
    metadata: Mapping[str, str] | None
    expires_at: datetime | None
    request: KeyedRequest | None


LOOK_AGAIN_SECONDS = 60.0
"""How soon an expiry is tried again that met a payment under way."""


PARTLY_PAID_SECONDS = 86_400.0
"""An order that took a part of its money cannot expire while it keeps it; a refund may change that some day."""


class Voids(Protocol):
    """What cancelling an order needs of its charges: `VoidService` has it."""

    async def end_waiting(self, charge_id: str, purpose: VoidPurpose, *, actor: str) -> Outcome | None: ...


class OrderService:
    def __init__(self, *, store: Store, voids: Voids, clock: Clock, deployment: Deployment) -> None:
        self._store = store
        self._voids = voids
        self._clock = clock
        self._deployment = deployment

    async def create(self, principal: Principal, command: CreateOrder) -> str:
        principal.require(Permission.ORDERS_WRITE)
        customer_id = _customer_of(principal, command.customer_id)
        by_hand = (
            ("externalId", command.external_id),
            ("externalVersion", command.external_version),
            # A server may believe what it reads there.
            ("metadata", command.metadata),
        )
        for field, value in by_hand:
            if value is not None and not principal.may(Permission.ORDERS_BY_HAND):
                raise PermissionDenied("Only a server sets this field of an order.", path=(field,))
        metadata = clean_metadata(command.metadata, "metadata")
        if len(command.lines) > MAXIMUM_LINES:
            raise InvalidInput(f"An order has {MAXIMUM_LINES} lines at most.", path=("lines",))
        now = self._clock.now()
        order_id = new_id(IdPrefix.ORDER)
        try:
            async with self._store.transaction() as tx:
                if made := await claim(tx, command.request, order_id, now=now):
                    return made
                # Locked, so that nothing is sold to somebody who is just being erased.
                customer = await tx.customers.get_for_update(customer_id)
                if customer is None:
                    raise NotFound("customer", path=("customerId",))
                customer.check_not_redacted()
                _check_expiry(command.expires_at, now=await now_of(tx, customer.id, now=now))
                lines = []
                for place_, wanted in enumerate(command.lines):
                    with told_of("lines", str(place_)):
                        lines.append(await _new_line(tx, principal, wanted))
                order = Order(
                    id=order_id,
                    customer_id=customer.id,
                    currency=_currency_of(command, lines),
                    external_id=clean_optional(command.external_id, "externalId", longest=EXTERNAL_ID_LENGTH),
                    external_version=command.external_version,
                    metadata=metadata,
                    expires_at=command.expires_at,
                    livemode=self._deployment.livemode,
                    created_at=now,
                    updated_at=now,
                )
                for place_, line in enumerate(lines):
                    with told_of("lines", str(place_)):
                        order = order.with_line(line, now=now)
                await tx.orders.insert(order)
                await tx.events.add(
                    _event(EventKind.ORDER_CREATED, order, principal.actor, now, total=order.total.minor_units)
                )
                await _watch_expiry(tx, order, now=now)
        except UniqueTaken as taken:
            if taken.constraint != "orders_external_id":
                raise
            raise ExternalIdTaken("order", path=("externalId",)) from taken
        return order_id

    # --- lines ------------------------------------------------------------------------------------------------------

    async def add_line(
        self, principal: Principal, order_id: str, line: NewLine, *, version: int | None, request: KeyedRequest | None
    ) -> str:
        principal.require(Permission.ORDERS_WRITE)
        async with self._store.transaction() as tx:
            order = await lock_order(tx, principal, order_id)
            if await made_before(tx, request):
                return order.id
            order.check_version(version)
            order.check_open()
            now = self._clock.now()
            added = await _new_line(tx, principal, line)
            await claim(tx, request, order.id, now=now)
            saved = await tx.orders.save(order.with_line(added, now=now))
            await tx.events.add(
                _event(
                    EventKind.ORDER_LINE_ADDED,
                    saved,
                    principal.actor,
                    now,
                    lineId=added.id,
                    quantity=added.quantity,
                    total=saved.total.minor_units,
                )
            )
        return order_id

    async def update_line(
        self, principal: Principal, order_id: str, line_id: str, *, quantity: int, version: int | None
    ) -> str:
        principal.require(Permission.ORDERS_WRITE)
        async with self._store.transaction() as tx:
            order = await lock_order(tx, principal, order_id)
            order.check_version(version)
            now = self._clock.now()
            changed = order.with_quantity(line_id, quantity, now=now)
            if changed.line(line_id) == order.line(line_id):
                return order_id
            saved = await tx.orders.save(changed)
            await tx.events.add(
                _event(
                    EventKind.ORDER_LINE_UPDATED,
                    saved,
                    principal.actor,
                    now,
                    lineId=line_id,
                    quantity=quantity,
                    total=saved.total.minor_units,
                )
            )
        return order_id

    async def remove_line(self, principal: Principal, order_id: str, line_id: str, *, version: int | None) -> str:
        principal.require(Permission.ORDERS_WRITE)
        async with self._store.transaction() as tx:
            order = await lock_order(tx, principal, order_id)
            order.check_version(version)
            now = self._clock.now()
            saved = await tx.orders.save(order.without_line(line_id, now=now))
            await tx.events.add(
                _event(
                    EventKind.ORDER_LINE_REMOVED,
                    saved,
                    principal.actor,
                    now,
                    lineId=line_id,
                    total=saved.total.minor_units,
                )
            )
        return order_id

    # --- place, cancel, expire --------------------------------------------------------------------------------------

    async def place(self, principal: Principal, order_id: str, *, version: int | None) -> str:
        principal.require(Permission.ORDERS_WRITE)
        async with self._store.transaction() as tx:
            order = await lock_order(tx, principal, order_id)
            order.check_version(version)
            await place(tx, order, actor=principal.actor, now=self._clock.now())
        return order_id

    async def cancel(self, principal: Principal, order_id: str, *, version: int | None) -> str:
        """Cancel an order that has taken no money; a charge that waits for its customer or capture is ended first."""
        principal.require(Permission.ORDERS_WRITE)
        # It may have been paid after the backup was made.
        self._deployment.check_not_recovering()
        return await self._end(principal, order_id, version=version, expired=False)

    async def expire(self, order_id: str) -> float | None:
        """End an order whose deadline has passed; one that was paid or ended in time stays as it is.

        Returns after how many seconds to look again, None when there is nothing left to do.
        """
        async with self._store.reading() as tx:
            order = await tx.orders.get(order_id)
            if order is None or order.expires_at is None or order.state not in WAITING_STATES:
                return None
            charges = await tx.charges.of_order(order_id)
            now = await now_of(tx, order.customer_id, now=self._clock.now())
        left = (order.expires_at - now).total_seconds()
        if left > 0:
            return left
        if held := [charge.capture_before for charge in charges if charge.capture_before]:
            # Its customer was in time: what is held for it is given up at a time of its own.
            return max((max(held) - self._clock.now()).total_seconds(), 0) + LOOK_AGAIN_SECONDS
        try:
            await self._end(system("expiry"), order_id, version=None, expired=True)
        except (ChargeInProgress, ProviderUnavailable, ProviderRefused):
            return LOOK_AGAIN_SECONDS
        except OrderNotCancelable:
            return PARTLY_PAID_SECONDS
        return None

    async def _end(self, principal: Principal, order_id: str, *, version: int | None, expired: bool) -> str:
        if waiting := await self._charge_to_end(principal, order_id, version=version):
            purpose = VoidPurpose.EXPIRE if expired else VoidPurpose.CANCEL
            outcome = await self._voids.end_waiting(waiting, purpose, actor=principal.actor)
            if outcome is Outcome.NOT_SENT:
                raise ProviderUnavailable
            if outcome in (Outcome.FAILED, Outcome.DECLINED) and await self._is_live(waiting):
                raise ProviderRefused("The provider did not call the payment off.", path=("orderId",))
        async with self._store.transaction() as tx:
            order = await lock_order(tx, principal, order_id)
            if waiting is None:
                order.check_version(version)
            order.check_cancelable(kept=await kept_of(tx, order))
            if any(charge.is_live for charge in await tx.charges.of_order(order.id)):
                raise ChargeInProgress(path=("orderId",))
            now = self._clock.now()
            ended = await tx.orders.save(order.expired(now=now) if expired else order.canceled(now=now))
            kind = EventKind.ORDER_EXPIRED if expired else EventKind.ORDER_CANCELED
            await tx.events.add(_event(kind, ended, principal.actor, now))
            await tx.jobs.cancel(JobKind.EXPIRE_ORDER, order.id)
        return order_id

    async def _charge_to_end(self, principal: Principal, order_id: str, *, version: int | None) -> str | None:
        async with self._store.transaction() as tx:
            order = await lock_order(tx, principal, order_id)
            order.check_version(version)
            order.check_cancelable(kept=await kept_of(tx, order))
            for charge in await tx.charges.of_order(order.id):
                if charge.state is ChargeState.AUTHORIZED and not principal.may(Permission.CAPTURES_WRITE):
                    raise OrderHeld
                if charge.state in (ChargeState.REQUIRES_ACTION, ChargeState.AUTHORIZED):
                    return charge.id
                if charge.is_live:
                    raise ChargeInProgress(path=("orderId",))
        return None

    async def _is_live(self, charge_id: str) -> bool:
        async with self._store.reading() as tx:
            charge = await tx.charges.get(charge_id)
        return charge is not None and charge.is_live


async def place(tx: Transaction, order: Order, *, actor: str, now: datetime) -> Order:
    """Place a locked order; with nothing to pay it is complete at once."""
    placed = order.placed(now=now)
    told = _event(EventKind.ORDER_PLACED, placed, actor, now, total=placed.total.minor_units)
    if placed.state is OrderState.COMPLETED:
        return await order_invoices.complete(tx, placed, before=[told], actor=actor, now=now)
    placed = await tx.orders.save(placed)
    await tx.events.add(told)
    return placed


async def _new_line(tx: Transaction, principal: Principal, line: NewLine) -> OrderLine:
    if line.price_id is None:
        return _line_by_hand(principal, line)
    if line.name is not None or line.unit_amount is not None:
        raise InvalidInput(_EITHER)
    price = await tx.prices.get(line.price_id)
    if price is None:
        raise NotFound("price", path=("priceId",))
    product = await tx.products.get(price.product_id)
    if product is None:
        raise LookupError(f"{price.product_id} is referred to by {price.id}, but not there")
    price.check_orderable()
    if product.archived_at:
        raise ProductArchived(path=("priceId",))
    return OrderLine(
        id=new_id(IdPrefix.ORDER_LINE),
        product_id=product.id,
        price_id=price.id,
        name=product.name,
        unit_amount=price.unit_amount,
        quantity=line.quantity,
    )


_EITHER = "A line has either a priceId, or a name and a unitAmount."


def _line_by_hand(principal: Principal, line: NewLine) -> OrderLine:
    if not principal.may(Permission.ORDERS_BY_HAND):
        raise PermissionDenied("Only a server adds a line with an amount of its own: name a priceId.")
    if line.name is None or line.unit_amount is None:
        raise InvalidInput(_EITHER)
    return OrderLine(
        id=new_id(IdPrefix.ORDER_LINE),
        product_id=None,
        price_id=None,
        name=clean_text(line.name, "name"),
        unit_amount=line.unit_amount,
        quantity=line.quantity,
    )


def _customer_of(principal: Principal, customer_id: str | None) -> str:
    if principal.is_customer:
        if principal.customer_id is None or customer_id not in (None, principal.customer_id):
            raise NotFound("customer", path=("customerId",))
        return principal.customer_id
    if customer_id is None:
        raise InvalidInput("Say whose order this is.", path=("customerId",))
    return customer_id


def _currency_of(command: CreateOrder, lines: Sequence[OrderLine]) -> str:
    if command.currency is not None:
        with told_of("currency"):
            currency_exponent(command.currency)
        return command.currency
    if not lines:
        raise InvalidInput("An order without lines needs a currency.", path=("currency",))
    return lines[0].unit_amount.currency


def _check_expiry(expires_at: datetime | None, *, now: datetime) -> None:
    if expires_at and expires_at <= now:
        raise InvalidInput("This moment has passed already.", path=("expiresAt",))
    if expires_at and expires_at > now + LONGEST_LIFE:
        raise InvalidInput("An order can wait for five years at most.", path=("expiresAt",))


async def _watch_expiry(tx: Transaction, order: Order, *, now: datetime) -> None:
    """Whoever advances a test clock sees to the orders of its customers."""
    if order.expires_at is None or await clock_of(tx, order.customer_id):
        return
    wait = order.expires_at - now
    await tx.jobs.schedule(JobKind.EXPIRE_ORDER, order.id, after_seconds=wait.total_seconds())


def _event(kind: EventKind, order: Order, actor: str, now: datetime, **data: Any) -> Event:
    return new_event(kind, order.id, order.customer_id, actor=actor, livemode=order.livemode, now=now, data=data)
