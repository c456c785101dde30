"""A charge of an invoice is a charge: settled, refunded, disputed, compared and erased as one of an order is."""

import asyncio
from dataclasses import replace
from itertools import permutations

import pytest
from tortoise.exceptions import IntegrityError

from domain.charges import ChargeState, ReviewReason
from domain.discrepancies import DiscrepancyKind
from domain.errors import (
    ChargeInProgress,
    CustomerHasOpenInvoices,
    CustomerHasSubscriptions,
    DiscrepancyOpen,
    InvoiceAlreadyPaid,
    InvoiceNotPayable,
    NotFound,
)
from domain.ids import IdPrefix, new_id
from domain.invoices import InvoiceState
from domain.principals import customer as as_customer
from domain.provider import ChargeResult, Initiator, Outcome
from domain.refunds import RefundState
from domain.services.charges import ChargeInvoice
from domain.subscriptions import CancelReason, SubscriptionState
from domain.test_clocks import TestClock
from persistence.mapping import charge_to_row
from tests.services.conftest import OpenShop
from tests.services.disputed import complain, known
from tests.services.dying import Dropped, die_before
from tests.services.invoiced import (
    a_subscription,
    an_invoice,
    as_it_is,
    change,
    charges_of,
    later,
    paid,
    pay,
    subscription_now,
)
from tests.services.shop import SHOP, MovableClock, Shop, usd
from tests.services.test_reconciliation import charge_by_somebody_else, found, reconcile
from tests.services.test_redactions import ADMIN
from tests.services.test_settlement import DIRECT, LOOK, LOST, WEBHOOK, tell


async def test_a_paid_invoice_says_so_in_the_commit_of_its_charge(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)

    assert (charge.state, charge.captured, charge.order_id) == (ChargeState.SUCCEEDED, usd(20_00), None)
    assert charge.invoice_id == charge.payable_id == invoice.id
    now = await as_it_is(shop, invoice)
    assert (now.state, now.paid_at) == (InvoiceState.PAID, shop.clock.now())
    assert await shop.events(invoice.id) == ["CHARGE_CREATED", "CHARGE_SUCCEEDED", "INVOICE_PAID"]
    assert "INVOICE_PAID" in await shop.events(invoice.customer_id)
    assert shop.provider.asked("charge")[0].metadata == {"paydesk_invoice": invoice.id, "paydesk_charge": charge.id}
    await shop.check(settled=True)


async def test_what_is_declined_leaves_the_invoice_open_for_another_card(shop: Shop) -> None:
    invoice = await an_invoice(shop, token="tok_chargeDeclined")
    assert (await paid(shop, invoice)).state is ChargeState.DECLINED
    assert (await as_it_is(shop, invoice)).state is InvoiceState.OPEN

    await shop.card(invoice.customer_id, "tok_visa", make_default=True)

    assert (await paid(shop, invoice)).state is ChargeState.SUCCEEDED
    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


async def test_an_answer_that_is_lost_is_found_by_the_resolver(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    dropped = Dropped()
    shop.provider.between["charge"] = dropped
    await pay(shop, invoice)
    del shop.provider.between["charge"]
    await shop.check()

    await shop.run_jobs(rounds=3)

    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    assert (await shop.events(invoice.id)).count("INVOICE_PAID") == 1
    await shop.check(settled=True)


async def test_a_request_that_never_left_is_sent_by_the_resolver(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    shop.provider.between["charge"] = die_before
    await pay(shop, invoice)
    del shop.provider.between["charge"]

    await shop.run_jobs(rounds=3)

    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


async def test_an_invoice_is_paid_once_in_every_order_of_evidence(shop: Shop) -> None:
    stories = []
    for order in permutations([(DIRECT, None), (DIRECT, LOST), (WEBHOOK, None), (LOOK, None)]):
        invoice = await an_invoice(shop)
        dropped = Dropped()
        shop.provider.between["charge"] = dropped
        await pay(shop, invoice)
        del shop.provider.between["charge"]
        (charge,) = await charges_of(shop, invoice)
        picture = await shop.provider.fetch_charge(charge_ref=dropped.answer.charge_ref)
        for way, told in order:
            await tell(shop, charge, way, told or (dropped.answer if way == DIRECT else picture))
        told_of = [kind for kind in await shop.events(invoice.id) if kind != "CHARGE_UNKNOWN"]
        (charge,) = await charges_of(shop, invoice)
        stories.append((told_of, (await as_it_is(shop, invoice)).state, charge.state, await shop.ledger(charge.id)))

    assert all(story == stories[0] for story in stories)
    assert stories[0][:2] == (["CHARGE_CREATED", "CHARGE_SUCCEEDED", "INVOICE_PAID"], InvoiceState.PAID)
    await shop.check(settled=True)


# --- who may charge it, and how often -------------------------------------------------------------------------------


async def test_the_same_request_charges_once(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    first, second = await paid(shop, invoice, "the key"), await paid(shop, invoice, "the key")

    assert first == second
    assert shop.provider.names().count("charge") == 1


async def test_of_those_who_pay_at_once_one_charges(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    invoice = await an_invoice(one)

    outcomes = await asyncio.gather(pay(one, invoice), pay(other, invoice), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], ChargeInProgress | InvoiceAlreadyPaid)
    assert len(await charges_of(one, invoice)) == 1
    await one.check(settled=True)


async def test_what_is_paid_or_called_off_is_not_charged(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    await paid(shop, invoice)
    with pytest.raises(InvoiceAlreadyPaid):
        await pay(shop, invoice)

    off = await an_invoice(shop)
    await change(shop, off, off.voided(now=shop.clock.now()))
    with pytest.raises(InvoiceNotPayable):
        await pay(shop, off)


async def test_an_invoice_of_somebody_else_is_not_there(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    stranger = as_customer("auth0|stranger", await shop.customer())
    command = ChargeInvoice(
        invoice_id=invoice.id,
        payment_method_id=None,
        initiator=Initiator.CUSTOMER,
        return_url=None,
        request=shop.request("invoicePay", None, {}),
    )
    with pytest.raises(NotFound):
        await shop.charges.charge_invoice(stranger, command)
    assert await charges_of(shop, invoice) == []


@pytest.mark.parametrize("both", [True, False])
async def test_a_charge_pays_one_thing(shop: Shop, both: bool) -> None:
    invoice = await an_invoice(shop)
    of_order = await shop.paid(await shop.order())
    odd = replace(
        of_order,
        id=new_id(IdPrefix.CHARGE),
        charge_ref=None,
        order_id=of_order.order_id if both else None,
        invoice_id=invoice.id if both else None,
    )
    columns = charge_to_row(odd)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    with pytest.raises(IntegrityError, match=r"(?i)pay_one_thing|constraint"):
        async with shop.database.transaction() as connection:
            await connection.execute(
                f"INSERT INTO charges ({', '.join(columns)}) VALUES ({places})",
                *(None if value == [] else value for value in columns.values()),
            )


async def test_what_a_charge_pays_never_changes(shop: Shop) -> None:
    invoice, other = await an_invoice(shop), await an_invoice(shop)
    charge = await paid(shop, invoice)
    for columns in ("invoice_id = $2", "invoice_id = NULL, order_id = $2"):
        with pytest.raises(IntegrityError):
            async with shop.database.transaction() as connection:
                await connection.execute(f"UPDATE charges SET {columns} WHERE id = $1", charge.id, other.id)


# --- money that comes late -------------------------------------------------------------------------------------------


async def test_money_for_an_invoice_that_is_called_off_is_looked_at(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    dropped = Dropped()
    shop.provider.between["charge"] = dropped
    await pay(shop, invoice)
    (charge,) = await charges_of(shop, invoice)
    await change(shop, invoice, invoice.voided(now=shop.clock.now()))

    await tell(shop, charge, WEBHOOK, dropped.answer)

    assert (await as_it_is(shop, invoice)).state is InvoiceState.VOID
    late = await shop.charge(charge.id)
    assert late.captured == usd(20_00)
    assert late.is_reviewed_for(ReviewReason.LATE_MONEY)


async def test_money_for_an_invoice_that_was_given_up_is_welcome(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    await change(shop, invoice, invoice.uncollectible(now=shop.clock.now()))

    charge = await paid(shop, invoice)

    assert charge.reviews == ()
    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    await shop.check(settled=True)


# --- its subscription -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [SubscriptionState.INCOMPLETE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID])
async def test_a_subscription_goes_on_when_what_it_owes_is_paid(shop: Shop, state: SubscriptionState) -> None:
    subscription = await a_subscription(shop, state)
    first, second = [await an_invoice(shop, subscription=subscription) for _ in range(2)]

    await paid(shop, first)
    assert (await subscription_now(shop, subscription)).state is state, "something is still owed"
    await paid(shop, second)

    assert (await subscription_now(shop, subscription)).state is SubscriptionState.ACTIVE
    assert (await shop.events(subscription.id))[-2:] == ["INVOICE_PAID", "SUBSCRIPTION_ACTIVATED"]
    await shop.check(settled=True)


async def test_a_subscription_that_has_ended_stays_so(shop: Shop) -> None:
    subscription = await a_subscription(shop)
    invoice = await an_invoice(shop, subscription=subscription)
    async with shop.store.transaction() as tx:
        await tx.subscriptions.save(subscription.canceled(CancelReason.NOT_PAID, now=shop.clock.now()))

    await paid(shop, invoice)

    assert (await subscription_now(shop, subscription)).state is SubscriptionState.CANCELED
    assert await shop.events(subscription.id) == ["INVOICE_PAID"]


async def test_a_subscription_is_paid_with_its_own_card(shop: Shop) -> None:
    subscription = await a_subscription(shop, token="tok_chargeDeclined")
    own = await shop.card(subscription.customer_id, "tok_visa")
    async with shop.store.transaction() as tx:
        await tx.subscriptions.save(replace(subscription, payment_method_id=own))
    invoice = await an_invoice(shop, subscription=subscription)

    charge = await paid(shop, invoice)

    assert (charge.payment_method_id, charge.state) == (own, ChargeState.SUCCEEDED)


async def test_two_processes_settle_invoices_of_one_subscription_without_standing_in_each_others_way(
    new_shop: OpenShop,
) -> None:
    one, other = new_shop(), new_shop()
    subscription = await a_subscription(one, SubscriptionState.PAST_DUE)
    invoices = [await an_invoice(one, subscription=subscription) for _ in range(4)]

    await asyncio.gather(*(pay((one, other)[number % 2], invoice) for number, invoice in enumerate(invoices)))

    assert {(await as_it_is(one, invoice)).state for invoice in invoices} == {InvoiceState.PAID}
    assert (await subscription_now(one, subscription)).state is SubscriptionState.ACTIVE
    assert (await one.events(subscription.id)).count("SUBSCRIPTION_ACTIVATED") == 1
    await one.check(settled=True)


async def test_an_invoice_is_paid_in_the_time_of_its_customer(shop: Shop) -> None:
    subscription = await a_subscription(shop, SubscriptionState.PAST_DUE)
    real = shop.clock.now()
    clock = TestClock(
        id=new_id(IdPrefix.TEST_CLOCK), name=None, now=later(real, days=400), created_at=real, updated_at=real
    )
    customer_id = new_id(IdPrefix.CUSTOMER)
    async with shop.store.transaction() as tx:
        customer = await tx.customers.get(subscription.customer_id)
        assert customer is not None
        await tx.test_clocks.insert(clock)
        await tx.customers.insert(
            replace(customer, id=customer_id, test_clock_id=clock.id, default_payment_method_id=None)
        )
    await shop.card(customer_id)
    theirs, others = await an_invoice(shop, customer_id=customer_id), await an_invoice(shop)

    charge = await paid(shop, theirs)
    await paid(shop, others)

    assert (await as_it_is(shop, theirs)).paid_at == later(real, days=400)
    assert charge.updated_at == (await as_it_is(shop, others)).paid_at == real


# --- money that goes back --------------------------------------------------------------------------------------------


async def test_an_invoice_that_is_refunded_stays_paid(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)
    refund = await shop.refunded(charge.id, 5_00)

    assert (refund.state, refund.order_id, refund.invoice_id) == (RefundState.SUCCEEDED, None, invoice.id)
    assert (await shop.events(invoice.id))[-2:] == ["REFUND_REQUESTED", "REFUND_SUCCEEDED"]
    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID
    with pytest.raises(InvoiceAlreadyPaid):
        await pay(shop, invoice)
    await shop.check(settled=True)


async def test_a_dispute_names_the_invoice(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    ref = await complain(shop, await paid(shop, invoice))
    await shop.hear()
    dispute = await known(shop, ref)

    assert (dispute.order_id, dispute.invoice_id) == (None, invoice.id)
    assert (await shop.events(invoice.id))[-1] == "DISPUTE_OPENED"
    await shop.send_evidence(dispute.id)
    await shop.check()


# --- their books ------------------------------------------------------------------------------------------------------


async def test_books_with_invoices_agree(shop: Shop) -> None:
    charge = await paid(shop, await an_invoice(shop))
    await shop.refund(charge.id, 5_00)

    await reconcile(shop)

    assert await found(shop, None) == []


async def test_lost_money_of_an_invoice_keeps_it_from_being_charged_again(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    lost = new_id(IdPrefix.CHARGE)
    await charge_by_somebody_else(
        shop,
        operation_id=new_id(IdPrefix.OPERATION),
        metadata={"paydesk_invoice": invoice.id, "paydesk_charge": lost},
    )

    await reconcile(shop)

    (discrepancy,) = await found(shop)
    assert (discrepancy.kind, discrepancy.order_id) == (DiscrepancyKind.LOST_CHARGE, None)
    assert (discrepancy.invoice_id, discrepancy.charge_id, discrepancy.blocks) == (invoice.id, lost, True)
    assert await shop.events(invoice.id) == ["DISCREPANCY_OPENED"]
    with pytest.raises(DiscrepancyOpen, match="invoice"):
        await pay(shop, invoice)
    await shop.discrepancies.close(SHOP, discrepancy.id, note="given back there", lift=True)
    assert (await paid(shop, invoice)).state is ChargeState.SUCCEEDED


async def test_a_second_charge_for_an_invoice_names_it(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)
    await charge_by_somebody_else(shop, metadata={"paydesk_charge": charge.id})

    await reconcile(shop)

    (discrepancy,) = await found(shop)
    assert (discrepancy.kind, discrepancy.invoice_id) == (DiscrepancyKind.DUPLICATE_CHARGE, invoice.id)


async def test_a_person_may_settle_a_charge_of_an_invoice(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    shop.provider.between["charge"] = die_before
    await pay(shop, invoice)
    (charge,) = await charges_of(shop, invoice)
    async with shop.store.transaction() as tx:
        locked = await tx.charges.get_for_update(charge.id)
        assert locked is not None
        told = ChargeResult(outcome=Outcome.SUCCEEDED, charge_ref="ch_1", authorized=usd(20_00), captured=usd(20_00))
        await shop.settlement.settle_charge_by_hand(tx, locked, told, actor="staff:ada")

    assert (await as_it_is(shop, invoice)).state is InvoiceState.PAID


# --- those who are erased --------------------------------------------------------------------------------------------


async def test_nobody_is_erased_who_still_owes_or_subscribes(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    with pytest.raises(CustomerHasOpenInvoices):
        await shop.redactions.redact(ADMIN, invoice.customer_id)
    subscription = await a_subscription(shop)
    with pytest.raises(CustomerHasSubscriptions):
        await shop.redactions.redact(ADMIN, subscription.customer_id)


async def test_what_was_paid_stays_of_somebody_who_is_erased(shop: Shop) -> None:
    invoice = await an_invoice(shop)
    charge = await paid(shop, invoice)

    await shop.redactions.redact(ADMIN, invoice.customer_id)

    erased = await shop.charge(charge.id)
    assert (erased.captured, erased.invoice_id, erased.return_url) == (usd(20_00), invoice.id, None)
    now = await as_it_is(shop, invoice)
    assert (now.total, now.number, now.state) == (invoice.total, invoice.number, InvoiceState.PAID)
    assert (await shop.refunded(charge.id)).state is RefundState.SUCCEEDED


async def test_a_renewal_is_charged_while_its_customer_is_away(shop: Shop, clock: MovableClock) -> None:
    subscription = await a_subscription(shop, SubscriptionState.PAST_DUE)
    invoice = await an_invoice(shop, subscription=subscription)
    clock.advance(days=3)

    charged = await pay(shop, invoice, initiator=Initiator.RECURRING)

    assert charged.charge_id is not None
    assert (await shop.charge(charged.charge_id)).initiator is Initiator.RECURRING
    assert (await subscription_now(shop, subscription)).state is SubscriptionState.ACTIVE
