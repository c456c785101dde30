"""Asking for what a change of a subscription costs, at once, as for a renewal."""

from collections.abc import Sequence
from datetime import datetime

from domain.billing import draft_of
from domain.invoices import Invoice, InvoiceLine, InvoiceReason
from domain.operations import Operation
from domain.payment_methods import PaymentMethod
from domain.services import dunning
from domain.services.collecting import Collecting
from domain.services.invoicing import Invoicing
from domain.store import Transaction
from domain.subscriptions import BilledPeriod, Subscription


class Applying:
    def __init__(self, *, invoicing: Invoicing, collecting: Collecting) -> None:
        self._invoicing = invoicing
        self._collecting = collecting

    async def payer(
        self, tx: Transaction, subscription: Subscription, billed: BilledPeriod | None
    ) -> PaymentMethod | None:
        """The card that it is charged with, locked; None where there is none that can be.

        Before anything else that a change does: the invoices that may be credited or called off are locked before a
        card, and balance and issuer, which that needs, after it.
        """
        if billed is not None and billed.invoice_id is not None:
            await tx.invoices.get_for_update(billed.invoice_id)
        for owed in await tx.invoices.open_of_subscription(subscription.id):
            await tx.invoices.get_for_update(owed.id)
        if subscription.pending_update is not None:
            await tx.invoices.get_for_update(subscription.pending_update.invoice_id)
        return await self._collecting.method_of(tx, subscription)

    async def try_owed(self, tx: Transaction, subscription: Subscription, *, now: datetime) -> None:
        """Have a worker charge what a subscription owes from before it rested: in a pause nobody tries that again."""
        invoice = await self._collecting.owed(tx, subscription)
        if invoice is not None and not any(charge.is_live for charge in await tx.charges.of_invoice(invoice.id)):
            await dunning.try_now(tx, invoice, now=now)

    async def bill(
        self,
        tx: Transaction,
        subscription: Subscription,
        reason: InvoiceReason,
        lines: Sequence[InvoiceLine],
        method: PaymentMethod | None,
        *,
        period_start: datetime | None,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> tuple[Invoice, Subscription, tuple[Operation, ...]]:
        """Open an invoice of a subscription that is kept, with what waits for it, and begin to charge it as a renewal
        is; `method` is what `payer` has given. The subscription is as that leaves it, and still to be kept where it
        differs."""
        draft = draft_of(subscription, reason, tuple(lines), period_start=period_start, now=now)
        account = method.account if method else None
        invoice = await self._invoicing.open(tx, draft, account=account, actor=actor, now=now, told=told)
        stepped = await self._collecting.collect(tx, subscription, invoice, method, actor=actor, now=now, told=told)
        return invoice, stepped.subscription, stepped.operations
