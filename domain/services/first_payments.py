"""The first payment of a subscription, which says with what the others are made."""

from dataclasses import replace

from domain.invoices import Invoice
from domain.payment_methods import PaymentMethodState
from domain.services.locking import there
from domain.store import Transaction
from domain.subscriptions import Subscription


async def with_its_card(tx: Transaction, subscription: Subscription, invoice: Invoice) -> Subscription:
    """The card that has paid its first invoice pays its renewals too: a new one, or one that came after a decline.

    The customer's default stays what it was and is not named: should they choose another, renewals follow.
    """
    customer = there(await tx.customers.get(subscription.customer_id), subscription.customer_id)
    paid = [charge for charge in await tx.charges.of_invoice(invoice.id) if charge.captured.is_positive]
    method = await tx.payment_methods.get(paid[-1].payment_method_id) if paid else None
    meant = subscription.payment_method_id or customer.default_payment_method_id
    if method is None or method.state is not PaymentMethodState.ACTIVE or method.id == meant:
        return subscription
    return replace(subscription, payment_method_id=method.id)
