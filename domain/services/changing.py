"""Changing what a subscription is for: shown or done, by one plan (`_plan`), so that both come to the same cent.

A change now is billed as its proration says, and either made at once or when its invoice is paid (`updates`). A change
at the end of the period is data that time finds there (`scheduled`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.billing import Plans, draft_of
from domain.changes import (
    LONGEST_WAIT_FOR_PAYMENT,
    Changed,
    ChangePolicy,
    ChangeTime,
    ItemChange,
    Proration,
    announced,
    begins_anew,
    changed,
    changed_at_end,
    check_wanted,
    moment_of,
    period_end,
    split,
    wanted_items,
)
from domain.clock import Clock, whole_seconds
from domain.deployment import Deployment
from domain.errors import ChangePending, InvalidInput, NotFound, PermissionDenied, SomethingOwed, told_of
from domain.events import EventKind
from domain.idempotency import KeyedRequest
from domain.invoices import Invoice, InvoiceLine, InvoiceReason, InvoiceState
from domain.money import Money
from domain.operations import Operation
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.principals import Permission, Principal
from domain.provider import CaptureMode, Initiator
from domain.services.applying import Applying
from domain.services.billing import Billing
from domain.services.business_time import now_of
from domain.services.charges import ChargeService, Terms, usable_method
from domain.services.giving_back import reduce_owed, reduces_owed
from domain.services.invoicing import Drafted, Invoicing
from domain.services.keeping import keep
from domain.services.locking import there
from domain.services.managing import Asked, Managing
from domain.services.plans import offered_plan, plans_named
from domain.services.running import cause_of, keep_change, let_wait, running
from domain.services.subscription_events import tell
from domain.services.updates import apply_update
from domain.store import Store, Transaction
from domain.subscriptions import (
    BilledPeriod,
    PendingChange,
    PendingUpdate,
    Subscription,
    SubscriptionState,
    WantedItem,
)
from domain.wishes import Wish, check_may

OLDEST_PREVIEW = timedelta(minutes=10)
"""Time to read what a change costs and to agree; after that the price of a minute is not what was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedChange:
    """What somebody would change, whether they look at it or do it."""

    subscription_id: str
    items: Sequence[ItemChange]
    when: ChangeTime = ChangeTime.NOW
    proration: Proration = Proration.INVOICE_NOW
    policy: ChangePolicy = ChangePolicy.APPLY_ON_PAYMENT
    payment_method_id: str | None = None
    """For its invoice, where the change waits for that; None: as `ChargeInvoice` has it."""
    previewed_at: datetime | None = None
    """The moment of a preview, which the change is then made for. None: now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubscription:
    wanted: WantedChange
    initiator: Initiator = Initiator.CUSTOMER
    """Who starts the payment of a change that waits for it."""
    return_url: str | None = None
    network: str | None = None
    """As in `ChargeOrder`."""
    version: int | None = None
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedChange:
    subscription: Subscription
    """As it would stand with the change made; it is nowhere written down."""
    previewed_at: datetime
    """What the change is made for: `WantedChange.previewed_at` of whoever agrees to it."""
    applies_at: datetime
    drafted: Drafted | None
    """The invoice that would be made; None where none would be."""
    waiting: tuple[InvoiceLine, ...]
    """What the next invoice would take along because of it."""
    reduces_owed: Money
    """What would be credited of the period's own invoice, which is not paid."""
    applies_on_payment: bool
    """Whether nothing would change until that invoice is paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A change now, and how it is asked for."""

    made: Changed
    billed: BilledPeriod | None
    at: datetime
    lines: tuple[InvoiceLine, ...]
    """What is left of its lines where a part reduces what is owed."""
    reduces_owed: Money
    is_invoiced: bool
    waits_for_payment: bool

    @property
    def period_start(self) -> datetime | None:
        billed = self.made.begun or self.billed
        return None if billed is None else billed.period.start


class ChangeService:
    def __init__(
        self,
        *,
        store: Store,
        managing: Managing,
        billing: Billing,
        applying: Applying,
        charges: ChargeService,
        invoicing: Invoicing,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._managing = managing
        self._billing = billing
        self._applying = applying
        self._charges = charges
        self._invoicing = invoicing
        self._clock = clock
        self._deployment = deployment

    # --- preview ----------------------------------------------------------------------------------------------------

    async def preview(self, principal: Principal, wanted: WantedChange) -> PreviewedChange:
        """What the change would do at this moment; refused what the change would be refused."""
        principal.require(Permission.SUBSCRIPTIONS_WRITE)
        _check_allowed(principal, wanted)
        await self._check_seen(principal, wanted.subscription_id)
        self._deployment.check_not_recovering()
        # What is due is done before a change, so it is before anybody sees what that would cost.
        await self._billing.step(wanted.subscription_id)
        async with self._store.reading() as tx:
            subscription = there(await tx.subscriptions.get(wanted.subscription_id), wanted.subscription_id)
            now = whole_seconds(await now_of(tx, subscription.customer_id, now=self._clock.now()))
            items, plans = await _wanted(tx, principal, subscription, wanted)
            await _payer_in_view(tx, subscription, wanted)
            if wanted.when is ChangeTime.PERIOD_END:
                return _previewed_later(subscription, items, plans, now=now)
            plan = await _plan(tx, subscription, wanted, items, plans, now=now)
            return await self._previewed(tx, subscription, plan, wanted)

    async def _check_seen(self, principal: Principal, subscription_id: str) -> None:
        async with self._store.reading() as tx:
            subscription = await tx.subscriptions.get(subscription_id)
        if subscription is None or not principal.sees(subscription.customer_id):
            raise NotFound("subscription", path=("subscriptionId",))

    async def _previewed(
        self, tx: Transaction, subscription: Subscription, plan: _Plan, wanted: WantedChange
    ) -> PreviewedChange:
        drafted = None
        if plan.is_invoiced:
            method = await _payer_in_view(tx, subscription, wanted)
            draft = _draft(subscription, plan, now=plan.at)
            account = method.account if method else None
            takes_along = not plan.waits_for_payment
            drafted = await self._invoicing.draft(tx, draft, account=account, takes_along=takes_along)
        is_paid = drafted is not None and drafted.opening.state is InvoiceState.PAID
        return PreviewedChange(
            subscription=plan.made.subscription,
            previewed_at=plan.at,
            applies_at=plan.at,
            drafted=drafted,
            waiting=() if plan.is_invoiced else plan.lines,
            reduces_owed=plan.reduces_owed,
            applies_on_payment=plan.waits_for_payment and not is_paid,
        )

    # --- change -----------------------------------------------------------------------------------------------------

    async def change(self, principal: Principal, command: ChangeSubscription) -> str:
        """The id of the subscription. A change that waits for its payment has an invoice, and a charge of it where
        there is a card; one that the bank declines may be tried with another, until the change is dropped."""
        wanted = command.wanted
        principal.require(Permission.SUBSCRIPTIONS_WRITE)
        _check_allowed(principal, wanted)
        if wanted.when is ChangeTime.NOW and wanted.policy is ChangePolicy.APPLY_ON_PAYMENT:
            principal.require(Permission.CHARGES_WRITE)
        if not command.initiator.on_session:
            principal.require(Permission.CHARGES_OFF_SESSION)
            _require_by_hand(principal, "initiator")
        self._deployment.check_return_url(command.return_url, "returnUrl")

        async def act(tx: Transaction, subscription: Subscription, asked: Asked) -> Sequence[Operation]:
            items, plans = await _wanted(tx, principal, subscription, wanted)
            await _payer_in_view(tx, subscription, wanted)
            if items == _present(subscription):
                return ()
            if wanted.when is ChangeTime.PERIOD_END:
                await _schedule(tx, subscription, items, asked)
                return ()
            plan = await _plan(tx, subscription, wanted, items, plans, now=asked.now)
            if plan.waits_for_payment:
                return await self._open_update(tx, subscription, plan, items, command, asked)
            return await self._make(tx, subscription, plan, asked)

        return await self._managing.manage(
            principal, wanted.subscription_id, act, version=command.version, request=command.request
        )

    async def _make(self, tx: Transaction, before: Subscription, plan: _Plan, asked: Asked) -> Sequence[Operation]:
        """A change that takes effect whether it is paid or not."""
        cause = cause_of(before)
        method = await self._applying.payer(tx, before, plan.billed)
        made = await keep_change(tx, plan.made, told=asked.told)
        subscription, lines = made.subscription, plan.lines
        if plan.reduces_owed.is_positive and plan.billed is not None:
            lines = await reduce_owed(tx, plan.billed, made.lines, cause=cause, actor=asked.actor, told=asked.told)
            # With what it owed credited it may be active again.
            subscription = there(await tx.subscriptions.get_for_update(subscription.id), subscription.id)
        invoice: Invoice | None = None
        operations: tuple[Operation, ...] = ()
        if plan.is_invoiced:
            invoice, after, operations = await self._applying.bill(
                tx,
                subscription,
                InvoiceReason.CHANGE,
                lines,
                method,
                period_start=plan.period_start,
                actor=asked.actor,
                now=asked.now,
                told=asked.told,
            )
            if after is not subscription:
                subscription = await keep(tx, after, now=asked.told)
        else:
            await let_wait(tx, subscription, lines, cause=cause, now=asked.now)
        if made.begun is not None:
            invoice_id = None if invoice is None else invoice.id
            await tx.subscriptions.insert_period(replace(made.begun, invoice_id=invoice_id))
        also = (invoice.id,) if invoice else ()
        await tell(
            tx, EventKind.SUBSCRIPTION_CHANGED, subscription, *also, actor=asked.actor, now=asked.now, told=asked.told
        )
        return operations

    async def _open_update(
        self,
        tx: Transaction,
        subscription: Subscription,
        plan: _Plan,
        items: tuple[WantedItem, ...],
        command: ChangeSubscription,
        asked: Asked,
    ) -> Sequence[Operation]:
        """Its invoice is opened, and nothing else changes until that is paid."""
        # What its invoice refers to has to be there first.
        subscription = await keep(tx, announced(subscription, items, at=plan.at), now=asked.told)
        method = await self._payer(tx, subscription, command.wanted)
        draft = _draft(subscription, plan, now=asked.now)
        invoice = await self._invoicing.open(
            tx,
            draft,
            account=method.account if method else None,
            takes_along=False,
            actor=asked.actor,
            now=asked.now,
            told=asked.told,
        )
        billed = there(plan.billed, f"the period of {subscription.id}")
        expires_at = min(plan.at + LONGEST_WAIT_FOR_PAYMENT, billed.period.end)
        update = PendingUpdate(items=items, at=plan.at, invoice_id=invoice.id, expires_at=expires_at)
        waiting = await keep(tx, replace(subscription, pending_update=update, updated_at=asked.now), now=asked.told)
        kind, moments = EventKind.SUBSCRIPTION_CHANGE_SCHEDULED, {"expiresAt": expires_at.isoformat()}
        if invoice.state is InvoiceState.PAID:
            # What the customer is owed has paid it.
            await apply_update(tx, waiting, invoice, actor=asked.actor, now=asked.now, told=asked.told)
            return ()
        await tell(tx, kind, waiting, invoice.id, actor=asked.actor, now=asked.now, told=asked.told, **moments)
        if method is None:
            return ()
        terms = Terms(
            initiator=command.initiator,
            capture=CaptureMode.AUTOMATIC,
            return_url=command.return_url,
            network=command.network,
        )
        _, operation = await self._charges.begin_invoice(tx, invoice, method, terms, actor=asked.actor, now=asked.told)
        return (operation,)

    async def _payer(self, tx: Transaction, subscription: Subscription, wanted: WantedChange) -> PaymentMethod | None:
        if wanted.payment_method_id is not None:
            return await usable_method(tx, subscription.customer_id, wanted.payment_method_id)
        return await self._applying.payer(tx, subscription, None)


# --- what is wanted ---------------------------------------------------------------------------------------------------


def _check_allowed(principal: Principal, wanted: WantedChange) -> None:
    if wanted.when is ChangeTime.NOW:
        if wanted.proration is not Proration.INVOICE_NOW:
            _require_by_hand(principal, "proration")
        if wanted.policy is not ChangePolicy.APPLY_ON_PAYMENT:
            _require_by_hand(principal, "policy")


def _require_by_hand(principal: Principal, field: str) -> None:
    if not principal.may(Permission.SUBSCRIPTIONS_BY_HAND):
        raise PermissionDenied("Only the shop decides this about a subscription.", path=(field,))


async def _wanted(
    tx: Transaction, principal: Principal, subscription: Subscription, wanted: WantedChange
) -> tuple[tuple[WantedItem, ...], Plans]:
    """All items as they are to be, and the plans of these and of the present ones."""
    at_end = wanted.when is ChangeTime.PERIOD_END
    check_may(subscription, Wish.CHANGE_AT_PERIOD_END if at_end else Wish.CHANGE_NOW)
    if subscription.pending_change is not None or subscription.pending_update is not None:
        raise ChangePending("Another change of this subscription is scheduled. Undo it first.")
    items = wanted_items(subscription, wanted.items)
    present = {item.price_id for item in subscription.present_items}
    plans = dict(await plans_named(tx, present))
    for place, change in enumerate(wanted.items):
        if change.price_id is not None and change.price_id not in plans:
            with told_of("items", str(place)):
                plans[change.price_id] = await offered_plan(tx, change.price_id)
    check_wanted(subscription, wanted.items, items, plans)
    if not principal.may(Permission.SUBSCRIPTIONS_BY_HAND):
        _check_trial(subscription, wanted, plans)
    return items, plans


def _check_trial(subscription: Subscription, wanted: WantedChange, plans: Plans) -> None:
    """A trial is of the products that it was given for: with another one in it, that would be used for nothing."""
    if subscription.trial_ends_at is None or subscription.state not in (
        SubscriptionState.SCHEDULED,
        SubscriptionState.TRIALING,
    ):
        return
    if subscription.state is SubscriptionState.TRIALING and wanted.when is ChangeTime.PERIOD_END:
        return
    tried = {plans[item.price_id].price.product_id for item in subscription.present_items}
    for place, change in enumerate(wanted.items):
        if change.price_id is not None and plans[change.price_id].price.product_id not in tried:
            raise PermissionDenied(
                "Only the shop brings another product into a trial.", path=("items", str(place), "priceId")
            )


def _present(subscription: Subscription) -> tuple[WantedItem, ...]:
    return tuple(
        WantedItem(item_id=item.id, price_id=item.price_id, quantity=item.quantity)
        for item in subscription.present_items
    )


# --- at the end of the period -----------------------------------------------------------------------------------------


async def _schedule(tx: Transaction, subscription: Subscription, items: tuple[WantedItem, ...], asked: Asked) -> None:
    at = period_end(subscription)
    by_hand = asked.principal.may(Permission.SUBSCRIPTIONS_BY_HAND)
    change = PendingChange(items=items, at=at, by_hand=by_hand)
    scheduled = replace(subscription, pending_change=change, updated_at=asked.now)
    kept = await keep(tx, scheduled, now=asked.told)
    kind = EventKind.SUBSCRIPTION_CHANGE_SCHEDULED
    await tell(tx, kind, kept, actor=asked.actor, now=asked.now, told=asked.told, at=at.isoformat())


def _previewed_later(
    subscription: Subscription, items: tuple[WantedItem, ...], plans: Plans, *, now: datetime
) -> PreviewedChange:
    at = period_end(subscription)
    return PreviewedChange(
        subscription=changed_at_end(subscription, items, plans, at=at).subscription,
        previewed_at=now,
        applies_at=at,
        drafted=None,
        waiting=(),
        reduces_owed=Money.zero(subscription.currency),
        applies_on_payment=False,
    )


# --- now --------------------------------------------------------------------------------------------------------------


async def _plan(
    tx: Transaction,
    subscription: Subscription,
    wanted: WantedChange,
    items: tuple[WantedItem, ...],
    plans: Plans,
    *,
    now: datetime,
) -> _Plan:
    """What a change now would be; nothing is written."""
    billed = await running(tx, subscription)
    anew = begins_anew(subscription, items, plans)
    if anew and (subscription.cancel_at is not None or _pause_is_scheduled(subscription)):
        # Its moment is the end of a period that ends now.
        raise ChangePending("Its cancellation or pause is scheduled for the end of the period. Undo that first.")
    at = _moment(subscription, billed, wanted.previewed_at, anew=anew, now=now)
    prorate = wanted.proration is not Proration.NONE
    made = changed(subscription, billed, items, plans, at=at, prorate=prorate)
    is_invoiced = bool(made.lines) and (made.begun is not None or wanted.proration is Proration.INVOICE_NOW)
    reduces, lines = Money.zero(subscription.currency), made.lines
    if billed is not None:
        reduces = await reduces_owed(tx, billed, made.lines)
        _, lines = split(made.lines, reduces)
    total = made.total + reduces
    waits = is_invoiced and wanted.policy is ChangePolicy.APPLY_ON_PAYMENT and total.is_positive
    if waits and subscription.state is not SubscriptionState.ACTIVE:
        raise SomethingOwed
    return _Plan(
        made=made,
        billed=billed,
        at=at,
        lines=lines,
        reduces_owed=reduces,
        is_invoiced=is_invoiced and bool(lines),
        waits_for_payment=waits,
    )


def _pause_is_scheduled(subscription: Subscription) -> bool:
    return subscription.pause is not None and subscription.state is not SubscriptionState.PAUSED


def _moment(
    subscription: Subscription, billed: BilledPeriod | None, previewed_at: datetime | None, *, anew: bool, now: datetime
) -> datetime:
    """InvalidInput for a preview that is too old, or that something has happened since."""
    present = moment_of(now, billed, anew=anew)
    if previewed_at is None:
        return present
    path = ("previewedAt",)
    if not now - OLDEST_PREVIEW <= previewed_at <= present:
        raise InvalidInput("A preview is good for ten minutes. Look again.", path=path)
    if previewed_at < whole_seconds(subscription.updated_at) or previewed_at != moment_of(
        previewed_at, billed, anew=anew
    ):
        raise InvalidInput("The subscription has changed since this preview. Look again.", path=path)
    return previewed_at


def _draft(subscription: Subscription, plan: _Plan, *, now: datetime) -> Invoice:
    return draft_of(subscription, InvoiceReason.CHANGE, plan.lines, period_start=plan.period_start, now=now)


async def _payer_in_view(tx: Transaction, subscription: Subscription, wanted: WantedChange) -> PaymentMethod | None:
    """As whoever charges it will find it, without a lock."""
    if wanted.payment_method_id is not None:
        method = await tx.payment_methods.get(wanted.payment_method_id)
        if method is None or method.customer_id != subscription.customer_id:
            raise NotFound("payment method", path=("paymentMethodId",))
        method.check_usable()
        return method
    customer = there(await tx.customers.get(subscription.customer_id), subscription.customer_id)
    for method_id in (subscription.payment_method_id, customer.default_payment_method_id):
        method = await tx.payment_methods.get(method_id) if method_id else None
        if method is not None and method.state is PaymentMethodState.ACTIVE:
            return method
    return None
