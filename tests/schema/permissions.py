"""Who may do what: one row for each root field, compared with the gateway and printed into the docs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.fake.customers import finish_confirmation
from domain.clock import SystemClock
from domain.issuers import DEFAULT_ISSUER_ID
from domain.principals import Permission
from tests.deliveries import deliver, event
from tests.keys import make_key
from tests.schema.decided import a_dispute, open_review, untraced_charge, untraced_refund
from tests.schema.gateway import CHALLENGED, Json, Shop, by_hand, money, new_key
from tests.schema.invoiced import an_invoice

YES, OWN, DENIED, MISSING, EMPTY, SIGN_IN = "yes", "own", "denied", "missing", "empty", "sign in"

WHO = (
    "anonymous",
    "anonymous, public catalogue",
    "customer, own record",
    "another customer",
    "customer without a record",
    "support",
    "finance",
    "admin",
    "server, all scopes",
)

P = Permission

START, LATER = "2027-01-31T10:00:00Z", "2028-01-31T10:00:00Z"


@dataclass(slots=True)
class World:
    """Ada, to whom the records belong; Grace, who has her own; and a catalogue."""

    shop: Shop
    ada: str
    grace: str
    product: str
    price: str

    async def order(self) -> str:
        return await self.shop.order(self.ada)

    async def plan(self) -> str:
        """A recurring price."""
        sent = {"productId": self.product, "amount": money(20_00), "interval": {"unit": "MONTH"}}
        return str((await self.shop.do("priceCreate", sent))["id"])

    async def subscription(self, customer_id: str | None = None) -> str:
        items = [{"priceId": await self.plan()}]
        sent = {"customerId": customer_id or self.ada, "items": items, "idempotencyKey": new_key()}
        return str((await self.shop.do("subscriptionCreate", sent))["id"])

    async def invoice(self) -> str:
        return (await an_invoice(self.shop, self.ada)).id

    async def credit_note(self) -> str:
        note = {"invoiceId": await self.invoice(), "amount": money(1), "idempotencyKey": new_key()}
        return str((await self.shop.do("creditNoteCreate", note, "creditNote { id }"))["id"])

    async def draft(self) -> str:
        sent = {"customerId": self.ada, "lines": [{"priceId": self.price}]}
        return str((await self.shop.do("invoiceCreate", sent, "invoice { id }"))["id"])

    async def invoice_line(self) -> Json:
        sent = {"customerId": self.ada, "lines": [{"priceId": self.price}]}
        made = await self.shop.do("invoiceCreate", sent, "invoice { id lines { id } }")
        return {"invoiceId": made["id"], "lineId": made["lines"][0]["id"]}

    async def invoice_item(self) -> Json:
        sent = {"customerId": self.ada, "priceId": self.price}
        made = await self.shop.do("invoiceItemCreate", sent, "invoiceItem { id }")
        return {"invoiceItemId": made["id"]}

    async def line(self) -> Json:
        order_id = await self.order()
        query = "query($id: ID!) { order(id: $id) { lines { id } } }"
        data = await self.shop.execute(query, {"id": order_id})
        return {"orderId": order_id, "lineId": data["order"]["lines"][0]["id"]}

    async def card(self) -> str:
        return await self.shop.card(self.ada)

    async def charge(self) -> str:
        return (await self.shop.paid(self.ada))[1]

    async def empty(self) -> str:
        """A customer who has nothing open."""
        return await self.shop.customer()

    async def api_key(self) -> str:
        return (await make_key(self.shop.running.api_keys, "till", frozenset({P.KEYS_WRITE})))[0].id

    async def delivery(self) -> str:
        """A webhook that has come in, and that no worker has applied."""
        running = self.shop.running
        assert running.bank
        body = event(key=new_key())
        assert await deliver(running.webhooks, running.bank, body, moment=SystemClock().now(), account="fake")
        data = await self.shop.execute("{ webhookDeliveries(first: 1) { nodes { id } } }")
        return str(data["webhookDeliveries"]["nodes"][0]["id"])

    async def job(self) -> str:
        query = "query($id: ID!) { jobs(filter: { subjectId: $id }) { nodes { id } } }"
        data = await self.shop.execute(query, {"id": await self.delivery()})
        return str(data["jobs"]["nodes"][0]["id"])

    async def waiting(self) -> str:
        card = await self.shop.card(self.ada, CHALLENGED)
        charge = await self.shop.charge(await self.order(), paymentMethodId=card)
        assert charge["state"] == "REQUIRES_ACTION"
        return str(charge["id"])

    async def confirmed_card(self) -> str:
        """Its owner has confirmed it at the bank, and nobody here has heard of that."""
        running = self.shop.running
        assert running.bank
        card = {"customerId": self.ada, "token": "tok_threeDSecureWhenStored"}
        waiting = await self.shop.do(
            "paymentMethodAttach", card, "paymentMethod { id nextAction { ... on RedirectAction { url } } }"
        )
        challenge = waiting["nextAction"]["url"].rpartition("/")[2]
        await running.bank.run(lambda books: finish_confirmation(books, challenge, confirmed=True))
        return str(waiting["id"])

    async def held(self) -> str:
        charge = await self.shop.charge(await self.order(), capture="MANUAL")
        assert charge["state"] == "AUTHORIZED"
        return str(charge["id"])

    async def discrepancy(self) -> str:
        """Money at the provider that is none of ours."""
        return await self.shop.discrepancy(subject=new_key())

    async def some_discrepancy(self) -> Json:
        await self.discrepancy()
        return {}

    async def clock(self) -> str:
        return await self.shop.test_clock(START)

    async def some_clock(self) -> Json:
        await self.clock()
        return {}

    async def refund(self) -> str:
        return await self.shop.refund(await self.charge(), 1)

    async def dispute(self) -> str:
        return await a_dispute(self.shop, await self.charge())

    async def some_dispute(self) -> Json:
        await self.dispute()
        return {}

    async def reviewed(self) -> str:
        charge_id = await self.charge()
        await open_review(self.shop, charge_id)
        return charge_id

    async def untraced(self) -> str:
        return await untraced_charge(self.shop, await self.order())

    async def untraced_refund(self) -> str:
        return await untraced_refund(self.shop, await self.charge())


async def new_world(shop: Shop) -> World:
    product = await shop.product()
    return World(
        shop=shop,
        ada=await shop.buyer(externalId="ada"),
        grace=await shop.buyer(externalId="grace"),
        product=product,
        price=await shop.price(product_id=product),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """What each of WHO gets, and the scopes that a server's key needs; `arguments` are for a record of Ada's."""

    needs: tuple[Permission, ...]
    outcomes: tuple[str, ...]
    arguments: Callable[[World], Awaitable[Json]]
    note: str = ""


async def _nothing(_: World) -> Json:
    return {}


def _with(**fields: Any) -> Callable[[World], Awaitable[Json]]:
    """Fields of the input: values, or what a method of the world makes."""

    async def arguments(world: World) -> Json:
        made: Json = {}
        for name, value in fields.items():
            if name == "_":
                made |= await value(world)
            elif callable(value):
                made[name] = await value(world)
            else:
                made[name] = value
        return made

    return arguments


async def _issuer(_: World) -> str:
    return DEFAULT_ISSUER_ID


async def _ada(world: World) -> str:
    return world.ada


async def _grace(world: World) -> str:
    return world.grace


async def _price(world: World) -> str:
    return world.price


async def _product(world: World) -> str:
    return world.product


async def _key(_: World) -> str:
    return new_key()


async def _line_of_price(world: World) -> list[Json]:
    return [{"priceId": world.price}]


async def _changing(world: World) -> Json:
    """One more of what a subscription is for."""
    subscription_id = await world.subscription()
    query = "query($id: ID!) { subscription(id: $id) { items { id } } }"
    (item,) = (await world.shop.execute(query, {"id": subscription_id}))["subscription"]["items"]
    return {"subscriptionId": subscription_id, "items": [{"subscriptionItemId": item["id"], "quantity": 2}]}


async def _paused(world: World) -> str:
    sent = {"subscriptionId": await world.subscription(), "behavior": "CREDIT"}
    return str((await world.shop.do("subscriptionPause", sent))["id"])


async def _ending(world: World) -> str:
    sent = {"subscriptionId": await world.subscription(), "idempotencyKey": new_key()}
    return str((await world.shop.do("subscriptionCancel", sent))["id"])


async def _to_pause(world: World) -> str:
    sent = {"subscriptionId": await world.subscription(), "behavior": "PERIOD_END"}
    return str((await world.shop.do("subscriptionPause", sent))["id"])


async def _items_of_plan(world: World) -> list[Json]:
    return [{"priceId": await world.plan()}]


async def _wish(world: World) -> Json:
    return {"customerId": world.ada, "items": await _items_of_plan(world)}


# --- the table --------------------------------------------------------------------------------------------------------

_CATALOGUE = (SIGN_IN, YES, YES, YES, YES, YES, YES, YES, YES)
_UPKEEP = (SIGN_IN, SIGN_IN, *[DENIED] * 4, YES, YES, YES)
_ONE = (SIGN_IN, SIGN_IN, YES, MISSING, MISSING, YES, YES, YES, YES)
_MANY = (SIGN_IN, SIGN_IN, OWN, OWN, EMPTY, YES, YES, YES, YES)

QUERIES: Mapping[str, Row] = {
    "node": Row((P.RECORDS_READ,), _ONE, _with(id=World.order), "products and prices as `product`"),
    "nodes": Row((P.RECORDS_READ,), _ONE, _with(ids=lambda w: _list(w.order())), "products and prices as `product`"),
    "me": Row((), (MISSING, MISSING, YES, YES, *[MISSING] * 5), _nothing, "the customer of the token"),
    "customer": Row((P.RECORDS_READ,), _ONE, _with(id=_ada)),
    "customers": Row((P.RECORDS_READ,), _MANY, _nothing),
    "product": Row((P.CATALOGUE_READ,), _CATALOGUE, _with(id=_product)),
    "products": Row((P.CATALOGUE_READ,), _CATALOGUE, _nothing),
    "price": Row((P.CATALOGUE_READ,), _CATALOGUE, _with(id=_price)),
    "order": Row((P.RECORDS_READ,), _ONE, _with(id=World.order)),
    "orders": Row((P.RECORDS_READ,), _MANY, _nothing),
    "subscription": Row((P.RECORDS_READ,), _ONE, _with(id=World.subscription)),
    "subscriptions": Row((P.RECORDS_READ,), _MANY, _nothing),
    "subscriptionPreview": Row(
        (P.SUBSCRIPTIONS_WRITE,), (SIGN_IN, SIGN_IN, YES, MISSING, MISSING, YES, YES, YES, YES), _with(input=_wish)
    ),
    "subscriptionChangePreview": Row(
        (P.SUBSCRIPTIONS_WRITE,), (SIGN_IN, SIGN_IN, YES, MISSING, MISSING, YES, YES, YES, YES), _with(input=_changing)
    ),
    "invoice": Row((P.RECORDS_READ,), _ONE, _with(id=World.invoice)),
    "invoices": Row((P.RECORDS_READ,), _MANY, _nothing),
    "invoicePreview": Row((P.INVOICES_WRITE,), _UPKEEP, _with(id=World.draft)),
    "creditNote": Row((P.RECORDS_READ,), _ONE, _with(id=World.credit_note)),
    "issuer": Row((P.RECORDS_READ,), (SIGN_IN, SIGN_IN, *[MISSING] * 3, YES, YES, YES, YES), _nothing),
    "charge": Row((P.RECORDS_READ,), _ONE, _with(id=World.charge)),
    "charges": Row((P.RECORDS_READ,), _MANY, _nothing),
    "refund": Row((P.RECORDS_READ,), _ONE, _with(id=World.refund)),
    "refunds": Row((P.RECORDS_READ,), _MANY, _nothing),
    "dispute": Row((P.RECORDS_READ,), (SIGN_IN, SIGN_IN, *[MISSING] * 3, YES, YES, YES, YES), _with(id=World.dispute)),
    "disputes": Row(
        (P.RECORDS_READ,), (SIGN_IN, SIGN_IN, *[EMPTY] * 3, YES, YES, YES, YES), _with(_=World.some_dispute)
    ),
    "apiKeys": Row((P.KEYS_READ,), (SIGN_IN, SIGN_IN, *[DENIED] * 5, YES, YES), _nothing),
    "auditEntries": Row((P.AUDIT_READ,), (SIGN_IN, SIGN_IN, *[DENIED] * 5, YES, YES), _nothing),
    "webhookDeliveries": Row((P.UPKEEP_READ,), (SIGN_IN, SIGN_IN, *[DENIED] * 4, YES, YES, YES), _nothing),
    "jobs": Row((P.UPKEEP_READ,), (SIGN_IN, SIGN_IN, *[DENIED] * 4, YES, YES, YES), _nothing),
    "ledgerCheck": Row((P.UPKEEP_READ,), (SIGN_IN, SIGN_IN, *[DENIED] * 4, YES, YES, YES), _nothing),
    "providerHealth": Row((P.UPKEEP_READ,), _UPKEEP, _nothing),
    "discrepancies": Row((P.UPKEEP_READ,), _UPKEEP, _with(_=World.some_discrepancy)),
    "reconciliation": Row((P.UPKEEP_READ,), _UPKEEP, _nothing),
    "testClock": Row((P.RECORDS_READ,), (SIGN_IN, SIGN_IN, *[MISSING] * 3, YES, YES, YES, YES), _with(id=World.clock)),
    "testClocks": Row(
        (P.RECORDS_READ,), (SIGN_IN, SIGN_IN, *[EMPTY] * 3, YES, YES, YES, YES), _with(_=World.some_clock)
    ),
    "paymentProvider": Row((P.CATALOGUE_READ,), _CATALOGUE, _nothing, "name and capabilities"),
}

SUBSCRIPTIONS: Mapping[str, Row] = {
    "orderUpdated": Row((P.RECORDS_READ,), _ONE, _with(id=World.order)),
    "subscriptionUpdated": Row((P.RECORDS_READ,), _ONE, _with(id=World.subscription)),
    "invoiceUpdated": Row((P.RECORDS_READ,), _ONE, _with(id=World.invoice)),
    "chargeUpdated": Row((P.RECORDS_READ,), _ONE, _with(id=World.charge)),
    "events": Row((P.RECORDS_READ,), _MANY, _nothing),
}

_TRUSTED = (SIGN_IN, SIGN_IN, DENIED, DENIED, DENIED)
_CUSTOMERS = (SIGN_IN, SIGN_IN, YES, MISSING, MISSING)
_NO_AMOUNTS = (SIGN_IN, SIGN_IN, DENIED, MISSING, MISSING)

MUTATIONS: Mapping[str, Row] = {
    "customerCreate": Row((P.CUSTOMERS_WRITE,), (*_TRUSTED, YES, DENIED, YES, YES), _nothing),
    "customerUpdate": Row((P.CUSTOMERS_WRITE,), (*_TRUSTED, YES, DENIED, YES, YES), _with(customerId=_ada, name=_key)),
    "customerUpdate, externalId": Row(
        (P.CUSTOMERS_WRITE, P.IDENTITIES_WRITE),
        (*_TRUSTED, DENIED, DENIED, YES, YES),
        _with(customerId=_grace, externalId=_key),
    ),
    "customerCreate, externalId": Row(
        (P.CUSTOMERS_WRITE, P.IDENTITIES_WRITE), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(externalId=_key)
    ),
    "customerCreate, testClockId": Row(
        (P.CUSTOMERS_WRITE, P.TEST_CLOCKS_WRITE), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(testClockId=World.clock)
    ),
    "testClockCreate": Row((P.TEST_CLOCKS_WRITE,), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(now=LATER)),
    "testClockAdvance": Row(
        (P.TEST_CLOCKS_WRITE,), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(testClockId=World.clock, to=LATER)
    ),
    "customerRedact": Row((P.CUSTOMERS_REDACT,), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(customerId=World.empty)),
    "customerCreateWithPaymentMethod": Row(
        (P.CUSTOMERS_WRITE, P.PAYMENT_METHODS_WRITE), (*_TRUSTED, YES, DENIED, YES, YES), _with(token="tok_visa")
    ),
    "clientSessionCreate": Row(
        (P.PAYMENT_METHODS_WRITE,), (*_CUSTOMERS, YES, DENIED, YES, YES), _with(customerId=_ada)
    ),
    "paymentMethodAttach": Row(
        (P.PAYMENT_METHODS_WRITE,), (*_CUSTOMERS, YES, DENIED, YES, YES), _with(customerId=_ada, token="tok_visa")
    ),
    "paymentMethodContinue": Row(
        (P.PAYMENT_METHODS_WRITE,), (*_CUSTOMERS, YES, DENIED, YES, YES), _with(paymentMethodId=World.confirmed_card)
    ),
    "paymentMethodDetach": Row(
        (P.PAYMENT_METHODS_WRITE,), (*_CUSTOMERS, YES, DENIED, YES, YES), _with(paymentMethodId=World.card)
    ),
    "paymentMethodSetDefault": Row(
        (P.PAYMENT_METHODS_WRITE,), (*_CUSTOMERS, YES, DENIED, YES, YES), _with(paymentMethodId=World.card)
    ),
    "productCreate": Row((P.CATALOGUE_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(name="Tea")),
    "productUpdate": Row(
        (P.CATALOGUE_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(productId=_product, name=_key)
    ),
    "productArchive": Row((P.CATALOGUE_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(productId=_product)),
    "priceCreate": Row(
        (P.CATALOGUE_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(productId=_product, amount=money(1))
    ),
    "priceArchive": Row((P.CATALOGUE_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(priceId=_price)),
    "orderCreate": Row(
        (P.ORDERS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(customerId=_ada, lines=_line_of_price)
    ),
    "orderCreate, line by hand": Row(
        (P.ORDERS_WRITE, P.ORDERS_BY_HAND),
        (*_NO_AMOUNTS, DENIED, YES, YES, YES),
        _with(customerId=_ada, lines=[by_hand(1)]),
    ),
    "orderCreate, externalId": Row(
        (P.ORDERS_WRITE, P.ORDERS_BY_HAND),
        (*_NO_AMOUNTS, DENIED, YES, YES, YES),
        _with(customerId=_ada, lines=_line_of_price, externalId=_key),
    ),
    "orderCreate, metadata": Row(
        (P.ORDERS_WRITE, P.ORDERS_BY_HAND),
        (*_NO_AMOUNTS, DENIED, YES, YES, YES),
        _with(customerId=_ada, lines=_line_of_price, metadata={"channel": "web"}),
    ),
    "subscriptionCreate": Row(
        (P.SUBSCRIPTIONS_WRITE, P.CHARGES_WRITE),
        (*_CUSTOMERS, DENIED, YES, YES, YES),
        _with(customerId=_ada, items=_items_of_plan, idempotencyKey=_key),
    ),
    "subscriptionCreate, new card": Row(
        (P.SUBSCRIPTIONS_WRITE, P.CHARGES_WRITE, P.PAYMENT_METHODS_WRITE),
        (*_CUSTOMERS, DENIED, DENIED, YES, YES),
        _with(customerId=_ada, items=_items_of_plan, newCard={"token": "tok_mastercard"}, idempotencyKey=_key),
    ),
    "subscriptionCreate, trial by hand": Row(
        (P.SUBSCRIPTIONS_WRITE, P.CHARGES_WRITE, P.SUBSCRIPTIONS_BY_HAND),
        (*_NO_AMOUNTS, DENIED, YES, YES, YES),
        _with(customerId=_ada, items=_items_of_plan, trialDays=7, idempotencyKey=_key),
    ),
    "subscriptionCreate, customer away": Row(
        (P.SUBSCRIPTIONS_WRITE, P.CHARGES_WRITE, P.SUBSCRIPTIONS_BY_HAND, P.CHARGES_OFF_SESSION),
        (*_TRUSTED, DENIED, DENIED, YES, YES),
        _with(customerId=_ada, items=_items_of_plan, initiator="RECURRING", idempotencyKey=_key),
    ),
    "subscriptionChange": Row(
        (P.SUBSCRIPTIONS_WRITE, P.CHARGES_WRITE),
        (*_CUSTOMERS, DENIED, YES, YES, YES),
        _with(_=_changing, idempotencyKey=_key),
    ),
    "subscriptionChange, at period end": Row(
        (P.SUBSCRIPTIONS_WRITE,),
        (*_CUSTOMERS, YES, YES, YES, YES),
        _with(_=_changing, when="PERIOD_END", idempotencyKey=_key),
    ),
    "subscriptionChange, not paid first": Row(
        (P.SUBSCRIPTIONS_WRITE, P.SUBSCRIPTIONS_BY_HAND),
        (*_TRUSTED, YES, YES, YES, YES),
        _with(_=_changing, policy="APPLY_NOW", idempotencyKey=_key),
    ),
    "subscriptionChange, prorated by hand": Row(
        (P.SUBSCRIPTIONS_WRITE, P.SUBSCRIPTIONS_BY_HAND, P.CHARGES_WRITE),
        (*_TRUSTED, DENIED, YES, YES, YES),
        _with(_=_changing, proration="CREATE", idempotencyKey=_key),
    ),
    "subscriptionCancel": Row(
        (P.SUBSCRIPTIONS_WRITE,),
        (*_CUSTOMERS, YES, YES, YES, YES),
        _with(subscriptionId=World.subscription, idempotencyKey=_key),
    ),
    "subscriptionCancel, now": Row(
        (P.SUBSCRIPTIONS_WRITE, P.SUBSCRIPTIONS_BY_HAND),
        (*_TRUSTED, YES, YES, YES, YES),
        _with(subscriptionId=World.subscription, when="NOW", credit=True, idempotencyKey=_key),
    ),
    "subscriptionPause": Row(
        (P.SUBSCRIPTIONS_WRITE, P.SUBSCRIPTIONS_BY_HAND),
        (*_TRUSTED, YES, YES, YES, YES),
        _with(subscriptionId=World.subscription, behavior="CREDIT"),
    ),
    "subscriptionResume": Row(
        (P.SUBSCRIPTIONS_WRITE, P.SUBSCRIPTIONS_BY_HAND),
        (*_TRUSTED, YES, YES, YES, YES),
        _with(subscriptionId=_paused, idempotencyKey=_key),
    ),
    "subscriptionUndo": Row(
        (P.SUBSCRIPTIONS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(subscriptionId=_ending, what="CANCELLATION")
    ),
    "subscriptionUndo, a pause": Row(
        (P.SUBSCRIPTIONS_WRITE, P.SUBSCRIPTIONS_BY_HAND),
        (*_TRUSTED, YES, YES, YES, YES),
        _with(subscriptionId=_to_pause, what="PAUSE"),
    ),
    "subscriptionSetPaymentMethod": Row(
        (P.SUBSCRIPTIONS_WRITE,),
        (*_CUSTOMERS, YES, YES, YES, YES),
        _with(subscriptionId=World.subscription, paymentMethodId=World.card),
    ),
    "orderAddLine": Row(
        (P.ORDERS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(orderId=World.order, priceId=_price)
    ),
    "orderAddLine, line by hand": Row(
        (P.ORDERS_WRITE, P.ORDERS_BY_HAND),
        (*_NO_AMOUNTS, DENIED, YES, YES, YES),
        _with(orderId=World.order, name="Tea", unitAmount=money(1)),
    ),
    "orderUpdateLine": Row((P.ORDERS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(_=World.line, quantity=2)),
    "orderRemoveLine": Row((P.ORDERS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(_=World.line)),
    "orderPlace": Row((P.ORDERS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(orderId=World.order)),
    "orderCancel": Row((P.ORDERS_WRITE,), (*_CUSTOMERS, YES, YES, YES, YES), _with(orderId=World.order)),
    "orderCharge": Row(
        (P.CHARGES_WRITE,), (*_CUSTOMERS, DENIED, YES, YES, YES), _with(orderId=World.order, idempotencyKey=_key)
    ),
    "orderCharge, new card": Row(
        (P.CHARGES_WRITE, P.PAYMENT_METHODS_WRITE),
        (*_CUSTOMERS, DENIED, DENIED, YES, YES),
        _with(orderId=World.order, newCard={"token": "tok_visa", "store": True}, idempotencyKey=_key),
    ),
    "orderCharge, customer away": Row(
        (P.CHARGES_WRITE, P.CHARGES_OFF_SESSION),
        (*_TRUSTED, DENIED, DENIED, YES, YES),
        _with(orderId=World.order, initiator="RECURRING", idempotencyKey=_key),
    ),
    "invoiceCreate": Row(
        (P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(customerId=_ada, lines=_line_of_price)
    ),
    "invoiceAddLine": Row(
        (P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(invoiceId=World.draft, priceId=_price)
    ),
    "invoiceUpdateLine": Row(
        (P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(_=World.invoice_line, quantity=2)
    ),
    "invoiceRemoveLine": Row((P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(_=World.invoice_line)),
    "invoiceDiscard": Row((P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(invoiceId=World.draft)),
    "invoiceFinalize": Row(
        (P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(invoiceId=World.draft, idempotencyKey=_key)
    ),
    "invoiceFinalize, charged": Row(
        (P.INVOICES_WRITE, P.CHARGES_WRITE, P.CHARGES_OFF_SESSION),
        (*_TRUSTED, DENIED, DENIED, YES, YES),
        _with(invoiceId=World.draft, charge=True, idempotencyKey=_key),
    ),
    "invoicePay": Row(
        (P.CHARGES_WRITE,), (*_CUSTOMERS, DENIED, YES, YES, YES), _with(invoiceId=World.invoice, idempotencyKey=_key)
    ),
    "invoicePay, new card": Row(
        (P.CHARGES_WRITE, P.PAYMENT_METHODS_WRITE),
        (*_CUSTOMERS, DENIED, DENIED, YES, YES),
        _with(invoiceId=World.invoice, newCard={"token": "tok_visa", "store": True}, idempotencyKey=_key),
    ),
    "invoicePay, customer away": Row(
        (P.CHARGES_WRITE, P.CHARGES_OFF_SESSION),
        (*_TRUSTED, DENIED, DENIED, YES, YES),
        _with(invoiceId=World.invoice, initiator="UNSCHEDULED", idempotencyKey=_key),
    ),
    "invoiceVoid": Row((P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(invoiceId=World.invoice)),
    "invoiceMarkUncollectible": Row(
        (P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(invoiceId=World.invoice)
    ),
    "invoiceItemCreate": Row(
        (P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(customerId=_ada, priceId=_price)
    ),
    "invoiceItemRemove": Row((P.INVOICES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(_=World.invoice_item)),
    "chargeContinue": Row(
        (P.CHARGES_WRITE,), (*_CUSTOMERS, DENIED, YES, YES, YES), _with(chargeId=World.waiting, idempotencyKey=_key)
    ),
    "chargeCapture": Row(
        (P.CAPTURES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(chargeId=World.held, idempotencyKey=_key)
    ),
    "chargeVoid": Row(
        (P.CAPTURES_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(chargeId=World.held, idempotencyKey=_key)
    ),
    "chargeRefund": Row(
        (P.REFUNDS_WRITE,), (*_TRUSTED, YES, YES, YES, YES), _with(chargeId=World.charge, idempotencyKey=_key)
    ),
    "creditNoteCreate": Row(
        (P.INVOICES_WRITE,),
        (*_TRUSTED, DENIED, YES, YES, YES),
        _with(invoiceId=World.invoice, amount=money(1), idempotencyKey=_key),
    ),
    "customerBalanceGrant": Row(
        (P.BALANCES_WRITE,),
        (*_TRUSTED, DENIED, YES, YES, YES),
        _with(customerId=_ada, amount=money(1), idempotencyKey=_key),
    ),
    "issuerUpdate": Row((P.ISSUERS_WRITE,), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(issuerId=_issuer, name=_key)),
    "disputeSubmitEvidence": Row(
        (P.DISPUTES_WRITE,),
        (*_TRUSTED, YES, YES, YES, YES),
        _with(disputeId=World.dispute, evidence=[{"kind": "OTHER", "text": "It was delivered."}], idempotencyKey=_key),
    ),
    "disputeAccept": Row(
        (P.DISPUTES_WRITE,), (*_TRUSTED, YES, YES, YES, YES), _with(disputeId=World.dispute, idempotencyKey=_key)
    ),
    "chargeReviewClose": Row(
        (P.UPKEEP_WRITE,),
        (*_TRUSTED, DENIED, YES, YES, YES),
        _with(chargeId=World.reviewed, reason="LATE_MONEY", note="Seen.", idempotencyKey=_key),
    ),
    "chargeSettle": Row(
        (P.UPKEEP_WRITE,),
        (*_TRUSTED, DENIED, YES, YES, YES),
        _with(chargeId=World.untraced, found="NOT_MOVED", note="The bank says so.", idempotencyKey=_key),
    ),
    "refundSettle": Row(
        (P.UPKEEP_WRITE,),
        (*_TRUSTED, DENIED, YES, YES, YES),
        _with(refundId=World.untraced_refund, found="NOT_MOVED", note="The bank says so.", idempotencyKey=_key),
    ),
    "apiKeyCreate": Row(
        (P.KEYS_WRITE,),
        (*_TRUSTED, DENIED, DENIED, YES, YES),
        _with(name="till", scopes=[P.KEYS_WRITE]),
        "with scopes that they have",
    ),
    "apiKeyRotate": Row((P.KEYS_WRITE,), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(apiKeyId=World.api_key)),
    "apiKeyRevoke": Row((P.KEYS_WRITE,), (*_TRUSTED, DENIED, DENIED, YES, YES), _with(apiKeyId=World.api_key)),
    "webhookDeliveryReplay": Row(
        (P.UPKEEP_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(webhookDeliveryId=World.delivery)
    ),
    "jobRetry": Row((P.UPKEEP_WRITE,), (*_TRUSTED, DENIED, YES, YES, YES), _with(jobId=World.job)),
    "discrepancyClose": Row((P.UPKEEP_WRITE,), _UPKEEP, _with(discrepancyId=World.discrepancy, note="Seen to.")),
    "recordDelete": Row(
        (P.RECORDS_READ,),
        (*_CUSTOMERS, YES, YES, YES, YES),
        _with(id=World.order),
        "“yes” is the answer that nothing is ever deleted",
    ),
}


async def _list(made: Awaitable[str]) -> list[str]:
    return [await made]


# --- in words ---------------------------------------------------------------------------------------------------------

_INTRODUCTION = """\
# Who may do what

Each row is a field of the API, each column somebody who asks for a record of one customer. A test asks for every field
in every role and compares what it gets with this table.

- **yes**: done, or shown.
- **own**: a list of one's own records.
- **empty**: a list, with nothing in it.
- **missing**: the record reads as if it did not exist: null in a query, `NOT_FOUND` in a mutation.
- **denied**: `PERMISSION_DENIED`, as a user error in a mutation and as a GraphQL error in a query.
- **sign in**: a GraphQL error `UNAUTHENTICATED`: send a key or token.

What belongs to somebody else can never be told from what does not exist, in any argument.

*Public catalogue* is `PAYDESK_PUBLIC_CATALOGUE=true`. Support, finance and admin are tokens with the claim
`paydesk_role`; any other token is a customer's, and its `sub` is the customer's `externalId`. The last column names the
scopes that a server's key needs (`paydesk keys create`). A key without `RECORDS_READ` may still change what its other
scopes say, and gets null where the changed record would stand.
"""


def as_markdown() -> str:
    tables = {"Queries": QUERIES, "Mutations": MUTATIONS, "Subscriptions": SUBSCRIPTIONS}
    parts = [line for title, rows in tables.items() for line in (f"## {title}\n", *_table(rows), "")]
    return "\n".join([_INTRODUCTION, *parts])


def _table(rows: Mapping[str, Row]) -> list[str]:
    lines = [f"| | {' | '.join(WHO)} | scopes |", "|---" * (len(WHO) + 2) + "|"]
    for name, row in rows.items():
        field, _, variant = name.partition(", ")
        label = f"`{field}`" + (f", {variant}" if variant else "") + (f" ({row.note})" if row.note else "")
        scopes = " ".join(f"`{permission}`" for permission in row.needs) or "none"
        lines.append(f"| {label} | {' | '.join(row.outcomes)} | {scopes} |")
    return lines
