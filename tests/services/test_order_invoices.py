"""An order that is paid has an invoice, numbered in the same commit, whoever hears first that it is paid."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.customers import Address, CustomerChanges
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceReason, InvoiceState, LineKind
from domain.issuers import DEFAULT_ISSUER_ID
from domain.money import Money
from domain.orders import OrderState
from domain.provider import CaptureMode
from domain.services.locking import there
from domain.services.orders import NewLine, place
from domain.store import Transaction
from domain.test_clocks import TestClock
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.dying import Dropped
from tests.services.invoiced import later
from tests.services.shop import SHOP, Shop, usd

ON_ONE = pytest.mark.parametrize("dialect", [Dialect.SQLITE], ids=str)
"""What both databases do alike."""


class CommitFailed(Exception):
    pass


async def invoice_of(shop: Shop, order_id: str) -> Invoice | None:
    async with shop.store.reading() as tx:
        return await tx.invoices.of_order(order_id)


async def numbers(shop: Shop) -> list[int]:
    rows = await shop.rows("SELECT sequence FROM invoices ORDER BY sequence")
    return [row["sequence"] for row in rows]


async def test_a_paid_order_has_an_invoice_that_says_so(shop: Shop) -> None:
    address = Address(line1="12 St James's Square", city="London", country="GB")
    customer_id = await shop.customer(CustomerChanges(name="Ada", email="ada@example.com", billing_address=address))
    await shop.card(customer_id)
    lines = [
        NewLine(name="Tea", unit_amount=usd(7_00), quantity=2),
        NewLine(name="Sugar", unit_amount=usd(6_00), quantity=1),
    ]
    order_id = await shop.order_of(customer_id, lines=lines)
    assert await invoice_of(shop, order_id) is None

    await shop.pay(order_id)

    invoice = await invoice_of(shop, order_id)
    assert invoice is not None
    assert (invoice.state, invoice.reason, invoice.order_id) == (InvoiceState.PAID, InvoiceReason.ORDER, order_id)
    assert (invoice.total, invoice.due, invoice.balance_applied) == (usd(20_00), usd(0), usd(0))
    assert invoice.number is not None
    assert (invoice.number.sequence, invoice.number.printed) == (1, "INV-000001")
    assert [(line.kind, line.name, line.quantity, line.unit_amount, line.amount) for line in invoice.lines] == [
        (LineKind.ONE_OFF, "Tea", 2, usd(7_00), usd(14_00)),
        (LineKind.ONE_OFF, "Sugar", 1, usd(6_00), usd(6_00)),
    ]
    assert invoice.issued_to is not None
    assert (invoice.issued_to.name, invoice.issued_to.email, invoice.issued_to.address) == (
        "Ada",
        "ada@example.com",
        address,
    )
    assert invoice.opened_at == invoice.paid_at == shop.clock.now()
    assert await shop.events(invoice.id) == ["INVOICE_OPENED", "INVOICE_PAID"]
    await shop.check(settled=True)


@ON_ONE
async def test_an_order_with_nothing_to_pay_has_one_when_it_is_placed(shop: Shop) -> None:
    placed, charged = await shop.order(0), await shop.order(0)

    await shop.orders.place(SHOP, placed, version=None)
    await shop.pay(charged)

    for order_id in (placed, charged):
        invoice = await invoice_of(shop, order_id)
        assert invoice is not None
        assert (invoice.state, invoice.total) == (InvoiceState.PAID, usd(0))
        assert await shop.events(order_id) == ["ORDER_CREATED", "ORDER_PLACED", "ORDER_COMPLETED"]
    assert await numbers(shop) == [1, 2]
    await shop.check(settled=True)


@ON_ONE
async def test_what_is_not_paid_has_none(shop: Shop) -> None:
    declined, held = await shop.order(token="tok_chargeDeclined"), await shop.order()

    await shop.pay(declined)
    charge = await shop.paid(held, capture=CaptureMode.MANUAL)
    assert await numbers(shop) == []
    await shop.capture(charge.id)

    assert await numbers(shop) == [1]
    assert await invoice_of(shop, held) is not None
    await shop.check(settled=True)


@ON_ONE
async def test_a_refund_leaves_the_invoice_paid(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    await shop.refund(charge.id)

    invoice = await invoice_of(shop, charge.payable_id)
    assert invoice is not None
    assert invoice.state is InvoiceState.PAID
    await shop.check(settled=True)


@ON_ONE
async def test_an_answer_that_is_lost_makes_one_invoice(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = Dropped()
    await shop.pay(order_id)
    del shop.provider.between["charge"]
    assert await invoice_of(shop, order_id) is None

    await shop.run_jobs(rounds=3)

    assert await numbers(shop) == [1]
    await shop.check(settled=True)


@ON_ONE
async def test_the_moment_on_it_is_that_of_the_customers_clock(shop: Shop) -> None:
    now = shop.clock.now()
    ahead = later(now, days=400)
    clock = TestClock(id=new_id(IdPrefix.TEST_CLOCK), name=None, now=ahead, created_at=now, updated_at=now)
    somebody = await shop.customer_row(await shop.customer())
    on_the_clock = replace(somebody, id=new_id(IdPrefix.CUSTOMER), test_clock_id=clock.id)
    async with shop.store.transaction() as tx:
        await tx.test_clocks.insert(clock)
        await tx.customers.insert(on_the_clock)

    order_id = await shop.order_of(on_the_clock.id, 0)
    await shop.pay(order_id)

    invoice = await invoice_of(shop, order_id)
    assert invoice is not None
    assert invoice.opened_at == invoice.paid_at == ahead


async def test_orders_that_are_paid_at_once_get_numbers_without_a_gap(new_shop: OpenShop) -> None:
    shops = [new_shop() for _ in range(4)]
    for shop in shops:
        shop.numbers = shops[0].numbers
    orders = [(shop, await shop.order()) for shop in shops for _ in range(4)]
    free = [(shop, await shop.order(0)) for shop in shops]

    paid = (shop.pay(order_id) for shop, order_id in orders)
    placed = (shop.orders.place(SHOP, order_id, version=None) for shop, order_id in free)
    outcomes: list[Any] = await asyncio.gather(*paid, *placed, return_exceptions=True)
    for shop in shops:
        await shop.idle()

    assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
    assert await numbers(shops[0]) == list(range(1, 21))
    states = {(await shop.order_row(order_id)).state for shop, order_id in (*orders, *free)}
    assert states == {OrderState.COMPLETED}
    async with shops[0].store.reading() as tx:
        issuer = await tx.issuers.get(DEFAULT_ISSUER_ID)
    assert issuer is not None
    assert issuer.next_invoice_number == 21
    await shops[0].check(settled=True)


async def test_a_commit_that_fails_gives_its_number_back(shop: Shop) -> None:
    order_id = await shop.order(0)

    async def place_and_fail(tx: Transaction) -> None:
        order = there(await tx.orders.get_for_update(order_id), order_id)
        await place(tx, order, actor="system:test", now=shop.clock.now())
        raise CommitFailed

    with pytest.raises(CommitFailed):
        await shop.store.run(place_and_fail)
    assert await numbers(shop) == []

    await shop.pay(await shop.order())

    assert await numbers(shop) == [1]
    await shop.check(settled=True)


@ON_ONE
async def test_an_order_in_yen_is_invoiced_in_yen(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(1_999, currency="JPY"))
    invoice = await invoice_of(shop, charge.payable_id)
    assert invoice is not None
    assert invoice.total == Money(1_999, "JPY")


@ON_ONE
async def test_an_order_that_was_complete_before_there_were_invoices_gets_none(shop: Shop) -> None:
    now = shop.clock.now()
    open_one = await shop.order_row(await shop.order())
    old = replace(open_one, id=new_id(IdPrefix.ORDER), lines=(), state=OrderState.COMPLETED, completed_at=now)
    async with shop.store.transaction() as tx:
        await tx.orders.insert(old)

    await shop.pay(open_one.id)

    assert await invoice_of(shop, old.id) is None
    assert await numbers(shop) == [1]
