"""Invoices of customers who have a card, opened as a service will: numbered, in one transaction."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.charges import Charge
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceLine, InvoiceReason, LineKind, opened
from domain.issuers import DEFAULT_ISSUER_ID
from domain.money import Money
from domain.products import Interval, IntervalUnit, Price, Product
from domain.provider import Initiator
from domain.services.charges import Charged, ChargeInvoice
from domain.services.locking import there
from domain.subscriptions import BilledPeriod, Subscription, SubscriptionItem, SubscriptionState
from persistence.store import TortoiseStore
from tests.services.shop import SHOP, Shop, usd


async def an_invoice(
    shop: Shop,
    amount: int = 20_00,
    *,
    token: str = "tok_visa",
    customer_id: str | None = None,
    subscription: Subscription | None = None,
    reason: InvoiceReason = InvoiceReason.ONE_OFF,
) -> Invoice:
    """An open one; without a customer or a subscription, of a new customer with this card."""
    if subscription is not None:
        customer_id = subscription.customer_id
    elif customer_id is None:
        customer_id = await shop.customer()
        await shop.card(customer_id, token)
    now, nothing = shop.clock.now(), Money.zero("USD")
    line = InvoiceLine(id=new_id(IdPrefix.INVOICE_LINE), kind=LineKind.ONE_OFF, name="Tea", amount=usd(amount))
    draft = Invoice(
        id=new_id(IdPrefix.INVOICE),
        issuer_id=DEFAULT_ISSUER_ID,
        customer_id=customer_id,
        subscription_id=subscription.id if subscription else None,
        period_start=subscription.period.start if subscription and subscription.period else None,
        reason=reason,
        currency="USD",
        lines=(line,),
        due=nothing,
        balance_applied=nothing,
        livemode=False,
        created_at=now,
        updated_at=now,
    )
    async with shop.store.transaction() as tx:
        issuer = there(await tx.issuers.get_for_update(DEFAULT_ISSUER_ID), DEFAULT_ISSUER_ID)
        issuer, number = issuer.invoice_numbered(now=now)
        opening = opened(draft.total, balance=nothing, least=nothing)
        invoice = draft.opened(opening, number, issued_by=issuer.party, issued_to=issuer.party, now=now)
        await tx.invoices.insert(invoice)
        await tx.issuers.save(issuer)
    return invoice


async def a_subscription(
    shop: Shop,
    state: SubscriptionState = SubscriptionState.ACTIVE,
    *,
    token: str = "tok_visa",
    customer_id: str | None = None,
) -> Subscription:
    """Of a new customer with this card, in its first period, which was made."""
    if customer_id is None:
        customer_id = await shop.customer()
        await shop.card(customer_id, token)
    now = shop.clock.now()
    product = Product(id=new_id(IdPrefix.PRODUCT), name="Plan", created_at=now, updated_at=now)
    price = Price(
        id=new_id(IdPrefix.PRICE),
        product_id=product.id,
        nickname=None,
        unit_amount=usd(20_00),
        interval=Interval(IntervalUnit.MONTH, 1),
        created_at=now,
    )
    subscription = Subscription(
        id=new_id(IdPrefix.SUBSCRIPTION),
        customer_id=customer_id,
        issuer_id=DEFAULT_ISSUER_ID,
        state=state,
        currency="USD",
        interval=Interval(IntervalUnit.MONTH, 1),
        starts_at=now,
        periods_from=now,
        items=(SubscriptionItem(id=new_id(IdPrefix.SUBSCRIPTION_ITEM), price_id=price.id, quantity=1),),
        incomplete_expires_at=now + timedelta(hours=23) if state is SubscriptionState.INCOMPLETE else None,
        livemode=False,
        created_at=now,
        updated_at=now,
    )
    period = subscription.schedule.first()
    subscription = replace(subscription, period=period)
    async with shop.store.transaction() as tx:
        await tx.products.insert(product)
        await tx.prices.insert(price)
        await tx.subscriptions.insert(subscription)
        await tx.subscriptions.insert_period(
            BilledPeriod(subscription_id=subscription.id, period=period, rates={}, currency="USD")
        )
    return subscription


async def pay(
    shop: Shop,
    invoice: Invoice,
    key: str | None = None,
    *,
    payment_method_id: str | None = None,
    initiator: Initiator = Initiator.CUSTOMER,
) -> Charged:
    return await shop.charges.charge_invoice(
        SHOP,
        ChargeInvoice(
            invoice_id=invoice.id,
            payment_method_id=payment_method_id,
            initiator=initiator,
            return_url=None,
            request=shop.request("invoicePay", key or new_id(IdPrefix.EVENT), {"invoice": invoice.id}),
        ),
    )


async def paid(shop: Shop, invoice: Invoice, key: str | None = None) -> Charge:
    charged = await pay(shop, invoice, key)
    assert charged.charge_id is not None
    return await shop.charge(charged.charge_id)


async def charges_of(shop: Shop, invoice: Invoice) -> list[Charge]:
    async with TortoiseStore(shop.database).reading() as tx:
        return list(await tx.charges.of_invoice(invoice.id))


async def as_it_is(shop: Shop, invoice: Invoice) -> Invoice:
    async with TortoiseStore(shop.database).reading() as tx:
        return there(await tx.invoices.get(invoice.id), invoice.id)


async def subscription_now(shop: Shop, subscription: Subscription) -> Subscription:
    async with TortoiseStore(shop.database).reading() as tx:
        return there(await tx.subscriptions.get(subscription.id), subscription.id)


async def change(shop: Shop, invoice: Invoice, changed: Invoice) -> Invoice:
    async with shop.store.transaction() as tx:
        await tx.invoices.get_for_update(invoice.id)
        return await tx.invoices.save(changed)


def later(moment: datetime, **by: float) -> datetime:
    return moment + timedelta(**by)
