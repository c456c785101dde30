"""A believable shop, made through the same services that clients use.

Every step has a key of its own, so running it again adds nothing. It shows every outcome that a developer wants to see:
paid, refunded in part, declined, waiting for the customer, open, cancelled; in several currencies. One customer lives
by a test clock, and has had a plan for two months of it.
"""

from datetime import UTC, datetime
from typing import Protocol

from domain.customers import Address, CustomerChanges
from domain.errors import OrderNotCancelable
from domain.idempotency import KeyedRequest, fingerprint
from domain.money import Money
from domain.principals import system
from domain.products import Interval, IntervalUnit, ProductChanges, ProductImage
from domain.provider import Initiator
from domain.refunds import RefundReason
from domain.search import words_of
from domain.services.charges import ChargeOrder, ChargeService
from domain.services.orders import CreateOrder, NewLine, OrderService
from domain.services.payment_methods import CreateCustomerWithPaymentMethod, PaymentMethodService
from domain.services.products import CreatePrice, CreateProduct, ProductService
from domain.services.refunds import RefundCharge, RefundService
from domain.services.subscriptions import CreateSubscription, SubscriptionService, WantedPrice, WantedSubscription
from domain.services.test_clocks import AdvanceTestClock, CreateTestClock, TestClockService

_DEMO = system("demo")


class Services(Protocol):
    @property
    def products(self) -> ProductService: ...
    @property
    def payment_methods(self) -> PaymentMethodService: ...
    @property
    def orders(self) -> OrderService: ...
    @property
    def charges(self) -> ChargeService: ...
    @property
    def refunds(self) -> RefundService: ...
    @property
    def subscriptions(self) -> SubscriptionService: ...
    @property
    def test_clocks(self) -> TestClockService: ...


_PRODUCTS: dict[str, tuple[str, tuple[Money, ...]]] = {
    "Filter coffee, 500 g": ("Washed Ethiopian, roasted for the filter.", (Money(14_50, "USD"), Money(13_90, "EUR"))),
    "Hand grinder": ("Steel burrs, 30 g, folds into its handle.", (Money(89_00, "USD"), Money(12_800, "JPY"))),
    "Brewing class": ("Two hours, six people, three methods.", (Money(45_00, "USD"), Money(12_500, "KWD"))),
}
_SUBSCRIPTION = "Coffee every month"
_PLANS = (
    (Money(27_00, "USD"), Interval(IntervalUnit.MONTH, 1)),
    (Money(270_00, "USD"), Interval(IntervalUnit.YEAR, 1)),
)

_CUSTOMERS: tuple[tuple[str, str, str], ...] = (
    ("Ada Lovelace", "ada@example.com", "tok_visa"),
    ("Grace Hopper", "grace@example.com", "tok_mastercard"),
    ("Alan Turing", "alan@example.com", "tok_chargeDeclinedInsufficientFunds"),
    ("Hedy Lamarr", "hedy@example.com", "tok_threeDSecureRequired"),
    ("Katherine Johnson", "katherine@example.com", "tok_amex"),
)
_SUBSCRIBER = ("Mary Somerville", "mary@example.com", "tok_visa")
_FROM, _TO = datetime(2027, 1, 31, 10, tzinfo=UTC), datetime(2027, 4, 1, 10, tzinfo=UTC)
"""The last day of a month, from which months are counted: 28 February, 31 March."""


async def fill_demo_shop(services: Services) -> str:
    """Make the shop, or find it made; says what there is, in a sentence."""
    prices = await _catalogue(services)
    customers = {name: await _customer(services, name, email, token) for name, email, token in _CUSTOMERS}
    coffee, grinder, lesson = (prices[name, "USD"] for name in _PRODUCTS)

    paid = await _order(services, customers["Ada Lovelace"], "first", [(coffee, 2), (grinder, 1)])
    charge_id = await _pay(services, paid)
    if charge_id:
        await _refund(services, charge_id, Money(14_50, "USD"))
    await _pay(services, await _order(services, customers["Grace Hopper"], "yen", [(prices["Hand grinder", "JPY"], 1)]))
    await _pay(services, await _order(services, customers["Alan Turing"], "declined", [(coffee, 1)]))
    await _pay(services, await _order(services, customers["Hedy Lamarr"], "confirm", [(lesson, 2)]))
    await _order(services, customers["Katherine Johnson"], "cart", [(coffee, 3)])
    regretted = await _order(services, customers["Katherine Johnson"], "regretted", [(grinder, 1)])
    await _cancel_once(services, regretted)
    await _live_by_a_clock(services, prices[_SUBSCRIPTION, "USD"])
    return (
        f"The demo shop has {len(_PRODUCTS) + 1} products, {len(customers) + 1} customers, 6 orders, and a "
        "subscription on a test clock."
    )


async def _catalogue(services: Services) -> dict[tuple[str, str], str]:
    prices = {}
    for name, (description, amounts) in _PRODUCTS.items():
        product_id = await _product(services, name, description)
        for amount in amounts:
            prices[name, amount.currency] = await _price(services, product_id, amount, interval=None)
    monthly = await _product(services, _SUBSCRIPTION, "Two bags, another farm each month.")
    plans = [await _price(services, monthly, amount, interval=interval) for amount, interval in _PLANS]
    prices[_SUBSCRIPTION, "USD"] = plans[0]
    return prices


async def _product(services: Services, name: str, description: str) -> str:
    picture = f"https://shop.example/{'-'.join(words_of(name))}.webp"
    images = (ProductImage(picture, f"{name}, photographed from above."),)
    fields = ProductChanges(name=name, description=description, images=images)
    return await services.products.create(_DEMO, CreateProduct(fields=fields, request=_once("product", name)))


async def _price(services: Services, product_id: str, amount: Money, *, interval: Interval | None) -> str:
    return await services.products.create_price(
        _DEMO,
        CreatePrice(
            product_id=product_id,
            amount=amount,
            interval=interval,
            nickname=None,
            request=_once("price", f"{product_id} {amount}"),
        ),
    )


async def _customer(services: Services, name: str, email: str, token: str, *, test_clock_id: str | None = None) -> str:
    address = Address(line1="1 Analytical Row", city="London", postal_code="N1 9GU", country="GB")
    fields = CustomerChanges(
        external_id=f"demo-{email.partition('@')[0]}", email=email, name=name, billing_address=address
    )
    command = CreateCustomerWithPaymentMethod(
        fields=fields, test_clock_id=test_clock_id, token=token, return_url=None, request=_once("customer", email)
    )
    return (await services.payment_methods.create_customer_with(_DEMO, command)).customer_id


async def _order(services: Services, customer_id: str, name: str, lines: list[tuple[str, int]]) -> str:
    return await services.orders.create(
        _DEMO,
        CreateOrder(
            customer_id=customer_id,
            currency=None,
            lines=[NewLine(price_id=price_id, quantity=quantity) for price_id, quantity in lines],
            external_id=f"demo-{name}",
            external_version=None,
            metadata={"made-by": "demo"},
            expires_at=None,
            request=_once("order", name),
        ),
    )


async def _pay(services: Services, order_id: str) -> str | None:
    command = ChargeOrder(
        order_id=order_id,
        payment_method_id=None,
        initiator=Initiator.CUSTOMER,
        return_url=None,
        version=None,
        request=_once("charge", order_id),
    )
    return (await services.charges.charge_order(_DEMO, command)).charge_id


async def _refund(services: Services, charge_id: str, amount: Money) -> None:
    command = RefundCharge(
        charge_id=charge_id,
        amount=amount,
        reason=RefundReason.REQUESTED_BY_CUSTOMER,
        note="One bag arrived open.",
        request=_once("refund", charge_id),
    )
    await services.refunds.refund_charge(_DEMO, command)


async def _cancel_once(services: Services, order_id: str) -> None:
    try:
        await services.orders.cancel(_DEMO, order_id, version=None)
    except OrderNotCancelable:
        return  # by an earlier run


async def _live_by_a_clock(services: Services, price_id: str) -> None:
    create = CreateTestClock(now=_FROM, name="A year in a minute", request=_once("clock", "year"))
    clock_id = await services.test_clocks.create(_DEMO, create)
    customer_id = await _customer(services, *_SUBSCRIBER, test_clock_id=clock_id)
    wanted = WantedSubscription(customer_id=customer_id, items=(WantedPrice(price_id=price_id, quantity=1),))
    subscribe = CreateSubscription(
        wanted=wanted, initiator=Initiator.CUSTOMER, return_url=None, request=_once("subscription", customer_id)
    )
    await services.subscriptions.create(_DEMO, subscribe)
    advance = AdvanceTestClock(clock_id=clock_id, to=_TO, request=_once("advance", clock_id))
    await services.test_clocks.advance(_DEMO, advance)


def _once(kind: str, name: str) -> KeyedRequest:
    return KeyedRequest(principal=_DEMO.name, mutation=f"demo:{kind}", key=name, fingerprint=fingerprint({"n": name}))
