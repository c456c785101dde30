"""Invoices that somebody makes, issues or calls off by hand, and lines that wait for the next one.

Those of subscriptions are made by `Billing`, those of orders by the settlement; called off, or given up, they all are
here. What is paid of an invoice is the business of `ChargeService`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.clock import Clock, whole_seconds
from domain.deployment import Deployment
from domain.errors import (
    InvalidInput,
    InvoiceLineTaken,
    InvoicePaidInPart,
    NotFound,
    PaymentMethodMissing,
    told_of,
)
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.invoices import MOST_LINES, Invoice, InvoiceLine, InvoiceReason, InvoiceState, PendingLine
from domain.money import currency_exponent
from domain.operations import Operation
from domain.payment_methods import PaymentMethod
from domain.principals import Permission, Principal
from domain.provider import CaptureMode, Initiator
from domain.services import paid_invoices, subscription_events
from domain.services.business_time import now_of
from domain.services.calling_off import call_off, check_undisturbed, without_update
from domain.services.charges import ChargeService, Terms, usable_method
from domain.services.discrepancies import check_may_charge
from domain.services.invoice_events import tell
from domain.services.invoice_lines import NewInvoiceLine, made, with_quantity
from domain.services.invoicing import Drafted, Invoicing
from domain.services.keeping import keep
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_own_invoice, there
from domain.services.sending import Sending
from domain.services.settlement import captured_of
from domain.store import Store, Transaction
from domain.subscriptions import Subscription, SubscriptionState
from domain.texts import clean_metadata

LONGEST_TIME_TO_PAY = timedelta(days=5 * 365)
"""As an order may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateInvoice:
    customer_id: str
    currency: str | None
    """None: that of the first line."""
    lines: Sequence[NewInvoiceLine] = ()
    due_at: datetime | None = None
    """None: when it is issued."""
    metadata: Mapping[str, str] | None = None
    request: KeyedRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateInvoiceItem:
    customer_id: str | None = None
    """None: that of the subscription."""
    subscription_id: str | None = None
    """None: whatever invoice the customer gets next takes it."""
    line: NewInvoiceLine
    request: KeyedRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizeInvoice:
    invoice_id: str
    charge: bool = False
    """Whether what is due is charged at once, without the customer: to their default, or their subscription's card."""
    version: int | None = None
    request: KeyedRequest | None = None


@dataclass(frozen=True, slots=True)
class _Issued:
    invoice_id: str
    operation: Operation | None
    """What is to be sent to the provider, where anything is."""


class InvoiceService:
    def __init__(
        self,
        *,
        store: Store,
        invoicing: Invoicing,
        charges: ChargeService,
        sending: Sending,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._invoicing = invoicing
        self._charges = charges
        self._sending = sending
        self._clock = clock
        self._deployment = deployment

    # --- drafts -----------------------------------------------------------------------------------------------------

    async def create(self, principal: Principal, command: CreateInvoice) -> str:
        """A draft of something that is billed once."""
        principal.require(Permission.INVOICES_WRITE)
        metadata = clean_metadata(command.metadata, "metadata")
        if len(command.lines) > MOST_LINES:
            raise InvalidInput(f"An invoice has {MOST_LINES} lines at most.", path=("lines",))
        told = whole_seconds(self._clock.now())
        invoice_id = new_id(IdPrefix.INVOICE)
        async with self._store.transaction() as tx:
            if made_already := await claim(tx, command.request, invoice_id, now=told):
                return made_already
            # Locked, so that nobody is billed who is just being erased.
            customer = await tx.customers.get_for_update(command.customer_id)
            if customer is None:
                raise NotFound("customer", path=("customerId",))
            customer.check_not_redacted()
            now = whole_seconds(await now_of(tx, customer.id, now=told))
            lines: list[InvoiceLine] = []
            currency = command.currency
            for place, wanted in enumerate(command.lines):
                with told_of("lines", str(place)):
                    lines.append(await made(tx, wanted, currency=currency))
                currency = lines[0].amount.currency
            if currency is None:
                raise InvalidInput("An invoice without lines needs a currency.", path=("currency",))
            with told_of("currency"):
                currency_exponent(currency)
            begun = self._invoicing.begun(customer.id, currency, InvoiceReason.ONE_OFF, now=now)
            draft = replace(
                begun.with_lines(tuple(lines), now=now),
                id=invoice_id,
                due_at=_due_at(command.due_at, now=now),
                metadata=metadata,
            )
            await tx.invoices.insert(draft)
            await tell(tx, EventKind.INVOICE_CREATED, draft, of_a_draft=True, actor=principal.actor, now=now, told=told)
        return invoice_id

    async def add_line(
        self,
        principal: Principal,
        invoice_id: str,
        line: NewInvoiceLine,
        *,
        version: int | None,
        request: KeyedRequest | None,
    ) -> str:
        principal.require(Permission.INVOICES_WRITE)
        async with self._store.transaction() as tx:
            draft = await lock_own_invoice(tx, principal, invoice_id)
            if await made_before(tx, request):
                return draft.id
            _check_by_hand(draft, version)
            added = await made(tx, line, currency=draft.currency)
            now, told = await self._now(tx, draft)
            await claim(tx, request, draft.id, now=told)
            changed = draft.with_lines((*draft.lines, added), now=now)
            await _keep_draft(tx, changed, actor=principal.actor, now=now, told=told, lineId=added.id)
        return invoice_id

    async def update_line(
        self, principal: Principal, invoice_id: str, line_id: str, *, quantity: int, version: int | None
    ) -> str:
        principal.require(Permission.INVOICES_WRITE)
        async with self._store.transaction() as tx:
            draft = await lock_own_invoice(tx, principal, invoice_id)
            _check_by_hand(draft, version)
            before = draft.line(line_id)
            after = with_quantity(before, quantity)
            if after == before:
                return invoice_id
            now, told = await self._now(tx, draft)
            changed = draft.with_lines(tuple(after if each == before else each for each in draft.lines), now=now)
            await _keep_draft(tx, changed, actor=principal.actor, now=now, told=told, lineId=line_id, quantity=quantity)
        return invoice_id

    async def remove_line(self, principal: Principal, invoice_id: str, line_id: str, *, version: int | None) -> str:
        principal.require(Permission.INVOICES_WRITE)
        async with self._store.transaction() as tx:
            draft = await lock_own_invoice(tx, principal, invoice_id)
            _check_by_hand(draft, version)
            now, told = await self._now(tx, draft)
            changed = draft.without_line(line_id, now=now)
            await _keep_draft(tx, changed, actor=principal.actor, now=now, told=told, lineId=line_id)
        return invoice_id

    async def discard(self, principal: Principal, invoice_id: str, *, version: int | None) -> str:
        """Nothing happens to the draft any more. It stays, and as it never had a number, none is missing."""
        principal.require(Permission.INVOICES_WRITE)
        async with self._store.transaction() as tx:
            draft = await lock_own_invoice(tx, principal, invoice_id)
            draft.check_version(version)
            now, told = await self._now(tx, draft)
            gone = await tx.invoices.save(draft.discarded(now=now))
            await tell(
                tx, EventKind.INVOICE_DISCARDED, gone, of_a_draft=True, actor=principal.actor, now=now, told=told
            )
        return invoice_id

    # --- issuing ----------------------------------------------------------------------------------------------------

    async def preview(self, principal: Principal, invoice_id: str) -> Drafted | None:
        """What a draft would be, were it issued now; None for what is no draft any more, or is not there."""
        principal.require(Permission.INVOICES_WRITE)
        async with self._store.reading() as tx:
            draft = await tx.invoices.get(invoice_id)
            if draft is None or not draft.is_draft:
                return None
            return await self._invoicing.draft(tx, draft, account=await _account_of_default(tx, draft))

    async def finalize(self, principal: Principal, command: FinalizeInvoice) -> str:
        """Issue a draft, with all lines that wait for it, and charge what is due where that is wanted."""
        principal.require(Permission.INVOICES_WRITE)
        if command.charge:
            principal.require(Permission.CHARGES_WRITE)
            principal.require(Permission.CHARGES_OFF_SESSION)
        issued = await self._store.run(lambda tx: self._begin_finalize(tx, principal, command), landed=_is_issued)
        if issued.operation is not None:
            await self._sending.send(issued.operation, actor=f"provider:{issued.operation.account}")
        return issued.invoice_id

    async def _begin_finalize(self, tx: Transaction, principal: Principal, command: FinalizeInvoice) -> _Issued:
        draft = await lock_own_invoice(tx, principal, command.invoice_id)
        if await made_before(tx, command.request):
            return _Issued(draft.id, None)
        draft.check_version(command.version)
        draft.check_draft()
        now, told = await self._now(tx, draft)
        await claim(tx, command.request, draft.id, now=told)
        method = await self._payer(tx, draft) if command.charge else None
        account = method.account if method else await _account_of_default(tx, draft)
        invoice = await self._invoicing.open(tx, draft, account=account, actor=principal.actor, now=now, told=told)
        if not invoice.lines:
            raise InvalidInput("An invoice without lines asks for nothing: add one first.", path=("invoiceId",))
        if method is None or invoice.state is not InvoiceState.OPEN:
            return _Issued(invoice.id, None)
        initiator = Initiator.UNSCHEDULED if invoice.subscription_id is None else Initiator.RECURRING
        terms = Terms(initiator=initiator, capture=CaptureMode.AUTOMATIC)
        _, operation = await self._charges.begin_invoice(tx, invoice, method, terms, actor=principal.actor, now=told)
        return _Issued(invoice.id, operation)

    async def _payer(self, tx: Transaction, draft: Invoice) -> PaymentMethod:
        self._deployment.check_not_recovering()
        await check_may_charge(tx, draft.id, "invoiceId")
        own = None
        if draft.subscription_id is not None:
            own = there(await tx.subscriptions.get(draft.subscription_id), draft.subscription_id).payment_method_id
        method = await usable_method(tx, draft.customer_id, own)
        if method is None:
            raise PaymentMethodMissing
        return method

    # --- what is not to be paid -------------------------------------------------------------------------------------

    async def void(self, principal: Principal, invoice_id: str, *, version: int | None) -> str:
        """Call off what was issued, and nobody has paid. Its number stays, and so does what is printed on it."""
        principal.require(Permission.INVOICES_WRITE)
        # It may have been paid after the backup was made.
        self._deployment.check_not_recovering()
        async with self._store.transaction() as tx:
            invoice = await lock_own_invoice(tx, principal, invoice_id)
            invoice.check_version(version)
            invoice.check_callable_off()
            if (await captured_of(tx, invoice)).is_positive:
                raise InvoicePaidInPart
            await check_undisturbed(tx, invoice, path="invoiceId")
            now, told = await self._now(tx, invoice)
            voided = await call_off(tx, invoice, actor=principal.actor, now=now, told=told)
            await _subscription_goes_on(tx, voided, actor=principal.actor, now=now, told=told)
        return invoice_id

    async def mark_uncollectible(self, principal: Principal, invoice_id: str, *, version: int | None) -> str:
        """Nobody expects it to be paid; if it is, all the better."""
        principal.require(Permission.INVOICES_WRITE)
        self._deployment.check_not_recovering()
        async with self._store.transaction() as tx:
            invoice = await lock_own_invoice(tx, principal, invoice_id)
            invoice.check_version(version)
            now, told = await self._now(tx, invoice)
            given_up = invoice.uncollectible(now=now)
            await _check_owed(tx, invoice)
            await check_undisturbed(tx, invoice, path="invoiceId")
            given_up = await tx.invoices.save(given_up)
            await tell(tx, EventKind.INVOICE_UNCOLLECTIBLE, given_up, actor=principal.actor, now=now, told=told)
            await _subscription_goes_on(tx, given_up, actor=principal.actor, now=now, told=told)
        return invoice_id

    # --- lines that wait --------------------------------------------------------------------------------------------

    async def create_item(self, principal: Principal, command: CreateInvoiceItem) -> str:
        """A line for the next invoice of a subscription, or whichever the customer gets next."""
        principal.require(Permission.INVOICES_WRITE)
        told = whole_seconds(self._clock.now())
        async with self._store.transaction() as tx:
            customer_id, subscription = await _whose(tx, command)
            customer = await tx.customers.get_for_update(customer_id)
            if customer is None:
                raise NotFound("customer", path=("customerId",))
            customer.check_not_redacted()
            if subscription is not None:
                subscription = there(await tx.subscriptions.get_for_update(subscription.id), subscription.id)
                if subscription.is_ended:
                    raise InvalidInput("This subscription has ended, and has no further invoice.", path=_SUBSCRIPTION)
            if made_already := await made_before(tx, command.request):
                return made_already
            now = whole_seconds(await now_of(tx, customer.id, now=told))
            line = await made(tx, command.line, currency=subscription.currency if subscription else None)
            await claim(tx, command.request, line.id, now=told)
            item = PendingLine(
                line=line,
                customer_id=customer.id,
                subscription_id=command.subscription_id,
                cause=f"item:{line.id}",
                created_at=now,
            )
            await tx.invoice_items.insert(item)
            kind = EventKind.INVOICE_ITEM_CREATED
            await self._tell_of_item(tx, kind, item, actor=principal.actor, now=now, told=told)
        return line.id

    async def remove_item(self, principal: Principal, item_id: str) -> str:
        """No invoice takes it then; one that is on an invoice is credited instead."""
        principal.require(Permission.INVOICES_WRITE)
        told = whole_seconds(self._clock.now())
        async with self._store.transaction() as tx:
            known = await tx.invoice_items.get(item_id)
            if known is None or not principal.sees(known.customer_id):
                raise NotFound("invoice item", path=("invoiceItemId",))
            # Who opens an invoice takes under this lock what waits.
            await tx.balances.get_for_update(known.customer_id, known.line.amount.currency)
            item = there(await tx.invoice_items.get(item_id), item_id)
            if item.invoice_id is not None:
                raise InvoiceLineTaken
            if item.removed_at is not None:
                return item_id
            now = whole_seconds(await now_of(tx, item.customer_id, now=told))
            await tx.invoice_items.save(replace(item, removed_at=now))
            kind = EventKind.INVOICE_ITEM_REMOVED
            await self._tell_of_item(tx, kind, item, actor=principal.actor, now=now, told=told)
        return item_id

    async def _tell_of_item(
        self, tx: Transaction, kind: EventKind, item: PendingLine, *, actor: str, now: datetime, told: datetime
    ) -> None:
        amount = item.line.amount
        data = {"amount": amount.minor_units, "currency": amount.currency}
        if now != told:
            data["businessTime"] = now.isoformat()
        subjects = [each for each in (item.id, item.subscription_id, item.customer_id) if each is not None]
        livemode = self._deployment.livemode
        await tx.events.add(new_event(kind, *subjects, actor=actor, livemode=livemode, now=told, data=data))

    # --- helpers ----------------------------------------------------------------------------------------------------

    async def _now(self, tx: Transaction, invoice: Invoice) -> tuple[datetime, datetime]:
        """Of its customer, and in reality."""
        told = whole_seconds(self._clock.now())
        return whole_seconds(await now_of(tx, invoice.customer_id, now=told)), told


_SUBSCRIPTION = ("subscriptionId",)


async def _account_of_default(tx: Transaction, draft: Invoice) -> str | None:
    """Through which it will be charged, should nothing be chosen; None where nobody knows."""
    customer = there(await tx.customers.get(draft.customer_id), draft.customer_id)
    default = customer.default_payment_method_id
    method = await tx.payment_methods.get(default) if default else None
    return method.account if method else None


async def _is_issued(tx: Transaction, issued: _Issued) -> bool:
    if issued.operation is not None:
        return await tx.operations.get(issued.operation.id) is not None
    invoice = await tx.invoices.get(issued.invoice_id)
    return invoice is not None and invoice.state is not InvoiceState.DRAFT


def _check_by_hand(draft: Invoice, version: int | None) -> None:
    draft.check_version(version)
    draft.check_draft()
    if draft.reason is not InvoiceReason.ONE_OFF:
        raise InvalidInput("What a subscription is billed for is not changed by hand.", path=("invoiceId",))


def _due_at(due_at: datetime | None, *, now: datetime) -> datetime | None:
    if due_at is None:
        return None
    if due_at <= now:
        raise InvalidInput("This moment has passed already.", path=("dueAt",))
    if due_at > now + LONGEST_TIME_TO_PAY:
        raise InvalidInput("An invoice can wait for five years at most.", path=("dueAt",))
    return whole_seconds(due_at)


async def _whose(tx: Transaction, command: CreateInvoiceItem) -> tuple[str, Subscription | None]:
    if command.subscription_id is None:
        if command.customer_id is None:
            raise InvalidInput("Say for whom: a customerId or a subscriptionId.", path=("customerId",))
        return command.customer_id, None
    subscription = await tx.subscriptions.get(command.subscription_id)
    if subscription is None or command.customer_id not in (None, subscription.customer_id):
        raise NotFound("subscription", path=_SUBSCRIPTION)
    return subscription.customer_id, subscription


async def _keep_draft(
    tx: Transaction, changed: Invoice, *, actor: str, now: datetime, told: datetime, **data: str | int
) -> None:
    saved = await tx.invoices.save(changed)
    kind, total = EventKind.INVOICE_CHANGED, saved.total.minor_units
    await tell(tx, kind, saved, of_a_draft=True, actor=actor, now=now, told=told, data={"total": total, **data})


async def _check_owed(tx: Transaction, invoice: Invoice) -> None:
    """What begins, or changes, when it is paid is not owed: given up and paid after all, it would bring nothing."""
    if invoice.subscription_id is None:
        return
    subscription = there(await tx.subscriptions.get(invoice.subscription_id), invoice.subscription_id)
    if subscription.is_update(invoice.id) or subscription.state is SubscriptionState.INCOMPLETE:
        raise InvalidInput("Nobody owes this invoice until it is paid: void it instead.", path=("invoiceId",))


async def _subscription_goes_on(
    tx: Transaction, invoice: Invoice, *, actor: str, now: datetime, told: datetime
) -> None:
    """What a locked subscription makes of an invoice that nobody will pay."""
    if invoice.subscription_id is None:
        return
    subscription = there(await tx.subscriptions.get_for_update(invoice.subscription_id), invoice.subscription_id)
    if subscription.is_update(invoice.id):
        dropped = await without_update(tx, subscription, invoice, actor=actor, now=now, told=told)
        await keep(tx, dropped, now=told)
    elif subscription.state is SubscriptionState.INCOMPLETE:
        # Its first invoice: what was never paid for never begins.
        expired = subscription.expired(now=now)
        await keep(tx, expired, now=told)
        kind = EventKind.SUBSCRIPTION_EXPIRED
        await subscription_events.tell(tx, kind, expired, invoice.id, actor=actor, now=now, told=told)
    elif invoice.state is InvoiceState.VOID or subscription.state is not SubscriptionState.UNPAID:
        # Given up, it is owed all the same: that gives nobody back the access that they lost by it.
        await paid_invoices.go_on(tx, invoice, subscription.id, actor=actor, now=now, told=told)
