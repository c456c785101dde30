"""Invoices by hand: drafted, issued, charged, called off and given up, and lines that wait for the next one."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.fake import Bank
from domain.balances import BalanceReason
from domain.charges import ChargeState, ReviewReason
from domain.customers import CustomerChanges
from domain.errors import (
    ChargeInProgress,
    ClockAdvancing,
    Conflict,
    CustomerRedacted,
    InvalidInput,
    InvoiceAlreadyPaid,
    InvoiceDiscarded,
    InvoiceLineTaken,
    InvoiceNotDraft,
    InvoiceNotOpen,
    InvoiceNotPayable,
    NotFound,
    PaymentMethodMissing,
    PermissionDenied,
    StaleVersion,
)
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceState
from domain.principals import ALL_PERMISSIONS, Permission, server
from domain.principals import customer as as_customer
from domain.provider import Initiator
from domain.services.business_time import asking
from domain.services.charges import ChargeInvoice, NewCard
from domain.services.customers import CreateCustomer
from domain.services.invoice_lines import NewInvoiceLine
from domain.services.invoices import CreateInvoice, CreateInvoiceItem, FinalizeInvoice
from domain.services.locking import there
from domain.subscriptions import CancelReason, PendingUpdate, SubscriptionState
from domain.test_clocks import TestClock
from persistence.database import Database
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.dying import Dropped
from tests.services.invoiced import a_subscription, an_invoice, as_it_is, charges_of, paid, pay, subscription_now
from tests.services.shop import SHOP, MovableClock, Shop, open_shop, usd
from tests.services.test_invoicing import ON_ONE, amounts, balance, granted
from tests.services.test_redactions import ADMIN

TEA = NewInvoiceLine(name="Tea", unit_amount=usd(10_00), quantity=2)


async def drafted(shop: Shop, *lines: NewInvoiceLine, customer_id: str | None = None, **fields: Any) -> str:
    command = CreateInvoice(
        customer_id=customer_id or await shop.customer(), currency=None, lines=lines or (TEA,), **fields
    )
    return await shop.invoices.create(SHOP, command)


async def issued(shop: Shop, invoice_id: str, *, charge: bool = False, key: str | None = None) -> Invoice:
    request = shop.request("invoiceFinalize", key, {"invoice": invoice_id})
    await shop.invoices.finalize(SHOP, FinalizeInvoice(invoice_id=invoice_id, charge=charge, request=request))
    return await read(shop, invoice_id)


async def read(shop: Shop, invoice_id: str) -> Invoice:
    async with shop.store.reading() as tx:
        return there(await tx.invoices.get(invoice_id), invoice_id)


async def with_card(shop: Shop, token: str = "tok_visa") -> str:
    customer_id = await shop.customer()
    await shop.card(customer_id, token)
    return customer_id


async def waits(shop: Shop, minor_units: int = 3_00, **whose: Any) -> str:
    line = NewInvoiceLine(name="Postage", unit_amount=usd(minor_units))
    return await shop.invoices.create_item(SHOP, CreateInvoiceItem(line=line, **whose))


async def waiting(shop: Shop, customer_id: str, subscription_id: str | None = None) -> list[int]:
    async with shop.store.reading() as tx:
        return amounts(
            [item.line for item in await tx.invoices.waiting_lines(customer_id, "USD", subscription_id=subscription_id)]
        )


# --- drafts ---------------------------------------------------------------------------------------------------------


@ON_ONE
async def test_a_draft_is_put_together_line_by_line_and_asks_nobody_for_anything(shop: Shop) -> None:
    customer_id = await shop.customer()
    invoice_id = await drafted(shop, customer_id=customer_id, metadata={"job": "7"})
    for line in (NewInvoiceLine(name="Cup", unit_amount=usd(5_00)), NewInvoiceLine(name="Off", unit_amount=usd(-1_00))):
        await shop.invoices.add_line(SHOP, invoice_id, line, version=None, request=None)
    tea, cup, off = (await read(shop, invoice_id)).lines

    await shop.invoices.update_line(SHOP, invoice_id, tea.id, quantity=3, version=3)
    await shop.invoices.update_line(SHOP, invoice_id, tea.id, quantity=3, version=None)
    await shop.invoices.remove_line(SHOP, invoice_id, cup.id, version=4)

    draft = await read(shop, invoice_id)
    assert [(line.id, line.amount) for line in draft.lines] == [(tea.id, usd(30_00)), (off.id, usd(-1_00))]
    assert (draft.state, draft.number, draft.version, draft.metadata) == (InvoiceState.DRAFT, None, 5, {"job": "7"})
    assert await shop.events(invoice_id) == ["INVOICE_CREATED", *["INVOICE_CHANGED"] * 4]
    assert await shop.events(customer_id) == ["CUSTOMER_CREATED"], "a draft is not told to its customer"
    await shop.check()


@ON_ONE
async def test_what_a_draft_cannot_hold_is_refused(shop: Shop) -> None:
    customer_id = await shop.customer()
    by_hand: dict[str, Any] = {"name": "Tea", "unit_amount": usd(1_00)}
    refused = [
        (CreateInvoice(customer_id="cus_nobody", currency="USD"), NotFound, ("customerId",)),
        (CreateInvoice(customer_id=customer_id, currency=None), InvalidInput, ("currency",)),
        (
            CreateInvoice(customer_id=customer_id, currency="USD", due_at=shop.clock.now() - timedelta(days=1)),
            InvalidInput,
            ("dueAt",),
        ),
        (
            CreateInvoice(customer_id=customer_id, currency=None, lines=[NewInvoiceLine(name="Tea")]),
            InvalidInput,
            ("lines", "0"),
        ),
        (
            CreateInvoice(customer_id=customer_id, currency=None, lines=[NewInvoiceLine(**by_hand, quantity=0)]),
            InvalidInput,
            ("lines", "0", "quantity"),
        ),
        (
            CreateInvoice(customer_id=customer_id, currency=None, lines=[NewInvoiceLine(price_id="price_none")]),
            NotFound,
            ("lines", "0", "priceId"),
        ),
    ]
    for command, error, path in refused:
        with pytest.raises(error) as caught:
            await shop.invoices.create(SHOP, command)
        assert caught.value.path == path
    assert await shop.rows("SELECT id FROM invoices") == []


@ON_ONE
async def test_a_draft_that_is_discarded_stays_and_nothing_happens_to_it(shop: Shop) -> None:
    invoice_id = await drafted(shop)
    with pytest.raises(StaleVersion):
        await shop.invoices.discard(SHOP, invoice_id, version=7)
    await shop.invoices.discard(SHOP, invoice_id, version=1)

    for refused in (
        issued(shop, invoice_id),
        shop.invoices.discard(SHOP, invoice_id, version=None),
        shop.invoices.add_line(SHOP, invoice_id, TEA, version=None, request=None),
    ):
        with pytest.raises(InvoiceDiscarded):
            await refused
    with pytest.raises(InvoiceNotPayable):
        await pay(shop, await read(shop, invoice_id))
    gone = await read(shop, invoice_id)
    assert (gone.state, gone.number, gone.discarded_at is not None) == (InvoiceState.DRAFT, None, True)
    assert await shop.events(invoice_id) == ["INVOICE_CREATED", "INVOICE_DISCARDED"]
    following = await issued(shop, await drafted(shop))
    assert following.number is not None
    assert following.number.sequence == 1, "the draft had taken no number"
    await shop.check()


@ON_ONE
async def test_the_same_request_makes_one_draft_one_line_and_one_invoice(shop: Shop) -> None:
    customer_id = await with_card(shop)
    made = {
        await drafted(shop, customer_id=customer_id, request=shop.request("invoiceCreate", "a", {})) for _ in range(2)
    }
    (invoice_id,) = made
    for _ in range(2):
        request = shop.request("invoiceAddLine", "b", {})
        await shop.invoices.add_line(SHOP, invoice_id, TEA, version=None, request=request)
    invoices = [await issued(shop, invoice_id, charge=True, key="c") for _ in range(2)]

    assert invoices[0] == invoices[1]
    assert (invoices[0].total, len(await charges_of(shop, invoices[0]))) == (usd(40_00), 1)
    await shop.check(settled=True)


# --- issuing --------------------------------------------------------------------------------------------------------


@ON_ONE
async def test_an_invoice_is_issued_with_what_waits_for_it_and_never_changes_again(shop: Shop) -> None:
    customer_id = await shop.customer()
    await waits(shop, customer_id=customer_id)
    due_at = (shop.clock.now() + timedelta(days=30)).replace(microsecond=0)
    invoice_id = await drafted(shop, customer_id=customer_id, due_at=due_at)
    preview = await shop.invoices.preview(SHOP, invoice_id)

    invoice = await issued(shop, invoice_id)

    assert (amounts(invoice.lines), invoice.state, invoice.due_at) == ([20_00, 3_00], InvoiceState.OPEN, due_at)
    assert preview is not None
    assert (preview.invoice.lines, preview.opening.due) == (invoice.lines, invoice.due)
    assert await shop.invoices.preview(SHOP, invoice_id) is None
    assert await shop.invoices.preview(SHOP, "inv_none") is None
    line_id = invoice.lines[0].id
    for refused in (
        issued(shop, invoice_id),
        shop.invoices.add_line(SHOP, invoice_id, TEA, version=None, request=None),
        shop.invoices.update_line(SHOP, invoice_id, line_id, quantity=1, version=None),
        shop.invoices.remove_line(SHOP, invoice_id, line_id, version=None),
        shop.invoices.discard(SHOP, invoice_id, version=None),
    ):
        with pytest.raises(InvoiceNotDraft):
            await refused
    await shop.check()


@ON_ONE
async def test_an_invoice_that_asks_for_nothing_is_not_issued_without_lines(shop: Shop) -> None:
    command = CreateInvoice(customer_id=await shop.customer(), currency="USD")
    invoice_id = await shop.invoices.create(SHOP, command)
    with pytest.raises(InvalidInput):
        await issued(shop, invoice_id)
    assert (await read(shop, invoice_id)).state is InvoiceState.DRAFT


@ON_ONE
async def test_an_invoice_may_be_charged_as_it_is_issued(shop: Shop) -> None:
    customer_id = await with_card(shop)
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id), charge=True)

    assert invoice.state is InvoiceState.PAID
    (charge,) = await charges_of(shop, invoice)
    assert (charge.state, charge.initiator, charge.captured) == (
        ChargeState.SUCCEEDED,
        Initiator.UNSCHEDULED,
        usd(20_00),
    )
    await shop.check(settled=True)


@ON_ONE
async def test_a_card_that_is_declined_leaves_the_invoice_issued_and_open(shop: Shop) -> None:
    customer_id = await with_card(shop, "tok_chargeDeclined")
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id), charge=True)

    assert invoice.state is InvoiceState.OPEN
    assert [charge.state for charge in await charges_of(shop, invoice)] == [ChargeState.DECLINED]
    await shop.check(settled=True)


@ON_ONE
async def test_nothing_is_issued_where_it_was_to_be_charged_and_there_is_no_card(shop: Shop) -> None:
    invoice_id = await drafted(shop)
    with pytest.raises(PaymentMethodMissing):
        await issued(shop, invoice_id, charge=True)
    assert (await read(shop, invoice_id)).state is InvoiceState.DRAFT
    assert (await issued(shop, invoice_id)).state is InvoiceState.OPEN


@ON_ONE
async def test_nothing_is_charged_where_the_balance_has_paid_it_all(shop: Shop) -> None:
    customer_id = await with_card(shop)
    await granted(shop, customer_id, 25_00)
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id), charge=True)

    assert (invoice.state, invoice.due, await charges_of(shop, invoice)) == (InvoiceState.PAID, usd(0), [])
    assert await balance(shop, customer_id) == (5_00, [(BalanceReason.APPLIED, -20_00)])


@ON_ONE
async def test_what_is_less_than_the_provider_charges_is_asked_for_with_the_next_invoice(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    bank = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test", least_amounts={"USD": 50})
    shop = open_shop(database, bank, clock)
    customer_id = await with_card(shop)
    little = NewInvoiceLine(name="Stamp", unit_amount=usd(30))
    preview = await shop.invoices.preview(SHOP, await drafted(shop, little, customer_id=customer_id))
    small = await issued(shop, await drafted(shop, little, customer_id=customer_id), charge=True)
    next_one = await issued(shop, await drafted(shop, TEA, customer_id=customer_id), charge=True)

    assert preview is not None
    assert (preview.opening.due, small.due, small.state) == (usd(0), usd(0), InvoiceState.PAID)
    assert await charges_of(shop, small) == []
    assert (next_one.due, next_one.state, await balance(shop, customer_id)) == (
        usd(20_30),
        InvoiceState.PAID,
        (0, [(BalanceReason.CARRIED_OVER, -30), (BalanceReason.CARRIED_OVER, 30)]),
    )
    await shop.check(settled=True)
    await shop.close()
    bank.close()


@ON_ONE
async def test_somebody_on_a_test_clock_is_billed_in_their_own_time_and_not_while_it_moves(shop: Shop) -> None:
    theirs = datetime(2027, 1, 31, 10, tzinfo=UTC)
    clock = TestClock(
        id=new_id(IdPrefix.TEST_CLOCK), name=None, now=theirs, created_at=shop.clock.now(), updated_at=shop.clock.now()
    )
    async with shop.store.transaction() as tx:
        await tx.test_clocks.insert(clock)
    customer_id = await shop.customers.create(
        SHOP, CreateCustomer(fields=CustomerChanges(), test_clock_id=clock.id, request=None)
    )
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id))
    item_id = await waits(shop, customer_id=customer_id)
    draft_id = await drafted(shop, customer_id=customer_id)
    await shop.invoices.mark_uncollectible(SHOP, invoice.id, version=None)

    given_up = await as_it_is(shop, invoice)
    assert (given_up.created_at, given_up.opened_at, given_up.due_at, given_up.uncollectible_at) == (theirs,) * 4
    async with shop.store.transaction() as tx:
        held = there(await tx.test_clocks.get_for_update(clock.id), clock.id)
        await tx.test_clocks.save(held.advancing(theirs + timedelta(days=28), now=shop.clock.now()))
    with asking():
        for refused in (
            issued(shop, draft_id),
            shop.invoices.discard(SHOP, draft_id, version=None),
            shop.invoices.void(SHOP, invoice.id, version=None),
            shop.invoices.remove_item(SHOP, item_id),
            shop.invoices.create_item(SHOP, CreateInvoiceItem(customer_id=customer_id, line=TEA)),
            drafted(shop, customer_id=customer_id),
        ):
            with pytest.raises(ClockAdvancing):
                await refused


@ON_ONE
async def test_somebody_with_a_draft_is_erased_once_that_is_discarded(shop: Shop) -> None:
    customer_id = await shop.customer()
    invoice_id = await drafted(shop, customer_id=customer_id)
    with pytest.raises(Conflict):
        await shop.redactions.redact(ADMIN, customer_id)
    await shop.invoices.discard(SHOP, invoice_id, version=None)

    await shop.redactions.redact(ADMIN, customer_id)

    assert (await shop.customer_row(customer_id)).redacted_at is not None
    with pytest.raises(CustomerRedacted):
        await drafted(shop, customer_id=customer_id)
    with pytest.raises(CustomerRedacted):
        await waits(shop, customer_id=customer_id)


# --- paying ---------------------------------------------------------------------------------------------------------


@ON_ONE
async def test_a_new_card_pays_an_invoice_and_is_stored_where_that_was_agreed_upon(shop: Shop) -> None:
    ada = as_customer("auth0|ada", await shop.customer())
    assert ada.customer_id is not None
    stored = []
    for store in (True, False):
        invoice = await an_invoice(shop, customer_id=ada.customer_id)
        command = ChargeInvoice(
            invoice_id=invoice.id,
            payment_method_id=None,
            new_card=NewCard(token="tok_visa", store=store),
            initiator=Initiator.CUSTOMER,
            return_url=None,
            request=shop.request("invoicePay", f"key {store}", {}, principal=ada),
        )
        charged = await shop.charges.charge_invoice(ada, command)
        assert await shop.charges.charge_invoice(ada, command) == charged
        assert charged.charge_id is not None
        charge = await shop.charge(charged.charge_id)
        stored.append((await shop.method(charge.payment_method_id)).state)
        assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID

    assert stored == ["ACTIVE", "DETACHED"]
    await shop.check(settled=True)


@ON_ONE
async def test_a_customer_pays_what_was_issued_to_them_and_knows_of_no_draft(shop: Shop) -> None:
    customer_id = await with_card(shop)
    ada, grace = (as_customer("auth0|ada", customer_id), as_customer("auth0|grace", await shop.customer()))
    draft_id, invoice = await drafted(shop, customer_id=customer_id), await an_invoice(shop, customer_id=customer_id)

    def command(invoice_id: str, initiator: Initiator = Initiator.CUSTOMER) -> ChargeInvoice:
        return ChargeInvoice(
            invoice_id=invoice_id,
            payment_method_id=None,
            initiator=initiator,
            return_url=None,
            request=shop.request("invoicePay", new_id(IdPrefix.EVENT), {}, principal=ada),
        )

    for whose, wanted in ((ada, draft_id), (grace, invoice.id), (ada, "inv_none")):
        with pytest.raises(NotFound):
            await shop.charges.charge_invoice(whose, command(wanted))
    with pytest.raises(PermissionDenied):
        await shop.charges.charge_invoice(ada, command(invoice.id, Initiator.UNSCHEDULED))
    await shop.charges.charge_invoice(ada, command(invoice.id))

    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


@ON_ONE
async def test_only_who_may_write_invoices_does(shop: Shop) -> None:
    customer_id = await with_card(shop)
    invoice_id = await drafted(shop, customer_id=customer_id)
    opened = await an_invoice(shop, customer_id=customer_id)
    item_id = await waits(shop, customer_id=customer_id)
    others = server("key_others", ALL_PERMISSIONS - {Permission.INVOICES_WRITE})
    away = server("key_away", ALL_PERMISSIONS - {Permission.CHARGES_OFF_SESSION})
    before = await shop.rows("SELECT id, version FROM invoices ORDER BY id")

    for who in (others, as_customer("auth0|ada", customer_id)):
        for refused in (
            shop.invoices.create(who, CreateInvoice(customer_id=customer_id, currency="USD")),
            shop.invoices.add_line(who, invoice_id, TEA, version=None, request=None),
            shop.invoices.finalize(who, FinalizeInvoice(invoice_id=invoice_id)),
            shop.invoices.discard(who, invoice_id, version=None),
            shop.invoices.void(who, opened.id, version=None),
            shop.invoices.mark_uncollectible(who, opened.id, version=None),
            shop.invoices.create_item(who, CreateInvoiceItem(customer_id=customer_id, line=TEA)),
            shop.invoices.remove_item(who, item_id),
            shop.invoices.preview(who, invoice_id),
        ):
            with pytest.raises(PermissionDenied):
                await refused
    with pytest.raises(PermissionDenied):
        await shop.invoices.finalize(away, FinalizeInvoice(invoice_id=invoice_id, charge=True))
    assert await shop.rows("SELECT id, version FROM invoices ORDER BY id") == before


# --- called off, given up -------------------------------------------------------------------------------------------


@ON_ONE
async def test_what_the_balance_had_paid_of_a_void_invoice_is_there_again_and_its_number_stays(shop: Shop) -> None:
    customer_id = await shop.customer()
    await granted(shop, customer_id, 5_00)
    item_id = await waits(shop, customer_id=customer_id)
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id))
    assert (invoice.due, await waiting(shop, customer_id)) == (usd(18_00), [])

    await shop.invoices.void(SHOP, invoice.id, version=invoice.version)

    gone = await as_it_is(shop, invoice)
    assert (gone.state, gone.number, gone.lines) == (InvoiceState.VOID, invoice.number, invoice.lines)
    assert await balance(shop, customer_id) == (
        5_00,
        [(BalanceReason.APPLIED, -5_00), (BalanceReason.APPLIED, 5_00)],
    )
    assert await waiting(shop, customer_id) == [3_00]
    with pytest.raises(InvoiceLineTaken):
        await shop.invoices.remove_item(SHOP, item_id)
    again = await issued(shop, await drafted(shop, customer_id=customer_id))
    assert (amounts(again.lines), again.due) == ([20_00, 3_00], usd(18_00))
    with pytest.raises(InvoiceNotOpen):
        await shop.invoices.void(SHOP, invoice.id, version=None)
    with pytest.raises(InvoiceNotPayable):
        await pay(shop, gone)
    await shop.check()


@ON_ONE
async def test_what_was_carried_over_to_a_void_invoice_is_owed_again(shop: Shop) -> None:
    customer_id = await shop.customer()
    await granted(shop, customer_id, -30)
    invoice = await issued(shop, await drafted(shop, customer_id=customer_id))
    assert (invoice.due, (await balance(shop, customer_id))[0]) == (usd(20_30), 0)

    await shop.invoices.void(SHOP, invoice.id, version=None)

    assert (await balance(shop, customer_id))[0] == -30
    await shop.check()


@ON_ONE
async def test_an_invoice_is_not_called_off_while_it_may_be_being_paid_nor_afterwards(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    shop.provider.between["charge"] = Dropped()
    await pay(shop, invoice)
    del shop.provider.between["charge"]
    for refused in (shop.invoices.void, shop.invoices.mark_uncollectible):
        with pytest.raises(ChargeInProgress):
            await refused(SHOP, invoice.id, version=None)

    await shop.run_jobs(rounds=3)

    for refused in (shop.invoices.void, shop.invoices.mark_uncollectible):
        with pytest.raises(InvoiceNotOpen):
            await refused(SHOP, invoice.id, version=None)
    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


@ON_ONE
async def test_a_payment_that_waits_for_the_customer_is_given_up_with_the_invoice(shop: Shop) -> None:
    invoice = await an_invoice(shop, token="tok_threeDSecureRequired")
    charge = await paid(shop, invoice)
    assert charge.state is ChargeState.REQUIRES_ACTION

    await shop.invoices.void(SHOP, invoice.id, version=None)
    await shop.check()
    await shop.run_jobs(rounds=2)

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert (await as_it_is(shop, invoice)).state is InvoiceState.VOID
    await shop.check(settled=True)


@ON_ONE
async def test_money_that_arrives_for_a_void_invoice_is_for_a_person_to_look_at(shop: Shop) -> None:
    invoice = await an_invoice(shop, token="tok_threeDSecureRequired")
    charge = await paid(shop, invoice)
    await shop.invoices.void(SHOP, invoice.id, version=None)
    await shop.answer_challenge(charge)
    await shop.hear()

    late = await shop.charge(charge.id)
    assert (late.state, late.review and late.review.reason) == (ChargeState.SUCCEEDED, ReviewReason.LATE_MONEY)
    assert (await as_it_is(shop, invoice)).state is InvoiceState.VOID
    await shop.check()


@ON_ONE
async def test_what_was_given_up_may_be_paid_after_all_or_called_off(shop: Shop) -> None:
    one, other = await an_invoice(shop), await an_invoice(shop)
    for invoice in (one, other):
        await shop.invoices.mark_uncollectible(SHOP, invoice.id, version=invoice.version)
    await paid(shop, one)
    await shop.invoices.void(SHOP, other.id, version=None)

    assert [(await as_it_is(shop, invoice)).state for invoice in (one, other)] == [
        InvoiceState.PAID,
        InvoiceState.VOID,
    ]
    assert (await as_it_is(shop, one)).uncollectible_at is not None
    with pytest.raises(InvoiceNotOpen):
        await shop.invoices.mark_uncollectible(SHOP, one.id, version=None)
    with pytest.raises(InvoiceAlreadyPaid):
        await pay(shop, one)
    await shop.check(settled=True)


@ON_ONE
@pytest.mark.parametrize(
    ("state", "what", "becomes"),
    [
        (SubscriptionState.INCOMPLETE, "void", SubscriptionState.EXPIRED),
        (SubscriptionState.PAST_DUE, "void", SubscriptionState.ACTIVE),
        (SubscriptionState.PAST_DUE, "mark_uncollectible", SubscriptionState.ACTIVE),
        (SubscriptionState.UNPAID, "void", SubscriptionState.ACTIVE),
        (SubscriptionState.UNPAID, "mark_uncollectible", SubscriptionState.UNPAID),
        (SubscriptionState.CANCELED, "void", SubscriptionState.CANCELED),
    ],
)
async def test_what_a_subscription_makes_of_an_invoice_that_nobody_will_pay(
    shop: Shop, state: SubscriptionState, what: str, becomes: SubscriptionState
) -> None:
    subscription = await a_subscription(shop)
    invoice = await an_invoice(shop, subscription=subscription)
    now = shop.clock.now()
    ends = now + timedelta(hours=23) if state is SubscriptionState.INCOMPLETE else None
    waits_for_it = replace(subscription, state=state, incomplete_expires_at=ends)
    if state is SubscriptionState.CANCELED:
        waits_for_it = subscription.canceled(CancelReason.REQUESTED, now=now)
    async with shop.store.transaction() as tx:
        await tx.subscriptions.save(waits_for_it)

    await getattr(shop.invoices, what)(SHOP, invoice.id, version=None)

    assert (await subscription_now(shop, subscription)).state is becomes
    await shop.check()


@ON_ONE
async def test_a_change_that_waited_for_a_void_invoice_is_dropped(shop: Shop) -> None:
    subscription = await a_subscription(shop)
    invoice = await an_invoice(shop, subscription=subscription)
    now = shop.clock.now()
    update = PendingUpdate(items=(), at=now, invoice_id=invoice.id, expires_at=now + timedelta(hours=23))
    async with shop.store.transaction() as tx:
        await tx.subscriptions.save(replace(subscription, pending_update=update))

    await shop.invoices.void(SHOP, invoice.id, version=None)

    after = await subscription_now(shop, subscription)
    assert (after.pending_update, after.state) == (None, SubscriptionState.ACTIVE)
    assert "SUBSCRIPTION_UNDONE" in await shop.events(subscription.id)


@ON_ONE
@pytest.mark.parametrize("waits", ["update", "begin"])
async def test_what_begins_or_changes_when_it_is_paid_is_not_given_up(shop: Shop, waits: str) -> None:
    """Else it could be paid after all, for nothing."""
    subscription = await a_subscription(shop)
    invoice = await an_invoice(shop, subscription=subscription)
    now = shop.clock.now()
    ends = now + timedelta(hours=23)
    if waits == "update":
        update = PendingUpdate(items=(), at=now, invoice_id=invoice.id, expires_at=ends)
        waiting = replace(subscription, pending_update=update)
    else:
        waiting = replace(subscription, state=SubscriptionState.INCOMPLETE, incomplete_expires_at=ends)
    async with shop.store.transaction() as tx:
        await tx.subscriptions.save(waiting)

    with pytest.raises(InvalidInput) as refused:
        await shop.invoices.mark_uncollectible(SHOP, invoice.id, version=None)

    assert refused.value.path == ("invoiceId",)
    assert (await as_it_is(shop, invoice)).state is InvoiceState.OPEN


# --- lines that wait ------------------------------------------------------------------------------------------------


@ON_ONE
async def test_a_line_waits_for_the_next_invoice_of_its_subscription_or_customer_and_can_be_removed(shop: Shop) -> None:
    subscription = await a_subscription(shop)
    whose = subscription.customer_id
    kept, gone = await waits(shop, 3_00, subscription_id=subscription.id), await waits(shop, 4_00, customer_id=whose)
    for _ in range(2):
        await shop.invoices.remove_item(SHOP, gone)

    assert (await waiting(shop, whose), await waiting(shop, whose, subscription.id)) == ([], [3_00])
    assert (await issued(shop, await drafted(shop, customer_id=whose))).total == usd(20_00)
    assert await shop.events(gone) == ["INVOICE_ITEM_CREATED", "INVOICE_ITEM_REMOVED"]
    assert await shop.events(kept) == ["INVOICE_ITEM_CREATED"]
    assert "INVOICE_ITEM_CREATED" in await shop.events(subscription.id)


@ON_ONE
async def test_a_line_that_could_never_be_taken_is_refused(shop: Shop) -> None:
    subscription = await a_subscription(shop)
    ended = await a_subscription(shop)
    async with shop.store.transaction() as tx:
        await tx.subscriptions.save(ended.canceled(CancelReason.REQUESTED, now=shop.clock.now()))
    euros = NewInvoiceLine(name="Tea", unit_amount=replace(usd(1_00), currency="EUR"))
    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"line": TEA}, InvalidInput),
        ({"line": TEA, "customer_id": "cus_none"}, NotFound),
        ({"line": TEA, "subscription_id": "sub_none"}, NotFound),
        ({"line": TEA, "subscription_id": subscription.id, "customer_id": ended.customer_id}, NotFound),
        ({"line": TEA, "subscription_id": ended.id}, InvalidInput),
        ({"line": euros, "subscription_id": subscription.id}, InvalidInput),
    ]
    for fields, error in refused:
        with pytest.raises(error):
            await shop.invoices.create_item(SHOP, CreateInvoiceItem(**fields))
    with pytest.raises(NotFound):
        await shop.invoices.remove_item(SHOP, "inl_none")
    assert await shop.rows("SELECT id FROM invoice_items") == []


# --- at once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES], ids=str)
async def test_those_who_meet_at_an_invoice_take_turns(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    for _ in range(3):
        customer_id = await with_card(one)
        await granted(one, customer_id, 5_00)
        item_id = await waits(one, customer_id=customer_id)
        invoice_id = await drafted(one, customer_id=customer_id)
        outcomes = await asyncio.gather(
            issued(one, invoice_id, charge=True, key=f"{invoice_id} one"),
            issued(other, invoice_id, key=f"{invoice_id} other"),
            other.invoices.remove_item(SHOP, item_id),
            return_exceptions=True,
        )
        first, second, removed = outcomes
        assert [isinstance(outcome, InvoiceNotDraft) for outcome in (first, second)].count(True) == 1
        invoice = await read(one, invoice_id)
        taken = 3_00 in amounts(invoice.lines)
        assert isinstance(removed, InvoiceLineTaken) is taken
        if invoice.state is InvoiceState.OPEN:
            voided, charged = await asyncio.gather(
                other.invoices.void(SHOP, invoice_id, version=None), pay(one, invoice), return_exceptions=True
            )
            assert isinstance(voided, BaseException) is not isinstance(charged, BaseException)
            state = (await read(one, invoice_id)).state
            assert state is (InvoiceState.PAID if isinstance(voided, BaseException) else InvoiceState.VOID)
    await one.check(settled=True)
