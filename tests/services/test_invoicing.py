"""An invoice is opened with what waits for it, paid by the balance as far as that goes, and numbered without a gap."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.balances import BalanceReason, entry
from domain.customers import Address, CustomerChanges
from domain.errors import InvoiceNotDraft
from domain.ids import IdPrefix, new_id
from domain.invoices import MOST_LINES, Invoice, InvoiceLine, InvoiceReason, InvoiceState, LineKind, PendingLine
from domain.issuers import DEFAULT_ISSUER_ID
from domain.money import Money
from domain.services.invoicing import Drafted, Invoicing
from domain.services.locking import there
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.invoiced import a_subscription, as_it_is
from tests.services.shop import Shop, usd

ON_ONE = pytest.mark.parametrize("dialect", [Dialect.SQLITE], ids=str)
"""What both databases do alike: their contract is tested where they are."""


def a_line(amount: int, name: str = "Tea") -> InvoiceLine:
    return InvoiceLine(id=new_id(IdPrefix.INVOICE_LINE), kind=LineKind.ONE_OFF, name=name, amount=usd(amount))


def invoicing(shop: Shop) -> Invoicing:
    return Invoicing(teller=shop.teller, deployment=shop.deployment)


def a_draft(shop: Shop, customer_id: str, *amounts: int, subscription_id: str | None = None) -> Invoice:
    now = shop.clock.now()
    draft = invoicing(shop).begun(customer_id, "USD", InvoiceReason.ONE_OFF, subscription_id=subscription_id, now=now)
    return draft.with_lines(tuple(a_line(amount) for amount in amounts), now=now)


async def opened(shop: Shop, draft: Invoice, *, least: int = 0) -> Invoice:
    now = shop.clock.now()
    async with shop.store.transaction() as tx:
        return await at_least(shop, least).open(tx, draft, actor="system:test", now=now, told=now)


async def drafted(shop: Shop, draft: Invoice) -> Drafted:
    async with shop.store.reading() as tx:
        return await invoicing(shop).draft(tx, draft)


def at_least(shop: Shop, minor_units: int) -> Invoicing:
    class Small(Invoicing):
        def _least(self, account: str | None, currency: str) -> Money:
            return Money(minor_units, currency)

    return Small(teller=shop.teller, deployment=shop.deployment)


async def granted(shop: Shop, customer_id: str, amount: int) -> None:
    async with shop.store.transaction() as tx:
        await tx.balances.get_for_update(customer_id, "USD")
        given = entry(
            customer_id, usd(amount), BalanceReason.GRANTED, cause=new_id(IdPrefix.EVENT), now=shop.clock.now()
        )
        await tx.balances.insert(given)


async def balance(shop: Shop, customer_id: str) -> tuple[int, list[tuple[BalanceReason, int]]]:
    """What there is, and how it came about since it was granted."""
    async with shop.store.reading() as tx:
        stands = await tx.balances.get(customer_id, "USD")
        entries = await tx.balances.entries(customer_id)
    moved = [(each.reason, each.amount.minor_units) for each in entries]
    return stands.minor_units, [(reason, amount) for reason, amount in moved if reason != BalanceReason.GRANTED]


async def wait_for(shop: Shop, customer_id: str, *amounts: int, subscription_id: str | None = None) -> None:
    async with shop.store.transaction() as tx:
        await tx.invoices.add_waiting_lines(
            [
                PendingLine(
                    line=a_line(amount, f"Waits for {subscription_id or customer_id}"),
                    customer_id=customer_id,
                    subscription_id=subscription_id,
                    cause=new_id(IdPrefix.EVENT),
                    created_at=shop.clock.now(),
                )
                for amount in amounts
            ]
        )


def amounts(lines: Sequence[InvoiceLine]) -> list[int]:
    return [line.amount.minor_units for line in lines]


# --- what it is then ------------------------------------------------------------------------------------------------


async def test_an_invoice_is_opened_with_its_number_and_who_it_is_from_and_for(shop: Shop) -> None:
    address = Address(line1="1 Rd", city="Ely", country="GB")
    customer_id = await shop.customer(CustomerChanges(name="Ada", email="ada@example.org", billing_address=address))
    async with shop.store.transaction() as tx:
        issuer = there(await tx.issuers.get_for_update(DEFAULT_ISSUER_ID), DEFAULT_ISSUER_ID)
        await tx.issuers.save(replace(issuer, name="Tea & Sons", tax_id="GB123", invoice_prefix="T/"))

    invoice = await opened(shop, a_draft(shop, customer_id, 20_00, -5_00))

    assert invoice.number is not None
    assert (invoice.state, invoice.number.printed, invoice.number.sequence) == (InvoiceState.OPEN, "T/000001", 1)
    assert (invoice.total, invoice.due, invoice.balance_applied) == (usd(15_00), usd(15_00), usd(0))
    assert invoice.issued_by is not None
    assert invoice.issued_to is not None
    assert (invoice.issued_by.name, invoice.issued_by.tax_id) == ("Tea & Sons", "GB123")
    assert (invoice.issued_to.name, invoice.issued_to.email, invoice.issued_to.address) == (
        "Ada",
        "ada@example.org",
        address,
    )
    assert invoice == await as_it_is(shop, invoice)
    assert await shop.events(invoice.id) == ["INVOICE_CREATED", "INVOICE_OPENED"]
    assert (await shop.events(customer_id))[-2:] == ["INVOICE_CREATED", "INVOICE_OPENED"]
    await shop.check()


@ON_ONE
async def test_a_draft_that_was_written_down_is_opened_as_it_is(shop: Shop) -> None:
    customer_id = await shop.customer()
    draft = a_draft(shop, customer_id, 20_00)
    async with shop.store.transaction() as tx:
        await tx.invoices.insert(draft)
    await wait_for(shop, customer_id, 3_00)

    invoice = await opened(shop, draft)

    assert (invoice.id, amounts(invoice.lines), invoice.version) == (draft.id, [20_00, 3_00], 2)
    assert await shop.events(invoice.id) == ["INVOICE_OPENED"]
    with pytest.raises(InvoiceNotDraft):
        await opened(shop, invoice)
    await shop.check()


@ON_ONE
async def test_a_preview_shows_what_opening_makes_and_leaves_no_trace(shop: Shop) -> None:
    subscription = await a_subscription(shop)
    whose = subscription.customer_id
    await granted(shop, whose, 4_00)
    await wait_for(shop, whose, 1_00, subscription_id=subscription.id)
    await wait_for(shop, whose, 2_00)
    draft = a_draft(shop, whose, 20_00, subscription_id=subscription.id)

    first, second = await drafted(shop, draft), await drafted(shop, draft)
    assert first == second
    assert await shop.events(draft.id) == []

    invoice = await opened(shop, draft)
    assert invoice.lines == first.invoice.lines
    assert (invoice.total, invoice.due, invoice.balance_applied) == (
        first.opening.total,
        first.opening.due,
        first.opening.balance_applied,
    )
    assert (invoice.total, invoice.due, invoice.balance_applied) == (usd(23_00), usd(19_00), usd(4_00))


# --- what waits for it ----------------------------------------------------------------------------------------------


@ON_ONE
async def test_an_invoice_takes_along_what_waits_for_its_subscription_and_its_customer_and_nothing_else(
    shop: Shop,
) -> None:
    subscription = await a_subscription(shop)
    other = await a_subscription(shop, customer_id=subscription.customer_id)
    await wait_for(shop, subscription.customer_id, 1_00, subscription_id=subscription.id)
    await wait_for(shop, subscription.customer_id, 2_00, subscription_id=other.id)
    await wait_for(shop, subscription.customer_id, 3_00)
    await wait_for(shop, await shop.customer(), 4_00)

    of_it = await opened(shop, a_draft(shop, subscription.customer_id, 20_00, subscription_id=subscription.id))
    one_off = await opened(shop, a_draft(shop, subscription.customer_id, 10_00))
    of_other = await opened(shop, a_draft(shop, subscription.customer_id, 20_00, subscription_id=other.id))

    assert amounts(of_it.lines) == [20_00, 1_00, 3_00]
    assert amounts(one_off.lines) == [10_00]
    assert amounts(of_other.lines) == [20_00, 2_00]
    assert "INVOICE_OPENED" in await shop.events(subscription.id)


@ON_ONE
async def test_what_does_not_fit_waits_for_the_next_one(shop: Shop) -> None:
    customer_id = await shop.customer()
    await wait_for(shop, customer_id, *range(1, MOST_LINES + 3))

    first = await opened(shop, a_draft(shop, customer_id, 1_00))
    second = await opened(shop, a_draft(shop, customer_id, 1_00))

    assert len(first.lines) == MOST_LINES
    assert amounts(second.lines) == [1_00, MOST_LINES, MOST_LINES + 1, MOST_LINES + 2]


# --- what it asks for -----------------------------------------------------------------------------------------------


@ON_ONE
@pytest.mark.parametrize(
    ("before", "total", "due", "after", "moved"),
    [
        (0, 20_00, 20_00, 0, []),
        (5_00, 20_00, 15_00, 0, [(BalanceReason.APPLIED, -5_00)]),
        (25_00, 20_00, 0, 5_00, [(BalanceReason.APPLIED, -20_00)]),
        (0, 0, 0, 0, []),
        (1_00, -7_50, 0, 8_50, [(BalanceReason.CREDITED, 7_50)]),
        (0, 30, 0, -30, [(BalanceReason.CARRIED_OVER, -30)]),
        (19_70, 20_00, 0, -30, [(BalanceReason.APPLIED, -19_70), (BalanceReason.CARRIED_OVER, -30)]),
        (-30, 20_00, 20_30, 0, [(BalanceReason.CARRIED_OVER, 30)]),
        (-30, 10, 0, -40, [(BalanceReason.CARRIED_OVER, -10)]),
        (-30, -1_00, 0, 70, [(BalanceReason.CREDITED, 70), (BalanceReason.CARRIED_OVER, 30)]),
    ],
)
async def test_the_balance_is_moved_by_what_the_invoice_does_not_ask_for(
    shop: Shop, before: int, total: int, due: int, after: int, moved: list[tuple[BalanceReason, int]]
) -> None:
    customer_id = await shop.customer()
    if before:
        await granted(shop, customer_id, before)

    invoice = await opened(shop, a_draft(shop, customer_id, total), least=50)

    assert (invoice.due, invoice.balance_applied) == (usd(due), invoice.total - usd(due))
    assert invoice.state is (InvoiceState.OPEN if due else InvoiceState.PAID)
    assert (await shop.events(invoice.id)).count("INVOICE_PAID") == (0 if due else 1)
    assert await balance(shop, customer_id) == (after, moved)
    await shop.check()


@ON_ONE
async def test_events_say_which_time_it_was_for_somebody_on_a_test_clock(shop: Shop) -> None:
    customer_id = await shop.customer()
    told = shop.clock.now()
    async with shop.store.transaction() as tx:
        invoice = await invoicing(shop).open(
            tx, a_draft(shop, customer_id, 20_00), actor="system:test", now=told + timedelta(days=400), told=told
        )

    assert invoice.opened_at == told + timedelta(days=400)
    rows = await shop.rows(
        "SELECT data FROM events JOIN event_subjects ON event_id = events.id WHERE subject_id = $1", invoice.id
    )
    assert len(rows) == 2
    assert all((told + timedelta(days=400)).isoformat() in str(row["data"]) for row in rows)


# --- at once --------------------------------------------------------------------------------------------------------


class GivenUp(Exception):
    """As whatever else fails in the transaction that opens an invoice."""


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES], ids=str)
async def test_numbers_have_no_gap_when_many_are_opened_at_once_and_some_of_them_roll_back(
    new_shop: OpenShop,
) -> None:
    shops = [new_shop(), new_shop()]
    customers = [await shops[0].customer() for _ in range(3)]
    for customer_id in customers:
        await wait_for(shops[0], customer_id, 1_00, 2_00)
        await granted(shops[0], customer_id, 25_00)

    async def open_one(number: int) -> Invoice:
        shop, now = shops[number % 2], shops[0].clock.now()
        async with shop.store.transaction() as tx:
            draft = a_draft(shop, customers[number % 3], 10_00)
            invoice = await invoicing(shop).open(tx, draft, actor="system:test", now=now, told=now)
            if number % 4 == 3:
                raise GivenUp
            return invoice

    outcomes = await asyncio.gather(*(open_one(number) for number in range(24)), return_exceptions=True)

    kept = [outcome for outcome in outcomes if isinstance(outcome, Invoice)]
    assert Counter(type(outcome) for outcome in outcomes) == {Invoice: 18, GivenUp: 6}
    assert sorted(invoice.number.sequence for invoice in kept if invoice.number) == list(range(1, 19))
    for customer_id in customers:
        own = [invoice for invoice in kept if invoice.customer_id == customer_id]
        assert sorted(amounts([line for invoice in own for line in invoice.lines if line.amount < usd(10_00)])) == [
            1_00,
            2_00,
        ]
        assert sum(invoice.balance_applied.minor_units for invoice in own) == 25_00
        assert sum(invoice.due.minor_units for invoice in own) == 60_00 + 3_00 - 25_00
    await shops[0].check()
