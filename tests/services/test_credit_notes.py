"""A credit note takes back a part of an issued invoice: of what is due, or, of what was paid, into the balance."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import (
    ChargeInProgress,
    CreditTooHigh,
    CurrencyMismatch,
    IdempotencyConflict,
    InvalidInput,
    InvoiceNotCreditable,
    NotFound,
    PermissionDenied,
)
from domain.ids import IdPrefix, new_id
from domain.invoices import CreditNote, CreditReduces, Invoice, InvoiceLine, InvoiceReason, InvoiceState, LineKind
from domain.money import Money
from domain.principals import Permission, server
from domain.services.credit_notes import CreateCreditNote, Credited, CreditedLine, credit
from domain.services.locking import lock_invoice
from domain.store import UniqueTaken
from domain.subscriptions import SubscriptionState
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.dying import Dropped
from tests.services.invoiced import a_subscription, an_invoice, as_it_is, change, paid, pay, subscription_now
from tests.services.shop import SHOP, Shop, usd
from tests.services.test_invoicing import a_draft, granted, opened
from tests.services.test_order_invoices import invoice_of

ON_ONE = pytest.mark.parametrize("dialect", [Dialect.SQLITE], ids=str)
DUE, BALANCE = CreditReduces.DUE, CreditReduces.BALANCE


async def notes_of(shop: Shop, invoice: Invoice) -> list[CreditNote]:
    async with shop.store.reading() as tx:
        return list(await tx.invoices.credit_notes(invoice.id))


async def note(
    shop: Shop, invoice: Invoice, amount: int | None = None, *, key: str | None = None, **how: Any
) -> CreditNote:
    wanted = None if amount is None else usd(amount)
    request = shop.request("creditNoteCreate", key, {"invoice": invoice.id, "amount": amount})
    command = CreateCreditNote(invoice_id=invoice.id, amount=wanted, request=request, **how)
    note_id = await shop.credit_notes.create(SHOP, command)
    (made,) = [each for each in await notes_of(shop, invoice) if each.id == note_id]
    return made


def of_line(line: InvoiceLine, amount: int | None = None) -> CreditedLine:
    return CreditedLine(invoice_line_id=line.id, amount=None if amount is None else usd(amount))


async def balance(shop: Shop, invoice: Invoice) -> int:
    async with shop.store.reading() as tx:
        return (await tx.balances.get(invoice.customer_id, invoice.currency)).minor_units


async def take_back(shop: Shop, invoice: Invoice, *amounts: int, cause: str = "sub_1:canceled") -> Credited:
    lines = [
        InvoiceLine(id=new_id(IdPrefix.INVOICE_LINE), kind=LineKind.CREDIT, name="Unused time", amount=usd(amount))
        for amount in amounts
    ]
    async with shop.store.transaction() as tx:
        locked = await lock_invoice(tx, invoice.id)
        return await credit(tx, locked, lines, cause=cause, actor="system:test", now=shop.clock.now())


# --- by hand --------------------------------------------------------------------------------------------------------


async def test_a_credit_note_reduces_what_is_due(shop: Shop) -> None:
    invoice = await an_invoice(shop)

    made = await note(shop, invoice, 5_00, name="Goodwill")

    assert (made.number.printed, made.number.sequence, made.reduces) == ("CRN-000001", 1, DUE)
    assert [(line.name, line.amount) for line in made.lines] == [("Goodwill", usd(5_00))]
    now = await as_it_is(shop, invoice)
    assert (now.state, now.due, now.total) == (InvoiceState.OPEN, usd(15_00), usd(20_00))
    assert await balance(shop, invoice) == 0
    assert (await paid(shop, invoice)).captured == usd(15_00)
    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    assert await shop.events(invoice.id) == ["INVOICE_CREDITED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "INVOICE_PAID"]
    await shop.check(settled=True)


async def test_an_invoice_of_which_nothing_is_due_any_more_is_paid(shop: Shop) -> None:
    subscription = await a_subscription(shop, SubscriptionState.PAST_DUE)
    invoice = await an_invoice(shop, subscription=subscription, reason=InvoiceReason.PERIOD)

    made = await note(shop, invoice)

    now = await as_it_is(shop, invoice)
    assert made.amount == usd(20_00)
    assert (now.state, now.due, now.paid_at) == (InvoiceState.PAID, usd(0), shop.clock.now())
    assert (await subscription_now(shop, subscription)).state is SubscriptionState.ACTIVE
    assert await shop.events(invoice.id) == ["INVOICE_PAID", "INVOICE_CREDITED"]
    await shop.check(settled=True)


async def test_what_was_paid_goes_into_the_balance(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)

    made = await note(shop, invoice, 8_00)

    assert made.reduces is BALANCE
    assert await balance(shop, invoice) == 8_00
    now = await as_it_is(shop, invoice)
    assert (now.state, now.due) == (InvoiceState.PAID, usd(20_00))
    assert (await shop.charge(charge.id)).refunded == usd(0)
    await shop.check(settled=True)


@ON_ONE
async def test_the_invoice_of_an_order_is_credited_like_any_other(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    invoice = await invoice_of(shop, charge.payable_id)
    assert invoice is not None

    await note(shop, invoice, 15_00)

    assert await balance(shop, invoice) == 15_00
    with pytest.raises(CreditTooHigh):
        await note(shop, invoice, 6_00)
    await note(shop, invoice)
    assert await balance(shop, invoice) == 20_00
    await shop.check(settled=True)


@ON_ONE
async def test_lines_are_credited_each_up_to_its_amount(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    invoice = await invoice_of(shop, charge.payable_id)
    assert invoice is not None
    (line,) = invoice.lines

    first = await note(shop, invoice, lines=[of_line(line, 5_00)])
    with pytest.raises(CreditTooHigh) as refused:
        await note(shop, invoice, lines=[of_line(line, 15_01)])
    rest = await note(shop, invoice, lines=[of_line(line)])

    assert refused.value.path == ("lines", "0", "amount")
    assert [(each.name, each.amount, each.quantity) for each in first.lines] == [("Tea", usd(5_00), 1)]
    assert (rest.amount, rest.lines[0].id) == (usd(15_00), line.id)
    with pytest.raises(InvalidInput):
        await note(shop, invoice, lines=[of_line(line)])
    await shop.check(settled=True)


@ON_ONE
async def test_never_more_than_the_invoice_is_credited(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    for amount, reduces in ((20_01, None), (20_01, DUE), (1, BALANCE)):
        with pytest.raises(CreditTooHigh):
            await note(shop, invoice, amount, reduces=reduces)
    await paid(shop, invoice)
    with pytest.raises(CreditTooHigh):
        await note(shop, invoice, 1, reduces=DUE)
    await note(shop, invoice, 12_00)
    with pytest.raises(CreditTooHigh):
        await note(shop, invoice, 8_01)
    assert [each.amount for each in await notes_of(shop, invoice)] == [usd(12_00)]
    await shop.check(settled=True)


@ON_ONE
async def test_what_went_back_to_the_card_is_not_given_again(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)
    await shop.refund(charge.id, 15_00)

    with pytest.raises(CreditTooHigh):
        await note(shop, invoice, 5_01)
    assert (await note(shop, invoice)).amount == usd(5_00)
    with pytest.raises(CreditTooHigh):
        await note(shop, invoice)
    await shop.check(settled=True)


@ON_ONE
async def test_a_draft_or_what_was_called_off_is_not_credited(shop: Shop) -> None:
    off = await an_invoice(shop)
    await change(shop, off, off.voided(now=shop.clock.now()))
    with pytest.raises(InvoiceNotCreditable):
        await note(shop, off, 1_00)


@ON_ONE
async def test_one_that_was_given_up_can_be_credited_and_is_paid_then(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    await change(shop, invoice, invoice.uncollectible(now=shop.clock.now()))

    await note(shop, invoice)

    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


async def test_what_is_due_stays_while_it_is_being_charged(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    shop.provider.between["charge"] = Dropped()
    await pay(shop, invoice)
    del shop.provider.between["charge"]

    with pytest.raises(ChargeInProgress):
        await note(shop, invoice, 5_00)
    await shop.run_jobs(rounds=3)

    assert (await note(shop, invoice, 5_00)).reduces is BALANCE
    await shop.check(settled=True)


@ON_ONE
async def test_the_same_request_makes_one_credit_note(shop: Shop) -> None:
    invoice = await an_invoice(shop)

    first, second = await note(shop, invoice, 5_00, key="a key"), await note(shop, invoice, 5_00, key="a key")

    assert first == second
    assert len(await notes_of(shop, invoice)) == 1
    with pytest.raises(IdempotencyConflict):
        await note(shop, invoice, 6_00, key="a key")


@ON_ONE
async def test_who_may_not_write_invoices_credits_none(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    command = CreateCreditNote(invoice_id=invoice.id, amount=usd(1_00))
    with pytest.raises(PermissionDenied):
        await shop.credit_notes.create(server("key_orders", frozenset({Permission.ORDERS_WRITE})), command)
    with pytest.raises(NotFound):
        await shop.credit_notes.create(SHOP, replace(command, invoice_id=new_id(IdPrefix.INVOICE)))
    with pytest.raises(CurrencyMismatch):
        await shop.credit_notes.create(SHOP, replace(command, amount=Money(1_00, "EUR")))
    with pytest.raises(InvalidInput):
        await shop.credit_notes.create(SHOP, replace(command, lines=[of_line(invoice.lines[0])]))


async def test_credit_notes_made_at_once_have_numbers_without_a_gap_and_never_credit_too_much(
    new_shop: OpenShop,
) -> None:
    one, other = new_shop(), new_shop()
    other.numbers = one.numbers
    invoices = [await an_invoice(one) for _ in range(3)]

    outcomes = await asyncio.gather(
        *(note(shop, invoice, 8_00) for invoice in invoices for shop in (one, other, one)), return_exceptions=True
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(outcome) for outcome in refused] == [CreditTooHigh] * 3
    sequences = [each.number.sequence for invoice in invoices for each in await notes_of(one, invoice)]
    assert sorted(sequences) == [1, 2, 3, 4, 5, 6]
    assert {(await as_it_is(one, invoice)).due for invoice in invoices} == {usd(4_00)}
    await one.check(settled=True)


# --- for time that is not used --------------------------------------------------------------------------------------


@ON_ONE
async def test_time_that_was_paid_and_is_not_used_goes_into_the_balance(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    await paid(shop, invoice)

    credited = await take_back(shop, invoice, 9_00, 4_82)

    assert [(each.reduces, each.amount, len(each.lines)) for each in credited.notes] == [(BALANCE, usd(13_82), 2)]
    assert credited.rest.is_zero
    assert await balance(shop, invoice) == 13_82
    await shop.check(settled=True)


@ON_ONE
async def test_what_nobody_has_paid_is_not_put_into_the_balance(shop: Shop) -> None:
    subscription = await a_subscription(shop, SubscriptionState.PAST_DUE)
    invoice = await an_invoice(shop, subscription=subscription, reason=InvoiceReason.PERIOD)

    credited = await take_back(shop, invoice, 13_82)

    assert [(each.reduces, each.amount) for each in credited.notes] == [(DUE, usd(13_82))]
    assert (credited.invoice.state, credited.invoice.due) == (InvoiceState.OPEN, usd(6_18))
    assert await balance(shop, invoice) == 0
    await shop.check(settled=True)


@ON_ONE
async def test_the_unpaid_part_is_reduced_first_and_what_the_balance_had_paid_goes_back_there(shop: Shop) -> None:
    customer_id = await shop.customer()
    await granted(shop, customer_id, 8_00)
    invoice = await opened(shop, a_draft(shop, customer_id, 20_00))
    assert invoice.due == usd(12_00)

    credited = await take_back(shop, invoice, 9_00, 7_00)

    assert [(each.reduces, each.amount) for each in credited.notes] == [(DUE, usd(12_00)), (BALANCE, usd(4_00))]
    assert [[line.amount for line in each.lines] for each in credited.notes] == [
        [usd(9_00), usd(3_00)],
        [usd(4_00)],
    ]
    assert credited.invoice.state is InvoiceState.PAID
    assert await balance(shop, invoice) == 4_00
    await shop.check(settled=True)


@ON_ONE
async def test_what_the_invoice_was_not_for_is_told_as_a_rest(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    await paid(shop, invoice)

    credited = await take_back(shop, invoice, 12_00, 12_00)

    assert [line.amount for line in credited.notes[0].lines] == [usd(12_00), usd(8_00)]
    assert credited.rest == usd(4_00)
    await shop.check(settled=True)


@ON_ONE
async def test_what_went_back_to_the_card_is_no_rest(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)
    await shop.refund(charge.id)

    credited = await take_back(shop, invoice, 13_82)

    assert (credited.notes, credited.rest) == ((), usd(0))
    assert await balance(shop, invoice) == 0


@ON_ONE
async def test_the_same_time_is_credited_once(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    await paid(shop, invoice)
    await take_back(shop, invoice, 5_00)

    with pytest.raises(UniqueTaken, match="credit_notes_cause"):
        await take_back(shop, invoice, 5_00)

    assert await balance(shop, invoice) == 5_00
    await shop.check(settled=True)
