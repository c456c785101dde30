"""What the domain may rely on of subscriptions, invoices, balances and numbers, whichever database is below."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.exceptions import IntegrityError

from domain.balances import BalanceReason, applied_cause, entry
from domain.customers import Customer
from domain.invoices import Invoice, InvoiceState, PendingLine
from domain.issuers import DEFAULT_ISSUER_ID, Issuer, Number
from domain.pricing import PricingModel, Tier
from domain.products import Price
from domain.store import LostUpdate, Store, UniqueTaken
from domain.subscriptions import Subscription, SubscriptionState
from persistence.database import Database
from tests.contracts.billing_records import (
    PERIOD,
    a_billed_period,
    a_credit_note,
    a_draft,
    a_subscription,
    a_test_clock,
    an_invoice_line,
    an_issuer,
    an_open_invoice,
)
from tests.contracts.records import LATER, NOW, a_customer, a_price, a_product, usd


async def a_stored_customer(store: Store) -> Customer:
    customer = a_customer()
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
    return customer


async def a_stored_price(store: Store) -> Price:
    product = a_product()
    price = replace(a_price(product), unit_amount=usd(20_00))
    async with store.transaction() as tx:
        await tx.products.insert(product)
        await tx.prices.insert(price)
    return price


async def a_stored_subscription(store: Store) -> Subscription:
    subscription = a_subscription(await a_stored_customer(store), await a_stored_price(store))
    async with store.transaction() as tx:
        await tx.subscriptions.insert(subscription)
    return subscription


# --- records come back as they were written ---------------------------------------------------------------------------


async def test_a_price_with_tiers_is_read_as_it_was_written(store: Store) -> None:
    price = replace(
        await a_stored_price(store),
        id="price_tiered",
        pricing_model=PricingModel.GRADUATED,
        tiers=(
            Tier(up_to=10, unit_amount=usd(5), flat_amount=usd(100)),
            Tier(up_to=None, unit_amount=usd(3), flat_amount=usd(0)),
        ),
        trial_days=14,
    )
    async with store.transaction() as tx:
        await tx.prices.insert(price)

    async with store.reading() as tx:
        assert await tx.prices.get(price.id) == price
    assert price.pricing.amount(12) == usd(10 * 5 + 100 + 2 * 3)


async def test_a_subscription_is_read_as_it_was_written(store: Store) -> None:
    subscription = await a_stored_subscription(store)

    async with store.transaction() as tx:
        assert await tx.subscriptions.get(subscription.id) == subscription
        assert await tx.subscriptions.get_for_update(subscription.id) == subscription
        assert await tx.subscriptions.of_customer(subscription.customer_id) == [subscription]


async def test_a_subscription_that_has_nothing_yet_is_read_as_it_was_written(store: Store) -> None:
    whole = a_subscription(await a_stored_customer(store), await a_stored_price(store))
    bare = replace(
        whole,
        state=SubscriptionState.SCHEDULED,
        anchor_day=None,
        trial_ends_at=None,
        period=None,
        cancel_at=None,
        cancel_reason=None,
        pause=None,
        pending_change=None,
        pending_update=None,
        dunning=None,
        last_tried_at=None,
        incomplete_expires_at=None,
    )
    async with store.transaction() as tx:
        await tx.subscriptions.insert(bare)

    async with store.reading() as tx:
        assert await tx.subscriptions.get(bare.id) == bare


async def test_items_keep_their_place_when_they_go_and_others_come(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    first, second = subscription.items
    changed = replace(
        subscription,
        items=(replace(first, quantity=8), second, replace(first, id="item_third")),
        updated_at=LATER,
    )
    async with store.transaction() as tx:
        saved = await tx.subscriptions.save(changed)

    assert saved == replace(changed, version=2)
    async with store.reading() as tx:
        assert await tx.subscriptions.get(subscription.id) == saved


async def test_of_two_writers_of_one_subscription_or_invoice_one_wins(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    invoice = a_draft(await a_stored_customer(store))
    async with store.transaction() as tx:
        await tx.invoices.insert(invoice)
        await tx.invoices.save(invoice)
        await tx.subscriptions.save(subscription)

    with pytest.raises(LostUpdate):
        async with store.transaction() as tx:
            await tx.subscriptions.save(subscription)
    with pytest.raises(LostUpdate):
        async with store.transaction() as tx:
            await tx.invoices.save(invoice)


async def test_a_period_is_read_as_it_was_written_and_told_its_invoice_later(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    billed = a_billed_period(subscription)
    following = replace(
        billed,
        period=replace(PERIOD, start=PERIOD.end, whole_start=PERIOD.end, end=PERIOD.end + timedelta(days=90)),
        rates={},
    )
    async with store.transaction() as tx:
        invoice = a_draft(a_customer(), subscription=subscription)
        await tx.invoices.insert(replace(invoice, customer_id=subscription.customer_id))
        await tx.subscriptions.insert_period(following)
        await tx.subscriptions.insert_period(billed)
        assert await tx.subscriptions.period(subscription.id, PERIOD.start) == billed
        await tx.subscriptions.save_period(replace(billed, invoice_id=invoice.id))

    async with store.reading() as tx:
        assert await tx.subscriptions.periods(subscription.id) == [replace(billed, invoice_id=invoice.id), following]
        assert await tx.subscriptions.period(subscription.id, LATER) is None


async def test_an_invoice_is_read_as_it_was_written_open_or_not(store: Store) -> None:
    customer = await a_stored_customer(store)
    draft = a_draft(customer, an_invoice_line())
    opened = an_open_invoice(customer, an_invoice_line(), an_invoice_line(-5_00))
    async with store.transaction() as tx:
        await tx.invoices.insert(draft)
        await tx.invoices.insert(opened)

    async with store.transaction() as tx:
        assert await tx.invoices.get(draft.id) == draft
        assert await tx.invoices.get_for_update(opened.id) == opened


async def test_a_draft_may_change_its_lines_and_be_opened_in_one_save(store: Store) -> None:
    customer = await a_stored_customer(store)
    draft = a_draft(customer, an_invoice_line(), an_invoice_line(3_00))
    opened = replace(an_open_invoice(customer, an_invoice_line(9_00), draft.lines[0]), id=draft.id)
    async with store.transaction() as tx:
        await tx.invoices.insert(draft)
        saved = await tx.invoices.save(opened)

    async with store.reading() as tx:
        assert await tx.invoices.get(draft.id) == saved == replace(opened, version=2)


async def test_open_invoices_of_a_subscription_come_in_the_order_in_which_they_were_opened(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    customer = replace(a_customer(), id=subscription.customer_id)
    late, early = (
        replace(
            an_open_invoice(customer, an_invoice_line(), sequence=number, subscription=subscription),
            period_start=PERIOD.start + timedelta(days=number),
            opened_at=NOW - timedelta(days=number),
        )
        for number in (1, 2)
    )
    paid = replace(an_open_invoice(customer, sequence=3, subscription=subscription).paid(now=NOW), period_start=LATER)
    async with store.transaction() as tx:
        for invoice in (late, early, paid):
            await tx.invoices.insert(invoice)

    async with store.reading() as tx:
        assert await tx.invoices.open_of_subscription(subscription.id) == [early, late]
        assert await tx.invoices.of_period(subscription.id, LATER) == [paid]
        assert await tx.invoices.of_period(subscription.id, PERIOD.end + timedelta(days=9)) == []


async def test_lines_wait_until_an_invoice_takes_them(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    customer = replace(a_customer(), id=subscription.customer_id)
    own, other = (
        PendingLine(
            line=an_invoice_line(), customer_id=customer.id, subscription_id=of, cause=f"cause of {of}", created_at=NOW
        )
        for of in (subscription.id, None)
    )
    invoice = a_draft(customer)
    async with store.transaction() as tx:
        await tx.invoices.insert(invoice)
        await tx.invoices.add_waiting_lines([own, other])
        assert await tx.invoices.waiting_lines(customer.id, "USD", subscription_id=subscription.id) == [own]
        assert await tx.invoices.waiting_lines(customer.id, "USD", subscription_id=None) == [other]
        assert await tx.invoices.waiting_lines(customer.id, "EUR", subscription_id=None) == []
        await tx.invoices.take_waiting_line(own, invoice_id=invoice.id)

    async with store.reading() as tx:
        assert await tx.invoices.waiting_lines(customer.id, "USD", subscription_id=subscription.id) == []
    with pytest.raises(UniqueTaken, match="invoice_items_cause"):
        async with store.transaction() as tx:
            await tx.invoices.add_waiting_lines([replace(own, line=an_invoice_line())])


async def test_a_credit_note_an_issuer_and_a_clock_are_read_as_they_were_written(store: Store) -> None:
    clock, issuer = a_test_clock(), an_issuer()
    customer = replace(a_customer(), test_clock_id=clock.id)
    invoice = an_open_invoice(customer, an_invoice_line())
    note = a_credit_note(invoice)
    async with store.transaction() as tx:
        await tx.test_clocks.insert(clock)
        await tx.customers.insert(customer)
        await tx.issuers.insert(issuer)
        await tx.invoices.insert(invoice)
        await tx.invoices.insert_credit_note(note)

    async with store.transaction() as tx:
        assert await tx.test_clocks.get(clock.id) == clock == await tx.test_clocks.get_for_update(clock.id)
        assert await tx.test_clocks.of_customer(customer.id) == clock
        assert await tx.test_clocks.of_customer("cus_of_no_clock") is None
        assert await tx.customers.get(customer.id) == customer
        assert await tx.issuers.get(issuer.id) == issuer == await tx.issuers.get_for_update(issuer.id)
        assert await tx.invoices.credit_notes(invoice.id) == [note]


async def test_every_deployment_has_an_issuer(store: Store) -> None:
    async with store.reading() as tx:
        first = await tx.issuers.get(DEFAULT_ISSUER_ID)

    assert first is not None
    assert first == Issuer(id=DEFAULT_ISSUER_ID, created_at=first.created_at, updated_at=first.updated_at)


# --- balances ---------------------------------------------------------------------------------------------------------


async def test_a_balance_is_the_sum_of_what_was_put_there(store: Store) -> None:
    customer = await a_stored_customer(store)
    entries = [
        entry(customer.id, usd(amount), BalanceReason.CREDITED, cause=f"cause {amount}", now=NOW)
        for amount in (10_00, -3_00)
    ]
    async with store.transaction() as tx:
        assert await tx.balances.get_for_update(customer.id, "USD") == usd(0)
        for each in entries:
            await tx.balances.insert(each)
        assert await tx.balances.get_for_update(customer.id, "USD") == usd(7_00)

    async with store.reading() as tx:
        assert await tx.balances.get(customer.id, "USD") == usd(7_00)
        assert (await tx.balances.get(customer.id, "EUR")).is_zero
        assert await tx.balances.entries(customer.id) == entries


async def test_what_moved_a_balance_moves_it_once(store: Store) -> None:
    customer = await a_stored_customer(store)

    async def apply() -> None:
        async with store.transaction() as tx:
            await tx.balances.get_for_update(customer.id, "USD")
            cause = applied_cause("inv_1")
            await tx.balances.insert(entry(customer.id, usd(-5_00), BalanceReason.APPLIED, cause=cause, now=NOW))

    await apply()
    with pytest.raises(UniqueTaken, match="customer_balance_entries_cause"):
        await apply()

    async with store.reading() as tx:
        assert await tx.balances.get(customer.id, "USD") == usd(-5_00)


async def test_those_who_move_a_balance_at_once_add_up(store: Store, rival: Store) -> None:
    customer = await a_stored_customer(store)

    async def credit(through: Store, number: int) -> None:
        async with through.transaction() as tx:
            await tx.balances.get_for_update(customer.id, "USD")
            await tx.balances.insert(entry(customer.id, usd(1), BalanceReason.CREDITED, cause=str(number), now=NOW))

    await asyncio.gather(*(credit((store, rival)[number % 2], number) for number in range(6)))

    async with store.reading() as tx:
        assert await tx.balances.get(customer.id, "USD") == usd(6)


# --- numbers ----------------------------------------------------------------------------------------------------------


async def numbered(store: Store, draft: Invoice, *, fails: bool = False) -> None:
    async with store.transaction() as tx:
        issuer = await tx.issuers.get_for_update(draft.issuer_id)
        assert issuer is not None
        issuer, number = issuer.invoice_numbered(now=NOW)
        await tx.invoices.insert(replace(draft, state=InvoiceState.OPEN, number=number, opened_at=NOW))
        await tx.issuers.save(issuer)
        if fails:
            raise ZeroDivisionError


async def test_numbers_have_no_gap_whoever_takes_them_and_whatever_fails(
    store: Store, rival: Store, database: Database
) -> None:
    customer = await a_stored_customer(store)

    await asyncio.gather(
        *(
            numbered((store, rival)[number % 2], a_draft(customer, an_invoice_line()), fails=number % 3 == 0)
            for number in range(9)
        ),
        return_exceptions=True,
    )

    async with database.reader() as connection:
        rows = await connection.fetch_all("SELECT sequence, number FROM invoices ORDER BY sequence")
    assert [(row["sequence"], row["number"]) for row in rows] == [(n, f"INV-{n:06}") for n in range(1, 7)]


async def test_a_number_is_given_once(store: Store) -> None:
    customer = await a_stored_customer(store)
    async with store.transaction() as tx:
        await tx.invoices.insert(an_open_invoice(customer))

    with pytest.raises(UniqueTaken, match="invoices_sequence"):
        async with store.transaction() as tx:
            await tx.invoices.insert(replace(an_open_invoice(customer), number=Number(1, "ANOTHER-1")))


# --- what the database holds by itself --------------------------------------------------------------------------------


async def test_a_period_is_made_once(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    billed = a_billed_period(subscription)
    async with store.transaction() as tx:
        await tx.subscriptions.insert_period(billed)

    later_end = replace(PERIOD, number=5, end=PERIOD.end + timedelta(days=1))
    with pytest.raises(UniqueTaken, match="subscription_periods_start"):
        async with store.transaction() as tx:
            await tx.subscriptions.insert_period(replace(billed, period=later_end))


async def test_of_one_period_there_is_one_invoice(store: Store) -> None:
    subscription = await a_stored_subscription(store)
    customer = replace(a_customer(), id=subscription.customer_id)
    async with store.transaction() as tx:
        await tx.invoices.insert(a_draft(customer, subscription=subscription))

    with pytest.raises(UniqueTaken, match="invoices_one_a_period"):
        async with store.transaction() as tx:
            await tx.invoices.insert(a_draft(customer, subscription=subscription))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices SET number = 'INV-9'",
        "UPDATE invoices SET total = total - 1",
        "UPDATE invoices SET due = due + 1",
        "UPDATE invoices SET state = 'DRAFT', number = NULL, sequence = NULL, opened_at = NULL",
        "UPDATE invoice_lines SET amount = 0",
        "DELETE FROM invoice_lines",
        "DELETE FROM invoices",
        "UPDATE invoices SET customer_id = 'another'",
    ],
)
async def test_an_invoice_that_was_issued_stays_as_it_is(store: Store, database: Database, statement: str) -> None:
    customer = await a_stored_customer(store)
    async with store.transaction() as tx:
        await tx.invoices.insert(an_open_invoice(customer, an_invoice_line()))

    with pytest.raises(IntegrityError):
        async with database.transaction() as connection:
            await connection.execute(statement)


async def test_an_issued_invoice_may_be_paid_and_credited(store: Store) -> None:
    customer = await a_stored_customer(store)
    opened = an_open_invoice(customer, an_invoice_line())
    async with store.transaction() as tx:
        await tx.invoices.insert(opened)
        credited = await tx.invoices.save(replace(opened, due=opened.due - usd(5_00)))
        paid = await tx.invoices.save(credited.paid(now=LATER))

    async with store.reading() as tx:
        assert await tx.invoices.get(opened.id) == paid


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE subscription_periods SET ends_at = whole_starts_at",
        "DELETE FROM subscription_periods",
        "DELETE FROM subscriptions",
        "DELETE FROM subscription_items",
        "UPDATE subscriptions SET currency = 'EUR'",
        "UPDATE subscriptions SET state = 'CANCELED'",
        "UPDATE customer_balance_entries SET amount = 1",
        "DELETE FROM issuers",
    ],
)
async def test_the_history_of_a_subscription_stays_as_it_is(store: Store, database: Database, statement: str) -> None:
    subscription = await a_stored_subscription(store)
    async with store.transaction() as tx:
        await tx.subscriptions.insert_period(a_billed_period(subscription))
        await tx.balances.get_for_update(subscription.customer_id, "USD")
        await tx.balances.insert(
            entry(subscription.customer_id, usd(5), BalanceReason.GRANTED, cause="a present", now=NOW)
        )

    with pytest.raises(IntegrityError):
        async with database.transaction() as connection:
            await connection.execute(statement)
