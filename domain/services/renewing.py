"""Periods that begin by themselves: the first one, and each that follows.

A period is made once: its row, its invoice with its number, the charge and the request for it are one commit, under the
lock of the subscription, and the database takes no second period that begins when another did. Whoever comes later, or
again, finds a subscription to which nothing is due.
"""

from dataclasses import replace
from datetime import datetime

from domain.billing import draft_of, next_period, period_billed, period_unbilled
from domain.events import EventKind
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceReason, InvoiceState
from domain.issuers import TrialEnd
from domain.payment_methods import PaymentMethod
from domain.services import dunning, invoice_events, subscription_events
from domain.services.calling_off import call_off
from domain.services.collecting import Collecting
from domain.services.invoicing import Invoicing
from domain.services.locking import there
from domain.services.plans import plans_of
from domain.services.settlement import captured_of
from domain.services.steps import Stepped
from domain.store import Transaction
from domain.subscriptions import LONGEST_FIRST_PAYMENT, BilledPeriod, CancelReason, Subscription, SubscriptionState


class Renewing:
    """Of each handler, `at` is when it was due, and `now` the present, both in the customer's time; `told` is real."""

    def __init__(self, *, invoicing: Invoicing, collecting: Collecting) -> None:
        self._invoicing = invoicing
        self._collecting = collecting

    async def start(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """START: as it is created, but that nobody is there to pay: its first invoice has as long for that."""
        if subscription.trial_ends_at is not None and subscription.trial_ends_at > at:
            trialing = replace(subscription, state=SubscriptionState.TRIALING, updated_at=now)
            kind = EventKind.SUBSCRIPTION_TRIAL_STARTED
            await subscription_events.tell(tx, kind, trialing, actor=actor, now=now, told=told)
            return Stepped(subscription=trialing)
        method = await self._collecting.method_of(tx, subscription)
        billed, draft = await self._drafted(tx, subscription, InvoiceReason.CREATE, now=now)
        invoice = await self._opened(tx, billed, draft, method, actor=actor, now=now, told=told)
        begun = replace(subscription, period=billed.period, updated_at=now)
        if invoice.state is InvoiceState.PAID:
            return Stepped(subscription=await self._active(tx, begun, actor=actor, now=now, told=told))
        waiting = replace(begun, state=SubscriptionState.INCOMPLETE, incomplete_expires_at=now + LONGEST_FIRST_PAYMENT)
        return await self._collecting.collect(
            tx, waiting, invoice, method, is_new=True, actor=actor, now=now, told=told
        )

    async def end_trial(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """END_TRIAL: the first period begins, unless nobody has agreed to pay for it."""
        method = await self._collecting.method_of(tx, subscription)
        billed, draft = await self._drafted(tx, subscription, InvoiceReason.CREATE, now=now)
        if method is None and await self._ends_with_trial(tx, subscription, draft):
            await _leave_to_customer(tx, subscription, now=now)
            canceled = subscription.canceled(CancelReason.NO_CARD, now=now)
            kind, reason = EventKind.SUBSCRIPTION_CANCELED, canceled.cancel_reason
            await subscription_events.tell(tx, kind, canceled, actor=actor, now=now, told=told, reason=reason)
            return Stepped(subscription=canceled)
        invoice = await self._opened(tx, billed, draft, method, actor=actor, now=now, told=told)
        begun = replace(subscription, period=billed.period)
        active = await self._active(tx, begun, invoice.id, actor=actor, now=now, told=told)
        return await self._collecting.collect(tx, active, invoice, method, is_new=True, actor=actor, now=now, told=told)

    async def _ends_with_trial(self, tx: Transaction, subscription: Subscription, draft: Invoice) -> bool:
        issuer = there(await tx.issuers.get(subscription.issuer_id), subscription.issuer_id)
        if issuer.on_trial_end_without_card is not TrialEnd.CANCEL:
            return False
        return (await self._invoicing.draft(tx, draft)).opening.due.is_positive

    async def renew(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """RENEW: paused, the next period is made without an invoice; unpaid, with one that is not opened yet."""
        if subscription.state is SubscriptionState.PAUSED:
            period = next_period(subscription)
            await tx.subscriptions.insert_period(period_unbilled(subscription, period))
            return Stepped(subscription=replace(subscription, period=period, updated_at=now))
        owed, method = None, None
        if subscription.state is not SubscriptionState.UNPAID:
            owed = await self._collecting.owed(tx, subscription)
            method = await self._collecting.method_of(tx, subscription)
        billed, draft = await self._drafted(tx, subscription, InvoiceReason.PERIOD, now=now)
        renewed = replace(subscription, period=billed.period, updated_at=now)
        if subscription.state is SubscriptionState.UNPAID:
            await tx.invoices.insert(draft)
            kind = EventKind.INVOICE_CREATED
            await invoice_events.tell(tx, kind, draft, of_a_draft=True, actor=actor, now=now, told=told)
            await tx.subscriptions.insert_period(replace(billed, invoice_id=draft.id))
            invoice = draft
        else:
            invoice = await self._opened(tx, billed, draft, method, actor=actor, now=now, told=told)
        kind = EventKind.SUBSCRIPTION_RENEWED
        await subscription_events.tell(tx, kind, renewed, invoice.id, actor=actor, now=now, told=told)
        if owed is not None:
            return Stepped(subscription=renewed)  # it is charged when that is paid
        return await self._collecting.collect(
            tx, renewed, invoice, method, is_new=True, actor=actor, now=now, told=told
        )

    async def open_waiting(
        self, tx: Transaction, subscription: Subscription, *, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """The invoice of the period that a subscription is in, which was made while it was not paid, is opened now that
        it is. Those of periods that are over stay drafts: nobody had access in them, and it is for a person to decide.
        """
        unchanged = Stepped(subscription=subscription)
        if subscription.state is not SubscriptionState.ACTIVE or subscription.period is None:
            return unchanged
        billed = await tx.subscriptions.period(subscription.id, subscription.period.start)
        if billed is None or billed.invoice_id is None:
            return unchanged
        draft = there(await tx.invoices.get_for_update(billed.invoice_id), billed.invoice_id)
        if draft.state is not InvoiceState.DRAFT or draft.discarded_at is not None:
            return unchanged
        method = await self._collecting.method_of(tx, subscription)
        account = method.account if method else None
        invoice = await self._invoicing.open(tx, draft, account=account, actor=actor, now=now, told=told)
        return await self._collecting.collect(tx, subscription, invoice, method, actor=actor, now=now, told=told)

    async def expire(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped:
        """EXPIRE: the first payment has not come, so it never begins. While a charge may still pay, nobody knows."""
        owed = await tx.invoices.open_of_subscription(subscription.id)
        for invoice in owed:
            for charge in await tx.charges.of_invoice(invoice.id):
                if charge.is_live:
                    return Stepped(subscription=subscription, waits_for=charge.id)
        for invoice in owed:
            locked = there(await tx.invoices.get_for_update(invoice.id), invoice.id)
            # Of one that took a part of its money a person is told already; it is not as if it had never been.
            taken = await captured_of(tx, locked)
            leave = dunning.give_up if taken.is_positive else call_off
            await leave(tx, locked, actor=actor, now=now, told=told)
        await _leave_to_customer(tx, subscription, now=now)
        expired = subscription.expired(now=now)
        kind = EventKind.SUBSCRIPTION_EXPIRED
        await subscription_events.tell(tx, kind, expired, actor=actor, now=now, told=told)
        return Stepped(subscription=expired)

    # --- helpers ----------------------------------------------------------------------------------------------------

    async def _drafted(
        self, tx: Transaction, subscription: Subscription, reason: InvoiceReason, *, now: datetime
    ) -> tuple[BilledPeriod, Invoice]:
        period = next_period(subscription)
        billed, lines = period_billed(subscription, period, await plans_of(tx, subscription))
        return billed, draft_of(subscription, reason, lines, period_start=period.start, now=now)

    async def _opened(
        self,
        tx: Transaction,
        billed: BilledPeriod,
        draft: Invoice,
        method: PaymentMethod | None,
        *,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> Invoice:
        account = method.account if method else None
        invoice = await self._invoicing.open(tx, draft, account=account, actor=actor, now=now, told=told)
        await tx.subscriptions.insert_period(replace(billed, invoice_id=invoice.id))
        return invoice

    async def _active(
        self, tx: Transaction, subscription: Subscription, *also: str, actor: str, now: datetime, told: datetime
    ) -> Subscription:
        active = replace(subscription, state=SubscriptionState.ACTIVE, updated_at=now)
        kind = EventKind.SUBSCRIPTION_ACTIVATED
        await subscription_events.tell(tx, kind, active, *also, actor=actor, now=now, told=told)
        return active


async def _leave_to_customer(tx: Transaction, subscription: Subscription, *, now: datetime) -> None:
    """Lines that wait for an invoice of a subscription that will have none wait for the next one of its customer."""
    customer_id, currency = subscription.customer_id, subscription.currency
    await tx.balances.get_for_update(customer_id, currency)
    left = []
    for waiting in await tx.invoices.waiting_lines(customer_id, currency, subscription_id=subscription.id):
        await tx.invoice_items.save(replace(waiting, removed_at=now))
        again = replace(waiting.line, id=new_id(IdPrefix.INVOICE_LINE))
        left.append(replace(waiting, line=again, subscription_id=None, cause=f"{waiting.id}:left", created_at=now))
    await tx.invoices.add_waiting_lines(left)
