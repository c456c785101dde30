"""Subscribing: what a subscription will be, shown or made, and its first payment.

A preview and the mutation have one plan (`_plan`): whoever looks sees what they would get, and is refused what they
would be refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.billing import MOST_ITEMS, Begun, Plan, Plans, begun, check_items, next_period, period_billed
from domain.clock import Clock, whole_seconds
from domain.customers import Customer
from domain.deployment import Deployment
from domain.errors import InvalidInput, NotFound, PaymentMethodMissing, PermissionDenied, told_of
from domain.events import EventKind
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceLine, InvoiceState
from domain.issuers import DEFAULT_ISSUER_ID
from domain.money import Money
from domain.operations import Operation
from domain.payment_methods import PaymentMethod
from domain.periods import AnchorDay, Period, trial_end, zone_named
from domain.principals import Permission, Principal
from domain.products import Price
from domain.provider import CaptureMode, Initiator
from domain.services.accounts import ProviderAccountService
from domain.services.business_time import now_of
from domain.services.charges import ChargeService, NewCard, Terms, check_new_card, usable_method
from domain.services.invoicing import Drafted, Invoicing
from domain.services.keeping import keep
from domain.services.keyed import claim
from domain.services.locking import there
from domain.services.plans import offered_plan
from domain.services.sending import Sending
from domain.services.subscription_events import tell
from domain.store import Store, Transaction
from domain.subscriptions import LONGEST_FIRST_PAYMENT, Subscription, SubscriptionItem, SubscriptionState
from domain.texts import clean_metadata

FARTHEST_START = timedelta(days=5 * 365)
"""Into the past and the future, as an order may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPrice:
    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSubscription:
    """What somebody would subscribe to, whether they look at it or do it."""

    customer_id: str | None
    """None: the customer who asks."""
    items: Sequence[WantedPrice]
    trial_days: int | None = None
    """None: as its prices have it. Zero: none."""
    trial_ends_at: datetime | None = None
    starts_at: datetime | None = None
    """None: now."""
    anchor_day: AnchorDay | None = None
    time_zone: str | None = None
    """None: the issuer's."""
    cancel_at: datetime | None = None
    payment_method_id: str | None = None
    """None: the customer's default."""
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSubscription:
    wanted: WantedSubscription
    new_card: NewCard | None = None
    """As in `ChargeOrder`; it becomes the subscription's."""
    initiator: Initiator
    """Who starts the first payment."""
    return_url: str | None
    network: str | None = None
    """As in `ChargeOrder`."""
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBill:
    """What a period will ask for that was not billed yet, as things stand: what waits for it and balances aside."""

    period: Period
    lines: tuple[InvoiceLine, ...]
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedSubscription:
    subscription: Subscription
    """As it would stand; it is nowhere written down."""
    drafted: Drafted | None
    """The invoice that would be made; None where none would be yet."""
    next_bill: NextBill | None
    """None where it ends before."""


@dataclass(frozen=True, slots=True)
class _Made:
    subscription_id: str
    operation: Operation | None


class SubscriptionService:
    def __init__(
        self,
        *,
        store: Store,
        accounts: ProviderAccountService,
        charges: ChargeService,
        invoicing: Invoicing,
        sending: Sending,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._charges = charges
        self._invoicing = invoicing
        self._sending = sending
        self._clock = clock
        self._deployment = deployment

    # --- preview ----------------------------------------------------------------------------------------------------

    async def preview(self, principal: Principal, wanted: WantedSubscription) -> PreviewedSubscription:
        principal.require(Permission.SUBSCRIPTIONS_WRITE)
        customer_id = _customer_of(principal, wanted)
        async with self._store.reading() as tx:
            customer = _seen(principal, await tx.customers.get(customer_id))
            now = whole_seconds(await now_of(tx, customer.id, now=whole_seconds(self._clock.now())))
            plans = await _plans(tx, wanted)
            plan = await self._plan(
                tx, principal, customer, wanted, plans, subscription_id=new_id(IdPrefix.SUBSCRIPTION), now=now
            )
            drafted = await self._drafted(tx, customer, wanted, plan)
        subscription = plan.subscription
        if drafted is not None and drafted.opening.state is InvoiceState.OPEN:
            subscription = _incomplete(subscription, now=now)
        return PreviewedSubscription(
            subscription=subscription, drafted=drafted, next_bill=_next_bill(subscription, plans)
        )

    async def _drafted(
        self, tx: Transaction, customer: Customer, wanted: WantedSubscription, plan: Begun
    ) -> Drafted | None:
        if plan.invoice is None:
            if wanted.payment_method_id is not None:
                await _payer_in_view(tx, customer, wanted.payment_method_id)
            return None
        method = await _payer_in_view(tx, customer, wanted.payment_method_id)
        return await self._invoicing.draft(tx, plan.invoice, account=method.account if method else None)

    # --- create -----------------------------------------------------------------------------------------------------

    async def create(self, principal: Principal, command: CreateSubscription) -> str:
        """The subscription, with its first invoice where something is due at once, and the first try to pay that.

        A payment that is declined, or that its customer has to confirm, leaves it INCOMPLETE. Answers within
        `answer_within_seconds`, as `ChargeService.charge_order` does.
        """
        principal.require(Permission.SUBSCRIPTIONS_WRITE)
        principal.require(Permission.CHARGES_WRITE)
        if not command.initiator.on_session:
            principal.require(Permission.CHARGES_OFF_SESSION)
            _require_by_hand(principal, "initiator")
        self._deployment.check_return_url(command.return_url, "returnUrl")
        customer_id = _customer_of(principal, command.wanted)
        if command.new_card is not None:
            principal.require(Permission.PAYMENT_METHODS_WRITE)
            check_new_card(command.wanted.payment_method_id, command.initiator)
            if not command.new_card.store:
                raise InvalidInput("A subscription is renewed, so its card is stored.", path=("newCard", "store"))
            if not self._deployment.recovery:
                await self._accounts.introduce(principal, customer_id)
        subscription_id = new_id(IdPrefix.SUBSCRIPTION)
        made = await self._store.run(
            lambda tx: self._begin(tx, principal, command, customer_id, subscription_id), landed=_is_made
        )
        if made.operation is not None:
            await self._sending.send(made.operation, actor=f"provider:{made.operation.account}")
        return made.subscription_id

    async def _begin(
        self,
        tx: Transaction,
        principal: Principal,
        command: CreateSubscription,
        customer_id: str,
        subscription_id: str,
    ) -> _Made:
        """All that is written down before the provider hears of it."""
        told = whole_seconds(self._clock.now())
        if made := await claim(tx, command.request, subscription_id, now=told):
            return _Made(made, None)
        self._deployment.check_not_recovering()
        # Locked, so that nothing is sold to somebody who is just being erased, and no trial is given twice.
        customer = _seen(principal, await tx.customers.get_for_update(customer_id))
        now = whole_seconds(await now_of(tx, customer.id, now=told))
        wanted, actor = command.wanted, principal.actor
        plans = await _plans(tx, wanted)
        plan = await self._plan(tx, principal, customer, wanted, plans, subscription_id=subscription_id, now=now)
        if plan.invoice is None:
            _check_charged(command)
            if wanted.payment_method_id is not None:
                await usable_method(tx, customer.id, wanted.payment_method_id)
            subscription, operation = plan.subscription, None
            await tell(tx, EventKind.SUBSCRIPTION_CREATED, subscription, actor=actor, now=now, told=told)
            await keep(tx, subscription, now=told)
        else:
            subscription, operation = await self._open(tx, plan, plan.invoice, command, actor=actor, now=now, told=told)
        if (kind := _BEGINS.get(subscription.state)) is not None:
            await tell(tx, kind, subscription, actor=actor, now=now, told=told)
        return _Made(subscription.id, operation)

    async def _open(
        self,
        tx: Transaction,
        plan: Begun,
        draft: Invoice,
        command: CreateSubscription,
        *,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> tuple[Subscription, Operation | None]:
        """Its first invoice is opened, and, where that asks for anything, a payment begun."""
        method = await self._payer(tx, draft, command, now=told)
        subscription = _incomplete(plan.subscription, now=now)
        await tell(tx, EventKind.SUBSCRIPTION_CREATED, subscription, actor=actor, now=now, told=told)
        # What its invoice refers to has to be there first.
        subscription = await keep(tx, subscription, now=told)
        account = method.account if method is not None else None
        invoice = await self._invoicing.open(tx, draft, account=account, actor=actor, now=now, told=told)
        for billed in plan.periods:
            await tx.subscriptions.insert_period(replace(billed, invoice_id=invoice.id))
        if invoice.state is InvoiceState.PAID:
            _check_charged(command)
            return await keep(tx, subscription.paid(now=now), now=told), None
        if method is None:
            raise PaymentMethodMissing
        terms = Terms(
            initiator=command.initiator,
            capture=CaptureMode.AUTOMATIC,
            new_card=command.new_card,
            return_url=command.return_url,
            network=command.network,
        )
        _, operation = await self._charges.begin_invoice(tx, invoice, method, terms, actor=actor, now=told)
        return subscription, operation

    async def _payer(
        self, tx: Transaction, draft: Invoice, command: CreateSubscription, *, now: datetime
    ) -> PaymentMethod | None:
        if command.new_card is not None:
            return self._charges.new_method(draft, command.new_card, now=now)
        return await usable_method(tx, draft.customer_id, command.wanted.payment_method_id)

    # --- the plan of both -------------------------------------------------------------------------------------------

    async def _plan(
        self,
        tx: Transaction,
        principal: Principal,
        customer: Customer,
        wanted: WantedSubscription,
        plans: Plans,
        *,
        subscription_id: str,
        now: datetime,
    ) -> Begun:
        """What would be written down at this moment of the customer; nothing is."""
        starts_at = _start(wanted, now=now)
        by_hand = (
            ("trialDays", wanted.trial_days is not None),
            ("trialEndsAt", wanted.trial_ends_at is not None),
            ("startsAt", starts_at < now),
            # A server may believe what it reads there.
            ("metadata", wanted.metadata is not None),
        )
        for field, is_told in by_hand:
            if is_told:
                _require_by_hand(principal, field)
        first = plans[wanted.items[0].price_id].price
        interval = there(first.interval, f"the interval of {first.id}")
        currency = first.unit_amount.currency
        items = [(item.price_id, item.quantity) for item in wanted.items]
        check_items(items, plans, currency=currency, interval=interval)
        issuer = there(await tx.issuers.get(DEFAULT_ISSUER_ID), DEFAULT_ISSUER_ID)
        zone = wanted.time_zone if wanted.time_zone is not None else issuer.time_zone
        zone_named(zone)
        trial_ends_at = await _trial_end(tx, customer, wanted, plans, starts_at=starts_at, zone=zone, now=now)
        subscription = Subscription(
            id=subscription_id,
            customer_id=customer.id,
            issuer_id=issuer.id,
            state=SubscriptionState.SCHEDULED,
            currency=currency,
            interval=interval,
            time_zone=zone,
            anchor_day=wanted.anchor_day,
            starts_at=starts_at,
            trial_ends_at=trial_ends_at,
            periods_from=trial_ends_at or starts_at,
            items=tuple(
                SubscriptionItem(id=new_id(IdPrefix.SUBSCRIPTION_ITEM), price_id=item.price_id, quantity=item.quantity)
                for item in wanted.items
            ),
            payment_method_id=wanted.payment_method_id,
            cancel_at=_cancellation(wanted, starts_at=starts_at, now=now),
            metadata=clean_metadata(wanted.metadata, "metadata"),
            livemode=self._deployment.livemode,
            created_at=now,
            updated_at=now,
        )
        return begun(subscription, plans, now=now)


_BEGINS = {
    SubscriptionState.TRIALING: EventKind.SUBSCRIPTION_TRIAL_STARTED,
    SubscriptionState.ACTIVE: EventKind.SUBSCRIPTION_ACTIVATED,
}


async def _is_made(tx: Transaction, made: _Made) -> bool:
    return await tx.subscriptions.get(made.subscription_id) is not None


def _incomplete(subscription: Subscription, *, now: datetime) -> Subscription:
    return replace(subscription, state=SubscriptionState.INCOMPLETE, incomplete_expires_at=now + LONGEST_FIRST_PAYMENT)


def _check_charged(command: CreateSubscription) -> None:
    """Where nothing is charged, a card that is stored with a payment would be lost."""
    if command.new_card is not None:
        raise InvalidInput("Nothing is charged yet: attach the card first.", path=("newCard",))


def _require_by_hand(principal: Principal, field: str) -> None:
    if not principal.may(Permission.SUBSCRIPTIONS_BY_HAND):
        raise PermissionDenied("Only the shop decides this of a subscription.", path=(field,))


def _customer_of(principal: Principal, wanted: WantedSubscription) -> str:
    customer_id = wanted.customer_id or principal.customer_id
    if principal.is_customer and (customer_id is None or customer_id != principal.customer_id):
        raise NotFound("customer", path=("customerId",))
    if customer_id is None:
        raise InvalidInput("Say whose subscription this is.", path=("customerId",))
    return customer_id


def _seen(principal: Principal, customer: Customer | None) -> Customer:
    if customer is None or not principal.sees(customer.id):
        raise NotFound("customer", path=("customerId",))
    customer.check_not_redacted()
    return customer


async def _plans(tx: Transaction, wanted: WantedSubscription) -> Plans:
    if not 1 <= len(wanted.items) <= MOST_ITEMS:
        raise InvalidInput(f"A subscription has from 1 to {MOST_ITEMS} items.", path=("items",))
    plans: dict[str, Plan] = {}
    for place, item in enumerate(wanted.items):
        with told_of("items", str(place)):
            plans[item.price_id] = await offered_plan(tx, item.price_id)
    return plans


def _start(wanted: WantedSubscription, *, now: datetime) -> datetime:
    if wanted.starts_at is None:
        return now
    starts_at = whole_seconds(wanted.starts_at)
    if abs(starts_at - now) > FARTHEST_START:
        raise InvalidInput("A subscription starts within five years of now.", path=("startsAt",))
    return starts_at


def _cancellation(wanted: WantedSubscription, *, starts_at: datetime, now: datetime) -> datetime | None:
    if wanted.cancel_at is None:
        return None
    cancel_at = whole_seconds(wanted.cancel_at)
    if cancel_at <= max(starts_at, now):
        raise InvalidInput("It ends after it has begun.", path=("cancelAt",))
    return cancel_at


# --- trials -----------------------------------------------------------------------------------------------------------


async def _trial_end(
    tx: Transaction,
    customer: Customer,
    wanted: WantedSubscription,
    plans: Plans,
    *,
    starts_at: datetime,
    zone: str,
    now: datetime,
) -> datetime | None:
    if wanted.trial_days is not None and wanted.trial_ends_at is not None:
        raise InvalidInput("A trial takes a number of days, or goes on until a moment.", path=("trialEndsAt",))
    if wanted.trial_ends_at is not None:
        until = whole_seconds(wanted.trial_ends_at)
        if not starts_at < until <= now + FARTHEST_START:
            raise InvalidInput("A trial ends after the start, within five years of now.", path=("trialEndsAt",))
        return until
    days = wanted.trial_days
    if days is None:
        days = await _trial_days(tx, customer, [plan.price for plan in plans.values()])
    return trial_end(starts_at, days=days, zone=zone) if days else None


async def _trial_days(tx: Transaction, customer: Customer, prices: Sequence[Price]) -> int:
    """The shortest trial among the prices, so that none is free for longer than it says because of another; and a
    product that the customer has tried before has none."""
    days = min(price.trial_days or 0 for price in prices)
    if not days:
        return 0
    tried = await _products_tried(tx, customer.id)
    return 0 if any(price.product_id in tried for price in prices) else days


async def _products_tried(tx: Transaction, customer_id: str) -> frozenset[str]:
    items = [
        item
        for subscription in await tx.subscriptions.of_customer(customer_id)
        if subscription.had_trial
        for item in subscription.items
    ]
    prices = [there(await tx.prices.get(item.price_id), item.price_id) for item in items]
    return frozenset(price.product_id for price in prices)


# --- views ------------------------------------------------------------------------------------------------------------


async def _payer_in_view(tx: Transaction, customer: Customer, payment_method_id: str | None) -> PaymentMethod | None:
    """As `usable_method`, without a lock."""
    wanted = payment_method_id or customer.default_payment_method_id
    method = await tx.payment_methods.get(wanted) if wanted is not None else None
    if payment_method_id is not None and (method is None or method.customer_id != customer.id):
        raise NotFound("payment method", path=("paymentMethodId",))
    if method is not None:
        method.check_usable()
    return method


def _next_bill(subscription: Subscription, plans: Plans) -> NextBill | None:
    period = next_period(subscription)
    if subscription.cancel_at is not None and subscription.cancel_at <= period.start:
        return None
    _, lines = period_billed(subscription, period, plans)
    total = Money.total((line.amount for line in lines), currency=subscription.currency)
    return NextBill(period=period, lines=lines, total=total)
