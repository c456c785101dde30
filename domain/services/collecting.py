"""Collecting: what a subscription owes is charged by itself, while its customer is away.

One charge at a time and the oldest invoice first, so that no two of them stand in each other's way at the bank. The
charge is written down in the transaction of whoever calls, with the invoice where that is made there, and is sent after
its commit; if it is not, the job of its operation does that.
"""

from datetime import datetime

from domain.declines import DeclineCode
from domain.errors import (
    AccountNotConfigured,
    DiscrepancyOpen,
    PaymentMethodForbidden,
    ProviderUnavailable,
    TooManyDeclines,
    UnsupportedByProvider,
)
from domain.invoices import Invoice, InvoiceState
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.provider import CaptureMode, Initiator
from domain.services import dunning
from domain.services.charges import ChargeService, Terms
from domain.services.discrepancies import check_may_charge
from domain.services.locking import there
from domain.services.steps import Stepped
from domain.store import Transaction
from domain.subscriptions import Subscription

_RECURRING = Terms(initiator=Initiator.RECURRING, capture=CaptureMode.AUTOMATIC)


class Collecting:
    def __init__(self, *, charges: ChargeService) -> None:
        self._charges = charges

    async def method_of(self, tx: Transaction, subscription: Subscription) -> PaymentMethod | None:
        """The card that a subscription is charged with, locked: its own, else the default of its customer.

        None where there is none that can be charged. Before an invoice is opened, for it comes first in the order of
        locks.
        """
        if own := subscription.payment_method_id:
            method = there(await tx.payment_methods.get_for_update(own), own)
            if method.state is PaymentMethodState.ACTIVE:
                return method
        customer = there(await tx.customers.get(subscription.customer_id), subscription.customer_id)
        default = customer.default_payment_method_id
        if default is None or default == own:
            return None
        method = there(await tx.payment_methods.get_for_update(default), default)
        return method if method.state is PaymentMethodState.ACTIVE else None

    async def owed(self, tx: Transaction, subscription: Subscription) -> Invoice | None:
        """The oldest invoice that waits for money; not that of a change which is only made when it is paid."""
        opened = await tx.invoices.open_of_subscription(subscription.id)
        return next((each for each in opened if not subscription.is_update(each.id)), None)

    async def collect(
        self,
        tx: Transaction,
        subscription: Subscription,
        invoice: Invoice,
        method: PaymentMethod | None,
        *,
        is_new: bool = False,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> Stepped:
        """Begin to charge an invoice of a locked subscription with what `method_of` has given, where it is its turn.

        `is_new`: it was opened in this transaction, and nothing was owed before.
        The subscription is PAST_DUE after it where there is no card, or none that may be charged. `now` is the
        customer's time, `told` the real one.
        """
        unchanged = Stepped(subscription=subscription)
        if invoice.state is not InvoiceState.OPEN:
            return unchanged
        if not is_new:
            oldest = await self.owed(tx, subscription)
            if oldest is None or oldest.id != invoice.id:
                return unchanged
            if any(charge.is_live for charge in await tx.charges.of_invoice(invoice.id)):
                return unchanged
        if method is None:
            return await self._not_paid(tx, subscription, invoice, None, actor=actor, now=now, told=told)
        try:
            await check_may_charge(tx, invoice.id)
            _, operation = await self._charges.begin_invoice(
                tx, invoice, method, _RECURRING, is_new=is_new, actor=actor, now=told
            )
        except (PaymentMethodForbidden, TooManyDeclines) as refused:
            code = _AS_IF_DECLINED[type(refused)]
            return await self._not_paid(tx, subscription, invoice, code, actor=actor, now=now, told=told)
        except (AccountNotConfigured, DiscrepancyOpen, ProviderUnavailable, UnsupportedByProvider) as refused:
            # No fault of the customer, and no bank was asked: it is for a provider to come back, or for us to mend.
            seconds = refused.retry_after_seconds or 0
            await dunning.put_off(tx, invoice, at_least_seconds=seconds, now=now, told=told)
            return unchanged
        await dunning.try_at(tx, invoice, None, now=now)
        return Stepped(subscription=subscription.tried(now=now), operations=(operation,))

    async def _not_paid(
        self,
        tx: Transaction,
        subscription: Subscription,
        invoice: Invoice,
        code: DeclineCode | None,
        *,
        actor: str,
        now: datetime,
        told: datetime,
    ) -> Stepped:
        tried = code is not None
        after = await dunning.go_on(tx, subscription, invoice, code, tried=tried, actor=actor, now=now, told=told)
        return Stepped(subscription=after)


_AS_IF_DECLINED: dict[type[Exception], DeclineCode] = {
    PaymentMethodForbidden: DeclineCode.DO_NOT_RETRY,
    # Asking the bank once more is what it costs money for; the next retry of the schedule may be allowed again.
    TooManyDeclines: DeclineCode.GENERIC_DECLINE,
}
"""What its bank has said before of a card that may not be tried now."""
